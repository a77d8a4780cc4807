import { createHash } from 'node:crypto'
import type { Clock, Executor } from '../../index.ts'
import { createTables, HybridClock, type TableDefinition } from '../../patterns.ts'
import { AdapterCache } from '../adapter-cache.ts'
import { NextTags } from './tags.ts'

export interface NextStoreOptions {
  /** Names of all tables begin with it. Default `next_cache`. */
  readonly table?: string | undefined
  /**
   * The longest life of an entry, in seconds; entries whose `expire` is shorter live that long.
   * Default 30 days, at most 365.
   */
  readonly ttlSeconds?: number | undefined
  /**
   * How long other processes may use what was revalidated by its tag, in milliseconds. 0 asks for
   * its tags whenever an entry is read. Default 1,000.
   */
  readonly tagsMaxAgeMs?: number | undefined
  /**
   * How far the clocks of processes may be apart, in milliseconds: what another process made this
   * long after a revalidation is not used either. Default 500.
   */
  readonly clockErrorMs?: number | undefined
  /** Largest entry, as it is stored. Default 16 MiB, at most 64 MiB. */
  readonly valueBytesMax?: number | undefined
  /** Default: the clock of the machine. */
  readonly clock?: Clock | undefined
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
  readonly #ttlSeconds: number

  constructor(executor: Executor, options: NextStoreOptions) {
    const { table = 'next_cache', ttlSeconds = 30 * daySeconds, valueBytesMax = 16 << 20 } = options
    const { tagsMaxAgeMs = 1_000, clockErrorMs = 500 } = options
    this.#executor = executor
    this.#ttlSeconds = ttlSeconds
    this.clock = options.clock ?? new HybridClock(executor)
    const { clock } = this
    this.#entries = new AdapterCache(executor, table, { ttlSeconds, valueBytesMax, clock })
    this.tags = new NextTags(executor, {
      table: `${table}_tags`,
      ttlSeconds: ttlSeconds + daySeconds,
      maxAgeMs: tagsMaxAgeMs,
      ...{ clockErrorMs, clock },
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
    const lifeMs = Math.min(Math.ceil(endMs - this.clock.nowMs()), this.#ttlSeconds * 1_000)
    if (lifeMs <= 0) return
    await this.#entries.cache.namespace(space).set(keyOf(key), entry, { ttl: lifeMs })
  }
}

function keyOf(key: string): string {
  return plainKey.test(key) ? key : `sha256 ${createHash('sha256').update(key).digest('hex')}`
}
