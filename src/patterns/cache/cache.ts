import { ConfigError } from '../../errors/index.ts'
import {
  checkOptions,
  createTables,
  isStorable,
  type OptionNames,
  storableText,
  type TableDefinition,
  tableTexts,
  type TimeSpan,
} from '../../kernel/index.ts'
import { type Executor, runtimeOf } from '../../types/index.ts'
import { CacheCore, tagEpoch } from './cache-core.ts'
import type { CacheEntry } from './cache-entry.ts'
import {
  type CacheOptions,
  checkCacheOptions,
  checkTags,
  entryOptionNames,
  type EntryPolicy,
  policyOf,
  type SetOptions,
} from './cache-options.ts'
import { EntryWriter } from './entry-writer.ts'
import type { Factory } from './factory-run.ts'
import { ValueLoader } from './value-loader.ts'

/** `hit` distinguishes a cached `undefined` from a missing entry. */
export type CacheLookup<T> =
  | {
      readonly hit: true
      readonly value: T
      /** Set when the value is not fresh any more; only with `allowStale`. */
      readonly stale?: true
    }
  | { readonly hit: false; readonly value?: undefined }

export interface LookupOptions {
  /** Whether a value that is in its time of grace counts. Default `false`. */
  readonly allowStale?: boolean | undefined
}

export interface GetOrSetOptions extends SetOptions {
  /** Calls the factory although there is a fresh value. Default `false`. */
  readonly forceRefresh?: boolean | undefined
}

/** What `stats` returns, since the cache exists; namespaces count with their cache. */
export interface CacheStats {
  /** Calls that found a fresh value, in memory or in the database. */
  readonly hits: number
  /** Those of them that found it in memory. */
  readonly memoryHits: number
  readonly misses: number
  /** Calls that were answered with a value in its time of grace. */
  readonly stale: number
  readonly sets: number
  readonly deletes: number
  /** Calls of factories. */
  readonly factories: number
  readonly factoryErrors: number
  /** Entries in memory now, and their bytes. */
  readonly memoryEntries: number
  readonly memoryBytes: number
}

const keyBytesMax = 65_533
const namespaceBytesMax = 768
/** Between a namespace and what is in it: no key has it. */
const separator = '\u001f'
const setOptionNames: OptionNames<SetOptions> = { ...entryOptionNames, tags: true }

/**
 * Values by key, with a TTL. Values are data: nothing that is read can become code.
 *
 * Of two values set for a key the one with the later timestamp stays, and a deletion wins over
 * everything set before it and over everything whose factory began before it, whatever the clocks;
 * with `stampede: 'process'`, as far as clocks agree. A process whose clock is behind may find its
 * next value missing.
 */
export class Cache {
  readonly #core: CacheCore
  readonly #options: CacheOptions
  readonly #prefix: string
  /** Names of the epochs that entries of this namespace depend on. */
  readonly #scopes: readonly string[]
  readonly #loader: ValueLoader
  readonly #writer: EntryWriter

