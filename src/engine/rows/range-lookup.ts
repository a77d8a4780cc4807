import { PartitionEntry } from '../keys/index.ts'
import type { KvCursor, KvReader } from '../storage/index.ts'
import { type RangeTombstone, readRangeTombstone } from './range-tombstones.ts'

/** Maximum ranges to step over; beyond it, a seek is cheaper. */
const stepsMax = 8

/** Returns the prefix of the keys of range deletions, which continue with the end of the range. */
export function rangesHead(prefix: string): string {
  return prefix + PartitionEntry.rangeTombstones
}

/** Returns a key behind the last range deletion of a partition. */
export function rangesEnd(prefix: string): string {
  return `${prefix}\x03`
}

/**
 * Finds the range deletions that cover the rows of a read, row by row in the order of the read. It
 * reads only deletions that lie between those rows.
 */
export class RangeLookup {
  #kv!: KvReader
  #head = ''
  #prefix = ''
  #isReversed = false
  #cursor: KvCursor | undefined
  /** From here on {@link #next} is the first range that ends later. */
  #from = ''
  #next: RangeTombstone | undefined

  /** Starts with another partition, whose deletions must not be written during the read. */
  begin(kv: KvReader, prefix: string, isReversed: boolean): void {
    this.#kv = kv
    this.#prefix = prefix
    this.#head = rangesHead(prefix)
    this.#isReversed = isReversed
    this.#cursor = undefined
  }

  covering(clustering: string): RangeTombstone | undefined {
    if (this.#cursor === undefined || clustering < this.#from) this.#seek(clustering)
    else this.#step(clustering)
    const next = this.#next
    return next !== undefined && next.start <= clustering ? next : undefined
  }

  #step(clustering: string): void {
    for (let steps = 0; this.#next !== undefined && this.#next.end <= clustering; steps++) {
      if (steps === stepsMax) return this.#seek(clustering)
      this.#from = clustering
      this.#read(this.#cursor!)
    }
  }

  #seek(clustering: string): void {
    const head = this.#head
    const cursor = this.#kv.scan({ gte: head + clustering, lt: rangesEnd(this.#prefix) })
    this.#cursor = cursor
    this.#read(cursor)
    this.#from = this.#isReversed ? this.#endBefore(clustering) : clustering
  }

  #endBefore(clustering: string): string {
    const head = this.#head
    const before = this.#kv.scan({ gte: head, lt: head + clustering, reverse: true })
    return before.next() ? before.key.slice(head.length) : ''
  }

  #read(cursor: KvCursor): void {
    this.#next = cursor.next()
      ? readRangeTombstone(cursor.key.slice(this.#head.length), cursor.value)
      : undefined
  }
}
