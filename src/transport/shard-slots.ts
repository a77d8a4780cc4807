import type { ShardFacts } from '../protocol/index.ts'
import type { Connection } from './connection.ts'

/** Connections of a pool, for every shard or for the whole node. */
export type PoolSize = { readonly perShard: number } | { readonly perNode: number }

/** Connections to one node, however many shards it claims to have. */
export const connectionsPerNodeMax = 1_024

/** What becomes of a connection: it fills a slot, none is free, or the node has other shards. */
export type Placing = 'added' | 'surplus' | 'resharded'

const noShards: readonly Connection[][] = Object.freeze([])

/** The connections of a pool by shard, and those that it lacks. A node without shards has one. */
export class ShardSlots {
  readonly #size: PoolSize
  readonly #connections: Connection[] = []
  /** By shard; empty for a node without shards. */
  #shards: readonly Connection[][] = noShards
  #facts: ShardFacts | undefined
  /** Where the search for a shard without connection begins. */
  #start = 0

  constructor(size: PoolSize) {
    this.#size = size
  }

  get connections(): readonly Connection[] {
    return this.#connections
  }

  /** The shards as the first connection has found them. */
  get facts(): ShardFacts | undefined {
    return this.#facts
  }

  get isFull(): boolean {
    return this.#connections.length >= this.#countMax
  }

  /** Connections to a shard; `undefined` when the node has no such shard. */
  of(shard: number): readonly Connection[] | undefined {
    return this.#shards[shard]
  }

  get #countMax(): number {
    const size = this.#size
    if ('perNode' in size) return size.perNode
    return Math.min(connectionsPerNodeMax, size.perShard * Math.max(1, this.#shards.length))
  }

  get #perShardMax(): number {
    const size = this.#size
    return 'perShard' in size ? size.perShard : Math.ceil(size.perNode / this.#shards.length)
  }

  /**
   * Returns the next shard to connect to, −1 for a node without shards, or `undefined` when no
   * connection is missing.
   *
   * @param openings shards that connections are being made to
   */
  nextMissing(openings: readonly number[]): number | undefined {
    if (this.#connections.length + openings.length >= this.#countMax) return undefined
    const { length } = this.#shards
    if (length === 0) return -1
    let best: number | undefined
    let bestCount = this.#perShardMax
    for (let i = 0; i < length && bestCount > 0; i++) {
      const shard = (this.#start + i) % length
      const openingCount = openings.filter((one) => one === shard).length
      const count = this.#shards[shard]!.length + openingCount
      if (count >= bestCount) continue
      best = shard
      bestCount = count
    }
    return best
  }

  /** Adds a connection where there is a slot for it. */
  place(connection: Connection): Placing {
    const facts = connection.features.shard
    if (this.#connections.length === 0) this.#adopt(facts)
    const known = this.#facts
    if (facts !== undefined) {
      const isSame = facts.count === known?.count && facts.ignoreMsb === known.ignoreMsb
      if (!isSame) return 'resharded'
    } else if (known !== undefined) return 'surplus'
    const shard = facts === undefined ? undefined : this.#shards[facts.shard]!
    if (this.isFull || (shard !== undefined && shard.length >= this.#perShardMax)) return 'surplus'
    this.#connections.push(connection)
    shard?.push(connection)
    return 'added'
  }

  #adopt(facts: ShardFacts | undefined): void {
    this.#facts = facts
    this.#shards = facts === undefined ? noShards : Array.from({ length: facts.count }, () => [])
    this.#start = facts === undefined ? 0 : facts.shard + 1
  }

  /** @returns whether it was there */
  remove(connection: Connection): boolean {
    const index = this.#connections.indexOf(connection)
    if (index === -1) return false
    this.#connections.splice(index, 1)
    const facts = connection.features.shard
    const shard = facts === undefined ? undefined : this.#shards[facts.shard]
    shard?.splice(shard.indexOf(connection), 1)
    return true
  }

  /** Empties the slots. @returns the connections that were there */
  clear(): Connection[] {
    const all = this.#connections.splice(0)
    this.#adopt(undefined)
    return all
  }
}