  /** @param core of the cache that this is a namespace of; for internal use */
  constructor(executor: Executor, options: CacheOptions = {}, core?: CacheCore) {
    this.#core =
      core ??
      new CacheCore(executor, checkCacheOptions(options, runtimeOf(executor)), options.codec)
    this.#options = options
    const path = options.namespace === undefined ? [] : options.namespace.split(separator)
    for (const name of path) checkNamespace(name)
    this.#prefix = path.map((name) => name + separator).join('')
    this.#scopes = Array.from({ length: path.length + 1 }, (_, length) =>
      scopeEpoch(path.slice(0, length)),
    )
    this.#loader = new ValueLoader(this.#core, this.#scopes)
    this.#writer = new EntryWriter(this.#core, this.#scopes)
  }

  /** CQL of the tables. */
  tables(): string[] {
    return tableTexts(this.tableDefinitions())
  }

  /** The tables as data. */
  tableDefinitions(): readonly TableDefinition[] {
    return this.#core.tableDefinitions()
  }

  /** Creates what is missing of the tables. */
  async createTables(): Promise<void> {
    await createTables(this.#core.executor, [this])
  }

  /**
   * A cache of the same tables and options whose keys are apart from all others, and which `clear`
   * empties at once. Namespaces can be nested.
   */
  namespace(name: string): Cache {
    checkNamespace(name)
    const namespace = `${this.#prefix}${name}`
    return new Cache(this.#core.executor, { ...this.#options, namespace }, this.#core)
  }

  /**
   * The fresh value, or `undefined`. Use {@link lookup} to tell a cached `undefined` from a miss.
   */
  async get<T = unknown>(key: string): Promise<T | undefined> {
    const inMemory = this.#fromMemory(this.#keyOf(key))
    if (inMemory !== undefined) return inMemory.value as T
    return (await this.lookup<T>(key)).value
  }

  async lookup<T = unknown>(key: string, options: LookupOptions = {}): Promise<CacheLookup<T>> {
    checkOptions('lookup', options, { allowStale: true })
    const physical = this.#keyOf(key)
    const core = this.#core
    const inMemory = this.#fromMemory(physical)
    if (inMemory !== undefined) return { hit: true, value: inMemory.value as T }
    const entry = await core.read(physical, this.#scopes)
    const isFresh = entry !== undefined && entry.softMs > core.nowMs
    if (entry !== undefined && (isFresh || options.allowStale === true)) {
      const decoded = core.codec.decode(entry.bytes)
      // What cannot be read is a miss: another version, or another program, wrote it.
      if (decoded !== undefined) {
        core.countHit(physical, isFresh)
        const value = decoded.value as T
        return isFresh ? { hit: true, value } : { hit: true, value, stale: true }
      }
    }
    core.countMiss(physical)
    return { hit: false }
  }

  /** The fresh values of several keys, at the same time; keys without one are left out. */
  async getMany<T = unknown>(keys: Iterable<string>): Promise<Map<string, T>> {
    const names = [...new Set(keys)]
    const lookups = await Promise.all(names.map((key) => this.lookup<T>(key)))
    const found = new Map<string, T>()
    for (const [i, lookup] of lookups.entries()) {
      if (lookup.hit) found.set(names[i]!, lookup.value)
    }
    return found
  }

  /** Whether there is a fresh value. */
  async has(key: string): Promise<boolean> {
    return (await this.lookup(key)).hit
  }

  /**
   * Stores a value: JSON's kinds, and undefined, bigint, every number, Date, Uint8Array, Buffer,
   * Map, Set, the value classes of this package, and rows, which come back as plain objects.
   *
   * @param options its life in seconds, or options; default those of the cache
   * @throws CacheValueError when the value would not come back as it is
   */
  async set(key: string, value: unknown, options?: number | SetOptions): Promise<void> {
    const physical = this.#keyOf(key)
    const policy = this.#policy('set', options)
    const core = this.#core
    const bytes = core.codec.encode(value)
    const { activity, stamps } = await core.share()
    await activity.write(physical, () =>
      this.#writer.store(physical, bytes, policy, stamps.next(core.nowMs)),
    )
    core.counts.sets++
    core.publish({ type: 'set', key: physical })
  }

  /** Stores several values at the same time. */
  async setMany(
    entries: Iterable<readonly [key: string, value: unknown]>,
    options?: number | SetOptions,
  ): Promise<void> {
    await Promise.all(Array.from(entries, ([key, value]) => this.set(key, value, options)))
  }

  /**
   * Stores a value if the key has no fresh one. Callers of `setIfAbsent` and `compareAndSet` of all
   * processes take turns per key. Needs `stampede: 'cluster'`.
   *
   * @returns whether it was stored
   * @throws LockHeldError when a factory, or another caller, keeps its turn for longer than a lease
   *   lasts
   * @throws LockLostError when the turn ended before the value was stored, or the key was deleted
   *   meanwhile: whether the value is there has to be looked up
   */
  async setIfAbsent(key: string, value: unknown, options?: number | SetOptions): Promise<boolean> {
    return await this.#replaceIf('setIfAbsent', key, value, options, (found) => found === undefined)
  }

  /**
   * Stores a value if the fresh value of the key is equal to `expected`, as it is encoded. Needs
   * `stampede: 'cluster'`.
   *
   * @returns whether it was stored
   * @throws LockHeldError @throws LockLostError as `setIfAbsent` does
   */
  async compareAndSet(
    key: string,
    expected: unknown,
    value: unknown,
    options?: number | SetOptions,
  ): Promise<boolean> {
    const bytes = this.#core.codec.encode(expected)
    return await this.#replaceIf(
      'compareAndSet',
      key,
      value,
      options,
      (found) => found !== undefined && Buffer.compare(found.bytes, bytes) === 0,
    )
  }

  /**
   * Gives the fresh value of a key another life, from now on. A deletion at the same time wins.
   *
   * @returns whether there was one
   * @throws LockHeldError when a factory, or another caller, keeps its turn for longer than a lease
   *   lasts
   */
  async expire(key: string, ttl: TimeSpan): Promise<boolean> {
    const physical = this.#keyOf(key)
    const core = this.#core
    const { policy, clock } = core.options
    const { ttlMs } = policyOf({ ttl }, policy, clock)
    return await this.#writer.replace(physical, async (stampUs, entry) => {
      if (entry === undefined) return false
      const softMs = core.nowMs + ttlMs
      const hardMs = softMs + policy.graceMs
      await core.rows.write(physical, { ...entry, softMs, hardMs, stampUs })
      core.invalidateMemory(physical)
      return true
    })
  }

  /**
   * Deletes a key. Once this resolves, no call that begins returns a value whose factory began, or
   * that was set, before; with a memory tier, other processes may for its `ttl`.
   */
  async delete(key: string): Promise<void> {
    const physical = this.#keyOf(key)
    const core = this.#core
    const { activity } = await core.share()
    await activity.delete(physical, () => this.#writer.remove(physical))
    core.counts.deletes++
    core.publish({ type: 'delete', key: physical })
  }

  /**
   * Returns the fresh value, or else stores and returns the result of `factory`, which is called
   * once for all callers that miss the key at the same time, over all processes that use the
   * table; again when it takes longer than `hardTimeout`. Its failure is not stored; a value in its
   * time of grace takes its place.
   *
   * A factory must not wait for its own key: it would wait for itself. That is refused where it is
   * seen, which is until the first `await` of the factory.
   *
   * @param options life in seconds, or options; default those of the cache
   * @throws FactoryTimeoutError when there is no value after `hardTimeout`
   */
  async getOrSet<T>(
    key: string,
    factory: Factory<T>,
    options?: number | GetOrSetOptions,
  ): Promise<T> {
    const physical = this.#keyOf(key)
    const isObject = typeof options === 'object' && options !== null
    const { forceRefresh = false, ...rest } = isObject ? options : {}
    const policy = this.#policy('getOrSet', isObject ? rest : options)
    if (typeof factory !== 'function') throw new ConfigError('factory must be a function')
    const core = this.#core
    core.knownActivity?.refuseOwnFactory(physical)
    if (!forceRefresh) {
      const inMemory = this.#fromMemory(physical)
      if (inMemory !== undefined) return inMemory.value as T
    }
    const value = await this.#loader.load(physical, factory, policy, forceRefresh)
    return value as T
  }

  /**
   * Invalidates every entry that has one of these tags, with a read and a write per tag, however
   * many entries there are. Other processes may use them for `invalidationMaxAge`, and longer from
   * their memory: for its `ttl`.
   */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    await this.#invalidate(Array.from(checkTags(tags), tagEpoch))
  }

  /**
   * Invalidates every entry of this namespace and the namespaces in it with a read and a write,
   * under the conditions of {@link invalidateTags}. Without a namespace: every entry of the table.
   */
  async clear(): Promise<void> {
    await this.#invalidate(this.#scopes.slice(-1))
  }

  /**
   * The keys of this namespace that have an entry, in no order, without those of the namespaces in
   * it. Reads the whole table.
   */
  async *keys(): AsyncGenerator<string> {
    for await (const physical of this.#core.rows.keys()) {
      if (!physical.startsWith(this.#prefix)) continue
      const key = physical.slice(this.#prefix.length)
      if (!key.includes(separator)) yield key
    }
  }

  /** Counts what this object has done. */
  stats(): CacheStats {
    const { counts, memory } = this.#core
    return { ...counts, memoryEntries: memory?.size ?? 0, memoryBytes: memory?.bytes ?? 0 }
  }

  #fromMemory(key: string): { readonly value: unknown } | undefined {
    const core = this.#core
    const found = core.memory?.get(key)
    if (found === undefined || found.entry.softMs <= core.nowMs) return undefined
    const decoded = found.shared ?? core.codec.decode(found.entry.bytes)
    core.counts.hits++
    core.counts.memoryHits++
    core.publish({ type: 'hit', key, tier: 'memory' })
    return decoded
  }

  async #replaceIf(
    method: string,
    key: string,
    value: unknown,
    options: number | SetOptions | undefined,
    condition: (found: CacheEntry | undefined) => boolean,
  ): Promise<boolean> {
    const physical = this.#keyOf(key)
    const policy = this.#policy(method, options)
    if (this.#core.leases === undefined) {
      throw new ConfigError(`${method} needs stampede: 'cluster'`)
    }
    const bytes = this.#core.codec.encode(value)
    const work = async (stampUs: bigint, found: CacheEntry | undefined): Promise<boolean> => {
      if (!condition(found)) return false
      await this.#writer.store(physical, bytes, policy, stampUs)
      return true
    }
    return await this.#writer.replace(physical, work, true)
  }

  async #invalidate(epochs: readonly string[]): Promise<void> {
    const core = this.#core
    const { activity, stamps } = await core.share()
    // Clocks may be apart: what a process whose clock is ahead has begun before is invalid too.
    const aheadUs = BigInt(core.options.clockErrorMs) * 1_000n
    const untilUs = stamps.next(core.nowMs) + aheadUs
    await core.epochs.invalidate(epochs, untilUs)
    activity.invalidateRuns()
    core.invalidateMemory(undefined)
    core.publish({ type: 'clear', key: undefined })
  }

  #policy(method: string, options: number | SetOptions | undefined): EntryPolicy {
    const { policy, clock } = this.#core.options
    if (options === undefined) return policy
    if (typeof options === 'number') return policyOf({ ttlSeconds: options }, policy, clock)
    return policyOf(checkOptions(method, options, setOptionNames), policy, clock)
  }

  #keyOf(key: string): string {
    // With the separator it would be a key of another namespace.
    if (typeof key === 'string' && key !== '' && !key.includes(separator)) {
      const physical = this.#prefix + key
      if (isStorable(physical, keyBytesMax)) return physical
    }
    throw new ConfigError(
      `key must be ${storableText(keyBytesMax)}, its namespace included, and without the character U+001F`,
    )
  }
}

function scopeEpoch(path: readonly string[]): string {
  return `scope:${path.join(separator)}`
}

function checkNamespace(name: string): void {
  if (isStorable(name, namespaceBytesMax) && !name.includes(separator)) return
  throw new ConfigError(
    `A namespace must be ${storableText(namespaceBytesMax)}, and without the character U+001F`,
  )
}
