import { ConfigError } from '../errors/index.ts'
import {
  checkInteger,
  checkTableName,
  checkTtl,
  createTables,
  gcGraceOption,
  PreparedStatements,
} from '../kernel/index.ts'
import type { Executor } from '../types/index.ts'
import { decodeCacheValue, encodeCacheValue } from './cache-value.ts'

export interface CacheOptions {
  /** Life of an entry that is set without one. Default 3,600. */
  readonly ttlSeconds?: number
  /** Largest encoded value. Default 1 MiB. */
  readonly valueBytesMax?: number
  /** Default `cache`. */
  readonly table?: string
}

/** `hit` tells a cached `undefined` from none. */
export type CacheLookup<T> =
  | { readonly hit: true; readonly value: T }
  | { readonly hit: false; readonly value?: undefined }

/** A factory that is running; its result is not stored when the key was set or deleted meanwhile. */
interface Flight {
  readonly promise: Promise<unknown>
  isStale: boolean
  /** Its result on the way to the table. */
  storing: Promise<void> | undefined
}

const keyBytesMax = 65_533
/** What an entry's own TTL is expected to be at most; beyond it counts the default. */
const ownTtlSeconds = 86_400
/** Lengths on the wire are 32-bit. */
const bytesMax = 2 ** 31 - 1

/** Values by key, with a life. Values are data: nothing that is read can become code. */
export class Cache {
  readonly #executor: Executor
  readonly #statements: PreparedStatements
  readonly #table: string
  readonly #ttlSeconds: number
  readonly #valueBytesMax: number
  readonly #flights = new Map<string, Flight>()

  constructor(executor: Executor, options: CacheOptions = {}) {
    this.#executor = executor
    this.#statements = new PreparedStatements(executor)
    this.#table = checkTableName(options.table ?? 'cache')
    this.#ttlSeconds = checkTtl('ttlSeconds', options.ttlSeconds ?? 3_600)
    const { valueBytesMax = 1 << 20 } = options
    this.#valueBytesMax = checkInteger('valueBytesMax', valueBytesMax, 1, bytesMax)
  }

  tables(): string[] {
    const gcGrace = gcGraceOption(Math.max(this.#ttlSeconds, ownTtlSeconds))
    return [
      `CREATE TABLE IF NOT EXISTS ${this.#table} (key text PRIMARY KEY, value blob) WITH ${gcGrace}`,
    ]
  }

  async createTables(): Promise<void> {
    await createTables(this.#executor, this.tables())
  }

  /** The value, or `undefined`. Use {@link lookup} to tell a cached `undefined` from a miss. */
  async get<T = unknown>(key: string): Promise<T | undefined> {
    return (await this.lookup<T>(key)).value
  }

  async lookup<T = unknown>(key: string): Promise<CacheLookup<T>> {
    checkKey(key)
    const select = await this.#statements.get(`SELECT value FROM ${this.#table} WHERE key = ?`)
    const result = await this.#executor.executePrepared<{ value: Uint8Array | null }>(select, [key])
    const bytes = result.firstRow()?.value
    if (bytes === undefined || bytes === null) return { hit: false }
    const decoded = decodeCacheValue(bytes)
    // What cannot be read is a miss: another version, or another program, wrote it.
    return decoded === undefined ? { hit: false } : { hit: true, value: decoded.value as T }
  }

  /**
   * Stores a value.
   *
   * @param ttlSeconds its life; default that of the cache
   * @throws CacheValueError when the value would not come back as it is
   */
  async set(key: string, value: unknown, ttlSeconds: number = this.#ttlSeconds): Promise<void> {
    checkKey(key)
    checkTtl('ttlSeconds', ttlSeconds)
    const bytes = encodeCacheValue(value, this.#valueBytesMax)
    await this.#supersede(key)
    await this.#store(key, bytes, ttlSeconds)
  }

  async #store(key: string, bytes: Uint8Array, ttlSeconds: number): Promise<void> {
    const insert = await this.#statements.get(
      `INSERT INTO ${this.#table} (key, value) VALUES (?, ?) USING TTL ?`,
    )
    await this.#executor.executePrepared(insert, [key, bytes, ttlSeconds])
  }

  /**
   * A factory that runs may have read what is now replaced: its result is not stored, later callers
   * start a new one. If it is on its way to the table already, what replaces it goes after it.
   */
  async #supersede(key: string): Promise<void> {
    const flight = this.#flights.get(key)
    if (flight === undefined) return
    flight.isStale = true
    this.#flights.delete(key)
    await flight.storing?.catch(() => {})
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    await this.#supersede(key)
    const remove = await this.#statements.get(`DELETE FROM ${this.#table} WHERE key = ?`)
    await this.#executor.executePrepared(remove, [key])
  }

  /**
   * The cached value, else what `factory` gives, stored. Callers of this process that miss the same
   * key at the same time share one call of the factory; its failure is not stored.
   */
  async getOrSet<T>(
    key: string,
    factory: () => T | Promise<T>,
    ttlSeconds: number = this.#ttlSeconds,
  ): Promise<T> {
    checkTtl('ttlSeconds', ttlSeconds)
    const running = this.#flights.get(key)
    if (running !== undefined) return (await running.promise) as T
    const flight: Flight = { promise: Promise.resolve(), isStale: false, storing: undefined }
    const promise = this.#fly(key, factory, ttlSeconds, flight).finally(() => {
      if (this.#flights.get(key) === started) this.#flights.delete(key)
    })
    const started = Object.assign(flight, { promise })
    this.#flights.set(key, started)
    return await promise
  }

  async #fly<T>(
    key: string,
    factory: () => T | Promise<T>,
    ttlSeconds: number,
    flight: Flight,
  ): Promise<T> {
    const found = await this.lookup<T>(key)
    if (found.hit) return found.value
    const value = await factory()
    if (flight.isStale) return value
    flight.storing = this.#store(key, encodeCacheValue(value, this.#valueBytesMax), ttlSeconds)
    await flight.storing
    return value
  }
}

function checkKey(key: string): void {
  if (typeof key !== 'string' || key === '' || Buffer.byteLength(key) > keyBytesMax) {
    throw new ConfigError(`key is a string of 1 … ${keyBytesMax} bytes`)
  }
}
