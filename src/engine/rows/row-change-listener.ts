import type { TableSchema } from '../catalog/table-schema.ts'
import type { WriteBatch } from '../storage/index.ts'
import type { RowView } from './reader.ts'

/** The row that a write changes. */
export interface ChangedRow {
  readonly table: TableSchema
  /** Prefix of the keys of its partition in the store. */
  readonly prefix: string
  /** Clustering as in the key; `undefined` for the static row. */
  readonly clustering: string | undefined
}

/**
 * Is called for every row that a write merges, with the live row before and after; both are valid
 * during the call only, and `undefined` when nothing is live. What it adds to `batch` is written
 * together with the row, or not at all.
 *
 * It is not called for rows that a deletion of a range or of a whole partition hides, and not for
 * expired cells: data derived from rows must be checked against the rows when it is read.
 */
export type RowChangeListener = (
  row: ChangedRow,
  before: RowView | undefined,
  after: RowView | undefined,
  batch: WriteBatch,
) => void
