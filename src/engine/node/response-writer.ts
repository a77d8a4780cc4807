import { CqlSyntaxError, ProtocolError, ServerError, ServerErrorCode } from '../../errors/index.ts'
import {
  beginResponse,
  columnSpecsFlag,
  type Framing,
  FramingV4,
  Opcode,
  type ResponsePrefix,
  responsePrefixFlags,
  ResultKind,
  RowsFlag,
  writeColumnSpecs,
  writeError,
  writeResponsePrefix,
  writeSchemaChange,
  WireWriter,
} from '../../protocol/index.ts'
import type { ColumnSpec } from '../../types/index.ts'
import type { EngineResult, EncodedRows } from '../execute/result.ts'

/** Column descriptions as they stand in a RESULT: made once for all results of a statement. */
interface EncodedColumns {
  readonly flags: number
  readonly bytes: Uint8Array
}

const encodedColumns: WeakMap<readonly ColumnSpec[], EncodedColumns> = new WeakMap()

function encodeColumns(columns: readonly ColumnSpec[]): EncodedColumns {
  let encoded = encodedColumns.get(columns)
  if (encoded === undefined) {
    const writer = new WireWriter(256)
    const flags = columnSpecsFlag(columns)
    writeColumnSpecs(writer, flags, columns)
    encoded = { flags, bytes: writer.copyFrom(0) }
    encodedColumns.set(columns, encoded)
  }
  return encoded
}

/** Longest message of an ERROR; a [string] holds 65,535 bytes. */
const messageCharsMax = 16_384

/** Writes whole response frames of one connection, one after the other. */
export class ResponseWriter {
  readonly writer: WireWriter
  /** Set by STARTUP. */
  framing: Framing = FramingV4.plain

  constructor(writer: WireWriter) {
    this.writer = writer
  }

  /**
   * One frame whose body `encode` writes. A body that cannot be written, because it would be larger
   * than a frame may be, leaves nothing behind.
   */
  frame(streamId: number, opcode: number, prefix: ResponsePrefix, encode: () => void): void {
    const { writer } = this
    const flags = responsePrefixFlags(prefix)
    const start = beginResponse(writer, flags, streamId, opcode)
    try {
      if (flags !== 0) writeResponsePrefix(writer, prefix)
      encode()
      this.#end(start)
    } catch (error) {
      writer.offset = start
      throw error
    }
  }

  #end(start: number): void {
    this.framing.complete(this.writer, start)
  }

  error(streamId: number, prefix: ResponsePrefix, error: unknown): void {
    const { code, message, details } = describe(error)
    const text =
      message.length > messageCharsMax ? `${message.slice(0, messageCharsMax)}…` : message
    this.frame(streamId, Opcode.ERROR, prefix, () => writeError(this.writer, code, text, details))
  }

  /** RESULT (native_protocol_v4.spec §4.2.5). */
  result(
    streamId: number,
    prefix: ResponsePrefix,
    result: EngineResult,
    skipMetadata: boolean,
  ): void {
    const { writer } = this
    this.frame(streamId, Opcode.RESULT, prefix, () => {
      switch (result.kind) {
        case 'void':
          writer.writeInt(ResultKind.VOID)
          return
        case 'rows':
          this.#rows(result, skipMetadata)
          return
        case 'set_keyspace':
          writer.writeInt(ResultKind.SET_KEYSPACE)
          writer.writeString(result.keyspace)
          return
        case 'schema_change':
          writer.writeInt(ResultKind.SCHEMA_CHANGE)
          writeSchemaChange(writer, { ...result.change, argumentTypes: undefined })
      }
    })
  }

  #rows(result: EncodedRows, skipMetadata: boolean): void {
    const { writer } = this
    const { columns, rowCount, content, pagingState } = result
    const encoded = encodeColumns(columns)
    let flags = skipMetadata ? RowsFlag.NO_METADATA : encoded.flags
    if (pagingState !== undefined) flags |= RowsFlag.HAS_MORE_PAGES
    writer.reserve(content.length + encoded.bytes.length + 64)
    writer.writeInt(ResultKind.ROWS)
    writer.writeInt(flags)
    writer.writeInt(columns.length)
    if (pagingState !== undefined) writer.writeBytes(pagingState)
    if (!skipMetadata) writer.writeRaw(encoded.bytes)
    writer.writeInt(rowCount)
    writer.writeRaw(content)
  }
}

/** What went wrong as an ERROR says it: whatever the engine throws has an answer. */
function describe(error: unknown): Pick<ServerError, 'message' | 'details'> & { code: number } {
  if (error instanceof ServerError) {
    return { code: error.serverCode, message: error.message, details: error.details }
  }
  const message = error instanceof Error ? error.message : String(error)
  const code =
    error instanceof CqlSyntaxError
      ? ServerErrorCode.SYNTAX
      : error instanceof ProtocolError
        ? ServerErrorCode.PROTOCOL
        : ServerErrorCode.SERVER
  return { code, message, details: {} }
}
