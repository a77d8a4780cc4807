import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { availableCompressors, type EngineNode, type NodeOutput } from '../engine/index.ts'
import { ConfigError } from '../errors/index.ts'
import { Inet } from '../types/index.ts'
import { systemClock } from '../util/index.ts'
import { FailedLogins } from './failed-logins.ts'

/** Certificate chain and private key of a server, in PEM. */
export interface ListenTlsOptions {
  readonly cert: string | Uint8Array
  readonly key: string | Uint8Array
}

export interface ListenOptions {
  /** Address to listen on. Default 127.0.0.1: only this machine can connect. */
  readonly host?: string | undefined
  /** Default 9042; 0 takes any free port. */
  readonly port?: number | undefined
  /** Encrypts connections; clients that do not are refused. Default: no encryption. */
  readonly tls?: ListenTlsOptions | undefined
  /** Connections at the same time; further ones are closed at once. Default 1,024. */
  readonly connectionCountMax?: number | undefined
  /**
   * Time a client has until it has logged in, or has sent STARTUP, and until it closes a connection
   * that the server has ended. Default 10,000.
   */
  readonly handshakeTimeoutMs?: number | undefined
  /** Wrong passwords an address may try per minute before it is refused. Default 20. */
  readonly failedLoginCountMax?: number | undefined
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

const connectionCountMaxDefault = 1024
const handshakeTimeoutMsDefault = 10_000
const failedLoginCountMaxDefault = 20
/** Longest delay that timers of Node take. */
const timeoutMsMax = 0x7fff_ffff
/** Keep-alive finds clients whose machine is gone (`native_transport_keepalive` of Cassandra). */
const socketOptions = { noDelay: true, keepAlive: true } as const
const anyAddress: Inet = Inet.parse('127.0.0.1')

interface Settings {
  readonly host: string
  readonly port: number
  readonly tls: ListenTlsOptions | undefined
  readonly connectionCountMax: number
  readonly handshakeTimeoutMs: number
  readonly failedLoginCountMax: number
}

function settingsOf(options: ListenOptions): Settings {
  return {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 9042,
    tls: options.tls,
    connectionCountMax: limit('connectionCountMax', options, connectionCountMaxDefault),
    handshakeTimeoutMs: limit('handshakeTimeoutMs', options, handshakeTimeoutMsDefault),
    failedLoginCountMax: limit('failedLoginCountMax', options, failedLoginCountMaxDefault),
  }
}

function limit(
  name: 'connectionCountMax' | 'handshakeTimeoutMs' | 'failedLoginCountMax',
  options: ListenOptions,
  fallback: number,
): number {
  const value = options[name] ?? fallback
  if (Number.isSafeInteger(value) && value > 0 && value <= timeoutMsMax) return value
  throw new ConfigError(
    `${name} is a positive integer up to ${timeoutMsMax}, not ${JSON.stringify(value)}`,
  )
}

/** @throws ConfigError when the address cannot be listened on or an option is wrong */
export async function openListener(
  node: EngineNode,
  options: ListenOptions,
  onClosed: (listener: Listener) => void,
): Promise<Listener> {
  const settings = settingsOf(options)
  node.offerCompression(await availableCompressors())
  const sockets = new Set<Socket>()
  const server = openServer(node, settings)
  server.maxConnections = settings.connectionCountMax
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const bound = await listen(server, settings)
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

function openServer(node: EngineNode, settings: Settings): Server {
  const { tls, handshakeTimeoutMs } = settings
  const logins = new FailedLogins(systemClock, settings.failedLoginCountMax)
  if (tls === undefined) {
    return createServer(socketOptions, (socket) => serve(node, socket, settings, logins))
  }
  try {
    const { cert, key } = tls
    const options = { cert: Buffer.from(cert), key: Buffer.from(key) }
    return createTlsServer(
      { ...options, ...socketOptions, handshakeTimeout: handshakeTimeoutMs, minVersion: 'TLSv1.2' },
      (socket: TLSSocket) => serve(node, socket, settings, logins),
    )
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError(
      `tls: cert and key are the certificate chain and the private key in PEM (${why})`,
      'not_applied',
      { cause },
    )
  }
}

/**
 * Drivers take the address from `system.local`; one that means "all" is no address to connect to.
 */
function announce(node: EngineNode, { address, port }: AddressInfo): void {
  const isEverywhere = address === '0.0.0.0' || address === '::'
  const inet = isEverywhere ? anyAddress : Inet.parse(address.replace(/%.*$/, ''))
  node.system.announce({ address: inet, port })
}

function listen(server: Server, { host, port }: Settings): Promise<AddressInfo> {
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
        // A connection that cannot be accepted concerns its client alone.
        server.on('error', () => {})
        resolve(server.address() as AddressInfo)
      })
    } catch (cause) {
      onError(cause as NodeJS.ErrnoException)
    }
  })
}

/** Connects one client to the node. */
function serve(node: EngineNode, socket: Socket, settings: Settings, logins: FailedLogins): void {
  const output: NodeOutput = {
    get pendingBytes() {
      return socket.writableLength
    },
    write(bytes) {
      socket.write(bytes)
      return socket.writableLength === 0
    },
    end() {
      socket.end()
      // A client that neither reads what was sent nor closes would keep its place otherwise.
      timer.cancel()
      timer = systemClock.schedule(settings.handshakeTimeoutMs, () => socket.destroy())
    },
  }
  const address = Inet.parse((socket.remoteAddress ?? '127.0.0.1').replace(/^::ffff:|%.*$/g, ''))
  const connection = node.connect(output, {
    address,
    port: socket.remotePort ?? 0,
    isEncrypted: settings.tls !== undefined,
    loginGuard: logins.guard(address),
  })
  let timer = systemClock.schedule(settings.handshakeTimeoutMs, () => {
    if (!connection.isReady) socket.destroy()
  })
  // Every chunk has memory of its own, which requests may refer to until they are executed.
  socket.on('data', (bytes: Buffer) => {
    connection.push(bytes)
    if (connection.isHeld) socket.pause()
  })
  socket.on('drain', () => {
    connection.resume()
    if (!connection.isHeld) socket.resume()
  })
  // A connection that breaks is closed right after; its client hears nothing any more.
  socket.on('error', () => {})
  socket.on('close', () => {
    timer.cancel()
    connection.close()
  })
}
