import { ConfigError, type SerialConsistency } from '../../errors/index.ts'
import {
  checkExclusive,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkSerialLevel,
  checkTableName,
  checkTtl,
  isStorable,
  type OptionNames,
  storableText,
  type TimeSpan,
  timeSpanText,
  toMilliseconds,
  ttlSecondsMaxAt,
} from '../../kernel/index.ts'
import type { Clock, RandomSource, Runtime } from '../../util/index.ts'
import { checkLeaseTtl } from '../lock/lease-times.ts'
import type { CacheCodec } from './cache-codec.ts'

/** How long an entry is used, and how its successor is made. */
export interface EntryOptions {
  /**
   * How long a value is fresh; with `grace` at most 366 days. Default `'1h'`.
   *
   * The table that a cache creates keeps deletions for its `ttl` and `grace`, or a day if that is
   * longer (`gc_grace_seconds`). A value that lives longer, by the options of a call or of another
   * cache of the table, can come back after its deletion on a node that was down then and was not
   * repaired within that time: create the table by the cache with the longest lives.
   */
  readonly ttl?: TimeSpan | undefined
  /** The same in seconds. */
  readonly ttlSeconds?: number | undefined
  /**
   * How long a value is kept after it was fresh. `getOrSet` returns it when the factory fails or
   * takes longer than `timeout`. Default 0.
   */
  readonly grace?: TimeSpan | undefined
  /**
   * How long `getOrSet` waits for the factory when it has a value that is not fresh; after that it
   * returns this value, and the factory goes on. Default 0: at once.
   */
  readonly timeout?: TimeSpan | undefined
  /** How long `getOrSet` waits when it has no value to return. Default `'30s'`. */
  readonly hardTimeout?: TimeSpan | undefined
  /**
   * How long `undefined` and `null` of a factory are fresh; 0: they are not stored. Default `ttl`.
   */
  readonly negativeTtl?: TimeSpan | undefined
}

export interface CacheOptions extends EntryOptions {
  /** Prefix of all keys; see `Cache.namespace`. */
  readonly namespace?: string | undefined
  /**
   * Over what a factory is called once when several callers miss a key: `cluster` takes a
   * lease, one conditional write before and one after; `process` takes none. Default `cluster`.
   */
  readonly stampede?: 'cluster' | 'process' | undefined
  /** How long a process that crashed keeps others from making its value. Default `'10s'`. */
  readonly leaseTtl?: TimeSpan | undefined
  /**
   * How far the clocks of processes may be apart: entries that were begun this long after an
   * invalidation of their tag or namespace are not used either. Default `'500ms'`.
   */
  readonly clockError?: TimeSpan | undefined
  /**
   * How old the knowledge of invalidated tags and namespaces may be. 0 asks with every read.
   * Default `'1s'`.
   */
  readonly invalidationMaxAge?: TimeSpan | undefined
  /**
   * A value is made anew before its end with a probability that grows with the cost of its factory
   * (XFetch): larger numbers begin earlier, 0 never does. Default 1.
   */
  readonly earlyRefresh?: number | undefined
  /** Lives are shortened by a random part up to this. From 0 to 1, default 0.1. */
  readonly jitter?: number | undefined
  /**
   * Entries in the memory of this process. Only caches with `memory` notify other processes of what
   * they change, by a write per 20 ms in which they change anything: when one process has it, all
   * processes that write need it, or their changes are seen when `memory.ttl` is over. Default:
   * none.
   */
  readonly memory?: MemoryOptions | undefined
  /** Default: lossless data, see `Cache.set`. */
  readonly codec?: CacheCodec | undefined
  /**
   * Whether callers may receive the same object: then nobody may change it. Default `false`: each
   * caller has its own.
   */
  readonly share?: boolean | undefined
  /** Largest encoded value. Default 1 MiB, at most 64 MiB. */
  readonly valueBytesMax?: number | undefined
  /** Names of the other tables begin with it. Default `cache`. */
  readonly table?: string | undefined
  /** Where a factory is called once. Default `LOCAL_SERIAL`. */
  readonly serialConsistency?: SerialConsistency | undefined
  /**
   * Writes are stamped by it, those of all caches of a session to a key after each other. Default:
   * the clock of the machine.
   */
  readonly clock?: Clock | undefined
  readonly random?: RandomSource | undefined
}

