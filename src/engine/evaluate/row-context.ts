import type { ColumnSchema } from '../catalog/table-schema.ts'
import type { RowView } from '../rows/index.ts'
import type { QueryContext } from '../query-context.ts'

/** The current row of an expression or filter, with its partition. A read reuses one object. */
export class RowContext {
  readonly query: QueryContext
  partition: readonly Uint8Array[] = []
  tokenHi = 0
  tokenLo = 0
  /** `undefined` when the partition has only a static row. */
  row: RowView | undefined
  statics: RowView | undefined

  constructor(query: QueryContext) {
    this.query = query
  }

  /** A column's value in wire encoding; null when it has none. Valid until the cursor moves. */
  value(column: ColumnSchema): Uint8Array | null {
    switch (column.kind) {
      case 'partition_key':
        return this.partition[column.position]!
      case 'clustering': {
        const { row } = this
        if (row === undefined) return null
        const start = row.clusteringStart(column.position)
        if (start < 0) return null
        return row.clusteringBytes.subarray(start, row.clusteringEnd(column.position))
      }
      case 'static':
        return cellOf(this.statics, column)
      case 'regular':
        return cellOf(this.row, column)
    }
  }

  /** The row a static or regular column lies in. */
  rowOf(column: ColumnSchema): RowView | undefined {
    return column.kind === 'static' ? this.statics : this.row
  }
}

function cellOf(row: RowView | undefined, column: ColumnSchema): Uint8Array | null {
  if (row === undefined) return null
  return (column.isComplex ? row.complexValue(column) : row.value(column)) ?? null
}
