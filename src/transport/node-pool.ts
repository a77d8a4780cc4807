import type { TsyllaError } from '../errors/index.ts'
import type { ReconnectionPolicy } from '../types/index.ts'
import { type Sharding, shardOf } from '../routing/index.ts'
import type { Clock, Timer } from '../util/index.ts'
import { ConcurrencyLimit } from './concurrency-limit.ts'
import { type Connection, ConnectionState } from './connection.ts'
import { type ShardPort, shardPortPauseMs, type ShardSource } from './shard-port.ts'
import { connectionsPerNodeMax, type PoolSize, ShardSlots } from './shard-slots.ts'

export interface NodePoolOptions {
  /** Connections to keep open. */
  readonly size: PoolSize
  /**
   * Opens a connection that is ready for requests; fails with a typed error.
   *
   * @param source how to reach a chosen shard; without it the node chooses
   */
  readonly connect: (source: ShardSource | undefined) => Promise<Connection>
  readonly shardPort: ShardPort
  /**
   * Returns what a connection still needs before it enters the pool, or `undefined` when it needs
   * nothing. It is called until it returns `undefined`, the last time in the turn in which the
   * connection enters. When the promise rejects, the connection is closed.
   */
  readonly prepare: (connection: Connection) => Promise<void> | undefined
  readonly reconnection: ReconnectionPolicy
  readonly clock: Clock
  /** Whether fewer requests are sent after the node has refused some. Default `true`. */
  readonly adaptiveConcurrency?: boolean | undefined
  /** Called when the pool has lost its last connection, or has its first one again. */
  readonly onAvailability: (isAvailable: boolean) => void
}

/** Connections to the shards of a node that are made at a time, once the shards are known. */
const openingCountMax = 8
/**
 * Connections that are kept in reserve while the node chooses their shards, per shard: closing
 * them at once would make the node choose the same shards again.
 */
const surplusPerShardMax = 4

/** How long a node that announces its end is left alone. */
export const leavingPauseMs = 1_000

/** A connection on its way into the pool. */
interface Opening {
  readonly shard: number
  /** Set between the handshake and the pool. */
  connection: Connection | undefined
}

/** Whether connections are still to be opened: no more are missing, or something has failed. */
type Progress = 'go_on' | 'full' | 'stop'

/**
 * The connections to one node, for a node with shards to each of them. One connect runs at a time,
 * and several when the shards are known. What is lost is replaced after a delay that grows, for as
 * long as the pool is open.
 */
export class NodePool {
  readonly #options: NodePoolOptions
  readonly #slots: ShardSlots
  readonly #openings = new Set<Opening>()
  /** Open connections to shards that have enough; closed when the pool is filled. */
  readonly #surplus = new Set<Connection>()
  /** Connections that have left the pool and await their last answers. */
  readonly #draining = new Map<Connection, Promise<void>>()
  readonly #limit = new ConcurrencyLimit()
  #next = 0
  #isOpen = true
  #failureCount = 0
  #filling: Promise<void> | undefined
  /** Whether the pool is to be filled once more after {@link #filling}. */
  #isFillWanted = false
  #retryTimer: Timer | undefined
  /** Whether the timer waits for shards that cannot be reached; a loss does not wait for it. */
  #isRetryForShards = false
  /** Why the last connect failed; cleared by the next success. */
  lastError: TsyllaError | undefined

  constructor(options: NodePoolOptions) {
    this.#options = options
    this.#slots = new ShardSlots(options.size)
  }

  get connections(): readonly Connection[] {
    return this.#slots.connections
  }

  get isAvailable(): boolean {
    return this.#slots.connections.length > 0
  }

  /** Requests that the node has not answered. */
  get inFlightCount(): number {
    // A loop: this runs for every request to a node that was overloaded.
    const { connections } = this.#slots
    let count = 0
    for (let i = 0; i < connections.length; i++) count += connections[i]!.inFlightCount
    return count
  }

  /** How the node maps tokens to shards; `undefined` without shards, or while none is known. */
  get sharding(): Sharding | undefined {
    return this.#slots.facts
  }

  /** Returns the shard of the node that owns a token, given by its two halves. */
  shardOf(tokenHigh: number, tokenLow: number): number | undefined {
    const { facts } = this.#slots
    return facts === undefined ? undefined : shardOf(tokenHigh, tokenLow, facts)
  }

