import { setMaxListeners } from 'node:events'
import { connectChannel, traced } from '../observability/index.ts'
import {
  type CompressionName,
  type Compressor,
  loadCompressor,
  type ProtocolVersion,
} from '../protocol/index.ts'
import { ServerError, ServerErrorCode, type TsyllaError } from '../errors/index.ts'
import type { AuthProvider } from './authentication.ts'
import { type InternalRequestOptions, sendUse } from './internal-request.ts'
import { ByteBudget } from './byte-budget.ts'
import { Connection, type ConnectionListener } from './connection.ts'
import { asConnectError, handshake, tlsHint } from './handshake.ts'
import { Heartbeat } from './heartbeat.ts'
import type { Endpoint } from './link.ts'
import type { DeadlineTimer } from './deadline-timer.ts'
import type { ShardSource } from './shard-port.ts'

export interface ConnectorOptions {
  readonly deadlineTimer: DeadlineTimer
  /** The first contact point, which traces name. */
  readonly server: string
  readonly connectionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** Bytes of requests that all connections together may have in flight. */
  readonly inFlightBytesMax: number
  /** Called when the bytes in flight fall below `inFlightBytesMax` again. */
  readonly onRoom: () => void
  /** How to log in where a node asks for it. */
  readonly authProvider: AuthProvider | undefined
  readonly compression: CompressionName | undefined
  readonly protocolVersionMax: ProtocolVersion
  readonly startup: ReadonlyMap<string, string>
}

/** What one connection is for. */
export interface ConnectionPurpose {
  /** Events to register for. */
  readonly eventTypes?: readonly string[]
  /** Keyspace that it enters. */
  readonly keyspace?: string | undefined
  /** Where it goes and comes from, to reach a chosen shard. */
  readonly source?: ShardSource | undefined
  /** Aborts the attempt. */
  readonly signal?: AbortSignal
}

/** Opens connections that are ready: handshake done, keyspace set, heartbeat on. */
export class Connector {
  readonly #options: ConnectorOptions
  readonly #budget: ByteBudget
  #compressor: Promise<Compressor> | undefined
  /** Connections that are not ready yet. */
  readonly #opening = new Set<Connection>()
  readonly #closing = new AbortController()

  constructor(options: ConnectorOptions) {
    this.#options = options
    this.#budget = new ByteBudget(options.inFlightBytesMax, options.onRoom)
    // Each connection that is being opened adds a listener, so the default warning is of no use.
    setMaxListeners(0, this.#closing.signal)
  }

  /**
   * @throws ConnectionError, TlsError, AuthenticationError, ConfigError, ServerError of USE
   */
  async open(
    endpoint: Endpoint,
    listener: ConnectionListener,
    purpose: ConnectionPurpose = {},
  ): Promise<Connection> {
    const { deadlineTimer, server } = this.#options
    const { signal } = purpose
    const connection = new Connection(endpoint.address, deadlineTimer, listener, this.#budget)
    const giveUp = (): void => connection.destroy(signal?.reason as TsyllaError)
    this.#opening.add(connection)
    signal?.addEventListener('abort', giveUp)
    try {
      return await traced(
        connectChannel,
        deadlineTimer.clock,
        () => ({ node: endpoint.address, server }),
        () => this.#open(connection, endpoint, purpose),
      )
    } finally {
      this.#opening.delete(connection)
      signal?.removeEventListener('abort', giveUp)
    }
  }

  async #open(
    connection: Connection,
    endpoint: Endpoint,
    { eventTypes = [], keyspace, ...purpose }: ConnectionPurpose,
  ): Promise<Connection> {
    const closing = this.#closing.signal
    const signal =
      purpose.signal === undefined ? closing : AbortSignal.any([closing, purpose.signal])
    const { deadlineTimer, connectionTimeoutMs } = this.#options
    const requestOptions = { deadlineTimer, timeoutMs: connectionTimeoutMs }
    // Links within the process need no compression, and cannot be half open.
    const isInside = endpoint.network === undefined
    connection.isUntimed = endpoint.isUntimed === true
    try {
      const compressor = isInside ? undefined : await this.#loadCompressor()
      signal.throwIfAborted()
      connection.attach(await endpoint.open(connection, { ...purpose.source, signal }))
      const { authProvider, startup, protocolVersionMax } = this.#options
      const { hostId, isUnencrypted } = endpoint
      const isEncrypted = isUnencrypted === false
      const authentication = { authProvider, hostId, isEncrypted, signal }
      await handshake(
        connection,
        { authentication, compressor, startup, eventTypes, protocolVersionMax },
        requestOptions,
      )
      connection.markReady()
    } catch (error) {
      const hint = endpoint.isUnencrypted === true ? tlsHint(connection) : ''
      const typed = asConnectError(endpoint.address, error, hint)
      connection.destroy(typed)
      throw typed
    }
    if (keyspace !== undefined) await enterKeyspace(connection, keyspace, requestOptions)
    if (!isInside) {
      const { heartbeatIntervalMs } = this.#options
      connection.heartbeat = new Heartbeat(connection, deadlineTimer, heartbeatIntervalMs)
    }
    return connection
  }

  /** Bytes of the requests in flight, over all connections. */
  get inFlightBytes(): number {
    return this.#budget.bytes
  }

  /** Closes every connection that is not ready yet; {@link open} fails from now on. */
  close(error: TsyllaError): void {
    this.#closing.abort(error)
    for (const connection of this.#opening) connection.destroy(error)
  }

  #loadCompressor(): Promise<Compressor> | undefined {
    const { compression } = this.#options
    if (compression === undefined) return undefined
    this.#compressor ??= loadCompressor(compression)
    return this.#compressor
  }
}

/**
 * Puts a new connection into a keyspace. A keyspace that was dropped does not keep a session from
 * its nodes: statements that do not need it can still be run, one that creates it again included.
 *
 * @throws what USE fails with; the connection is closed then
 */
export async function enterKeyspace(
  connection: Connection,
  keyspace: string,
  options: InternalRequestOptions,
): Promise<void> {
  try {
    await sendUse(connection, keyspace, options)
  } catch (error) {
    const isMissing = error instanceof ServerError && error.serverCode === ServerErrorCode.INVALID
    if (!isMissing) {
      connection.destroy(asConnectError(connection.address, error))
      throw error
    }
    connection.keyspace.missing = keyspace
  }
}
