import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net'
import { availableCompressors, type EngineNode, type NodeOutput } from '../engine/index.ts'
import { ConfigError } from '../errors/index.ts'
import { Inet } from '../types/index.ts'

export interface ListenOptions {
  /** Address to listen on. Default 127.0.0.1: nobody outside the machine can connect. */
  readonly host?: string | undefined
  /** Default 9042; 0 takes any free port. */
  readonly port?: number | undefined
}

/** A TCP port an engine answers on. */
export interface Listener {
  /** `host:port` to give to a driver. */
  readonly address: string
  readonly host: string
  readonly port: number
  /** Stops listening and ends the connections that came in. */
  close(): Promise<void>
}

/** Bytes a client may leave unread before nothing more is read from it. */
const unreadBytesMax = 16 * 1024 * 1024
const anyAddress: Inet = Inet.parse('127.0.0.1')

/** @throws ConfigError when the address cannot be listened on */
export async function openListener(
  node: EngineNode,
  options: ListenOptions,
  onClosed: (listener: Listener) => void,
): Promise<Listener> {
  const { host = '127.0.0.1', port = 9042 } = options
  node.offerCompression(await availableCompressors())
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    serve(node, socket)
  })
  const bound = await listen(server, host, port)
  announce(node, bound)
  const text = isIP(bound.address) === 6 ? `[${bound.address}]` : bound.address
  let closing: Promise<void> | undefined
  const listener: Listener = {
    address: `${text}:${bound.port}`,
    host: bound.address,
    port: bound.port,
    close() {
      closing ??= new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
        onClosed(listener)
      })
      return closing
    },
  }
  return listener
}

/**
 * Drivers take the address from `system.local`; one that means "all" is no address to connect to.
 */
function announce(node: EngineNode, { address, port }: AddressInfo): void {
  const isEverywhere = address === '0.0.0.0' || address === '::'
  const inet = isEverywhere ? anyAddress : Inet.parse(address.replace(/%.*$/, ''))
  node.system.announce({ address: inet, port })
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException): void => {
      const why =
        cause.code === 'EADDRINUSE' ? 'the port is in use by another process' : cause.message
      reject(new ConfigError(`Cannot listen on ${host}:${port}: ${why}`, 'not_applied', { cause }))
    }
    server.once('error', onError)
    try {
      server.listen({ host, port }, () => {
        server.off('error', onError)
        // A connection that cannot be accepted is its client's loss alone.
        server.on('error', () => {})
        resolve(server.address() as AddressInfo)
      })
    } catch (cause) {
      onError(cause as NodeJS.ErrnoException)
    }
  })
}

function serve(node: EngineNode, socket: Socket): void {
  const output: NodeOutput = {
    write(bytes) {
      socket.write(bytes)
      if (socket.writableLength > unreadBytesMax) socket.pause()
      return socket.writableLength === 0
    },
    end: () => socket.end(),
  }
  const address = Inet.parse((socket.remoteAddress ?? '127.0.0.1').replace(/^::ffff:|%.*$/g, ''))
  const connection = node.connect(output, { address, port: socket.remotePort ?? 0 })
  // Every chunk has memory of its own, which requests may refer to until they are executed.
  socket.on('data', (bytes: Buffer) => connection.push(bytes))
  socket.on('drain', () => socket.resume())
  // A connection that breaks is closed right after; there is nobody left to tell.
  socket.on('error', () => {})
  socket.on('close', () => connection.close())
}
