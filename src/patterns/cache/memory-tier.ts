import type { Clock } from '../../util/index.ts'
import type { CacheEntry } from './cache-entry.ts'

export interface MemoryTierLimits {
  readonly entryCountMax: number
  readonly bytesMax: number
  readonly ttlMs: number
}

/** An entry in memory, with its value when that may be shared between callers. */
export interface MemoryEntry {
  readonly entry: CacheEntry
  /** The value itself: one that cannot be changed, or that callers agreed to share. */
  readonly shared: { readonly value: unknown } | undefined
  /** Used until then, by the monotonic clock. */
  readonly untilMs: number
}

/** Bytes of an entry besides its value and its key. */
const overheadBytes = 200

/** A read of the second tier whose result may go into memory. */
export interface MemoryRead {
  /** Whether the key was invalidated since. */
  isStale: boolean
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
  #bytes = 0
  /** When the last of all entries is over. */
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(limits: MemoryTierLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether any entry may be used. Those that are over stay until they are asked for. */
  get isInUse(): boolean {
    return this.#entries.size > 0 && this.#clock.monotonicMs() < this.#lastMs
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
    const read: MemoryRead = { isStale: false }
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

  /** Keeps an entry whose read began at `sentMs`, unless the key was invalidated since. */
  put(
    key: string,
    entry: CacheEntry,
    shared: { readonly value: unknown } | undefined,
    sentMs: number,
  ): void {
    const bytes = bytesOf(key, entry)
    if (bytes > this.#limits.bytesMax) return
    const before = this.#entries.get(key)
    if (before !== undefined) {
      if (before.entry.writtenUs > entry.writtenUs) return
      this.#drop(key, before)
    }
    const untilMs = sentMs + this.#limits.ttlMs
    this.#entries.set(key, { entry, shared, untilMs })
    this.#lastMs = Math.max(this.#lastMs, untilMs)
    this.#bytes += bytes
    for (const [oldest, { entry: dropped }] of this.#entries) {
      const { entryCountMax, bytesMax } = this.#limits
      if (this.#entries.size <= entryCountMax && this.#bytes <= bytesMax) return
      this.#entries.delete(oldest)
      this.#bytes -= bytesOf(oldest, dropped)
    }
  }

  invalidate(key: string): void {
    for (const read of this.#reads.get(key) ?? []) read.isStale = true
    const found = this.#entries.get(key)
    if (found !== undefined) this.#drop(key, found)
  }

  clear(): void {
    for (const reads of this.#reads.values()) for (const read of reads) read.isStale = true
    this.#entries.clear()
    this.#bytes = 0
  }

  #drop(key: string, { entry }: MemoryEntry): void {
    this.#entries.delete(key)
    this.#bytes -= bytesOf(key, entry)
  }
}

/** Strings take up to two bytes per character. */
function bytesOf(key: string, { bytes }: CacheEntry): number {
  return bytes.length + key.length * 2 + overheadBytes
}
