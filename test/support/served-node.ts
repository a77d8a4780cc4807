import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { ScriptedConnection, type ScriptedNode } from './scripted-node.ts'

/** A scripted node that listens on a port of this machine. */
export interface ServedNode {
  /** `host:port`. */
  readonly address: string
  close(): Promise<void>
}

/** @param at where it listens; a free port of 127.0.0.1 by default */
/** Gives a socket to a scripted node, as a connection of a client. */
export function serveSocket(node: ScriptedNode, socket: Socket): void {
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
  socket.on('close', () => connection.onClosed())
}

export async function serveNode(
  node: ScriptedNode,
  { host = '127.0.0.1', port: wanted = 0 }: { readonly host?: string; readonly port?: number } = {},
): Promise<ServedNode> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    serveSocket(node, socket)
  })
  server.listen(wanted, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    address: `${host}:${port}`,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
