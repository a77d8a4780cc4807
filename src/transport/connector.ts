import { type CompressionName, type Compressor, loadCompressor } from '../protocol/index.ts'
import { callUse } from './call.ts'
import { Connection, type ConnectionListener } from './connection.ts'
import { asConnectError, type Credentials, handshake } from './handshake.ts'
import { Heartbeat } from './heartbeat.ts'
import type { Endpoint } from './link.ts'
import type { Ticker } from './ticker.ts'

export interface ConnectorOptions {
  readonly ticker: Ticker
  readonly connectionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly credentials: Credentials | undefined
  readonly authenticators: readonly string[]
  readonly compression: CompressionName | undefined
  readonly startup: ReadonlyMap<string, string>
  /** Keyspace new connections have to be in when they become visible; may change meanwhile. */
  readonly keyspace: () => string | undefined
}

/** Opens connections that are ready: handshake done, keyspace set, heartbeat on. */
export class Connector {
  readonly #options: ConnectorOptions
  #compressor: Promise<Compressor> | undefined

  constructor(options: ConnectorOptions) {
    this.#options = options
  }

  /**
   * @param eventTypes events to register for
   * @throws ConnectionError, TlsError, AuthenticationError, ConfigError, ServerError of USE
   */
  async open(
    endpoint: Endpoint,
    listener: ConnectionListener,
    eventTypes: readonly string[] = [],
  ): Promise<Connection> {
    const { ticker, connectionTimeoutMs } = this.#options
    const callOptions = { ticker, timeoutMs: connectionTimeoutMs }
    const connection = new Connection(endpoint.address, ticker, listener)
    // Within the process bytes gain nothing by being smaller, and no link is ever half open.
    const isInside = endpoint.network === undefined
    try {
      const compressor = isInside ? undefined : await this.#loadCompressor()
      connection.attach(await endpoint.open(connection))
      const { credentials, authenticators, startup } = this.#options
      await handshake(
        connection,
        { credentials, authenticators, compressor, startup, eventTypes },
        callOptions,
      )
      connection.markReady()
    } catch (error) {
      const typed = asConnectError(endpoint.address, error)
      connection.destroy(typed)
      throw typed
    }
    try {
      // The session may change its keyspace while this connection is still on its way.
      for (;;) {
        const keyspace = this.#options.keyspace()
        if (keyspace === undefined || connection.keyspace === keyspace) break
        await callUse(connection, keyspace, callOptions)
      }
    } catch (error) {
      connection.destroy(asConnectError(endpoint.address, error))
      throw error
    }
    if (!isInside) {
      const { heartbeatIntervalMs } = this.#options
      connection.heartbeat = new Heartbeat(connection, ticker, heartbeatIntervalMs)
    }
    return connection
  }

  #loadCompressor(): Promise<Compressor> | undefined {
    const { compression } = this.#options
    if (compression === undefined) return undefined
    this.#compressor ??= loadCompressor(compression)
    return this.#compressor
  }
}
