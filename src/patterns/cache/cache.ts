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
import { CacheCore, type CacheEvent } from './cache-core.ts'
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
import { EntryWriter, type Replacement } from './entry-writer.ts'
import { scopeEpoch, separator, tagEpoch } from './epoch-names.ts'
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
  /**
   * Calls the factory although there is a fresh value, and waits for it, for `hardTimeout`: what is
   * returned was begun after the call. A value in its grace stands in for a failure. Default
   * `false`.
   */
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
const setOptionNames: OptionNames<SetOptions> = { ...entryOptionNames, tags: true }
/** The cache that a namespace belongs to, by the options of the namespace. */
const cores = new WeakMap<CacheOptions, CacheCore>()

/**
 * Values by key, with a TTL. Values are data: nothing that is read can become code.
 *
 * Of two values set for a key the one with the later timestamp stays, and a deletion wins over
 * everything set before it and over everything whose factory began before it, whatever the clocks;
 * with `stampede: 'process'`, as far as clocks agree. A process whose clock is behind may find its
 * next value missing; when two processes write a key in the same microsecond, either value stays,
 * or none. A row of another program whose timestamp none can follow cannot be replaced:
 * once its key is deleted, factories of the key are called every time, and `set` and `setIfAbsent`
 * throw a `CacheValueError` in the process that has deleted it.
 */
export class Cache {
  readonly #core: CacheCore
  readonly #prefix: string
  readonly #path: readonly string[]
  /** Names of the epochs that entries of this namespace depend on. */
  readonly #scopes: readonly string[]
  readonly #loader: ValueLoader
  readonly #writer: EntryWriter

