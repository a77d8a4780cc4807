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
  /** Time that decides what has expired, in seconds since the epoch. Default: the clock. */
  readonly nowSeconds?: number | undefined
  /** Whether the caller reads `staticRow`. Default: whether the table has static columns. */
  readonly statics?: boolean | undefined
}

export interface PartitionReadOptions extends RowReadOptions {
  /** Disjoint, ascending by the order of the table. Default: the whole partition. */
  readonly slices?: readonly ClusteringSlice[] | undefined
  /** Whether rows are read from the last to the first. */
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
  /** Returns the expiry in seconds since the epoch; `undefined` without TTL. */
  expiresAt(index: number): number | undefined
}

/**
 * A live row at the time of the read, without deleted and expired cells. One object is reused for
 * all rows of a cursor: the object and the bytes that it returned are valid until the cursor moves
 * or the store is written or read again. Callers must copy bytes that they keep.
 */
export interface RowView {
  /** Whether INSERT made the row, so that it exists even if all its columns are null. */
  readonly hasLiveness: boolean
  /** Undefined for a static row. */
  readonly clustering: ClusteringKey | undefined
  /** Returns a simple column in wire encoding, for a counter its sum; `undefined` is null. */
  value(column: ColumnSchema): Uint8Array | undefined
  /** Write time of a simple column that is not null, in microseconds. */
  timestamp(column: ColumnSchema): bigint | undefined
  /** Returns the expiry of a simple column, in seconds since the epoch; `undefined` without TTL. */
  expiresAt(column: ColumnSchema): number | undefined
  /** The elements of a complex column; `undefined` when none is live (the column is null). */
  elements(column: ColumnSchema): Elements | undefined
  /** A complex column as one value in wire encoding; `undefined` is null. */
  complexValue(column: ColumnSchema): Uint8Array | undefined

  /** Memory of the values. The four bytes before `start(id)` contain the length of the value. */
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
   * Moves to the next stored partition, over the rest of the current one. It may have neither live
   * rows nor a static row. A cursor of one partition starts in that partition.
   */
  nextPartition(): boolean
  readonly partition: PartitionKey
  /** The live static row of the partition. */
  readonly staticRow: RowView | undefined
  /** Moves to the next live row of the partition. */
  nextRow(): boolean
  readonly row: RowView
  /**
   * Maximum stored entries to visit, including dead ones. When it is used up, `nextRow` and
   * `nextPartition` return false and set `isPaused`. Set it again and repeat the call to continue.
   */
  budget: number
  readonly isPaused: boolean
}

/** Reads rows. */
export interface RowReader {
  /** Reads one row. Returns `undefined` when it is not live. */
  readRow(
    table: TableSchema,
    partition: PartitionKey,
    clustering: ClusteringKey,
    options?: RowReadOptions,
  ): RowView | undefined
  /** Reads the static row of a partition. It stays valid until another static row is read. */
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
 * Stores rows in an ordered key-value store and reconciles their versions. A cursor of the store
 * itself is valid until the next write. A cursor of a snapshot may be kept.
 */
export interface RowStore extends RowReader {
  /**
   * Writes all mutations or, when it throws, none. Reads see them at once.
   *
   * @param nowSeconds time of deletions and start of TTLs. Default: the clock.
   */
  apply(mutations: readonly Mutation[], nowSeconds?: number): void
  /** Resolves when everything applied so far is as durable as the store was asked to make it. */
  commit(): Promise<void>
  snapshot(): RowSnapshot
  /** Removes the keys of a table that was dropped or truncated, in steps. */
  dropGeneration(generation: number): Promise<void>
  /**
   * Removes data of a table that can no longer be read, in steps, as `nodetool compact` does.
   *
   * @param tableNow returns the current schema before each step; `undefined` ends the compaction
   * @returns when more data can be removed, in seconds since the epoch; infinite if never
   */
  compact(tableNow: () => TableSchema | undefined): Promise<number>
  /**
   * Generations of tables to which deletions or cells with TTL have been written since their last
   * compaction.
   */
  readonly compactionCandidates: Set<number>
}
