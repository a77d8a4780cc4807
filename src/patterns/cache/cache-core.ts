import { channel } from 'node:diagnostics_channel'
import { KeyStamps, PreparedStatementRunner, type TableDefinition } from '../../kernel/index.ts'
import { type Executor, runtimeOf } from '../../types/index.ts'
import type { Runtime } from '../../util/index.ts'
import { type CacheCodec, ValueCodec } from './cache-codec.ts'
import type { CacheEntry, NewCacheEntry } from './cache-entry.ts'
import { CacheLeases, cacheLeaseTable } from './cache-leases.ts'
import { type CheckedCacheOptions, type EntryPolicy, lifeSecondsMax } from './cache-options.ts'
import { type CachePeer, CachePeers, type CacheShared } from './cache-shared.ts'
import { EntryRows, entryTables } from './entry-rows.ts'
import { type Invalidation, tagEpoch } from './epoch-names.ts'
import { type Birth, Epochs, epochTable, isBornAfter } from './epochs.ts'
import { type BusListener, busTable, InvalidationBus } from './invalidation-bus.ts'
import { KeyActivity } from './key-activity.ts'
import { isCurrentRead, MemoryTier } from './memory-tier.ts'

/** What subscribers of the channel `tsylla:cache` of `node:diagnostics_channel` receive. */
export interface CacheEvent {
  /** `set` for every value that was stored, also what a factory made; `invalidate` for tags. */
  readonly type:
    | 'hit'
    | 'miss'
    | 'stale'
    | 'set'
    | 'delete'
    | 'clear'
    | 'invalidate'
    | 'factory'
    | 'factory-error'
  /** The key with its namespace; `undefined` for `clear` and `invalidate`. */
  readonly key: string | undefined
  /** For `hit` and `stale`: where it was found. */
  readonly tier?: 'memory' | 'database'
  /** For `clear`: the names of the namespace and of those it is in, from the outermost one. */
  readonly namespace?: readonly string[]
  /** For `invalidate`: the tags. */
  readonly tags?: readonly string[]
  readonly error?: unknown
}

/** What happened since the cache exists, see `CacheStats`. */
interface CacheCounts {
  hits: number
  memoryHits: number
  misses: number
  stale: number
  sets: number
  deletes: number
  factories: number
  factoryErrors: number
}

const events = channel('tsylla:cache')
/** Longest life of a single entry that the table's gc_grace_seconds allows for. */
const ownTtlSeconds = 86_400
/** Time for one answer of the database about a lease, retries included. */
const leaseTimeoutMs = 10_000

/** The state of a cache, which its namespaces share. */
export class CacheCore implements CachePeer {
  readonly executor: Executor
  readonly options: CheckedCacheOptions
  readonly runtime: Runtime
  readonly rows: EntryRows
  readonly epochs: Epochs
  readonly codec: ValueCodec
  readonly leases: CacheLeases | undefined
  readonly memory: MemoryTier | undefined
  readonly bus: InvalidationBus | undefined
  readonly #listener: BusListener | undefined
  readonly counts: CacheCounts = {
    ...{ hits: 0, memoryHits: 0, misses: 0, stale: 0, sets: 0, deletes: 0 },
    ...{ factories: 0, factoryErrors: 0 },
  }
  readonly #runner: PreparedStatementRunner
  /** Set by the first call. */
  #shared: CacheShared | undefined

