import type { TableSchema } from '../catalog/table-schema.ts'
import { PartitionEntry, StoreTag } from '../keys/index.ts'
import { type KvReader, ValueRef, type WriteBatch } from '../storage/index.ts'
import { RangeLookup } from './range-lookup.ts'
import { findRangeTombstone, type RangeTombstones } from './range-tombstones.ts'
import { type Deletion, laterDeletion, RowData } from './row-data.ts'

/** Kinds of deletions, besides those of rows, that a table has ever had. */
export const DeletionFlag = { partitionDeletions: 1, rangeTombstones: 2 } as const

/**
 * Records which tables have ever had deletions of whole partitions or of ranges. Most tables have
 * none, and reads of their rows skip the lookup. A flag is stored with the first such deletion and
 * stays until the table is truncated or dropped.
 */
export class DeletionFlags {
  readonly #flags: Map<number, number> = new Map()
  readonly #kv: KvReader
  readonly #value: ValueRef = new ValueRef()

  constructor(kv: KvReader) {
    this.#kv = kv
  }

  of({ generation }: TableSchema): number {
    let flags = this.#flags.get(generation)
    if (flags === undefined) {
      flags = this.#kv.get(deletionFlagsKey(generation), this.#value)
        ? this.#value.bytes[this.#value.start]!
        : 0
      this.#flags.set(generation, flags)
    }
    return flags
  }

  /** Records a kind of deletion, in the batch that contains the first one. */
  add(table: TableSchema, kind: number, batch: WriteBatch): void {
    const flags = this.of(table)
    if ((flags & kind) !== 0) return
    batch.put(deletionFlagsKey(table.generation), Uint8Array.of(flags | kind))
    this.#flags.set(table.generation, flags | kind)
  }

  forget(generation: number): void {
    this.#flags.delete(generation)
  }

  /** Makes all flags be read from the store again, after a batch could not be written. */
  forgetAll(): void {
    this.#flags.clear()
  }
}

export function deletionFlagsKey(generation: number): string {
  const bytes = Buffer.alloc(5)
  bytes[0] = StoreTag.deletionFlags
  bytes.writeUInt32BE(generation, 1)
  return bytes.toString('latin1')
}

/** The deletions of a whole partition and of ranges of its rows. */
export class PartitionDeletions {
  partition: Deletion | undefined = undefined
  readonly #lookup: RangeLookup = new RangeLookup()
  /** Whether ranges are looked up when needed. Otherwise all of them are known. */
  #isLookup = false
  #ranges: RangeTombstones | undefined
  readonly #header: RowData = new RowData()
  readonly #value: ValueRef = new ValueRef()

  clear(): void {
    this.partition = undefined
    this.#isLookup = false
    this.#ranges = undefined
  }

  /**
   * Reads the kinds of deletions that the flags of the table allow.
   *
   * @param isReversed whether rows are read from the last to the first
   */
  load(kv: KvReader, prefix: string, state: number, isReversed = false): void {
    this.clear()
    if (state === 0) return
    const value = this.#value
    const hasHeader =
      (state & DeletionFlag.partitionDeletions) !== 0 &&
      kv.get(prefix + PartitionEntry.header, value)
    if (hasHeader) this.setHeader(value)
    if ((state & DeletionFlag.rangeTombstones) !== 0) this.lookUpRanges(kv, prefix, isReversed)
  }

  setHeader({ bytes, start, end }: ValueRef): void {
    this.#header.parse(bytes, start, end)
    this.partition = this.#header.deletion
  }

  setRanges(ranges: RangeTombstones): void {
    this.#ranges = ranges
  }

  lookUpRanges(kv: KvReader, prefix: string, isReversed: boolean): void {
    this.#isLookup = true
    this.#lookup.begin(kv, prefix, isReversed)
  }

  /** Returns the latest deletion that covers a row. */
  covering(clustering: string): Deletion | undefined {
    if (this.#isLookup) return laterDeletion(this.partition, this.#lookup.covering(clustering))
    if (this.#ranges === undefined) return this.partition
    return laterDeletion(this.partition, findRangeTombstone(this.#ranges, clustering))
  }
}
