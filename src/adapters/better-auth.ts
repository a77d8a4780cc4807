import type { Executor } from '../index.ts'
import {
  type CacheOptions,
  createTables,
  RateLimiter,
  type RateLimiterOptions,
  type TableDefinition,
} from '../patterns.ts'
import { AdapterCache, setFor } from './adapter-cache.ts'

export interface BetterAuthStorageOptions {
  /** Options of the cache that holds values. Its table is `auth_storage`. */
  readonly cache?: Omit<CacheOptions, 'stampede'> | undefined
  /** Options of the limiter that counts. Its tables begin with `auth_limits`. */
  readonly limiter?: Pick<RateLimiterOptions, 'table' | 'onError' | 'timeout'> | undefined
}

/** `secondaryStorage` of Better Auth. Its functions do not need their object. */
export interface BetterAuthStorage {
  readonly get: (key: string) => Promise<string | null>
  /** Of callers at the same time exactly one gets the value, over all processes. */
  readonly getAndDelete: (key: string) => Promise<string | null>
  /** @param ttl in seconds; default that of the cache */
  readonly set: (key: string, value: string, ttl?: number) => Promise<void>
  readonly delete: (key: string) => Promise<void>
  /**
   * Counts requests, exactly over all processes. Windows of `ttl` seconds begin at fixed points in
   * time: the first one of a key can be shorter, never longer.
   */
  readonly increment: (key: string, ttl: number) => Promise<number>
  /** The tables as data. */
  readonly tableDefinitions: () => readonly TableDefinition[]
  /** Creates what is missing of the tables. */
  readonly createTables: () => Promise<void>
}

/** Stored in place of a value that was got and deleted, until it is deleted. */
const taken = null
const takenMs = 60_000
/** No rate limit reaches it. */
const countMax = Number.MAX_SAFE_INTEGER

/** Where Better Auth keeps sessions and verifications, and counts requests. */
export function betterAuthStorage(
  executor: Executor,
  options: BetterAuthStorageOptions = {},
): BetterAuthStorage {
  const store = new AdapterCache(executor, 'auth_storage', {
    ...options.cache,
    stampede: 'cluster',
  })
  const { cache } = store
  const limiter = new RateLimiter(executor, { table: 'auth_limits', ...options.limiter })
  const tableDefinitions = (): readonly TableDefinition[] => [
    ...store.tableDefinitions(),
    ...limiter.tableDefinitions(),
  ]
  const get = async (key: string): Promise<string | null> =>
    (await cache.get<string | typeof taken>(key)) ?? null
  return {
    get,
    async getAndDelete(key) {
      for (;;) {
        const value = await get(key)
        if (value === null) return null
        if (!(await cache.compareAndSet(key, value, taken, { ttl: takenMs }))) continue
        await cache.delete(key)
        return value
      }
    },
    async set(key, value, ttl) {
      await setFor(cache, key, value, ttl === undefined ? undefined : ttl * 1_000)
    },
    async delete(key) {
      await cache.delete(key)
    },
    async increment(key, ttl) {
      const { remaining } = await limiter.penalty(key, { limit: countMax, windowSeconds: ttl })
      return countMax - remaining
    },
    tableDefinitions,
    createTables: () => createTables(executor, [{ tableDefinitions }]),
  }
}
