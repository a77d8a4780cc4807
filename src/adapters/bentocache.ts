import type { Executor } from '../index.ts'
import type { Cache, CacheOptions, TableDefinition } from '../patterns.ts'
import { AdapterCache, setFor } from './adapter-cache.ts'

export interface BentocacheDriverOptions extends CacheOptions {
  /** Before all keys. Default: that of Bentocache. */
  readonly prefix?: string | undefined
}

/** What `bentostore().useL2Layer(…)` of Bentocache takes. */
export interface BentocacheLayer {
  readonly options: { readonly prefix?: string }
  factory(config: { readonly prefix?: string | undefined }): BentocacheDriver
  /** The tables as data. */
  tableDefinitions(): readonly TableDefinition[]
  /** Creates what is missing of the tables. */
  createTables(): Promise<void>
}

/**
 * The second layer of Bentocache, on a `Cache`. `clear` empties a store or a namespace with one
 * write, however many keys it has.
 *
 * @param options those of a cache, and the prefix of keys. A value without a TTL lives for `ttl` of
 *   the cache; table `bentocache`
 */
export function bentocacheDriver(
  executor: Executor,
  { prefix, ...options }: BentocacheDriverOptions = {},
): BentocacheLayer {
  const store = new AdapterCache(executor, 'bentocache', options)
  return {
    options: prefix === undefined ? {} : { prefix },
    factory: (config) => new BentocacheDriver(store.cache, [config.prefix ?? '']),
    tableDefinitions: () => store.tableDefinitions(),
    createTables: () => store.createTables(),
  }
}

/** A driver of Bentocache. */
export class BentocacheDriver {
  readonly type = 'l2' as const
  readonly #cache: Cache
  readonly #path: readonly string[]
  readonly #prefix: string
  /** Tags of its entries: its own prefix, and those of the drivers that it is a namespace of. */
  readonly #tags: readonly string[]

  /** @param path the prefix of the store, and the namespaces in it */
  constructor(cache: Cache, path: readonly string[]) {
    this.#cache = cache
    this.#path = path
    const prefixes = path.map((_, i) => prefixOf(path.slice(0, i + 1)))
    this.#prefix = prefixes.at(-1) ?? ''
    this.#tags = prefixes.filter((prefix) => prefix !== '')
  }

  namespace(namespace: string): BentocacheDriver {
    return new BentocacheDriver(this.#cache, [...this.#path, namespace])
  }

  async get(key: string): Promise<string | undefined> {
    return await this.#cache.get<string>(this.#prefix + key)
  }

  /** Two callers at the same time may both get the value. */
  async pull(key: string): Promise<string | undefined> {
    const value = await this.get(key)
    if (value !== undefined) await this.#cache.delete(this.#prefix + key)
    return value
  }

  /** @param ttl in milliseconds */
  async set(key: string, value: string, ttl?: number): Promise<boolean> {
    await setFor(this.#cache, this.#prefix + key, value, ttl, this.#tags)
    return true
  }

  /** Empties this namespace and those in it; without a prefix, the whole table. */
  async clear(): Promise<void> {
    if (this.#prefix === '') await this.#cache.clear()
    else await this.#cache.invalidateTags([this.#prefix])
  }

  /** @returns whether there was a value */
  async delete(key: string): Promise<boolean> {
    const isThere = await this.#cache.has(this.#prefix + key)
    await this.#cache.delete(this.#prefix + key)
    return isThere
  }

  async deleteMany(keys: string[]): Promise<boolean> {
    await Promise.all(keys.map((key) => this.#cache.delete(this.#prefix + key)))
    return true
  }

  /** The session stays open: it belongs to the application. */
  async disconnect(): Promise<void> {}
}

/** `a:b:` for the path `a`, `b`. */
function prefixOf(path: readonly string[]): string {
  return path
    .map((name) => name.replace(/:+$/, ''))
    .filter((name) => name !== '')
    .map((name) => `${name}:`)
    .join('')
}
