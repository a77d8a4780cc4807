/**
 * Operations that every row has besides its columns. A column of the same name hides the method.
 */
export interface RowMethods {
  /** The value of the column at `index`, counted from 0 in the order of the SELECT. */
  readonly [index: number]: unknown
  /** All values in order; duplicate column names keep their own place. */
  columns(): unknown[]
  /** A plain object of the columns; of duplicate names the last one. */
  asDict(): Record<string, unknown>
  /** The value at `index`; negative counts from the end. `undefined` outside. */
  get(index: number): unknown
  /**
   * The row for JSON: bigint and decimal as strings, Map as pairs, Set as array, blob as 0x-hex.
   */
  toJSON(): unknown
  /** Number of columns. */
  readonly length: number
}

const rowBrand: unique symbol = Symbol.for('tsylla.class.Row')

/** Whether a value is a row of a result, of whichever build of this package. */
export function isRow(value: unknown): value is RowOf {
  return typeof value === 'object' && value !== null && rowBrand in value
}

/** Columns of a row whose type was not declared. */
export interface UnknownColumns {
  readonly [column: string]: unknown
}

/** A row of a result: columns are own data properties, in the order of the SELECT. */
export type RowOf<Columns = UnknownColumns> = Columns & RowMethods
