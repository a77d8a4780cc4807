import { Opcode } from '../constants.ts'
import { initialFeatures, type ProtocolFeatures } from '../features.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'
import { type QueryParameters, readQueryParameters, writeFlags } from './query-parameters.ts'

export interface ExecuteRequest {
  readonly opcode: typeof Opcode.EXECUTE
  readonly id: Uint8Array
  /** Where {@link ProtocolFeatures.hasMetadataId}; empty when the client knows no columns. */
  readonly resultMetadataId: Uint8Array | undefined
  readonly parameters: QueryParameters
}

/** What a client sends that knows no columns. */
const noMetadataId: Uint8Array = new Uint8Array(0)

/**
 * `<id:short bytes>[<result_metadata_id:short bytes>]<consistency:short><flags>`
 * (native_protocol_v4.spec §4.1.6, native_protocol_v5.spec §4.1.6)
 */
export function writeExecuteHead(
  writer: WireWriter,
  id: Uint8Array,
  consistency: number,
  flags: number,
  { version, hasMetadataId }: Pick<ProtocolFeatures, 'version' | 'hasMetadataId'> = initialFeatures,
  resultMetadataId: Uint8Array = noMetadataId,
): void {
  writer.writeShortBytes(id)
  if (hasMetadataId) writer.writeShortBytes(resultMetadataId)
  writer.writeShort(consistency)
  writeFlags(writer, version, flags)
}

export function readExecute(
  reader: WireReader,
  { version, hasMetadataId }: ProtocolFeatures,
): ExecuteRequest {
  const id = reader.readShortBytes()
  const resultMetadataId = hasMetadataId ? reader.readShortBytes() : undefined
  const parameters = readQueryParameters(reader, version)
  return { opcode: Opcode.EXECUTE, id, resultMetadataId, parameters }
}
