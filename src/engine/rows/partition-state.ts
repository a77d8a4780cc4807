import type { TableSchema } from '../catalog/table-schema.ts'
import { PartitionEntry, StoreTag } from '../keys/index.ts'
import { type KvReader, ValueRef, type WriteBatch } from '../storage/index.ts'
import { RangeLookup } from './range-lookup.ts'
import { findRangeTombstone, type RangeTombstones } from './range-tombstones.ts'
import { type Deletion, laterDeletion, RowData } from './row-data.ts'

/** Kinds of deletions, besides those of rows, that a table has ever had. */
export const DeletionFlag = { partitionDeletions: 1, rangeTombstones: 2 } as const

/**
 * Records which tables have ever had deletions of whole partitions or of ranges. In a table without
 * them, as most are, reading a row needs no look for them. A flag is stored with the first such
 * deletion and stays until the table is truncated or dropped.
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

  /** Records a kind of deletion, in the batch that has the first one. */
  add(table: TableSchema, kind: number, batch: WriteBatch): void {
    const flags = this.of(table)
    if ((flags & kind) !== 0) return
    batch.put(deletionFlagsKey(table.generation), Uint8Array.of(flags | kind))
    this.#flags.set(table.generation, flags | kind)
  }

  forget(generation: number): void {
    this.#flags.delete(generation)
  }

  /** The batch of the last additions was not written: the flags are read from the store again. */
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

/** The deletions that concern all rows of a partition, or ranges of them. */
export class PartitionDeletions {
  partition: Deletion | undefined = undefined
  readonly #lookup: RangeLookup = new RangeLookup()
  /** Whether ranges are to be looked up, or else all of them are known. */
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
   * Looks up what may be there, going by the state of the table.
   * @param isReversed whether rows are asked for from the last to the first
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

  /** The latest deletion that covers a row. */
  covering(clustering: string): Deletion | undefined {
    if (this.#isLookup) return laterDeletion(this.partition, this.#lookup.covering(clustering))
    if (this.#ranges === undefined) return this.partition
    return laterDeletion(this.partition, findRangeTombstone(this.#ranges, clustering))
  }
}
