import { type Consistency, ProtocolError, type SerialConsistency } from '../../errors/index.ts'
import { BatchTypeCode, Opcode, ProtocolVersion, QueryFlag } from '../constants.ts'
import {
  type ParametersV5,
  readFlags,
  readParametersV5,
  readRawValues,
  readSerialConsistency,
  writeFlags,
  writeParametersEnd,
} from './query-parameters.ts'
import type { RawValue, WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

/** A statement of a batch: by text or by the id of a prepared one. */
export type BatchEntryRequest =
  | { readonly text: string; readonly id?: never; readonly values: readonly RawValue[] }
  | { readonly id: Uint8Array; readonly text?: never; readonly values: readonly RawValue[] }

export interface BatchRequest {
  readonly opcode: typeof Opcode.BATCH
  readonly type: BatchTypeCode
  readonly entries: readonly BatchEntryRequest[]
  readonly consistency: Consistency
  readonly serialConsistency: SerialConsistency | undefined
  /** Microseconds since the epoch. */
  readonly timestamp: bigint | undefined
  /** Keyspace of the texts, of v5. */
  readonly keyspace: string | undefined
  /** The time that TTLs end by, in seconds since the epoch, of v5. */
  readonly nowInSeconds: number | undefined
}

// <type:byte><n:short>, n × (<kind:byte> text or id, <n:short><value>…),
// <consistency:short><flags>[<serial_consistency:short>][<timestamp:long>]
// (native_protocol_v4.spec §4.1.7), and in v5 [<keyspace:string>][<now_in_seconds:int>]. Named
// values cannot be used (CASSANDRA-10246).

export function writeBatchHead(writer: WireWriter, type: BatchTypeCode, count: number): void {
  writer.writeByte(type)
  writer.writeCount('The list of statements of a batch', count)
}

/** One statement by text; its values follow. */
export function writeBatchQuery(writer: WireWriter, text: string): void {
  writer.writeByte(0)
  writer.writeLongString(text)
}

/** One statement by id; its values follow. */
export function writeBatchPrepared(writer: WireWriter, id: Uint8Array): void {
  const { length } = id
  writer.reserve(3 + length)
  const at = writer.offset
  writer.bytes[at] = 1
  writer.offset = at + 1
  writer.writeShortBytes(id)
}

export function writeBatchTail(
  writer: WireWriter,
  consistency: number,
  flags: number,
  serialConsistency: number,
  timestamp: bigint | number,
  version: ProtocolVersion = ProtocolVersion.V4,
  parametersV5?: ParametersV5,
): void {
  writer.writeShort(consistency)
  writeFlags(writer, version, flags)
  writeParametersEnd(writer, flags, serialConsistency, timestamp, parametersV5)
}

export function readBatchRequest(reader: WireReader, version: ProtocolVersion): BatchRequest {
  const type = reader.readByte()
  if (
    type !== BatchTypeCode.LOGGED &&
    type !== BatchTypeCode.UNLOGGED &&
    type !== BatchTypeCode.COUNTER
  ) {
    throw new ProtocolError(`Invalid BATCH message type ${type}`)
  }
  const count = reader.readShortCount(5)
  const entries: BatchEntryRequest[] = []
  for (let i = 0; i < count; i++) entries.push(readBatchEntry(reader))
  const consistency = reader.readConsistency()
  const flags = readFlags(reader, version)
  if ((flags & QueryFlag.NAMED_VALUES) !== 0) {
    throw new ProtocolError('Values of a batch cannot be sent by name')
  }
  return {
    opcode: Opcode.BATCH,
    type,
    entries,
    consistency,
    serialConsistency:
      (flags & QueryFlag.SERIAL_CONSISTENCY) !== 0 ? readSerialConsistency(reader) : undefined,
    timestamp: (flags & QueryFlag.TIMESTAMP) !== 0 ? reader.readLong() : undefined,
    ...readParametersV5(reader, version, flags),
  }
}

function readBatchEntry(reader: WireReader): BatchEntryRequest {
  const kind = reader.readByte()
  if (kind === 0) {
    const text = reader.readLongString()
    return { text, values: readRawValues(reader) }
  }
  if (kind === 1) {
    const id = reader.readShortBytes()
    return { id, values: readRawValues(reader) }
  }
  throw new ProtocolError(`Invalid query kind ${kind} in BATCH messages`)
}