export interface MemoryOptions {
  /** Largest number of entries. Default 10,000. */
  readonly max?: number | undefined
  /**
   * Largest number of bytes: those of keys and encoded values, and twice the latter again for a
   * value that is kept as it is decoded, which a text is, a plain one of up to 1 KiB, and all with
   * `share`. Default 64 MiB.
   */
  readonly bytesMax?: number | undefined
  /**
   * How long an entry is used without asking the database, which is how stale it can be. Default
   * `'5s'`.
   */
  readonly ttl?: TimeSpan | undefined
  /**
   * How often the process asks what others have invalidated. Messages are kept for 5 minutes: when
   * it could not ask for so long, it drops everything. Default `'1s'`.
   */
  readonly syncInterval?: TimeSpan | undefined
}

/** Options of a call whose value is stored. */
export interface SetOptions extends EntryOptions {
  /** `invalidateTags` with one of them invalidates the entry. At most 32. */
  readonly tags?: readonly string[] | undefined
}

/** How long an entry lives, in milliseconds, and how long callers wait. */
export interface EntryPolicy {
  readonly ttlMs: number
  readonly graceMs: number
  readonly timeoutMs: number
  readonly hardTimeoutMs: number
  readonly negativeTtlMs: number | undefined
  readonly tags: ReadonlySet<string>
}

/** Options of a cache, checked. */
export interface CheckedCacheOptions {
  readonly table: string
  readonly isClusterWide: boolean
  readonly leaseTtlMs: number
  readonly clockErrorMs: number
  readonly invalidationMaxAgeMs: number
  readonly earlyRefresh: number
  readonly jitter: number
  readonly isShared: boolean
  readonly valueBytesMax: number
  readonly serialConsistency: SerialConsistency
  readonly clock: Clock
  readonly random: RandomSource
  readonly policy: EntryPolicy
  readonly memory:
    | {
        readonly entryCountMax: number
        readonly bytesMax: number
        readonly ttlMs: number
        readonly syncMs: number
      }
    | undefined
}

/**
 * The longest life of an entry: invalidations of tags and namespaces are kept as long, so that no
 * entry outlives them.
 */
export const lifeSecondsMax: number = 366 * 86_400
const longestSuffix = '_chunks'
const valueBytesLimit = 64 * 1_048_576
const timeoutMsMax = 3_600_000
const tagCountMax = 32
const tagBytesMax = 3_000
const noTags: ReadonlySet<string> = new Set()

export const entryOptionNames: OptionNames<EntryOptions> = {
  ...{ ttl: true, ttlSeconds: true, grace: true, timeout: true },
  ...{ hardTimeout: true, negativeTtl: true },
}

/** @throws ConfigError */
export function checkCacheOptions(options: CacheOptions, runtime: Runtime): CheckedCacheOptions {
  checkOptions('Cache', options, {
    ...entryOptionNames,
    ...{ namespace: true, stampede: true, leaseTtl: true, clockError: true },
    ...{ invalidationMaxAge: true, earlyRefresh: true, jitter: true, memory: true, codec: true },
    ...{ share: true, valueBytesMax: true, table: true, serialConsistency: true },
    ...{ clock: true, random: true },
  })
  const { clock = runtime.clock, random = runtime.random, valueBytesMax = 1 << 20 } = options
  const { leaseTtl = '10s', clockError = '500ms', invalidationMaxAge = '1s' } = options
  const clockErrorMs = toMilliseconds('clockError', clockError, 0, 60_000)
  const leaseTtlMs = checkLeaseTtl('leaseTtl', leaseTtl, clockErrorMs, timeoutMsMax)
  return {
    table: checkTableName(options.table ?? 'cache', longestSuffix),
    isClusterWide:
      checkOneOf('stampede', options.stampede ?? 'cluster', ['cluster', 'process']) === 'cluster',
    ...{ leaseTtlMs, clockErrorMs, clock, random },
    invalidationMaxAgeMs: toMilliseconds('invalidationMaxAge', invalidationMaxAge, 0, 60_000),
    earlyRefresh: checkNumber('earlyRefresh', options.earlyRefresh ?? 1, 100),
    jitter: checkNumber('jitter', options.jitter ?? 0.1, 1),
    isShared: options.share === true,
    valueBytesMax: checkInteger('valueBytesMax', valueBytesMax, 1, valueBytesLimit),
    serialConsistency: checkSerialLevel(options.serialConsistency),
    policy: policyOf(options, defaultPolicy, clock),
    memory: options.memory === undefined ? undefined : checkMemory(options.memory),
  }
}

