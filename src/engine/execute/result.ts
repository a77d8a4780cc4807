import type { SchemaChange } from '../../protocol/index.ts'
import type { ColumnSpec } from '../../types/index.ts'
import type { Cell } from '../functions/definitions.ts'

export interface EncodedRows {
  readonly kind: 'rows'
  readonly columns: readonly ColumnSpec[]
  /** Whether the columns may differ from those of the statement when it was requested. */
  readonly isReplanned?: boolean
  readonly rowCount: number
  /** The rows as in a RESULT body, after the row count: each cell is [bytes]. */
  readonly content: Uint8Array
  /** Position of the next page; `undefined` for the last page. */
  readonly pagingState: Uint8Array | undefined
  readonly warnings: readonly string[]
}

/** The result of a statement, still in wire encoding. */
export type EngineResult =
  | { readonly kind: 'void'; readonly warnings: readonly string[] }
  | EncodedRows
  | {
      readonly kind: 'set_keyspace'
      readonly keyspace: string
      readonly warnings: readonly string[]
    }
  | {
      readonly kind: 'schema_change'
      readonly change: SchemaChange
      readonly warnings: readonly string[]
    }

const noWarnings: readonly string[] = Object.freeze([])

export const voidResult: EngineResult = Object.freeze({ kind: 'void', warnings: noWarnings })

/** The cells of a result, row by row. */
export function resultRows(result: EncodedRows): Cell[][] {
  const { content, columns, rowCount } = result
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength)
  const rows: Cell[][] = []
  let at = 0
  for (let i = 0; i < rowCount; i++) {
    const row: Cell[] = []
    for (let c = 0; c < columns.length; c++) {
      const length = view.getInt32(at)
      at += 4
      row.push(length < 0 ? null : content.subarray(at, at + length))
      if (length > 0) at += length
    }
    rows.push(row)
  }
  return rows
}
