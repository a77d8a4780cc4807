import { createPrivateKey, X509Certificate } from 'node:crypto'
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { availableCompressors, type EngineNode } from '../engine/index.ts'
import { ConfigError } from '../errors/index.ts'
import { Inet } from '../types/index.ts'
import { GuardedListener, systemClock } from '../util/index.ts'
import { FailedLogins } from './failed-logins.ts'
import { SocketOutput } from './socket-output.ts'

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
  /**
   * Time in which a client must take a sixteenth of its unread answers, at least 256 KiB or all of
   * them. A client that takes less is disconnected. Default 60,000.
   */
  readonly writeTimeoutMs?: number | undefined
  /**
   * Called with the reason when the server closes the connection of a client. What it throws, or
   * its promise rejects with, is reported as a warning of the process, the first time.
   */
  readonly onDisconnect?: ((reason: string) => void | Promise<void>) | undefined
  /** Wrong passwords an address may try per minute before it is refused. Default 20. */
  readonly failedLoginCountMax?: number | undefined
}

/** A TCP port on which an engine answers. */
export interface Listener {
  /** `host:port`, as drivers take it. */
  readonly address: string
  readonly host: string
  readonly port: number
  /** Stops listening and ends the connections that came in. */
  close(): Promise<void>
}

const connectionCountMaxDefault = 1024
const handshakeTimeoutMsDefault = 10_000
const writeTimeoutMsDefault = 60_000
const failedLoginCountMaxDefault = 20
/** Longest delay that timers of Node take. */
const timeoutMsMax = 0x7fff_ffff
const anyAddress: Inet = Inet.parse('127.0.0.1')

/** How a listener is part of a node. */
export interface ListenerPart {
  /** Called when the listener is closed. */
  readonly onClosed?: (listener: Listener) => void
  /** Whether drivers find the address in the system tables. Default true. */
  readonly isAnnounced?: boolean
  /** Chooses the shard of a connection by the port of its client, where the node has shards. */
  readonly place?: (clientPort: number) => ShardPlace
}

/** The shard of a connection, for as long as it is open. */
export interface ShardPlace {
  readonly shard: number
  release(): void
}

interface Settings {
  readonly host: string
  readonly port: number
  readonly tls: ListenTlsOptions | undefined
  readonly connectionCountMax: number
  readonly handshakeTimeoutMs: number
  readonly writeTimeoutMs: number
  readonly onDisconnect: (reason: string) => void
  readonly failedLoginCountMax: number
  readonly place: ListenerPart['place']
}

function settingsOf(options: ListenOptions, { place }: ListenerPart): Settings {
  const onDisconnect = new GuardedListener('onDisconnect', options.onDisconnect ?? (() => {}))
  return {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 9042,
    tls: options.tls,
    connectionCountMax: limit('connectionCountMax', options, connectionCountMaxDefault),
    handshakeTimeoutMs: limit('handshakeTimeoutMs', options, handshakeTimeoutMsDefault),
    writeTimeoutMs: limit('writeTimeoutMs', options, writeTimeoutMsDefault),
    onDisconnect: (reason) => onDisconnect.call(reason),
    failedLoginCountMax: limit('failedLoginCountMax', options, failedLoginCountMaxDefault),
    place,
  }
}

function limit(
  name: 'connectionCountMax' | 'handshakeTimeoutMs' | 'writeTimeoutMs' | 'failedLoginCountMax',
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
  part: ListenerPart = {},
): Promise<Listener> {
  const settings = settingsOf(options, part)
  node.offerCompression(await availableCompressors())
  const sockets = new Set<Socket>()
  const server = openServer(node, settings)
  server.maxConnections = settings.connectionCountMax
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const bound = await listen(server, settings)
  if (part.isAnnounced !== false) announce(node, bound)
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
        part.onClosed?.(listener)
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
    return createServer((socket) => serve(node, socket, settings, logins))
  }
  try {
    const { cert, key } = tls
    const options = { cert: Buffer.from(cert), key: Buffer.from(key) }
    // Deno reads neither before the first handshake.
    if (!new X509Certificate(options.cert).checkPrivateKey(createPrivateKey(options.key))) {
      throw new Error('the key is not that of the certificate')
    }
    return createTlsServer(
      { ...options, handshakeTimeout: handshakeTimeoutMs, minVersion: 'TLSv1.2' },
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
 * Announces the address in `system.local`, where drivers read it. A wildcard address is replaced,
 * because clients cannot connect to it.
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
  const { handshakeTimeoutMs, writeTimeoutMs, onDisconnect } = settings
  const address = Inet.parse((socket.remoteAddress ?? '127.0.0.1').replace(/^::ffff:|%.*$/g, ''))
  const port = socket.remotePort ?? 0
  // Deno ignores these as options of the server.
  socket.setNoDelay(true)
  // Finds clients whose machine is gone (`native_transport_keepalive` of Cassandra).
  socket.setKeepAlive(true)
  const output = new SocketOutput(socket, {
    clock: systemClock,
    writeTimeoutMs,
    endTimeoutMs: handshakeTimeoutMs,
    onStalled: (bytes) =>
      onDisconnect(
        `${address.toString()} port ${port} has ${bytes} bytes of answers unread and has read too few of them within ${writeTimeoutMs} ms`,
      ),
  })
  const place = settings.place?.(port)
  if (place !== undefined) socket.once('close', () => place.release())
  const connection = node.connect(output, {
    address,
    port,
    shard: place?.shard,
    isEncrypted: settings.tls !== undefined,
    loginGuard: logins.guard(address),
  })
  const handshakeTimer = systemClock.schedule(handshakeTimeoutMs, () => {
    if (connection.isReady) return
    onDisconnect(
      `${address.toString()} port ${port} has not logged in within ${handshakeTimeoutMs} ms`,
    )
    socket.destroy()
  })
  // Every chunk has memory of its own, which requests may refer to until they are executed.
  socket.on('data', (bytes: Buffer) => connection.push(bytes))
  socket.on('drain', () => {
    output.onDrain()
    connection.onTaken()
  })
  // A connection that breaks is closed right after; nothing can be sent to its client.
  socket.on('error', () => {})
  socket.on('close', () => {
    handshakeTimer.cancel()
    output.close()
    connection.close()
  })
}
