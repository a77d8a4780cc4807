import type { ColumnSchema, TableSchema } from '../catalog/table-schema.ts'
import type { ClusteringBound, ClusteringKey, PartitionKey } from '../keys/table-key.ts'
import type { Mutation } from './mutation.ts'

/** The rows from `start` to `end`. */
export interface ClusteringSlice {
  readonly start: ClusteringBound
  readonly end: ClusteringBound
}

export interface TokenBound {
  readonly tokenHi: number
  readonly tokenLo: number
  readonly inclusive: boolean
}

export interface RowReadOptions {
  /** Now, in seconds since the epoch: what has expired by then is gone. Default: the clock's. */
  readonly nowSeconds?: number | undefined
  /** Whether `staticRow` is asked for. Default: whether the table has static columns. */
  readonly statics?: boolean | undefined
}

export interface PartitionReadOptions extends RowReadOptions {
  /** Disjoint, ascending by the order of the table. Default: the whole partition. */
  readonly slices?: readonly ClusteringSlice[] | undefined
  /** From the last row to the first. */
  readonly reversed?: boolean | undefined
  /** Continue behind this row, in the direction of the read. */
  readonly after?: ClusteringKey | undefined
}

export interface ScanOptions extends RowReadOptions {
  readonly from?: TokenBound | undefined
  readonly to?: TokenBound | undefined
  /** Continue behind this row of this partition, or without `clustering` behind the partition. */
  readonly after?:
    | { readonly partition: PartitionKey; readonly clustering?: ClusteringKey | undefined }
    | undefined
}

/** The live elements of a complex column, in the order of their paths. */
export interface Elements {
  readonly length: number
  /** Map key, set element, timeuuid of a list cell, index of a UDT field. Valid like the row. */
  path(index: number): Uint8Array
  value(index: number): Uint8Array
  /** The element with that path, or −1. */
  indexOf(path: Uint8Array): number
  timestamp(index: number): bigint
  /** When it expires, in seconds since the epoch; `undefined` without TTL. */
  expiresAt(index: number): number | undefined
}

/**
 * A live row as of the read: deletions applied, expired cells gone. One object is reused for every
 * row of a cursor: it and all bytes it gave are valid until the cursor moves or the store is
 * written or read again. A write may overwrite them in place: copy what must last.
 */
export interface RowView {
  /** Whether it is there by INSERT, whatever its columns are. */
  readonly hasLiveness: boolean
  /** Undefined for a static row. */
  readonly clustering: ClusteringKey | undefined
  /** The value of a simple column in wire encoding; `undefined` is null. Counters: their sum. */
  value(column: ColumnSchema): Uint8Array | undefined
  /** Write time of a simple column that is not null, in microseconds. */
  timestamp(column: ColumnSchema): bigint | undefined
  /** When a simple column expires, in seconds since the epoch; `undefined` without TTL. */
  expiresAt(column: ColumnSchema): number | undefined
  /** The elements of a complex column; `undefined` when none is live (the column is null). */
  elements(column: ColumnSchema): Elements | undefined
  /** A complex column as one value in wire encoding; `undefined` is null. */
  complexValue(column: ColumnSchema): Uint8Array | undefined

  /** Where the values lie, for copying: the four bytes before `start(id)` are their length. */
  readonly bytes: Uint8Array
  /** Offset of a simple column's value by column id, −1 when it is null. */
  start(columnId: number): number
  end(columnId: number): number
  /** Like `bytes`, `start` and `end`, for the clustering components. */
  readonly clusteringBytes: Uint8Array
  clusteringStart(index: number): number
  clusteringEnd(index: number): number
}

/** Walks the rows of one partition, or of many in the order of their tokens. */
export interface RowCursor {
  /**
   * Goes to the next partition that has anything stored, skipping what is left of this one. It may
   * turn out to have neither rows nor a static row. A cursor of one partition stands in it already.
   */
  nextPartition(): boolean
  readonly partition: PartitionKey
  /** The live static row of the partition. */
  readonly staticRow: RowView | undefined
  /** Goes to the next live row of the partition. */
  nextRow(): boolean
  readonly row: RowView
  /**
   * How many stored entries may be visited, dead ones included. When `nextRow` or `nextPartition`
   * uses it up they return false with `isPaused`; set it again and call the same again.
   */
  budget: number
  readonly isPaused: boolean
}

/** Reads of one moment. */
export interface RowReader {
  /** One row, or `undefined` when it is not live. */
  readRow(
    table: TableSchema,
    partition: PartitionKey,
    clustering: ClusteringKey,
    options?: RowReadOptions,
  ): RowView | undefined
  /** The live static row of a partition. Valid until the next one is read, whatever else is. */
  readStatic(
    table: TableSchema,
    partition: PartitionKey,
    options?: RowReadOptions,
  ): RowView | undefined
  readPartition(
    table: TableSchema,
    partition: PartitionKey,
    options?: PartitionReadOptions,
  ): RowCursor
  scan(table: TableSchema, options?: ScanOptions): RowCursor
}

export interface RowSnapshot extends RowReader {
  release(): void
}

/**
 * Rows with their reconciliation over an ordered key-value store. A cursor of the store itself must
 * be used up before anything is written; one of a snapshot may be kept.
 */
export interface RowStore extends RowReader {
  /**
   * Writes all of it or, when it throws, nothing; visible at once.
   * @param nowSeconds when deletions happen and TTLs begin. Default: the clock's.
   */
  apply(mutations: readonly Mutation[], nowSeconds?: number): void
  /** Resolves when everything applied so far is as durable as the store was asked to make it. */
  commit(): Promise<void>
  snapshot(): RowSnapshot
  /** Removes the keys of a table that was dropped or truncated, in steps. */
  dropGeneration(generation: number): Promise<void>
  /**
   * Rewrites a table without what can no longer be read, in steps: `nodetool compact`.
   * @param tableNow the table as it is at each step; `undefined` ends it
   * @returns when more may be taken away, in seconds since the epoch; infinite when nothing is left
   *   that goes by itself
   */
  compact(tableNow: () => TableSchema | undefined): Promise<number>
  /**
   * Generations of tables that got something that goes by itself in time, deletions or TTLs, since
   * they were compacted.
   */
  readonly compactionCandidates: Set<number>
}
