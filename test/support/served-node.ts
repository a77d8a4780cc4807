import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { ScriptedConnection, type ScriptedNode } from './scripted-node.ts'

/** A scripted node that listens on a port of this machine. */
export interface ServedNode {
  /** `127.0.0.1:port`. */
  readonly address: string
  close(): Promise<void>
}

export async function serveNode(node: ScriptedNode): Promise<ServedNode> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    const connection = new ScriptedConnection(node, {
      write: (bytes) => {
        socket.write(Uint8Array.from(bytes))
        return true
      },
      end: () => void socket.end(),
      destroy: () => void socket.destroy(),
    })
    node.connections.push(connection)
    socket.on('data', (bytes) => connection.onBytes(bytes, 0, bytes.length))
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      connection.onClosed()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
