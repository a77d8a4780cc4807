import type { Executor } from '../index.ts'
import { Cache, type CacheOptions, createTables, type TableDefinition } from '../patterns.ts'

/** What an adapter stores values in: its tables, and the cache on them. */
export class AdapterCache {
  readonly executor: Executor
  readonly cache: Cache

  /**
   * @param options those of the cache; by default entries live exactly as long as they are told,
   *   and no leases are taken, which only factories need
   */
  constructor(executor: Executor, table: string, options: CacheOptions) {
    this.executor = executor
    const { table: name = table, jitter = 0, stampede = 'process' } = options
    this.cache = new Cache(executor, { ...options, table: name, jitter, stampede })
  }

  tableDefinitions(): readonly TableDefinition[] {
    return this.cache.tableDefinitions()
  }

  async createTables(): Promise<void> {
    await createTables(this.executor, [this])
  }
}

/** @param ttlMs `undefined`: the life that the cache has for entries without one */
export async function setFor(
  cache: Cache,
  key: string,
  value: unknown,
  ttlMs: number | undefined,
  tags: readonly string[] = [],
): Promise<void> {
  if (ttlMs !== undefined && ttlMs <= 0) await cache.delete(key)
  else await cache.set(key, value, { ...(ttlMs !== undefined && { ttl: Math.ceil(ttlMs) }), tags })
}