  constructor(executor: Executor, options: CheckedCacheOptions, codec: CacheCodec | undefined) {
    this.executor = executor
    this.options = options
    const { table, clock, random, serialConsistency } = options
    this.runtime = { ...runtimeOf(executor), clock, random }
    // A deletion is found by every read that begins after it, whatever the level of the session.
    const consistency = serialConsistency === 'SERIAL' ? 'QUORUM' : 'LOCAL_QUORUM'
    this.#runner = new PreparedStatementRunner(executor, { clock, consistency })
    this.rows = new EntryRows(this.#runner, table, this.runtime)
    this.codec = new ValueCodec(codec, options.valueBytesMax)
    this.epochs = new Epochs(this.#runner, {
      name: table,
      ttlSeconds: lifeSecondsMax,
      maxAgeMs: options.invalidationMaxAgeMs,
      clock,
    })
    if (options.isClusterWide) {
      const { leaseTtlMs: ttlMs, clockErrorMs } = options
      this.leases = new CacheLeases(executor, {
        ...{ table, ttlMs, clockErrorMs, serialConsistency, clock, random },
        timeoutMs: leaseTimeoutMs,
      })
    }
    if (options.memory !== undefined) {
      this.memory = new MemoryTier(options.memory, clock)
      this.#listener = listenerOf(this.memory, this.epochs)
      this.bus = new InvalidationBus(this.#runner, {
        name: table,
        intervalMs: options.memory.syncMs,
        runtime: this.runtime,
      })
    }
  }

  tableDefinitions(): readonly TableDefinition[] {
    const { table, isClusterWide, memory } = this.options
    const ttlSeconds = this.#longestLifeSeconds
    return [
      ...entryTables(table, ttlSeconds),
      epochTable(table, lifeSecondsMax),
      ...(isClusterWide ? [cacheLeaseTable(table)] : []),
      ...(memory === undefined ? [] : [busTable(table)]),
    ]
  }

  get nowMs(): number {
    return this.options.clock.nowMs()
  }

  /** What is in progress, as far as is known without a request. */
  get knownActivity(): KeyActivity | undefined {
    return this.#shared?.activity
  }

  async share(): Promise<CacheShared> {
    if (this.#shared !== undefined) return this.#shared
    const create = (): CacheShared => ({
      activity: new KeyActivity(),
      stamps: new KeyStamps(),
      peers: new CachePeers(),
    })
    const shared = await this.#runner.share('cache', this.rows.selectText, create)
    if (this.#shared === undefined) shared.peers.add(this)
    this.#shared = shared
    return shared
  }

  /**
   * The next write timestamp of a key, once `share` has resolved. Clocks have milliseconds. What is
   * below is random, so that processes that write a key in the same one rarely collide.
   */
  nextStamp(key: string): bigint {
    return this.#shared!.stamps.next(key, this.nowMs + this.options.random())
  }

  /** Makes the write timestamps of a key that follow later than one that was seen. */
  observeStamp(key: string, stampUs: bigint): void {
    this.#shared!.stamps.observe(key, stampUs, this.nowMs)
  }

  /** Reads an entry that may be used: not over, and not invalidated. */
  async read(key: string, scopes: readonly string[]): Promise<CacheEntry | undefined> {
    // What other caches of this process invalidate has to arrive from now on.
    if (this.memory !== undefined) await this.share()
    const read = this.memory?.begin(key)
    const sentMs = this.options.clock.monotonicMs()
    try {
      // The epochs of scopes are asked for at the same time as the entry.
      const [row, epochs] = await Promise.all([this.rows.read(key), this.epochs.ask(scopes)])
      const entry = row?.entry
      if (entry === undefined || !isBornAfter(entry, epochs)) return undefined
      if (!(await this.isLive(entry, []))) return undefined
      if (read !== undefined && isCurrentRead(read, entry.tags)) {
        this.remember(key, entry, undefined, sentMs)
      }
      return entry
    } finally {
      if (read !== undefined) this.memory?.end(key, read)
    }
  }

  /** Whether an entry may be used: it is not over, and neither its scopes nor tags are invalid. */
  async isLive(
    entry: Birth & Pick<CacheEntry, 'hardMs' | 'tags'>,
    scopes: readonly string[],
  ): Promise<boolean> {
    if (entry.hardMs <= this.nowMs) return false
    return await this.isValid(entry, entry.tags, scopes)
  }

  /** Whether neither the scopes nor the tags of a value were invalidated since it was born. */
  async isValid(
    birth: Birth,
    tags: ReadonlySet<string>,
    scopes: readonly string[],
  ): Promise<boolean> {
    return isBornAfter(birth, await this.epochs.ask([...scopes, ...Array.from(tags, tagEpoch)]))
  }

  /**
   * Keeps an entry in memory, when there is a memory tier.
   *
   * @param sentMs when it was known not to be deleted, by the monotonic clock
   */
  remember(
    key: string,
    entry: CacheEntry,
    made: { readonly value: unknown } | undefined,
    sentMs: number,
  ): void {
    const { memory } = this
    if (memory === undefined) return
    const decoded = made ?? this.codec.decode(entry.bytes)
    if (decoded === undefined) return
    const mayShare = this.options.isShared || isImmutable(decoded.value)
    const give = mayShare ? () => decoded.value : this.codec.copier(entry.bytes)
    memory.put(key, entry, give, sentMs)
    this.bus?.poll(this.#listener!, sentMs)
  }

  /** Keeps an entry in memory if it is current, and its key stays valid until that is known. */
  async rememberIf(
    isCurrent: () => Promise<boolean>,
    key: string,
    entry: CacheEntry,
    made: { readonly value: unknown },
    sentMs: number,
  ): Promise<void> {
    const read = this.memory?.begin(key)
    if (read === undefined) return
    try {
      if (!(await isCurrent()) || !isCurrentRead(read, entry.tags)) return
      this.remember(key, entry, made, sentMs)
    } catch {
      // What is not known to be valid is read again.
    } finally {
      this.memory?.end(key, read)
    }
  }

  /** Drops what is invalid from the memory of this process, and notifies other processes. */
  invalidateMemory(invalidation: Invalidation): void {
    let { bus } = this
    for (const peer of this.#shared?.peers ?? [this]) {
      peer.forget(invalidation)
      bus ??= peer.bus
    }
    bus?.publish(invalidation)
  }

  forget(invalidation: Invalidation): void {
    this.memory?.invalidate(invalidation)
  }

  learnEpoch(name: string, epoch: bigint): void {
    this.epochs.learn(name, epoch)
  }

  /** The birth of a value whose making begins now. */
  async birth(scopes: readonly string[], tags: ReadonlySet<string>): Promise<Birth> {
    return await this.epochs.birth([...scopes, ...Array.from(tags, tagEpoch)])
  }

  /** The entry of a value without its write timestamp; `undefined` when it is not to be stored. */
  entryOf(
    bytes: Uint8Array,
    isNothing: boolean,
    policy: EntryPolicy,
    { bornUs, bornAfter, costMs }: Birth & { readonly costMs: number },
  ): Omit<NewCacheEntry, 'stampUs'> | undefined {
    const ttlMs = isNothing ? (policy.negativeTtlMs ?? policy.ttlMs) : policy.ttlMs
    if (ttlMs === 0) return undefined
    const { jitter, random } = this.options
    const shortMs = Math.floor(ttlMs * (1 - jitter * random()))
    const softMs = this.nowMs + Math.max(1, shortMs)
    const { tags, graceMs } = policy
    return { bytes, tags, bornUs, bornAfter, costMs, softMs, hardMs: softMs + graceMs }
  }

  /** Counts and reports that a value was found in the database. */
  countHit(key: string, isFresh: boolean): void {
    this.counts[isFresh ? 'hits' : 'stale']++
    this.publish({ type: isFresh ? 'hit' : 'stale', key, tier: 'database' })
  }

  countSet(key: string): void {
    this.counts.sets++
    this.publish({ type: 'set', key })
  }

  countMiss(key: string): void {
    this.counts.misses++
    this.publish({ type: 'miss', key })
  }

  publish(event: CacheEvent): void {
    if (events.hasSubscribers) events.publish(event)
  }

  get #longestLifeSeconds(): number {
    const { ttlMs, graceMs } = this.options.policy
    return Math.max(Math.ceil((ttlMs + graceMs) / 1_000), ownTtlSeconds)
  }
}

/** What messages of other processes are for; it does not keep the cache from being collected. */
function listenerOf(memory: MemoryTier, epochs: Epochs): BusListener {
  return {
    get isInUse() {
      return memory.isInUse
    },
    onInvalid(invalidation) {
      // What leaves memory would be read again, and found valid by what was known before.
      if (invalidation?.epochs.length !== 0) epochs.distrust()
      if (invalidation === undefined) memory.clear()
      else memory.invalidate(invalidation)
    },
  }
}

function isImmutable(value: unknown): boolean {
  return typeof value !== 'object' || value === null
}
