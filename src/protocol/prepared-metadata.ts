import { ProtocolError } from '../errors/index.ts'
import type { ColumnSpec } from '../types/index.ts'
import { columnSpecsFlag, readColumnSpecs, writeColumnSpecs } from './column-specs.ts'
import type { WireReader } from './wire-reader.ts'
import type { WireWriter } from './wire-writer.ts'

/** What a node tells of the bind markers of a prepared statement. */
export interface BindMetadata {
  /** All flag bits as they came: extensions use high ones (LWT mark). Compare with `>>> 0`. */
  readonly flags: number
  readonly markers: readonly ColumnSpec[]
  /** Positions of the partition key's markers in key order; empty when not all are bound. */
  readonly partitionKeyIndexes: readonly number[]
}

/**
 * `<flags:int><columns_count:int><pk_count:int>[<pk_index:short>…][<global_table_spec>]<col_spec>…`
 * (native_protocol_v4.spec §4.2.5.4)
 */
export function readBindMetadata(reader: WireReader): BindMetadata {
  const flags = reader.readInt()
  const count = reader.readInt()
  if (count < 0 || count > 0xffff) {
    throw new ProtocolError(`Malformed frame: a statement of ${count} markers`)
  }
  const keyCount = reader.readCount(2)
  const partitionKeyIndexes: number[] = []
  for (let i = 0; i < keyCount; i++) {
    const index = reader.readShort()
    if (index >= count) {
      throw new ProtocolError(`Malformed frame: partition key index ${index} of ${count} markers`)
    }
    partitionKeyIndexes.push(index)
  }
  return { flags, markers: readColumnSpecs(reader, flags, count), partitionKeyIndexes }
}

/** The inverse of `readBindMetadata`; `extraFlags` are bits of extensions. */
export function writeBindMetadata(
  writer: WireWriter,
  markers: readonly ColumnSpec[],
  partitionKeyIndexes: readonly number[],
  extraFlags: number = 0,
): void {
  const flags = columnSpecsFlag(markers)
  writer.writeInt(flags | extraFlags)
  writer.writeInt(markers.length)
  writer.writeInt(partitionKeyIndexes.length)
  for (const index of partitionKeyIndexes) writer.writeShort(index)
  writeColumnSpecs(writer, flags, markers)
}
