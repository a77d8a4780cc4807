import { createHash } from 'node:crypto'
import type { Clock, Executor } from '../../index.ts'
import { createTables, HybridClock, type TableDefinition, type TimeSpan } from '../../patterns.ts'
import { AdapterCache } from '../adapter-cache.ts'
import { NextTags } from './tags.ts'

export interface NextStoreOptions {
  /** Names of all tables begin with it. Default `next_cache`. */
  readonly table?: string | undefined
  /**
   * The longest life of an entry; entries whose `expire` is shorter live that long. Default
   * `'30d'`, at most 365 days.
   */
  readonly ttl?: TimeSpan | undefined
  /**
   * How long other processes may use what was revalidated by its tag. 0 asks for its tags whenever
   * an entry is read. Default `'1s'`.
   */
  readonly tagsMaxAge?: TimeSpan | undefined
  /**
   * How far the clocks of processes may be apart: what another process made this long after a
   * revalidation is not used either. Default `'500ms'`.
   */
  readonly clockError?: TimeSpan | undefined
  /** Largest entry, as it is stored. Default 16 MiB, at most 64 MiB. */
  readonly valueBytesMax?: number | undefined
  /** Default: the clock of the machine. */
  readonly clock?: Clock | undefined
}

/** The time spans of the options, in milliseconds. */
export interface NextTimes {
  readonly ttlMs: number
  readonly tagsMaxAgeMs: number
  readonly clockErrorMs: number
  readonly timeoutMs: number
}

const daySeconds = 86_400
/** Longer keys, and those with other characters, are stored as a hash. */
const plainKey = /^[\x20-\x7e]{1,400}$/

/** Entries and tags, in the tables of one database. */
export class NextStore {
  readonly clock: Clock
  readonly tags: NextTags
  readonly #executor: Executor
  readonly #entries: AdapterCache
  readonly #ttlMs: number

  /** @param times those of the options */
  constructor(executor: Executor, options: NextStoreOptions, times: NextTimes) {
    const { table = 'next_cache', valueBytesMax = 16 << 20 } = options
    const { ttlMs, tagsMaxAgeMs: maxAgeMs, clockErrorMs } = times
    this.#executor = executor
    this.#ttlMs = ttlMs
    this.clock = options.clock ?? new HybridClock(executor)
    const { clock } = this
    this.#entries = new AdapterCache(executor, table, { ttl: ttlMs, valueBytesMax, clock })
    this.tags = new NextTags(executor, {
      table: `${table}_tags`,
      ttlSeconds: Math.ceil(ttlMs / 1_000) + daySeconds,
      ...{ maxAgeMs, clockErrorMs, clock },
    })
  }

  tableDefinitions(): readonly TableDefinition[] {
    return [...this.#entries.tableDefinitions(), ...this.tags.tableDefinitions()]
  }

  async createTables(): Promise<void> {
    await createTables(this.#executor, [this])
  }

  async read<Entry>(space: string, key: string): Promise<Entry | undefined> {
    return await this.#entries.cache.namespace(space).get<Entry>(keyOf(key))
  }

  /** @param endMs when the entry is over, in milliseconds since the epoch */
  async write(space: string, key: string, entry: object, endMs: number): Promise<void> {
    const lifeMs = Math.min(Math.ceil(endMs - this.clock.nowMs()), this.#ttlMs)
    if (lifeMs <= 0) return
    await this.#entries.cache.namespace(space).set(keyOf(key), entry, { ttl: lifeMs })
  }
}

function keyOf(key: string): string {
  return plainKey.test(key) ? key : `sha256 ${createHash('sha256').update(key).digest('hex')}`
}
