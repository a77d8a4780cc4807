import { ProtocolError, type ServerError } from '../errors/index.ts'
import type { ColumnSpec } from '../types/index.ts'
import { Opcode, ResultKind, RowsFlag } from './constants.ts'
import { readError, writeError } from './error-response.ts'
import { readEvent, type ServerEvent, writeEvent } from './event.ts'
import { type BindMetadata, readBindMetadata, writeBindMetadata } from './prepared-metadata.ts'
import {
  readRowCount,
  readRowsMetadata,
  type RowsMetadata,
  writeRowsMetadata,
} from './rows-metadata.ts'
import { readSchemaChange, type SchemaChange, writeSchemaChange } from './schema-change.ts'
import type { WireReader } from './wire-reader.ts'
import type { WireWriter } from './wire-writer.ts'

export interface ErrorResponse {
  readonly opcode: typeof Opcode.ERROR
  readonly error: ServerError
}
export interface ReadyResponse {
  readonly opcode: typeof Opcode.READY
}
export interface AuthenticateResponse {
  readonly opcode: typeof Opcode.AUTHENTICATE
  /** Class name of the server's authenticator. */
  readonly authenticator: string
}
export interface SupportedResponse {
  readonly opcode: typeof Opcode.SUPPORTED
  readonly options: ReadonlyMap<string, readonly string[]>
}
export interface AuthChallengeResponse {
  readonly opcode: typeof Opcode.AUTH_CHALLENGE
  readonly token: Uint8Array | null
}
export interface AuthSuccessResponse {
  readonly opcode: typeof Opcode.AUTH_SUCCESS
  readonly token: Uint8Array | null
}
export interface EventResponse {
  readonly opcode: typeof Opcode.EVENT
  readonly event: ServerEvent
}
export interface VoidResult {
  readonly opcode: typeof Opcode.RESULT
  readonly kind: typeof ResultKind.VOID
}
/** Rows with their cells as they came; sessions decode rows through the codec room instead. */
export interface RowsResult {
  readonly opcode: typeof Opcode.RESULT
  readonly kind: typeof ResultKind.ROWS
  readonly metadata: RowsMetadata
  readonly rows: readonly (readonly (Uint8Array | null)[])[]
}
export interface SetKeyspaceResult {
  readonly opcode: typeof Opcode.RESULT
  readonly kind: typeof ResultKind.SET_KEYSPACE
  readonly keyspace: string
}
export interface PreparedResult {
  readonly opcode: typeof Opcode.RESULT
  readonly kind: typeof ResultKind.PREPARED
  readonly id: Uint8Array
  readonly bind: BindMetadata
  /** Columns of the result; none when the statement returns no rows. */
  readonly resultColumns: readonly ColumnSpec[]
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

export type Response =
  | ErrorResponse
  | ReadyResponse
  | AuthenticateResponse
  | SupportedResponse
  | AuthChallengeResponse
  | AuthSuccessResponse
  | EventResponse
  | ResultResponse

/**
 * The response in a body whose prefix is read already.
 * @throws ProtocolError if the body is malformed or the opcode is no response's
 */
export function readResponse(reader: WireReader, opcode: number): Response {
  switch (opcode) {
    case Opcode.ERROR:
      return { opcode, error: readError(reader) }
    case Opcode.READY:
      return { opcode }
    case Opcode.AUTHENTICATE:
      return { opcode, authenticator: reader.readString() }
    case Opcode.SUPPORTED:
      return { opcode, options: reader.readStringMultimap() }
    case Opcode.RESULT:
      return readResult(reader)
    case Opcode.EVENT:
      return { opcode, event: readEvent(reader) }
    case Opcode.AUTH_CHALLENGE:
    case Opcode.AUTH_SUCCESS:
      return { opcode, token: reader.readBytes() }
    default:
      throw new ProtocolError(`Unknown opcode ${opcode} of a response`)
  }
}

/** `<kind:int>` and its body (native_protocol_v4.spec §4.2.5). */
export function readResult(reader: WireReader): ResultResponse {
  const opcode = Opcode.RESULT
  const kind = reader.readInt()
  switch (kind) {
    case ResultKind.VOID:
      return { opcode, kind }
    case ResultKind.ROWS: {
      const metadata = readRowsMetadata(reader)
      return { opcode, kind, metadata, rows: readRawRows(reader, metadata.columnCount) }
    }
    case ResultKind.SET_KEYSPACE:
      return { opcode, kind, keyspace: reader.readString() }
    case ResultKind.PREPARED: {
      const id = reader.readShortBytes()
      const bind = readBindMetadata(reader)
      // Scylla may set the paging-state flag here, so the general reader it is (scylladb#22475).
      return { opcode, kind, id, bind, resultColumns: readRowsMetadata(reader).columns }
    }
    case ResultKind.SCHEMA_CHANGE:
      return { opcode, kind, schemaChange: readSchemaChange(reader) }
    default:
      throw new ProtocolError(`Unknown kind ${kind} of a result`)
  }
}

function readRawRows(reader: WireReader, columnCount: number): (Uint8Array | null)[][] {
  const count = readRowCount(reader, columnCount)
  const rows: (Uint8Array | null)[][] = []
  for (let i = 0; i < count; i++) {
    const cells: (Uint8Array | null)[] = []
    for (let column = 0; column < columnCount; column++) cells.push(reader.readBytes())
    rows.push(cells)
  }
  return rows
}

/** The inverse of `readResponse`: the body, between `beginResponse` and `endFrame`. */
export function writeResponse(writer: WireWriter, response: Response): void {
  switch (response.opcode) {
    case Opcode.ERROR: {
      const { serverCode, message, details } = response.error
      writeError(writer, serverCode, message, details)
      return
    }
    case Opcode.READY:
      return
    case Opcode.AUTHENTICATE:
      writer.writeString(response.authenticator)
      return
    case Opcode.SUPPORTED:
      writer.writeStringMultimap(response.options)
      return
    case Opcode.EVENT:
      writeEvent(writer, response.event)
      return
    case Opcode.AUTH_CHALLENGE:
    case Opcode.AUTH_SUCCESS:
      writer.writeBytes(response.token)
      return
    case Opcode.RESULT:
      writeResult(writer, response)
  }
}

function writeResult(writer: WireWriter, result: ResultResponse): void {
  writer.writeInt(result.kind)
  switch (result.kind) {
    case ResultKind.VOID:
      return
    case ResultKind.ROWS:
      writeRowsMetadata(writer, result.metadata.columns, result.metadata)
      writer.writeInt(result.rows.length)
      for (const row of result.rows) for (const cell of row) writer.writeBytes(cell)
      return
    case ResultKind.SET_KEYSPACE:
      writer.writeString(result.keyspace)
      return
    case ResultKind.PREPARED:
      writer.writeShortBytes(result.id)
      writePreparedMetadata(writer, result)
      return
    case ResultKind.SCHEMA_CHANGE:
      writeSchemaChange(writer, result.schemaChange)
  }
}

function writePreparedMetadata(writer: WireWriter, result: PreparedResult): void {
  const { bind, resultColumns } = result
  writeBindMetadata(
    writer,
    bind.markers,
    bind.partitionKeyIndexes,
    bind.flags & ~RowsFlag.GLOBAL_TABLES_SPEC,
  )
  // A statement without rows says so by NO_METADATA and no columns, as Cassandra does.
  writeRowsMetadata(writer, resultColumns, { noMetadata: resultColumns.length === 0 })
}
