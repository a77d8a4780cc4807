import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer, createSecureContext, type TLSSocket } from 'node:tls'
import type { ScriptedNode } from './scripted-node.ts'
import { serveSocket } from './served-node.ts'

export interface Identity {
  readonly cert: Buffer
  readonly key: Buffer
}

export interface SniProxyOptions {
  readonly identity: Identity
  /** Verifies the certificates of clients, which each of them needs. */
  readonly clientCa: Buffer
  /** Certificates by server name, where they differ. */
  readonly identities?: ReadonlyMap<string, Identity>
}

/** A TLS server that passes connections on to scripted nodes by the server name. */
export interface SniProxy {
  readonly port: number
  /** Nodes by server name, which may change. */
  readonly nodes: Map<string, ScriptedNode>
  /** The server names that clients have asked for. */
  readonly asked: string[]
  close(): Promise<void>
}

export async function openSniProxy(
  nodes: ReadonlyMap<string, ScriptedNode>,
  { identity, clientCa, identities = new Map() }: SniProxyOptions,
): Promise<SniProxy> {
  const sockets = new Set<Socket>()
  const served = new Map(nodes)
  const asked: string[] = []
  const server = createServer({
    ...identity,
    ca: clientCa,
    requestCert: true,
    rejectUnauthorized: true,
    SNICallback(name, done) {
      asked.push(name)
      const own = identities.get(name) ?? identity
      // Contexts of their own need the authority of clients as well.
      done(null, createSecureContext({ ...own, ca: clientCa }))
    },
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => {})
    const node = served.get(socket.servername || '')
    if (node === undefined) socket.destroy()
    else serveSocket(node, socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    nodes: served,
    asked,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
