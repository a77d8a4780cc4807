import { type Clock, RingQueue } from '../../util/index.ts'
import type { CacheEntry } from './cache-entry.ts'
import { type Invalidation, keyPrefixOf, tagEpoch } from './epoch-names.ts'

export interface MemoryTierLimits {
  readonly entryCountMax: number
  readonly bytesMax: number
  readonly ttlMs: number
}

/** An entry in memory. */
export interface MemoryEntry {
  readonly entry: CacheEntry
  /**
   * The value for one caller, of what is kept as it is decoded; `undefined` when it is decoded for
   * each.
   */
  readonly give: (() => unknown) | undefined
  /** Used until then, by the monotonic clock. */
  readonly untilMs: number
  readonly byteCount: number
}

/** Bytes of an entry besides its value and its key. */
const overheadBytes = 200
/** Bytes that a decoded value is counted with, for each byte of the encoded one. */
const decodedFactor = 2
/** Entries that are looked at in one turn, to drop those that are over. */
const dropCountMax = 10_000

/** A read of the second tier whose result may go into memory. */
export interface MemoryRead {
  /** Whether the key was invalidated since. */
  isStale: boolean
  /** Epochs of tags that were invalidated since. */
  readonly staleEpochs: Set<string>
}

/** Whether what was read may go into memory. */
export function isCurrentRead(read: MemoryRead, tags: ReadonlySet<string>): boolean {
  if (read.isStale) return false
  if (read.staleEpochs.size === 0) return true
  for (const tag of tags) if (read.staleEpochs.has(tagEpoch(tag))) return false
  return true
}

/**
 * Entries in the memory of this process, for a short time: the least recently used one leaves when
 * there are too many, or too many bytes.
 */
export class MemoryTier {
  readonly #limits: MemoryTierLimits
  readonly #clock: Clock
  readonly #entries = new Map<string, MemoryEntry>()
  readonly #reads = new Map<string, Set<MemoryRead>>()
  /** When entries are over, in the order in which they came, which is nearly that of their ends. */
  #ends = new RingQueue<readonly [key: string, untilMs: number]>()
  #bytes = 0

  constructor(limits: MemoryTierLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  get size(): number {
    this.dropOver()
    return this.#entries.size
  }

  get bytes(): number {
    this.dropOver()
    return this.#bytes
  }

  /** Whether any entry may be used. */
  get isInUse(): boolean {
    return this.size > 0
  }

  /** Drops entries that are over, as many as fit into one turn. */
  dropOver(): void {
    const nowMs = this.#clock.monotonicMs()
    for (let count = 0; count < dropCountMax; count++) {
      const end = this.#ends.peek()
      if (end === undefined || end[1] > nowMs) return
      this.#ends.shift()
      const [key, untilMs] = end
      const found = this.#entries.get(key)
      if (found?.untilMs === untilMs) this.#drop(key, found)
    }
  }

  get(key: string): MemoryEntry | undefined {
    const found = this.#entries.get(key)
    if (found === undefined) return undefined
    if (this.#clock.monotonicMs() >= found.untilMs) {
      this.#drop(key, found)
      return undefined
    }
    this.#entries.delete(key)
    this.#entries.set(key, found)
    return found
  }

  /** Begins a read of the second tier; end it with `end`. */
  begin(key: string): MemoryRead {
    const read: MemoryRead = { isStale: false, staleEpochs: new Set() }
    const reads = this.#reads.get(key)
    if (reads === undefined) this.#reads.set(key, new Set([read]))
    else reads.add(read)
    return read
  }

  end(key: string, read: MemoryRead): void {
    const reads = this.#reads.get(key)
    reads?.delete(read)
    if (reads?.size === 0) this.#reads.delete(key)
  }

  /** Keeps an entry whose read began at `sentMs`. */
  put(key: string, entry: CacheEntry, give: (() => unknown) | undefined, sentMs: number): void {
    this.dropOver()
    const byteCount = bytesOf(key, entry, give !== undefined)
    if (byteCount > this.#limits.bytesMax) return
    const before = this.#entries.get(key)
    if (before !== undefined) {
      if (before.entry.writtenUs > entry.writtenUs) return
      this.#drop(key, before)
    }
    const kept = { entry, give, untilMs: sentMs + this.#limits.ttlMs, byteCount }
    this.#entries.set(key, kept)
    this.#ends.push([key, kept.untilMs])
    if (this.#ends.length > 2 * this.#entries.size + dropCountMax) this.#renewEnds()
    this.#bytes += byteCount
    for (const [oldest, dropped] of this.#entries) {
      const { entryCountMax, bytesMax } = this.#limits
      if (this.#entries.size <= entryCountMax && this.#bytes <= bytesMax) return
      this.#drop(oldest, dropped)
    }
  }

  /** Drops keys, and what depends on invalid epochs: that looks at all entries. */
  invalidate({ keys, epochs }: Invalidation): void {
    for (const key of keys) this.#invalidateKey(key)
    if (epochs.length === 0) return
    const prefixes = epochs.map(keyPrefixOf).filter((prefix) => prefix !== undefined)
    const isWithin = (key: string): boolean => prefixes.some((prefix) => key.startsWith(prefix))
    for (const [key, reads] of this.#reads) {
      const isStale = isWithin(key)
      for (const read of reads) {
        if (isStale) read.isStale = true
        else for (const epoch of epochs) read.staleEpochs.add(epoch)
      }
    }
    const names = new Set(epochs)
    for (const [key, found] of this.#entries) {
      if (isWithin(key) || hasAny(found.entry.tags, names)) this.#drop(key, found)
    }
  }

  clear(): void {
    for (const reads of this.#reads.values()) for (const read of reads) read.isStale = true
    this.#entries.clear()
    this.#ends = new RingQueue()
    this.#bytes = 0
  }

  /** Forgets the ends of entries that left before them. */
  #renewEnds(): void {
    const ends = Array.from(this.#entries, ([key, { untilMs }]) => [key, untilMs] as const)
    this.#ends = new RingQueue()
    for (const end of ends.sort(([, a], [, b]) => a - b)) this.#ends.push(end)
  }

  #invalidateKey(key: string): void {
    for (const read of this.#reads.get(key) ?? []) read.isStale = true
    const found = this.#entries.get(key)
    if (found !== undefined) this.#drop(key, found)
  }

  #drop(key: string, { byteCount }: MemoryEntry): void {
    this.#entries.delete(key)
    this.#bytes -= byteCount
  }
}

function hasAny(tags: ReadonlySet<string>, epochs: ReadonlySet<string>): boolean {
  for (const tag of tags) if (epochs.has(tagEpoch(tag))) return true
  return false
}

/** Strings take up to two bytes per character. */
function bytesOf(key: string, { bytes }: CacheEntry, isDecoded: boolean): number {
  const valueBytes = isDecoded ? bytes.length * (1 + decodedFactor) : bytes.length
  return valueBytes + key.length * 2 + overheadBytes
}