  /**
   * Opens the missing connections. The promise resolves when the pool is full or a connect has
   * failed; it never rejects.
   */
  fill(): Promise<void> {
    // A retry is due while connections are still being made when others of them have failed: then
    // no more are opened, and nothing else would replace what has failed.
    if (this.#retryTimer !== undefined && !this.#isRetryForShards) this.#isFillWanted = true
    this.#cancelRetry()
    this.#filling ??= this.#fillWhileWanted().finally(() => {
      this.#filling = undefined
    })
    return this.#filling
  }

  async #fillWhileWanted(): Promise<void> {
    do {
      this.#isFillWanted = false
      await this.#fill()
    } while (this.#isFillWanted && this.#isOpen)
  }

  async #fill(): Promise<void> {
    // The first connection tells which shards there are.
    if (!this.isAvailable) {
      this.#options.shardPort.reset()
      if ((await this.#openNext()) !== 'go_on') return
    }
    const openingCount = this.#slots.facts === undefined ? 1 : openingCountMax
    let progress: Progress = 'go_on'
    const fillOn = async (): Promise<void> => {
      while (progress !== 'stop') {
        const own = await this.#openNext()
        // What others open may still turn out to be of no use, so each looks for itself.
        if (own === 'full') return
        if (own === 'stop') progress = own
      }
    }
    await Promise.all(Array.from({ length: openingCount }, fillOn))
    this.#closeSurplus()
  }

  /** Opens the next connection that is missing. */
  async #openNext(): Promise<Progress> {
    const shard = this.#slots.nextMissing(Array.from(this.#openings, (one) => one.shard))
    if (!this.#isOpen || shard === undefined) return 'full'
    const opening: Opening = { shard, connection: undefined }
    this.#openings.add(opening)
    try {
      return await this.#open(opening)
    } finally {
      this.#openings.delete(opening)
    }
  }

  async #open(opening: Opening): Promise<Progress> {
    const { connect, shardPort } = this.#options
    const { facts } = this.#slots
    const source = facts === undefined ? undefined : shardPort.sourceOf(facts, opening.shard)
    try {
      const connection = await connect(source)
      opening.connection = connection
      for (let work = this.#preparing(connection); work !== undefined; ) {
        await work
        work = this.#preparing(connection)
      }
      if (source !== undefined) {
        shardPort.onConnected(opening.shard, connection.features.shard?.shard)
      }
      return this.#add(connection, source !== undefined)
    } catch (error) {
      if (source !== undefined && this.isAvailable) {
        // The normal port of the node may still work.
        shardPort.onFailed(error as TsyllaError)
        return 'go_on'
      }
      this.lastError = error as TsyllaError
      this.#retryLater()
      return 'stop'
    }
  }

  #preparing(connection: Connection): Promise<void> | undefined {
    return this.#isOpen && connection.state === ConnectionState.ready
      ? this.#options.prepare(connection)
      : undefined
  }

  #retryLater(): void {
    if (!this.#isOpen || (this.#retryTimer !== undefined && !this.#isRetryForShards)) return
    this.#retryAfter(this.#options.reconnection.delayMs(this.#failureCount++))
  }

  #retryAfter(delayMs: number): void {
    this.#cancelRetry()
    this.#retryTimer = this.#options.clock.schedule(delayMs, () => void this.fill())
  }

  #cancelRetry(): void {
    this.#retryTimer?.cancel()
    this.#retryTimer = undefined
    this.#isRetryForShards = false
  }

  /** @param isChosen whether its shard was chosen here */
  #add(connection: Connection, isChosen: boolean): Progress {
    if (!this.#isOpen) {
      void connection.drain()
      return 'stop'
    }
    if (connection.state !== ConnectionState.ready) {
      this.lastError = connection.closedError
      this.#retryLater()
      return 'stop'
    }
    const wasAvailable = this.isAvailable
    const placing = this.#slots.place(connection)
    if (placing === 'surplus') return this.#onSurplus(connection, isChosen)
    if (placing === 'resharded') {
      this.#reshard(connection)
      return 'stop'
    }
    this.#failureCount = 0
    this.lastError = undefined
    if (!wasAvailable) this.#options.onAvailability(true)
    return 'go_on'
  }

  /** The shard has enough connections. */
  #onSurplus(connection: Connection, isChosen: boolean): Progress {
    const shardCount = this.#slots.facts?.count ?? 1
    if (isChosen || this.#slots.isFull) {
      this.#leave(connection)
      return 'go_on'
    }
    this.#surplus.add(connection)
    const countMax = Math.min(surplusPerShardMax * shardCount, connectionsPerNodeMax)
    if (this.#surplus.size < countMax) return 'go_on'
    // The missing shards do not come up: other shards take their requests.
    if (this.#isOpen && this.#retryTimer === undefined) {
      this.#retryAfter(shardPortPauseMs)
      this.#isRetryForShards = true
    }
    return 'stop'
  }

  /** The node was started with other shards: its older connections are of no use. */
  #reshard(connection: Connection): void {
    const stale = this.#slots.clear()
    this.#slots.place(connection)
    for (const one of stale) this.#leave(one)
    this.#closeSurplus()
    // The delay bounds how often this happens behind an address that stands for several nodes.
    this.#retryLater()
  }

  #closeSurplus(): void {
    const all = [...this.#surplus]
    this.#surplus.clear()
    for (const connection of all) this.#leave(connection)
  }

  #leave(connection: Connection): void {
    const draining = connection.drain().finally(() => this.#draining.delete(connection))
    this.#draining.set(connection, draining)
  }

  /**
   * Removes a connection that the node is about to close: its requests are still answered. What
   * replaces it waits a little, because the node is about to stop.
   */
  retire(connection: Connection): void {
    this.#surplus.delete(connection)
    const wasThere = this.#slots.remove(connection)
    this.#leave(connection)
    if (!wasThere) return
    if (!this.isAvailable) this.#options.onAvailability(false)
    if (!this.#isOpen || (this.#retryTimer !== undefined && !this.#isRetryForShards)) return
    this.#retryAfter(Math.max(leavingPauseMs, this.#options.reconnection.delayMs(0)))
  }

  /** Removes a connection that was lost, and replaces it later. */
  remove(connection: Connection): void {
    this.#surplus.delete(connection)
    if (!this.#slots.remove(connection)) return
    if (!this.isAvailable) this.#options.onAvailability(false)
    this.#retryLater()
  }

  /**
   * Returns a connection with room, the next in turn and suspect ones last; `undefined` when all
   * are full or lost.
   *
   * @param shard preferred shard of the node: its connections come first, then the least loaded
   */
  pick(shard?: number, isUsable?: (connection: Connection) => boolean): Connection | undefined {
    const { connections } = this.#slots
    if (this.#limit.isActive && !this.#isAllowed()) return undefined
    if (connections.length === 1 && isUsable === undefined) {
      const only = connections[0]!
      if (!only.hasRoom) return undefined
      if (shard !== undefined) countMisrouted(only, shard)
      return only
    }
    const preferred = shard === undefined ? undefined : this.#slots.of(shard)
    if (preferred === undefined) return this.#nextInTurn(isUsable)
    const connection = this.#leastLoaded(preferred, isUsable)
    if (connection?.isSuspect === false) return connection
    const other = this.#leastLoaded(connections, isUsable)
    if (other !== undefined) countMisrouted(other, shard!)
    return other
  }

  #isAllowed(): boolean {
    return this.#limit.allows(this.inFlightCount, this.#options.clock.monotonicMs())
  }

  /** The node has refused a request because it is overloaded. */
  onOverloaded(): void {
    if (this.#options.adaptiveConcurrency === false) return
    this.#limit.onOverloaded(this.inFlightCount, this.#options.clock.monotonicMs())
  }

  #nextInTurn(isUsable: ((connection: Connection) => boolean) | undefined): Connection | undefined {
    const { connections } = this.#slots
    const { length } = connections
    let suspect: Connection | undefined
    this.#next = (this.#next + 1) & 0x3fff_ffff
    for (let i = 0; i < length; i++) {
      const connection = connections[(this.#next + i) % length]!
      if (!connection.hasRoom || isUsable?.(connection) === false) continue
      if (!connection.isSuspect) return connection
      suspect ??= connection
    }
    return suspect
  }

  /**
   * Returns the connection with room that has the fewest requests in flight, suspect ones last.
   * Those that have equally many take turns.
   */
  #leastLoaded(
    connections: readonly Connection[],
    isUsable: ((connection: Connection) => boolean) | undefined,
  ): Connection | undefined {
    const { length } = connections
    let best: Connection | undefined
    if (length > 1) this.#next = (this.#next + 1) & 0x3fff_ffff
    for (let i = 0; i < length; i++) {
      const one = connections[(this.#next + i) % length]!
      if (!one.hasRoom || isUsable?.(one) === false) continue
      if (best === undefined || (best.isSuspect && !one.isSuspect)) best = one
      else if (best.isSuspect === one.isSuspect && one.inFlightCount < best.inFlightCount)
        best = one
    }
    return best
  }

  /**
   * Stops reconnecting and drains. The promise resolves when no connection is left, those included
   * that were still being made.
   */
  async close(): Promise<void> {
    this.#isOpen = false
    this.#cancelRetry()
    // They have no requests of users yet.
    for (const { connection } of this.#openings) connection?.destroy(connection.endedError())
    this.#closeSurplus()
    for (const connection of [...this.connections]) this.#leave(connection)
    await Promise.all([this.#filling, ...this.#draining.values()])
  }

  /** Stops reconnecting and closes at once. */
  destroy(error: TsyllaError): void {
    this.#isOpen = false
    this.#cancelRetry()
    for (const { connection } of this.#openings) connection?.destroy(error)
    const all = [...this.connections, ...this.#surplus, ...this.#draining.keys()]
    for (const connection of all) connection.destroy(error)
  }
}

/** Counts a request for a shard that another shard serves. */
function countMisrouted({ features, recorder }: Connection, shard: number): void {
  if (recorder !== undefined && features.shard?.shard !== shard) recorder.misroutedCount++
}
