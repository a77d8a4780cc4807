import type { TableSchema } from '../catalog/table-schema.ts'
import {
  boundAfter,
  boundBefore,
  partitionEnd,
  PartitionEntry,
  type PartitionKey,
  partitionOfPrefix,
  prefixLength,
} from '../keys/index.ts'
import { type KeyRange, type KvCursor, type KvReader, ValueRef } from '../storage/index.ts'
import { PartitionDeletions } from './partition-state.ts'
import { rangesEnd, rangesHead } from './range-lookup.ts'
import { type RangeTombstone, readRangeTombstone } from './range-tombstones.ts'
import type { ClusteringSlice, PartitionReadOptions, RowCursor, RowView } from './reader.ts'
import { StoredRow } from './stored-row.ts'

/** The table and the store that a cursor reads. */
export interface CursorSource {
  readonly kv: KvReader
  readonly table: TableSchema
  /** {@link TableState} of the table. */
  readonly state: number
  readonly nowSeconds: number
  readonly statics: boolean
}

abstract class BaseCursor implements RowCursor {
  budget: number = Number.POSITIVE_INFINITY
  isPaused = false
  protected readonly source: CursorSource
  protected readonly deletions: PartitionDeletions = new PartitionDeletions()
  readonly #row: StoredRow = new StoredRow()
  readonly #static: StoredRow = new StoredRow()
  #isStaticLive = false

  constructor(source: CursorSource) {
    this.source = source
  }

  abstract get partition(): PartitionKey
  abstract nextPartition(): boolean
  abstract nextRow(): boolean

  get row(): RowView {
    return this.#row
  }

  get staticRow(): RowView | undefined {
    return this.#isStaticLive ? this.#static : undefined
  }

  protected forgetPartition(): void {
    this.deletions.clear()
    this.#isStaticLive = false
  }

  /** Reads the header of the partition. The value must stay valid as long as the static row. */
  protected setHeader(value: ValueRef): void {
    this.deletions.setHeader(value)
    const { table, nowSeconds, statics } = this.source
    if (!statics) return
    const { bytes, start, end } = value
    this.#isStaticLive = this.#static.load(
      table,
      undefined,
      bytes,
      start,
      end,
      nowSeconds,
      undefined,
    )
  }

  /** Reads the entry of a row. Returns false when the row is not live. */
  protected loadRow(clustering: string, { bytes, start, end }: ValueRef): boolean {
    const { table, nowSeconds } = this.source
    const outer = this.deletions.covering(clustering)
    return this.#row.load(table, clustering, bytes, start, end, nowSeconds, outer)
  }

  /** Counts an entry. Returns false, before the entry is read, when the budget is used up. */
  protected spend(): boolean {
    this.isPaused = this.budget <= 0
    if (!this.isPaused) this.budget--
    return !this.isPaused
  }
}

/** The rows of one partition, slice by slice. */
export class PartitionCursor extends BaseCursor {
  readonly partition: PartitionKey
  readonly #ranges: readonly KeyRange[]
  #nextRange = 0
  #entries: KvCursor | undefined

  constructor(source: CursorSource, partition: PartitionKey, options: PartitionReadOptions) {
    super(source)
    this.partition = partition
    this.#ranges = keyRanges(source.table, partition, options)
    this.#loadPartition(options.reversed ?? false)
  }

  #loadPartition(isReversed: boolean): void {
    const { kv, state, statics } = this.source
    const { prefix } = this.partition
    this.forgetPartition()
    this.deletions.load(kv, prefix, state, isReversed)
    const value = new ValueRef()
    if (!statics || !kv.get(prefix + PartitionEntry.header, value)) return
    // The value of a lookup is valid only until the next lookup.
    value.bytes = Uint8Array.prototype.slice.call(value.bytes, value.start, value.end)
    value.end -= value.start
    value.start = 0
    this.setHeader(value)
  }

  nextPartition(): boolean {
    return false
  }

  nextRow(): boolean {
    this.isPaused = false
    const { prefix } = this.partition
    for (;;) {
      if (this.#entries === undefined) {
        const range = this.#ranges[this.#nextRange++]
        if (range === undefined) return false
        this.#entries = this.source.kv.scan(range)
      }
      const entries = this.#entries
      if (!this.spend()) return false
      if (!entries.next()) this.#entries = undefined
      else if (this.loadRow(entries.key.slice(prefix.length), entries.value)) return true
    }
  }
}

