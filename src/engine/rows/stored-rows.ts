import type { TableSchema } from '../catalog/table-schema.ts'
import {
  boundAfter,
  type ClusteringKey,
  partitionEnd,
  PartitionEntry,
  type PartitionKey,
  tableRange,
  tokenPlace,
} from '../keys/index.ts'
import { type KvReader, type KvSnapshot, ValueRef } from '../storage/index.ts'
import type { Clock } from '../../util/index.ts'
import { type CursorSource, PartitionCursor, TableCursor } from './cursors.ts'
import { DeletionFlags, PartitionDeletions } from './partition-state.ts'
import type {
  PartitionReadOptions,
  RowReadOptions,
  RowCursor,
  RowReader,
  RowSnapshot,
  RowView,
  ScanOptions,
} from './reader.ts'
import { StoredRow } from './stored-row.ts'

const noOptions: RowReadOptions = {}

/** Reads rows from a key-value store or a snapshot. */
export class StoredRows implements RowReader {
  protected readonly deletionFlags: DeletionFlags
  protected readonly clock: Clock
  readonly #kv: KvReader
  readonly #row: StoredRow = new StoredRow()
  readonly #static: StoredRow = new StoredRow()
  readonly #value: ValueRef = new ValueRef()
  readonly #deletions: PartitionDeletions = new PartitionDeletions()

  constructor(kv: KvReader, deletionFlags: DeletionFlags, clock: Clock) {
    this.#kv = kv
    this.deletionFlags = deletionFlags
    this.clock = clock
  }

  readRow(
    table: TableSchema,
    { prefix }: PartitionKey,
    { key }: ClusteringKey,
    options: RowReadOptions = noOptions,
  ): RowView | undefined {
    const state = this.deletionFlags.of(table)
    const deletions = this.#deletions
    if (state !== 0) deletions.load(this.#kv, prefix, state)
    const outer = state === 0 ? undefined : deletions.covering(key)
    const value = this.#value
    if (!this.#kv.get(prefix + key, value)) return undefined
    const row = this.#row
    const { bytes, start, end } = value
    return row.load(table, key, bytes, start, end, this.#now(options), outer) ? row : undefined
  }

  readStatic(
    table: TableSchema,
    { prefix }: PartitionKey,
    options: RowReadOptions = noOptions,
  ): RowView | undefined {
    const value = this.#value
    if (!this.#kv.get(prefix + PartitionEntry.header, value)) return undefined
    // A copy, so that a row of the partition can be read at the same time.
    const bytes = Uint8Array.prototype.slice.call(value.bytes, value.start, value.end)
    const row = this.#static
    const now = this.#now(options)
    return row.load(table, undefined, bytes, 0, bytes.length, now, undefined) ? row : undefined
  }

  readPartition(
    table: TableSchema,
    partition: PartitionKey,
    options: PartitionReadOptions = noOptions,
  ): RowCursor {
    return new PartitionCursor(this.#source(table, options), partition, options)
  }

  scan(table: TableSchema, options: ScanOptions = noOptions): RowCursor {
    const { from, to, after } = options
    const { generation } = table
    const range = tableRange(generation)
    let gte = range.gte
    if (from !== undefined) {
      gte = tokenPlace(generation, from.tokenHi, from.tokenLo, !from.inclusive)
    }
    const lt =
      to === undefined ? range.lt : tokenPlace(generation, to.tokenHi, to.tokenLo, to.inclusive)
    if (after !== undefined) gte = partitionEnd(after.partition.prefix)
    const cursor = new TableCursor(this.#source(table, options), { gte, lt })
    if (after?.clustering !== undefined) {
      cursor.resume(after.partition, boundAfter(table, after.clustering.components).key)
    }
    return cursor
  }

  #now({ nowSeconds }: RowReadOptions): number {
    return nowSeconds ?? Math.floor(this.clock.nowMs() / 1000)
  }

  #source(table: TableSchema, options: RowReadOptions): CursorSource {
    return {
      kv: this.#kv,
      table,
      state: this.deletionFlags.of(table),
      nowSeconds: this.#now(options),
      statics: options.statics ?? table.statics.length > 0,
    }
  }
}

/** Rows as they were at one moment. */
export class StoredRowsSnapshot extends StoredRows implements RowSnapshot {
  readonly #snapshot: KvSnapshot

  constructor(snapshot: KvSnapshot, clock: Clock) {
    // The flags of the store are removed when the table is dropped or truncated.
    super(snapshot, new DeletionFlags(snapshot), clock)
    this.#snapshot = snapshot
  }

  release(): void {
    this.#snapshot.release()
  }
}
