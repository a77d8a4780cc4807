import {
  type Consistency,
  isSerialConsistency,
  ProtocolError,
  type SerialConsistency,
} from '../../errors/index.ts'
import { ProtocolVersion, QueryFlag, unsetLength } from '../constants.ts'
import type { RawValue, WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

// <query_parameters> = <consistency:short><flags:byte>[<n:short>[name_1]<value_1>…]
// [<page_size:int>][<paging_state:bytes>][<serial_consistency:short>][<timestamp:long>]
// (native_protocol_v4.spec §4.1.4). In v5 the flags are an int, and [<keyspace:string>]
// [<now_in_seconds:int>] follow (native_protocol_v5.spec §4.1.4).

/** Parameters as a node reads them. */
export interface QueryParameters {
  readonly consistency: Consistency
  /** In the order sent; views of the frame's memory. */
  readonly values: readonly RawValue[]
  /** Names of the values, of the same length, when they were sent by name. */
  readonly names: readonly string[] | undefined
  readonly skipMetadata: boolean
  /** As sent, so possibly 0 or negative, which means no paging. */
  readonly pageSize: number | undefined
  readonly pagingState: Uint8Array | undefined
  readonly serialConsistency: SerialConsistency | undefined
  /** Microseconds since the epoch. */
  readonly timestamp: bigint | undefined
  /** Keyspace of the text, of v5. */
  readonly keyspace: string | undefined
  /** The time that TTLs end by, in seconds since the epoch, of v5. */
  readonly nowInSeconds: number | undefined
}

/** Parameters that only v5 has. */
export interface ParametersV5 {
  readonly keyspace?: string | undefined
  readonly nowInSeconds?: number | undefined
}

/** Flags of QUERY, EXECUTE and BATCH: a byte, and an [int] in v5. */
export function writeFlags(writer: WireWriter, version: ProtocolVersion, flags: number): void {
  if (version === ProtocolVersion.V5) writer.writeInt(flags)
  else writer.writeByte(flags)
}

export function readFlags(reader: WireReader, version: ProtocolVersion): number {
  return version === ProtocolVersion.V5 ? reader.readInt() : reader.readByte()
}

/** Writes the parameters after the values, which `flags` announce. */
export function writeParametersTail(
  writer: WireWriter,
  flags: number,
  pageSize: number,
  pagingState: Uint8Array | undefined,
  serialConsistency: number,
  timestamp: bigint | number,
  parametersV5?: ParametersV5,
): void {
  if ((flags & QueryFlag.PAGE_SIZE) !== 0) writer.writeInt(pageSize)
  if ((flags & QueryFlag.PAGING_STATE) !== 0) writer.writeBytes(pagingState ?? null)
  writeParametersEnd(writer, flags, serialConsistency, timestamp, parametersV5)
}

/**
 * `[<serial_consistency:short>][<timestamp:long>][<keyspace:string>][<now_in_seconds:int>]`, with
 * which requests end, as `flags` say.
 */
export function writeParametersEnd(
  writer: WireWriter,
  flags: number,
  serialConsistency: number,
  timestamp: bigint | number,
  parametersV5?: ParametersV5,
): void {
  if ((flags & QueryFlag.SERIAL_CONSISTENCY) !== 0) writer.writeShort(serialConsistency)
  if ((flags & QueryFlag.TIMESTAMP) !== 0) {
    if (typeof timestamp === 'number') writer.writeLongOfNumber(timestamp)
    else writer.writeLong(timestamp)
  }
  if ((flags & QueryFlag.KEYSPACE) !== 0) writer.writeString(parametersV5?.keyspace ?? '')
  if ((flags & QueryFlag.NOW_IN_SECONDS) !== 0) writer.writeInt(parametersV5?.nowInSeconds ?? 0)
}

/** `<n:short>` and the values. */
export function writeRawValues(writer: WireWriter, values: readonly RawValue[]): void {
  writer.writeCount('The list of values', values.length)
  for (const value of values) writeRawValue(writer, value)
}

export function writeRawValue(writer: WireWriter, value: RawValue): void {
  if (typeof value === 'symbol') writer.writeInt(unsetLength)
  else writer.writeBytes(value)
}

export function readRawValues(reader: WireReader): RawValue[] {
  const count = reader.readShortCount(4)
  const values: RawValue[] = []
  for (let i = 0; i < count; i++) values.push(reader.readValue())
  return values
}

export function readSerialConsistency(reader: WireReader): SerialConsistency {
  const consistency = reader.readConsistency()
  if (!isSerialConsistency(consistency)) {
    throw new ProtocolError(`Invalid consistency for conditional update: ${consistency}`)
  }
  return consistency
}

export function readQueryParameters(reader: WireReader, version: ProtocolVersion): QueryParameters {
  const consistency = reader.readConsistency()
  const flags = readFlags(reader, version)
  let values: RawValue[] = []
  let names: string[] | undefined
  if ((flags & QueryFlag.VALUES) !== 0) {
    if ((flags & QueryFlag.NAMED_VALUES) === 0) {
      values = readRawValues(reader)
    } else {
      names = []
      const count = reader.readShortCount(6)
      for (let i = 0; i < count; i++) {
        names.push(reader.readString())
        values.push(reader.readValue())
      }
    }
  }
  const has = (flag: number): boolean => (flags & flag) !== 0
  return {
    consistency,
    values,
    names,
    skipMetadata: has(QueryFlag.SKIP_METADATA),
    pageSize: has(QueryFlag.PAGE_SIZE) ? reader.readInt() : undefined,
    pagingState: has(QueryFlag.PAGING_STATE) ? (reader.readBytes() ?? undefined) : undefined,
    serialConsistency: has(QueryFlag.SERIAL_CONSISTENCY)
      ? readSerialConsistency(reader)
      : undefined,
    timestamp: has(QueryFlag.TIMESTAMP) ? reader.readLong() : undefined,
    ...readParametersV5(reader, version, flags),
  }
}

/** The parameters that only v5 has, which come last. In v4 their flags mean nothing. */
export function readParametersV5(
  reader: WireReader,
  version: ProtocolVersion,
  flags: number,
): Pick<QueryParameters, 'keyspace' | 'nowInSeconds'> {
  const has = (flag: number): boolean => version === ProtocolVersion.V5 && (flags & flag) !== 0
  return {
    keyspace: has(QueryFlag.KEYSPACE) ? reader.readString() : undefined,
    nowInSeconds: has(QueryFlag.NOW_IN_SECONDS) ? reader.readInt() : undefined,
  }
}
