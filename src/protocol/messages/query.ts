import { Opcode, ProtocolVersion } from '../constants.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'
import { type QueryParameters, readQueryParameters, writeFlags } from './query-parameters.ts'

export interface QueryRequest {
  readonly opcode: typeof Opcode.QUERY
  readonly text: string
  readonly parameters: QueryParameters
}

// QUERY, EXECUTE and BATCH are written in parts, so that a bind plan writes the values straight
// into the frame:
//   head · values (`<n:short><value>…`, only with QueryFlag.VALUES) · writeParametersTail

/** `<query:long string><consistency:short><flags>` (native_protocol_v4.spec §4.1.4) */
export function writeQueryHead(
  writer: WireWriter,
  text: string,
  consistency: number,
  flags: number,
  version: ProtocolVersion = ProtocolVersion.V4,
): void {
  writer.writeLongString(text)
  writer.writeShort(consistency)
  writeFlags(writer, version, flags)
}

export function readQuery(reader: WireReader, version: ProtocolVersion): QueryRequest {
  const text = reader.readLongString()
  return { opcode: Opcode.QUERY, text, parameters: readQueryParameters(reader, version) }
}
