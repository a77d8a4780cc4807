import { ProtocolError } from '../errors/index.ts'
import { HeaderFlag, Opcode } from './constants.ts'
import { type QueryParameters, readQueryParameters } from './query-parameters.ts'
import { readBatchRequest, type BatchRequest } from './batch-request.ts'
import type { WireReader } from './wire-reader.ts'
import type { WireWriter } from './wire-writer.ts'

export interface StartupRequest {
  readonly opcode: typeof Opcode.STARTUP
  readonly options: ReadonlyMap<string, string>
}
export interface OptionsRequest {
  readonly opcode: typeof Opcode.OPTIONS
}
export interface AuthResponseRequest {
  readonly opcode: typeof Opcode.AUTH_RESPONSE
  readonly token: Uint8Array | null
}
export interface RegisterRequest {
  readonly opcode: typeof Opcode.REGISTER
  readonly eventTypes: readonly string[]
}
export interface QueryRequest {
  readonly opcode: typeof Opcode.QUERY
  readonly text: string
  readonly parameters: QueryParameters
}
export interface PrepareRequest {
  readonly opcode: typeof Opcode.PREPARE
  readonly text: string
}
export interface ExecuteRequest {
  readonly opcode: typeof Opcode.EXECUTE
  readonly id: Uint8Array
  readonly parameters: QueryParameters
}

export type Request =
  | StartupRequest
  | OptionsRequest
  | AuthResponseRequest
  | RegisterRequest
  | QueryRequest
  | PrepareRequest
  | ExecuteRequest
  | BatchRequest

// Bodies of requests, written between `beginRequest` and `endFrame`. QUERY, EXECUTE and BATCH come
// in parts, so that a bind plan writes the values straight into the frame:
//   head · values (`<n:short><value>…`, only with QueryFlag.VALUES) · writeParametersTail

/** `[string map]` (native_protocol_v4.spec §4.1.1) */
export function writeStartup(writer: WireWriter, options: ReadonlyMap<string, string>): void {
  writer.writeStringMap(options)
}

/** `[bytes]` (native_protocol_v4.spec §4.1.2) */
export function writeAuthResponse(writer: WireWriter, token: Uint8Array | null): void {
  writer.writeBytes(token)
}

/** `[string list]` (native_protocol_v4.spec §4.1.8) */
export function writeRegister(writer: WireWriter, eventTypes: readonly string[]): void {
  writer.writeStringList(eventTypes)
}

/** `[long string]` (native_protocol_v4.spec §4.1.5) */
export function writePrepare(writer: WireWriter, text: string): void {
  writer.writeLongString(text)
}

/** `<query:long string><consistency:short><flags:byte>` (native_protocol_v4.spec §4.1.4) */
export function writeQueryHead(
  writer: WireWriter,
  text: string,
  consistency: number,
  flags: number,
): void {
  writer.writeLongString(text)
  writer.writeShort(consistency)
  writer.writeByte(flags)
}

/** `<id:short bytes><consistency:short><flags:byte>` (native_protocol_v4.spec §4.1.6) */
export function writeExecuteHead(
  writer: WireWriter,
  id: Uint8Array,
  consistency: number,
  flags: number,
): void {
  writer.writeShortBytes(id)
  writer.reserve(3)
  const at = writer.offset
  writer.bytes[at] = consistency >> 8
  writer.bytes[at + 1] = consistency
  writer.bytes[at + 2] = flags
  writer.offset = at + 3
}

/** Custom payload of a request, before all else of the body (native_protocol_v4.spec §2.2). */
export function readRequestPayload(
  reader: WireReader,
  headerFlags: number,
): ReadonlyMap<string, Uint8Array | null> | undefined {
  if ((headerFlags & HeaderFlag.CUSTOM_PAYLOAD) === 0) return undefined
  return reader.readBytesMap()
}

/**
 * The request in a body whose payload is read already. Bytes behind it are ignored, as servers do.
 * Values are views of the frame's memory.
 * @throws ProtocolError if the body is malformed or the opcode is no request's
 */
export function readRequest(reader: WireReader, opcode: number): Request {
  switch (opcode) {
    case Opcode.STARTUP:
      return { opcode, options: reader.readStringMap() }
    case Opcode.OPTIONS:
      return { opcode }
    case Opcode.AUTH_RESPONSE:
      return { opcode, token: reader.readBytes() }
    case Opcode.REGISTER:
      return { opcode, eventTypes: reader.readStringList() }
    case Opcode.QUERY: {
      const text = reader.readLongString()
      return { opcode, text, parameters: readQueryParameters(reader) }
    }
    case Opcode.PREPARE:
      return { opcode, text: reader.readLongString() }
    case Opcode.EXECUTE: {
      const id = reader.readShortBytes()
      return { opcode, id, parameters: readQueryParameters(reader) }
    }
    case Opcode.BATCH:
      return readBatchRequest(reader)
    default:
      throw new ProtocolError(`Unknown opcode ${opcode} of a request`)
  }
}
