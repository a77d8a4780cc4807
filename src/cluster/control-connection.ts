import { ClosedError, type TsyllaError } from '../errors/index.ts'
import type { ReconnectionPolicy } from '../policies/index.ts'
import { EventType, readEvent, type ServerEvent, WireReader } from '../protocol/index.ts'
import {
  type Connection,
  type ConnectionListener,
  ConnectionState,
  type Connector,
  type Endpoint,
} from '../transport/index.ts'
import type { Clock, Timer } from '../util/index.ts'

export interface ControlConnectionOptions {
  readonly connector: Connector
  readonly reconnection: ReconnectionPolicy
  readonly clock: Clock
  /** Nodes to try, best first: those known now, then the contact points. */
  readonly endpoints: () => readonly Endpoint[]
  /** Reads the cluster over a new connection. A failure tries the next node. */
  readonly load: (connection: Connection, endpoint: Endpoint) => Promise<void>
  readonly onEvent: (event: ServerEvent) => void
}

/**
 * The one connection that events come over and system tables are read by. When it is lost it moves
 * to another node; requests of users never go over it.
 */
export class ControlConnection implements ConnectionListener {
  readonly #options: ControlConnectionOptions
  #connection: Connection | undefined
  /** The one that the cluster is being read over. */
  #loading: Connection | undefined
  #isOpen = true
  #failureCount = 0
  #timer: Timer | undefined

  constructor(options: ControlConnectionOptions) {
    this.#options = options
  }

  /** The connection while there is one. */
  get current(): Connection | undefined {
    return this.#connection
  }

  /** Connects to the first node that can be read. @returns why each failed, when all did */
  async open(): Promise<ReadonlyMap<string, TsyllaError> | undefined> {
    const errors = new Map<string, TsyllaError>()
    for (const endpoint of this.#options.endpoints()) {
      if (!this.#isOpen) break
      try {
        await this.#openAt(endpoint)
        this.#failureCount = 0
        return undefined
      } catch (error) {
        errors.set(endpoint.address, error as TsyllaError)
      }
    }
    return errors
  }

  async #openAt(endpoint: Endpoint): Promise<void> {
    const purpose = { eventTypes: Object.values(EventType) }
    const connection = await this.#options.connector.open(endpoint, this, purpose)
    this.#loading = connection
    try {
      await this.#options.load(connection, endpoint)
    } catch (error) {
      connection.destroy(error as TsyllaError)
      throw error
    } finally {
      this.#loading = undefined
    }
    if (!this.#isOpen || connection.state !== ConnectionState.ready) {
      const error = connection.closedError ?? new ClosedError('session')
      connection.destroy(error)
      throw error
    }
    this.#connection = connection
  }

  onRoom(): void {}

  onEvent(bytes: Buffer, bodyStart: number, bodyEnd: number): void {
    this.#options.onEvent(readEvent(new WireReader(bytes, bodyStart, bodyEnd)))
  }

  onClosed(connection: Connection): void {
    if (connection !== this.#connection) return
    this.#connection = undefined
    this.#reconnectLater()
  }

  #reconnectLater(): void {
    if (!this.#isOpen) return
    const delayMs = this.#options.reconnection.delayMs(this.#failureCount++)
    this.#timer = this.#options.clock.schedule(delayMs, () => {
      void this.open().then((errors) => {
        if (errors !== undefined) this.#reconnectLater()
      })
    })
  }

  close(): void {
    this.#isOpen = false
    this.#timer?.cancel()
    this.#loading?.destroy(new ClosedError('session'))
    this.#connection?.destroy(new ClosedError('session'))
  }
}
