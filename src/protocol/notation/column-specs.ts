import type { ColumnSpec } from '../../types/index.ts'
import { RowsFlag } from '../constants.ts'
import { readTypeSpec, writeTypeSpec } from './type-spec.ts'
import type { WireReader } from './reader.ts'
import { WireWriter } from './writer.ts'

// [<global_table_spec>]<col_spec_1>…<col_spec_n>, with col_spec = [<ks><table>]<name><type>
// (native_protocol_v4.spec §4.2.5.2)

/** Reads `count` column descriptions. */
export function readColumnSpecs(reader: WireReader, flags: number, count: number): ColumnSpec[] {
  const isGlobal = (flags & RowsFlag.GLOBAL_TABLES_SPEC) !== 0
  let keyspace = ''
  let table = ''
  if (isGlobal && count > 0) {
    keyspace = reader.readString()
    table = reader.readString()
  }
  const specs: ColumnSpec[] = []
  for (let i = 0; i < count; i++) {
    if (!isGlobal) {
      keyspace = reader.readString()
      table = reader.readString()
    }
    const name = reader.readString()
    specs.push({ keyspace, table, name, type: readTypeSpec(reader) })
  }
  return specs
}

/** Column descriptions in the encoding of a RESULT. */
export interface EncodedColumnSpecs {
  /** GLOBAL_TABLES_SPEC or 0. */
  readonly flags: number
  readonly bytes: Uint8Array
}

/** Cache of encoded columns: all results of a statement have the same columns. */
const encodedSpecs: WeakMap<readonly ColumnSpec[], EncodedColumnSpecs> = new WeakMap()

/** The inverse of `readColumnSpecs`. @param columns are not changed later */
export function encodeColumnSpecs(columns: readonly ColumnSpec[]): EncodedColumnSpecs {
  let encoded = encodedSpecs.get(columns)
  if (encoded === undefined) {
    const writer = new WireWriter(256)
    const flags = columnSpecsFlag(columns)
    writeColumnSpecs(writer, flags, columns)
    encoded = { flags, bytes: writer.copyFrom(0) }
    encodedSpecs.set(columns, encoded)
  }
  return encoded
}

/** GLOBAL_TABLES_SPEC when every column is of one table, as Cassandra decides it. */
function columnSpecsFlag(columns: readonly ColumnSpec[]): number {
  const first = columns[0]
  if (first === undefined) return 0
  const isGlobal = columns.every(
    (column) => column.keyspace === first.keyspace && column.table === first.table,
  )
  return isGlobal ? RowsFlag.GLOBAL_TABLES_SPEC : 0
}

function writeColumnSpecs(writer: WireWriter, flags: number, columns: readonly ColumnSpec[]): void {
  const isGlobal = (flags & RowsFlag.GLOBAL_TABLES_SPEC) !== 0
  const first = columns[0]
  if (isGlobal && first !== undefined) {
    writer.writeString(first.keyspace)
    writer.writeString(first.table)
  }
  for (const column of columns) {
    if (!isGlobal) {
      writer.writeString(column.keyspace)
      writer.writeString(column.table)
    }
    writer.writeString(column.name)
    writeTypeSpec(writer, column.type)
  }
}
