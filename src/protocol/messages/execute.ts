import { Opcode } from '../constants.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'
import { type QueryParameters, readQueryParameters } from './query-parameters.ts'

export interface ExecuteRequest {
  readonly opcode: typeof Opcode.EXECUTE
  readonly id: Uint8Array
  readonly parameters: QueryParameters
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

export function readExecute(reader: WireReader): ExecuteRequest {
  const id = reader.readShortBytes()
  return { opcode: Opcode.EXECUTE, id, parameters: readQueryParameters(reader) }
}
