import { ConfigError } from '../errors/index.ts'
import {
  checkInteger,
  checkOptions,
  checkTableName,
  checkTtl,
  createTables,
  PreparedStatementRunner,
  type TableDefinition,
  tableText,
  tableTexts,
  toBigInt,
} from '../kernel/index.ts'
import { type Executor, runtimeOf } from '../types/index.ts'
import type { Clock } from '../util/index.ts'
import { decodeCacheValue, encodeCacheValue } from './cache-value.ts'
import { type InFlight, KeyedSingleFlight } from './keyed-single-flight.ts'

export interface CacheOptions {
  /** Life of an entry that is set without one. Default 3,600. */
  readonly ttlSeconds?: number | undefined
  /** Largest encoded value. Default 1 MiB. */
  readonly valueBytesMax?: number | undefined
  /** Default `cache`. */
  readonly table?: string | undefined
}

/** `hit` distinguishes a cached `undefined` from a missing entry. */
export type CacheLookup<T> =
  | { readonly hit: true; readonly value: T }
  | { readonly hit: false; readonly value?: undefined }

const keyBytesMax = 65_533
/** Longest TTL of a single entry that the table's gc_grace_seconds allows for. */
const ownTtlSeconds = 86_400
/** Lengths on the wire are 32-bit. */
const bytesMax = 2 ** 31 - 1

/**
 * Values by key, with a TTL. Values are data: nothing that is read can become code. Of two values
 * set for a key the one with the later timestamp stays, and a deletion wins over everything set
 * before it, whatever the clocks. A process whose clock is behind may find its next value missing.
 */
export class Cache {
  readonly #executor: Executor
  readonly #runner: PreparedStatementRunner
  readonly #clock: Clock
  readonly #tableName: string
  readonly #table: string
  readonly #ttlSeconds: number
  readonly #valueBytesMax: number
  /** Shared by all caches of this process on the same table; set by the first call. */
  #flights: KeyedSingleFlight | undefined

  constructor(executor: Executor, options: CacheOptions = {}) {
    checkOptions('Cache', options, { ttlSeconds: true, valueBytesMax: true, table: true })
    this.#executor = executor
    this.#runner = new PreparedStatementRunner(executor)
    this.#tableName = checkTableName(options.table ?? 'cache')
    this.#table = tableText(this.#tableName)
    this.#clock = runtimeOf(executor).clock
    this.#ttlSeconds = checkTtl('ttlSeconds', options.ttlSeconds ?? 3_600, this.#clock)
    const { valueBytesMax = 1 << 20 } = options
    this.#valueBytesMax = checkInteger('valueBytesMax', valueBytesMax, 1, bytesMax)
  }

  /** CQL of the table. */
  tables(): string[] {
    return tableTexts(this.tableDefinitions())
  }

