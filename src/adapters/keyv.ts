import type { Executor } from '../index.ts'
import type { Cache, CacheOptions, TableDefinition } from '../patterns.ts'
import { AdapterCache, setFor } from './adapter-cache.ts'

/** Values that an iterator reads at the same time. */
const pageLength = 100

/**
 * A store of Keyv on a `Cache`, for one instance of Keyv: its namespace is the one that Keyv sets.
 * `clear` empties a namespace with one write, however many keys it has.
 */
export class KeyvCacheStore {
  /** Keyv lets a store iterate when it takes its dialect for one that it knows. */
  readonly opts: { readonly dialect: string; readonly url: string } = { dialect: 'redis', url: '' }
  /** Set by Keyv. */
  namespace: string | undefined
  readonly #store: AdapterCache

  /** @param options those of a cache. A value without a TTL lives for its `ttl`; table `keyv` */
  constructor(executor: Executor, options: CacheOptions = {}) {
    this.#store = new AdapterCache(executor, 'keyv', options)
  }

  /** The tables as data. */
  tableDefinitions(): readonly TableDefinition[] {
    return this.#store.tableDefinitions()
  }

  /** Creates what is missing of the tables. */
  async createTables(): Promise<void> {
    await this.#store.createTables()
  }

  async get<Value>(key: string): Promise<Value | undefined> {
    return await this.#of(this.namespace).get<Value>(key)
  }

  async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    const found = await this.#of(this.namespace).getMany<Value>(keys)
    return keys.map((key) => found.get(key))
  }

  async has(key: string): Promise<boolean> {
    return await this.#of(this.namespace).has(key)
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return await Promise.all(keys.map((key) => this.has(key)))
  }

  /** @param ttl in milliseconds */
  async set(key: string, value: unknown, ttl?: number): Promise<void> {
    await setFor(this.#of(this.namespace), key, value, ttl)
  }

  async setMany(values: { key: string; value: unknown; ttl?: number }[]): Promise<void> {
    await Promise.all(values.map(({ key, value, ttl }) => this.set(key, value, ttl)))
  }

  /** @returns whether there was a value */
  async delete(key: string): Promise<boolean> {
    const cache = this.#of(this.namespace)
    const isThere = await cache.has(key)
    await cache.delete(key)
    return isThere
  }

  /** @returns whether there was a value of any of the keys */
  async deleteMany(keys: string[]): Promise<boolean> {
    return (await Promise.all(keys.map((key) => this.delete(key)))).includes(true)
  }

  async clear(): Promise<void> {
    await this.#of(this.namespace).clear()
  }

  /** Reads the whole table. */
  async *iterator<Value>(namespace?: string): AsyncGenerator<[key: string, value: Value], void> {
    const cache = this.#of(namespace)
    let page: string[] = []
    for await (const key of cache.keys()) {
      page.push(key)
      if (page.length < pageLength) continue
      yield* await cache.getMany<Value>(page)
      page = []
    }
    yield* await cache.getMany<Value>(page)
  }

  /** Failures reject the call that they belong to; there are no events. */
  on(_event: string, _listener: (...values: never[]) => void): this {
    return this
  }

  #of(namespace: string | undefined): Cache {
    const { cache } = this.#store
    return namespace === undefined || namespace === '' ? cache : cache.namespace(namespace)
  }
}