/** Returns the key ranges of a read in the order in which they are read. */
function keyRanges(
  table: TableSchema,
  { prefix }: PartitionKey,
  { slices, reversed = false, after }: PartitionReadOptions,
): KeyRange[] {
  const whole: ClusteringSlice = { start: boundBefore(table, []), end: boundAfter(table, []) }
  // The read continues behind the row, in its own direction.
  const place = after && (reversed ? boundBefore : boundAfter)(table, after.components).key
  const ranges: KeyRange[] = []
  for (const slice of slices ?? [whole]) {
    let start = slice.start.key
    let end = slice.end.key
    if (place !== undefined && !reversed && place > start) start = place
    if (place !== undefined && reversed && place < end) end = place
    if (start < end) ranges.push({ gte: prefix + start, lt: prefix + end, reverse: reversed })
  }
  return reversed ? ranges.reverse() : ranges
}

/** Maximum entries to step over; beyond it, a seek to the next partition is cheaper. */
const skipMax = 16
/**
 * Maximum range deletions of a partition that are read ahead of its rows. When there are more, the
 * deletions that cover a row are looked up.
 */
const rangesMax = 64

/** The rows of many partitions, in the order of their tokens. */
export class TableCursor extends BaseCursor {
  readonly #end: string | undefined
  #entries: KvCursor
  /** Whether the cursor of the store stands on an entry that has not been processed. */
  #hasEntry = false
  #isAtEnd = false
  #prefix: string | undefined
  #partition: PartitionKey | undefined

  constructor(source: CursorSource, range: KeyRange) {
    super(source)
    this.#end = range.lt
    this.#entries = source.kv.scan(range)
  }

  /** Starts within a partition, behind one of its rows. */
  resume(partition: PartitionKey, clusteringPlace: string): void {
    const { kv, state, statics } = this.source
    const { prefix } = partition
    this.#prefix = prefix
    this.#partition = partition
    this.deletions.load(kv, prefix, state)
    if (statics) {
      const header = kv.scan({ gte: prefix + PartitionEntry.header, lt: `${prefix}\x02` })
      if (header.next()) this.setHeader(header.value)
    }
    this.#entries = kv.scan({ gte: prefix + clusteringPlace, lt: this.#end })
  }

  get partition(): PartitionKey {
    this.#partition ??= partitionOfPrefix(this.#prefix!)
    return this.#partition
  }

  nextPartition(): boolean {
    this.isPaused = false
    if (!this.#skipPartition()) return false
    const entries = this.#entries
    const { key } = entries
    const prefix = key.slice(0, prefixLength(key))
    this.#prefix = prefix
    this.#partition = undefined
    this.forgetPartition()
    if (this.#standsOn(PartitionEntry.header)) {
      this.setHeader(entries.value)
      this.#advance()
    }
    this.#readRanges(prefix)
    return true
  }

  /** The range deletions come before the rows. */
  #readRanges(prefix: string): void {
    const head = rangesHead(prefix)
    const ranges: RangeTombstone[] = []
    while (this.#hasEntry && this.#entries.key.startsWith(head)) {
      if (ranges.length === rangesMax) {
        const { kv } = this.source
        this.deletions.lookUpRanges(kv, prefix, false)
        this.#entries = kv.scan({ gte: rangesEnd(prefix), lt: this.#end })
        this.#advance()
        return
      }
      const { key, value } = this.#entries
      ranges.push(readRangeTombstone(key.slice(head.length), value))
      this.#advance()
    }
    if (ranges.length > 0) this.deletions.setRanges(ranges)
  }

  nextRow(): boolean {
    this.isPaused = false
    for (;;) {
      if (!this.#stand() || !this.#isInside(this.#entries.key)) return false
      if (!this.spend()) return false
      this.#hasEntry = false
      const { key, value } = this.#entries
      if (this.loadRow(key.slice(this.#prefix!.length), value)) return true
    }
  }

  /** Moves to the next partition. Returns false at the end or when the budget is used up. */
  #skipPartition(): boolean {
    for (let skipped = 0; this.#stand(); skipped++) {
      if (!this.#isInside(this.#entries.key)) return this.spend()
      if (!this.spend()) return false
      this.#hasEntry = false
      if (skipped === skipMax) {
        this.#entries = this.source.kv.scan({ gte: partitionEnd(this.#prefix!), lt: this.#end })
      }
    }
    return false
  }

  /** Moves the cursor of the store to an entry. Returns false at the end. */
  #stand(): boolean {
    return this.#hasEntry || this.#advance()
  }

  #advance(): boolean {
    if (!this.#isAtEnd) this.#isAtEnd = !this.#entries.next()
    this.#hasEntry = !this.#isAtEnd
    return this.#hasEntry
  }

  /** Behind the prefix of a partition comes a kind or a separator; FE and FF are of longer keys. */
  #isInside(key: string): boolean {
    const prefix = this.#prefix
    return prefix !== undefined && key.charCodeAt(prefix.length) < 0xfe && key.startsWith(prefix)
  }

  #standsOn(kind: string): boolean {
    return this.#hasEntry && this.#entries.key === this.#prefix + kind
  }
}
