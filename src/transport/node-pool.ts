import { ClosedError, type TsyllaError } from '../errors/index.ts'
import type { ReconnectionPolicy } from '../policies/index.ts'
import type { Clock, Timer } from '../util/index.ts'
import { type Connection, ConnectionState } from './connection.ts'

export interface NodePoolOptions {
  /** Connections to keep open. */
  readonly size: number
  /** Opens a connection that is ready for requests; fails with a typed error. */
  readonly connect: () => Promise<Connection>
  /**
   * Returns what a connection still needs before it enters the pool, or `undefined` when it needs
   * nothing. It is called until it returns `undefined`, the last time in the turn in which the
   * connection enters. When the promise rejects, the connection is closed.
   */
  readonly prepare: (connection: Connection) => Promise<void> | undefined
  readonly reconnection: ReconnectionPolicy
  readonly clock: Clock
  /** Called when the pool has lost its last connection, or has its first one again. */
  readonly onAvailability: (isAvailable: boolean) => void
}

/**
 * The connections to one node. One connect runs at a time; what is lost is replaced after a delay
 * that grows, for as long as the pool is open.
 */
export class NodePool {
  readonly #options: NodePoolOptions
  readonly #connections: Connection[] = []
  /** A connection that is being prepared to enter. */
  #entering: Connection | undefined
  #next = 0
  #isOpen = true
  #failureCount = 0
  #filling: Promise<void> | undefined
  #retryTimer: Timer | undefined
  /** Why the last connect failed; cleared by the next success. */
  lastError: TsyllaError | undefined

  constructor(options: NodePoolOptions) {
    this.#options = options
  }

  get connections(): readonly Connection[] {
    return this.#connections
  }

  get isAvailable(): boolean {
    return this.#connections.length > 0
  }

  /**
   * Opens the missing connections. The promise resolves when the pool is full or a connect has
   * failed; it never rejects.
   */
  fill(): Promise<void> {
    this.#retryTimer?.cancel()
    this.#retryTimer = undefined
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined
    })
    return this.#filling
  }

  async #fill(): Promise<void> {
    while (this.#isOpen && this.#connections.length < this.#options.size) {
      try {
        const connection = await this.#options.connect()
        this.#entering = connection
        for (let work = this.#preparing(connection); work !== undefined; ) {
          await work
          work = this.#preparing(connection)
        }
        this.#entering = undefined
        if (!this.#add(connection)) return
        this.#failureCount = 0
        this.lastError = undefined
      } catch (error) {
        this.#entering = undefined
        this.lastError = error as TsyllaError
        this.#retryLater()
        return
      }
    }
  }

  #preparing(connection: Connection): Promise<void> | undefined {
    return this.#isOpen && connection.state === ConnectionState.ready
      ? this.#options.prepare(connection)
      : undefined
  }

  #retryLater(): void {
    if (!this.#isOpen || this.#retryTimer !== undefined) return
    const delayMs = this.#options.reconnection.delayMs(this.#failureCount++)
    this.#retryTimer = this.#options.clock.schedule(delayMs, () => {
      this.#retryTimer = undefined
      void this.fill()
    })
  }

  /** @returns false when the pool is closed or the connection was lost since its handshake */
  #add(connection: Connection): boolean {
    if (!this.#isOpen) {
      void connection.drain()
      return false
    }
    if (connection.state !== ConnectionState.ready) {
      this.lastError = connection.closedError
      this.#retryLater()
      return false
    }
    this.#connections.push(connection)
    if (this.#connections.length === 1) this.#options.onAvailability(true)
    return true
  }

  /** Removes a connection that was lost, and replaces it later. */
  remove(connection: Connection): void {
    const index = this.#connections.indexOf(connection)
    if (index === -1) return
    this.#connections.splice(index, 1)
    if (this.#connections.length === 0) this.#options.onAvailability(false)
    this.#retryLater()
  }

  /**
   * Returns a connection with room, the next in turn and suspect ones last; `undefined` when all
   * are full or lost.
   *
   * @param shard preferred shard of the node: connections to it come first
   */
  pick(shard?: number, isUsable?: (connection: Connection) => boolean): Connection | undefined {
    const connections = this.#connections
    if (connections.length === 1 && isUsable === undefined) {
      const only = connections[0]!
      return only.hasRoom ? only : undefined
    }
    if (shard === undefined) return this.#pick(isUsable)
    const connection = this.#pick(
      (one) => one.features.shard?.shard === shard && isUsable?.(one) !== false,
    )
    return connection?.isSuspect === false ? connection : this.#pick(isUsable)
  }

  #pick(isUsable: ((connection: Connection) => boolean) | undefined): Connection | undefined {
    const connections = this.#connections
    const { length } = connections
    let suspect: Connection | undefined
    for (let i = 0; i < length; i++) {
      this.#next = this.#next + 1 < length ? this.#next + 1 : 0
      const connection = connections[this.#next]!
      if (!connection.hasRoom || isUsable?.(connection) === false) continue
      if (!connection.isSuspect) return connection
      suspect ??= connection
    }
    return suspect
  }

  /**
   * Stops reconnecting and drains. The promise resolves when no connection is left, those included
   * that were still being made.
   */
  async close(): Promise<void> {
    this.#isOpen = false
    this.#retryTimer?.cancel()
    // It has no requests of users yet.
    this.#entering?.destroy(new ClosedError('connection'))
    const draining = [...this.#connections].map((connection) => connection.drain())
    await Promise.all([this.#filling, ...draining])
  }

  /** Stops reconnecting and closes at once. */
  destroy(error: TsyllaError): void {
    this.#isOpen = false
    this.#retryTimer?.cancel()
    this.#entering?.destroy(error)
    for (const connection of [...this.#connections]) connection.destroy(error)
  }
}