const defaultPolicy: EntryPolicy = {
  ...{ ttlMs: 3_600_000, graceMs: 0, timeoutMs: 0, hardTimeoutMs: 30_000 },
  ...{ negativeTtlMs: undefined, tags: noTags },
}

/** The policy of one call. @throws ConfigError */
export function policyOf(
  options: SetOptions,
  { ttlMs, graceMs, timeoutMs, hardTimeoutMs, negativeTtlMs }: EntryPolicy,
  clock: Clock,
): EntryPolicy {
  const { ttl, ttlSeconds, grace, timeout, hardTimeout, negativeTtl, tags } = options
  checkExclusive(options, 'ttl', 'ttlSeconds')
  const lifeMsMax = Math.min(lifeSecondsMax, ttlSecondsMaxAt(clock)) * 1_000
  const ofSeconds =
    ttlSeconds === undefined ? undefined : checkTtl('ttlSeconds', ttlSeconds, clock) * 1_000
  const span = (name: string, value: TimeSpan | undefined, min: number, max: number) =>
    value === undefined ? undefined : toMilliseconds(name, value, min, max)
  const policy = {
    ttlMs: ofSeconds ?? span('ttl', ttl, 1, lifeMsMax) ?? ttlMs,
    graceMs: span('grace', grace, 0, lifeMsMax) ?? graceMs,
    timeoutMs: span('timeout', timeout, 0, timeoutMsMax) ?? timeoutMs,
    hardTimeoutMs: span('hardTimeout', hardTimeout, 1, timeoutMsMax) ?? hardTimeoutMs,
    negativeTtlMs: span('negativeTtl', negativeTtl, 0, lifeMsMax) ?? negativeTtlMs,
    tags: tags === undefined ? noTags : checkTags(tags),
  }
  if (policy.ttlMs + policy.graceMs <= lifeMsMax) return policy
  throw new ConfigError(`ttl and grace together must be at most ${timeSpanText(lifeMsMax)}`)
}

/** @throws ConfigError unless they are tags that an entry can have */
export function checkTags(tags: readonly string[]): ReadonlySet<string> {
  if (Array.isArray(tags) && tags.length <= tagCountMax) {
    const distinct = new Set(tags)
    if (areTags(distinct)) return distinct
  }
  throw new ConfigError(
    `tags must be a list of at most ${tagCountMax}, each ${storableText(tagBytesMax)}`,
  )
}

/** Whether an entry can have these tags. */
export function areTags(tags: ReadonlySet<string>): boolean {
  if (tags.size > tagCountMax) return false
  for (const tag of tags) if (!isStorable(tag, tagBytesMax)) return false
  return true
}

function checkMemory(memory: MemoryOptions): NonNullable<CheckedCacheOptions['memory']> {
  checkOptions('memory', memory, { max: true, bytesMax: true, ttl: true, syncInterval: true })
  const { max = 10_000, bytesMax = 64 * 1_048_576, ttl = '5s', syncInterval = '1s' } = memory
  return {
    entryCountMax: checkInteger('memory.max', max, 1, 10_000_000),
    bytesMax: checkInteger('memory.bytesMax', bytesMax, 1, Number.MAX_SAFE_INTEGER),
    ttlMs: toMilliseconds('memory.ttl', ttl, 1, timeoutMsMax),
    syncMs: toMilliseconds('memory.syncInterval', syncInterval, 10, timeoutMsMax),
  }
}

function checkNumber(name: string, value: number, max: number): number {
  if (typeof value === 'number' && value >= 0 && value <= max) return value
  throw new ConfigError(`${name} must be a number from 0 to ${max}`)
}
