import type { ColumnSchema, TableSchema } from '../catalog/table-schema.ts'
import type { ClusteringBound, ClusteringKey, PartitionKey } from '../keys/table-key.ts'
import type { Timestamp } from '../timestamp.ts'

/**
 * The changes of one statement to one partition. They share a timestamp and a TTL, which deletions
 * ignore. The order of changes within a mutation or a batch is irrelevant: the rules of
 * reconciliation decide between equal timestamps, as in Cassandra.
 */
export interface Mutation {
  readonly table: TableSchema
  readonly partition: PartitionKey
  readonly timestamp: Timestamp
  /** TTL of the cells in seconds; 0 disables it. The caller applies the default of the table. */
  readonly ttl: number
  readonly changes: readonly Change[]
}

export type Change = RowChange | RowDeletion | RangeDeletion | PartitionDeletion

/** Cells of one row, or of the partition's static row. */
export interface RowChange {
  readonly kind: 'row'
  /** `undefined` is the static row. */
  readonly clustering: ClusteringKey | undefined
  /** Whether the row exists from now on, even if all its cells are null: INSERT, not UPDATE. */
  readonly liveness: boolean
  /** At most one change per simple column or element of a complex column, in any order. */
  readonly cells: readonly CellChange[]
}

export interface RowDeletion {
  readonly kind: 'deleteRow'
  readonly clustering: ClusteringKey
}

/** Deletes the rows between two bounds, including those written later with older timestamps. */
export interface RangeDeletion {
  readonly kind: 'deleteRange'
  readonly start: ClusteringBound
  readonly end: ClusteringBound
}

/** Deletes all rows and the static row. */
export interface PartitionDeletion {
  readonly kind: 'deletePartition'
}

/**
 * - `set`: the value of a simple column, in wire encoding; may be empty, is never null.
 * - `delete`: `null` for a simple column; for a complex one all elements up to the timestamp.
 * - `replace`: before writing a whole complex column: deletes what is older than this statement;
 *   its own elements survive (UpdateParameters.setComplexDeletionTimeForOverwrite).
 * - `setElement`, `deleteElement`: one element of a complex column, by path: the map key, the set
 *   element (whose value is empty), the timeuuid of a list cell, the index of a UDT field (int16).
 * - `add`: to a counter.
 */
export type CellChange =
  | { readonly kind: 'set'; readonly column: ColumnSchema; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly column: ColumnSchema }
  | { readonly kind: 'replace'; readonly column: ColumnSchema }
  | {
      readonly kind: 'setElement'
      readonly column: ColumnSchema
      readonly path: Uint8Array
      readonly value: Uint8Array
    }
  | { readonly kind: 'deleteElement'; readonly column: ColumnSchema; readonly path: Uint8Array }
  | { readonly kind: 'add'; readonly column: ColumnSchema; readonly delta: bigint }
