import { ProtocolError } from '../../errors/index.ts'
import { Opcode, ResultKind } from '../constants.ts'
import type { ProtocolFeatures } from '../features.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'
import { type PreparedResult, readPrepared, writePrepared } from './prepare.ts'
import { type EncodedRowsResult, readRows, type RowsResult, writeRows } from './rows.ts'
import { readSchemaChange, type SchemaChange, writeSchemaChange } from './schema-change.ts'

export interface VoidResult {
  readonly opcode: typeof Opcode.RESULT
  readonly kind: typeof ResultKind.VOID
}
export interface SetKeyspaceResult {
  readonly opcode: typeof Opcode.RESULT
  readonly kind: typeof ResultKind.SET_KEYSPACE
  readonly keyspace: string
}
export interface SchemaChangeResult {
  readonly opcode: typeof Opcode.RESULT
  readonly kind: typeof ResultKind.SCHEMA_CHANGE
  readonly schemaChange: SchemaChange
}

export type ResultResponse =
  | VoidResult
  | RowsResult
  | SetKeyspaceResult
  | PreparedResult
  | SchemaChangeResult

/** `<kind:int>` and the body of that kind (native_protocol_v4.spec §4.2.5) */
export function writeResult(writer: WireWriter, result: ResultResponse | EncodedRowsResult): void {
  writer.writeInt(result.kind)
  switch (result.kind) {
    case ResultKind.VOID:
      return
    case ResultKind.ROWS:
      return writeRows(writer, result)
    case ResultKind.SET_KEYSPACE:
      return writer.writeString(result.keyspace)
    case ResultKind.PREPARED:
      return writePrepared(writer, result)
    case ResultKind.SCHEMA_CHANGE:
      return writeSchemaChange(writer, result.schemaChange)
  }
}

/** The inverse of `writeResult`. @throws ProtocolError */
export function readResult(
  reader: WireReader,
  features: Pick<ProtocolFeatures, 'hasMetadataId'>,
): ResultResponse {
  const opcode = Opcode.RESULT
  const kind = reader.readInt()
  switch (kind) {
    case ResultKind.VOID:
      return { opcode, kind }
    case ResultKind.ROWS:
      return readRows(reader)
    case ResultKind.SET_KEYSPACE:
      return { opcode, kind, keyspace: reader.readString() }
    case ResultKind.PREPARED:
      return readPrepared(reader, features)
    case ResultKind.SCHEMA_CHANGE:
      return { opcode, kind, schemaChange: readSchemaChange(reader) }
    default:
      throw new ProtocolError(`Unknown kind ${kind} of a result`)
  }
}