  /** The table as data. */
  tableDefinitions(): readonly TableDefinition[] {
    return [
      {
        name: this.#tableName,
        columns: { key: 'text', value: 'blob' },
        partitionKey: ['key'],
        writes: 'plain',
        ttlSeconds: Math.max(this.#ttlSeconds, ownTtlSeconds),
        hasDeletions: true,
      },
    ]
  }

  /** Creates what is missing of the table. */
  async createTables(): Promise<void> {
    await createTables(this.#executor, [this])
  }

  /** The value, or `undefined`. Use {@link lookup} to tell a cached `undefined` from a miss. */
  async get<T = unknown>(key: string): Promise<T | undefined> {
    return (await this.lookup<T>(key)).value
  }

  async lookup<T = unknown>(key: string): Promise<CacheLookup<T>> {
    checkKey(key)
    const result = await this.#runner.run<{ value: Uint8Array | null }>(this.#select, [key])
    const bytes = result.firstRow()?.value
    if (bytes === undefined || bytes === null) return { hit: false }
    const decoded = decodeCacheValue(bytes)
    // What cannot be read is a miss: another version, or another program, wrote it.
    return decoded === undefined ? { hit: false } : { hit: true, value: decoded.value as T }
  }

  /**
   * Stores a value: JSON's kinds, and undefined, bigint, every number, Date, Uint8Array, Buffer,
   * Map and Set.
   *
   * @param ttlSeconds its life; default that of the cache
   * @throws CacheValueError when the value would not come back as it is
   */
  async set(key: string, value: unknown, ttlSeconds: number = this.#ttlSeconds): Promise<void> {
    checkKey(key)
    checkTtl('ttlSeconds', ttlSeconds, this.#clock)
    const bytes = encodeCacheValue(value, this.#valueBytesMax)
    const flights = await this.#shareFlights()
    await flights.write(key, () => this.#store(key, bytes, ttlSeconds))
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    const flights = await this.#shareFlights()
    await flights.delete(key, () => this.#remove(key))
  }

  /**
   * Returns the cached value, or else stores and returns the result of `factory`. Callers of this
   * process that miss the same key at the same time share one call of the factory; its failure is
   * not stored.
   *
   * A factory must not wait for its own key: it would wait for itself. That is refused where it is
   * seen, which is until the first `await` of the factory.
   */
  async getOrSet<T>(
    key: string,
    factory: () => T | Promise<T>,
    ttlSeconds: number = this.#ttlSeconds,
  ): Promise<T> {
    checkKey(key)
    checkTtl('ttlSeconds', ttlSeconds, this.#clock)
    if (typeof factory !== 'function') throw new ConfigError('factory is a function')
    this.#flights?.refuseOwnFactory(key)
    const flights = await this.#shareFlights()
    return (await flights.join(key, async (flight) => {
      const found = await this.lookup<T>(key)
      return found.hit ? found.value : await this.#make(key, factory, ttlSeconds, flight)
    })) as T
  }

  async #make<T>(
    key: string,
    factory: () => T | Promise<T>,
    ttlSeconds: number,
    flight: InFlight,
  ): Promise<T> {
    const value = await callIn(flight, factory)
    if (flight.isStale) return value
    flight.storing = this.#store(key, encodeCacheValue(value, this.#valueBytesMax), ttlSeconds)
    await flight.storing
    return value
  }

  async #store(key: string, bytes: Uint8Array, ttlSeconds: number): Promise<void> {
    await this.#runner.run(`INSERT INTO ${this.#table} (key, value) VALUES (?, ?) USING TTL ?`, [
      key,
      bytes,
      ttlSeconds,
    ])
  }

  async #remove(key: string): Promise<void> {
    await this.#runner.run(`DELETE FROM ${this.#table} WHERE key = ?`, [key])
    // What is still there was stamped by a clock that is ahead: it goes by its own stamp.
    const found = await this.#runner.run<{ written_us: bigint | null }>(
      `SELECT writetime(value) AS written_us FROM ${this.#table} WHERE key = ?`,
      [key],
    )
    const writtenUs = found.firstRow()?.written_us ?? null
    if (writtenUs === null) return
    await this.#runner.run(`DELETE FROM ${this.#table} USING TIMESTAMP ? WHERE key = ?`, [
      toBigInt(writtenUs) + 1n,
      key,
    ])
  }

  get #select(): string {
    return `SELECT value FROM ${this.#table} WHERE key = ?`
  }

  async #shareFlights(): Promise<KeyedSingleFlight> {
    this.#flights ??= await this.#runner.share('cache', this.#select, () => new KeyedSingleFlight())
    return this.#flights
  }
}

/** Calls a factory; while it runs without having given a promise, its flight says so. */
function callIn<T>(flight: InFlight, factory: () => T | Promise<T>): T | Promise<T> {
  flight.isCalling = true
  try {
    return factory()
  } finally {
    flight.isCalling = false
  }
}

function checkKey(key: string): void {
  if (typeof key !== 'string' || key === '' || Buffer.byteLength(key) > keyBytesMax) {
    throw new ConfigError(`key is a string of 1 … ${keyBytesMax} bytes`)
  }
}
