import { CqlSyntaxError, ProtocolError, ServerError, ServerErrorCode } from '../../errors/index.ts'
import {
  beginResponse,
  Framing,
  Opcode,
  type ResponsePrefix,
  responsePrefixFlags,
  ResultKind,
  writeError,
  writeResponsePrefix,
  writeResult,
  type WireWriter,
} from '../../protocol/index.ts'
import type { EngineResult } from '../execute/result.ts'

/** Longest message of an ERROR; a [string] holds 65,535 bytes. */
const messageCharsMax = 16_384

/** Writes complete response frames of one connection. */
export class ResponseWriter {
  readonly writer: WireWriter
  /** Set by STARTUP. */
  framing: Framing = Framing.plain

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
    this.frame(streamId, Opcode.RESULT, prefix, () =>
      writeResult(this.writer, responseOf(result, skipMetadata)),
    )
  }
}

function responseOf(
  result: EngineResult,
  skipMetadata: boolean,
): Parameters<typeof writeResult>[1] {
  const opcode = Opcode.RESULT
  switch (result.kind) {
    case 'void':
      return { opcode, kind: ResultKind.VOID }
    case 'rows': {
      const { columns, rowCount, content, pagingState, isReplanned = false } = result
      const metadata = {
        columns,
        columnCount: columns.length,
        pagingState,
        // A client decodes rows without metadata with the columns that it knows.
        noMetadata: skipMetadata && !isReplanned,
        newMetadataId: undefined,
      }
      return { opcode, kind: ResultKind.ROWS, metadata, rowCount, content }
    }
    case 'set_keyspace':
      return { opcode, kind: ResultKind.SET_KEYSPACE, keyspace: result.keyspace }
    case 'schema_change':
      return { opcode, kind: ResultKind.SCHEMA_CHANGE, schemaChange: result.change }
  }
}

/** Code, message and details of an ERROR; every thrown value has some. */
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