  constructor(executor: Executor, options: CacheOptions = {}) {
    this.#core =
      cores.get(options) ??
      new CacheCore(executor, checkCacheOptions(options, runtimeOf(executor)), options.codec)
    const path = options.namespace === undefined ? [] : options.namespace.split(separator)
    for (const name of path) checkNamespace(name)
    this.#path = path
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
    const options: CacheOptions = { namespace: `${this.#prefix}${name}` }
    cores.set(options, this.#core)
    return new Cache(this.#core.executor, options)
  }

  /**
   * The fresh value, or `undefined`. Use {@link lookup} to tell a cached `undefined` from a miss.
   */
  async get<T = unknown>(key: string): Promise<T | undefined> {
    const physical = this.#keyOf(key)
    const inMemory = this.#fromMemory(physical)
    if (inMemory !== undefined) return inMemory.value as T
    return (await this.#find<T>(physical, false)).value
  }

  async lookup<T = unknown>(key: string, options: LookupOptions = {}): Promise<CacheLookup<T>> {
    checkOptions('lookup', options, { allowStale: true })
    const physical = this.#keyOf(key)
    const inMemory = this.#fromMemory(physical)
    if (inMemory !== undefined) return { hit: true, value: inMemory.value as T }
    return await this.#find<T>(physical, options.allowStale === true)
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
    await this.#writer.set(physical, this.#core.codec.encode(value), policy)
    this.#core.countSet(physical)
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
   *   meanwhile: with the `outcome` `unknown`, whether the value is there has to be looked up
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
   * Sets the life of the fresh value of a key, from now on. A deletion at the same time wins.
   *
   * @returns whether there was one
   * @param ttl a time span with its unit: a number is refused, because `set` takes seconds and
   *   every option milliseconds
   * @throws LockHeldError when a factory, or another caller, keeps its turn for longer than a lease
   *   lasts
   */
  async expire(key: string, ttl: Exclude<TimeSpan, number>): Promise<boolean> {
    const physical = this.#keyOf(key)
    const core = this.#core
    const { policy, clock } = core.options
    checkHasUnit(ttl)
    const { ttlMs } = policyOf({ ttl }, policy, clock)
    return await this.#replace('expire', physical, {
      condition: (found) => found !== undefined,
      entry: async (found) => {
        const softMs = core.nowMs + ttlMs
        return { ...found!, softMs, hardMs: softMs + policy.graceMs }
      },
      isExclusive: false,
    })
  }

  /**
   * Deletes a key. Once this resolves, no call that begins returns a value whose factory began, or
   * that was set, before; with a memory tier, other processes may for its `ttl`.
   */
  async delete(key: string): Promise<void> {
    const physical = this.#keyOf(key)
    const core = this.#core
    await this.#writer.remove(physical)
    core.counts.deletes++
    core.publish({ type: 'delete', key: physical })
  }

  /**
   * Returns the fresh value, or else stores and returns the result of `factory`, which is called
   * once for all callers that miss the key at the same time, over all processes that use the
   * table; again when it takes longer than `hardTimeout`. Its failure is not stored; a value in its
   * time of grace takes its place.
   *
   * A factory must not wait for its own key, with `getOrSet`, `setIfAbsent`, `compareAndSet` or
   * `expire`: it would wait for itself. That is refused where it is seen, which is until the first
   * `await` of the factory.
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
    core.knownActivity?.refuseOwnFactory('getOrSet', physical)
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
    const checked = [...checkTags(tags)]
    const event = { type: 'invalidate', key: undefined, tags: checked } as const
    await this.#invalidate(checked.map(tagEpoch), event)
  }

  /**
   * Invalidates every entry of this namespace and the namespaces in it with a read and a write,
   * under the conditions of {@link invalidateTags}. Without a namespace: every entry of the table.
   */
  async clear(): Promise<void> {
    const event = { type: 'clear', key: undefined, namespace: this.#path } as const
    await this.#invalidate(this.#scopes.slice(-1), event)
  }

  /**
   * The keys of this namespace that have an entry which is not over and not invalid, in no order,
   * without those of the namespaces in it. Reads the whole table, except for the values: whether
   * they can be read is not known.
   */
  async *keys(): AsyncGenerator<string> {
    const core = this.#core
    for await (const row of core.rows.keys()) {
      if (!row.key.startsWith(this.#prefix)) continue
      const key = row.key.slice(this.#prefix.length)
      if (!key.includes(separator) && (await core.isLive(row, this.#scopes))) yield key
    }
  }

  /** Counts what this object has done. */
  stats(): CacheStats {
    const { counts, memory } = this.#core
    return { ...counts, memoryEntries: memory?.size ?? 0, memoryBytes: memory?.bytes ?? 0 }
  }

  /** The entry of a key in the database. */
  async #find<T>(key: string, mayBeStale: boolean): Promise<CacheLookup<T>> {
    const core = this.#core
    const entry = await core.read(key, this.#scopes)
    const isFresh = entry !== undefined && entry.softMs > core.nowMs
    if (entry !== undefined && (isFresh || mayBeStale)) {
      const decoded = core.codec.decode(entry.bytes)
      // What cannot be read is a miss: another version, or another program, wrote it.
      if (decoded !== undefined) {
        core.countHit(key, isFresh)
        const value = decoded.value as T
        return isFresh ? { hit: true, value } : { hit: true, value, stale: true }
      }
    }
    core.countMiss(key)
    return { hit: false }
  }

  #fromMemory(key: string): { readonly value: unknown } | undefined {
    const core = this.#core
    const found = core.memory?.get(key)
    if (found === undefined || found.entry.softMs <= core.nowMs) return undefined
    const { give, entry } = found
    const decoded = give === undefined ? core.codec.decode(entry.bytes) : { value: give() }
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
    const entry: Replacement['entry'] = () => this.#writer.entryOf(bytes, policy)
    return await this.#replace(method, physical, { condition, entry, isExclusive: true })
  }

  async #replace(method: string, key: string, replacement: Replacement): Promise<boolean> {
    this.#core.knownActivity?.refuseOwnFactory(method, key)
    return await this.#writer.replace(key, replacement)
  }

  async #invalidate(epochs: readonly string[], event: CacheEvent): Promise<void> {
    const core = this.#core
    const { activity, peers } = await core.share()
    // Clocks may be apart: what a process whose clock is ahead has begun before is invalid too.
    const untilUs = BigInt(core.nowMs + core.options.clockErrorMs) * 1_000n
    // Their callers came before: whether others invalidated it earlier has to be known first.
    await activity.retireRunsOf(epochs)
    await core.epochs.invalidate(epochs, untilUs, (name, epoch) => {
      for (const peer of peers) peer.learnEpoch(name, epoch)
    })
    // Those that began meanwhile are invalid too.
    void activity.retireRunsOf(epochs)
    core.invalidateMemory({ keys: [], epochs })
    core.publish(event)
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

/** For `set` a number is one of seconds, for all options one of milliseconds. */
function checkHasUnit(ttl: TimeSpan): void {
  if (typeof ttl !== 'number') return
  throw new ConfigError(
    `ttl of expire must have a unit: write '${ttl}s' for seconds, '${ttl}ms' for milliseconds`,
  )
}

function checkNamespace(name: string): void {
  if (isStorable(name, namespaceBytesMax) && !name.includes(separator)) return
  throw new ConfigError(
    `A namespace must be ${storableText(namespaceBytesMax)}, and without the character U+001F`,
  )
}
