import {
  type Consistency,
  isSerialConsistency,
  ProtocolError,
  type SerialConsistency,
} from '../../errors/index.ts'
import { QueryFlag, unsetLength } from '../constants.ts'
import type { RawValue, WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'

// <query_parameters> = <consistency:short><flags:byte>[<n:short>[name_1]<value_1>…]
// [<page_size:int>][<paging_state:bytes>][<serial_consistency:short>][<timestamp:long>]
// (native_protocol_v4.spec §4.1.4). v5 makes the flags an int, appends keyspace and now_in_seconds.

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
}

/** Writes the parameters after the values, which `flags` announce. */
export function writeParametersTail(
  writer: WireWriter,
  flags: number,
  pageSize: number,
  pagingState: Uint8Array | undefined,
  serialConsistency: number,
  timestamp: bigint | number,
): void {
  if ((flags & QueryFlag.PAGE_SIZE) !== 0) writer.writeInt(pageSize)
  if ((flags & QueryFlag.PAGING_STATE) !== 0) writer.writeBytes(pagingState ?? null)
  writeSerialAndTimestamp(writer, flags, serialConsistency, timestamp)
}

/** `[<serial_consistency:short>][<timestamp:long>]`, with which requests end, as `flags` say. */
export function writeSerialAndTimestamp(
  writer: WireWriter,
  flags: number,
  serialConsistency: number,
  timestamp: bigint | number,
): void {
  if ((flags & QueryFlag.SERIAL_CONSISTENCY) !== 0) writer.writeShort(serialConsistency)
  if ((flags & QueryFlag.TIMESTAMP) !== 0) {
    if (typeof timestamp === 'number') writer.writeLongOfNumber(timestamp)
    else writer.writeLong(timestamp)
  }
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

export function readQueryParameters(reader: WireReader): QueryParameters {
  const consistency = reader.readConsistency()
  const flags = reader.readByte()
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
  }
}
