import type { TableSchema } from '../catalog/table-schema.ts'
import { PartitionEntry, StoreTag } from '../keys/index.ts'
import { type KvReader, ValueRef, type WriteBatch } from '../storage/index.ts'
import { RangeLookup } from './range-lookup.ts'
import { findRangeTombstone, type RangeTombstones } from './range-tombstones.ts'
import { type Deletion, laterDeletion, RowData } from './row-data.ts'

/** Kinds of deletions, besides those of rows, that a table has ever had. */
export const TableState = { partitionDeletions: 1, rangeTombstones: 2 } as const

/**
 * Which tables have had deletions of whole partitions or of ranges. A table without them needs no
 * second look when a row is read, and most tables are without them. A state is kept in the store
 * with the first such deletion and never taken back before the table is truncated.
 */
export class TableStates {
  readonly #states: Map<number, number> = new Map()
  readonly #kv: KvReader
  readonly #value: ValueRef = new ValueRef()

  constructor(kv: KvReader) {
    this.#kv = kv
  }

  of({ generation }: TableSchema): number {
    let state = this.#states.get(generation)
    if (state === undefined) {
      state = this.#kv.get(stateKey(generation), this.#value)
        ? this.#value.bytes[this.#value.start]!
        : 0
      this.#states.set(generation, state)
    }
    return state
  }

  /** Notes a kind of deletion, with the batch that has the first one. */
  add(table: TableSchema, kind: number, batch: WriteBatch): void {
    const state = this.of(table)
    if ((state & kind) !== 0) return
    batch.put(stateKey(table.generation), Uint8Array.of(state | kind))
    this.#states.set(table.generation, state | kind)
  }

  forget(generation: number): void {
    this.#states.delete(generation)
  }

  /** The batch of the last additions was not written: what is known is read again. */
  forgetAll(): void {
    this.#states.clear()
  }
}

export function stateKey(generation: number): string {
  const bytes = Buffer.alloc(5)
  bytes[0] = StoreTag.tableState
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
      (state & TableState.partitionDeletions) !== 0 && kv.get(prefix + PartitionEntry.header, value)
    if (hasHeader) this.setHeader(value)
    if ((state & TableState.rangeTombstones) !== 0) this.lookUpRanges(kv, prefix, isReversed)
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
