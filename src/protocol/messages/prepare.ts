import { ProtocolError } from '../../errors/index.ts'
import type { ColumnSpec } from '../../types/index.ts'
import { Opcode, PrepareFlag, ProtocolVersion, ResultKind, RowsFlag } from '../constants.ts'
import type { ProtocolFeatures } from '../features.ts'
import { encodeColumnSpecs, readColumnSpecs } from '../notation/column-specs.ts'
import type { WireReader } from '../notation/reader.ts'
import type { WireWriter } from '../notation/writer.ts'
import { readRowsMetadata, writeRowsMetadata } from './rows.ts'

export interface PrepareRequest {
  readonly opcode: typeof Opcode.PREPARE
  readonly text: string
  /** Keyspace of the text, of v5. */
  readonly keyspace: string | undefined
}

/**
 * `<query:long string>`, and in v5 `<flags:int>[<keyspace:string>]` (native_protocol_v4.spec
 * §4.1.5, native_protocol_v5.spec §4.1.5)
 *
 * @param keyspace default: that of the connection; v4 knows no other
 */
export function writePrepare(
  writer: WireWriter,
  text: string,
  version: ProtocolVersion = ProtocolVersion.V4,
  keyspace?: string,
): void {
  writer.writeLongString(text)
  if (version !== ProtocolVersion.V5) return
  writer.writeInt(keyspace === undefined ? 0 : PrepareFlag.KEYSPACE)
  if (keyspace !== undefined) writer.writeString(keyspace)
}

export function readPrepare(reader: WireReader, version: ProtocolVersion): PrepareRequest {
  const text = reader.readLongString()
  const flags = version === ProtocolVersion.V5 ? reader.readInt() : 0
  const keyspace = (flags & PrepareFlag.KEYSPACE) === 0 ? undefined : reader.readString()
  return { opcode: Opcode.PREPARE, text, keyspace }
}

/** Metadata of the bind markers of a prepared statement. */
export interface BindMetadata {
  /** All flag bits as received: extensions use high ones (LWT mark). Compare with `>>> 0`. */
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
  if (keyCount > count) {
    throw new ProtocolError(`Malformed frame: a partition key of ${keyCount} of ${count} markers`)
  }
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
  const { flags, bytes } = encodeColumnSpecs(markers)
  writer.writeInt(flags | extraFlags)
  writer.writeInt(markers.length)
  writer.writeInt(partitionKeyIndexes.length)
  for (const index of partitionKeyIndexes) writer.writeShort(index)
  writer.writeRaw(bytes)
}

export interface PreparedResult {
  readonly opcode: typeof Opcode.RESULT
  readonly kind: typeof ResultKind.PREPARED
  readonly id: Uint8Array
  /** Names the result's columns: {@link ProtocolFeatures.hasMetadataId}. */
  readonly resultMetadataId?: Uint8Array | undefined
  readonly bind: BindMetadata
  /** Columns of the result; none when the statement returns no rows. */
  readonly resultColumns: readonly ColumnSpec[]
}

/**
 * `<id:short bytes>[<result_metadata_id:short bytes>]<metadata><result_metadata>`
 * (native_protocol_v4.spec §4.2.5.4, native_protocol_v5.spec §4.2.5.4)
 */
export function writePrepared(writer: WireWriter, result: PreparedResult): void {
  const { id, resultMetadataId, bind, resultColumns } = result
  writer.writeShortBytes(id)
  if (resultMetadataId !== undefined) writer.writeShortBytes(resultMetadataId)
  writeBindMetadata(
    writer,
    bind.markers,
    bind.partitionKeyIndexes,
    bind.flags & ~RowsFlag.GLOBAL_TABLES_SPEC,
  )
  // A statement without rows has NO_METADATA and no columns, as in Cassandra.
  writeRowsMetadata(writer, resultColumns, { noMetadata: resultColumns.length === 0 })
}

export function readPrepared(
  reader: WireReader,
  { hasMetadataId }: Pick<ProtocolFeatures, 'hasMetadataId'>,
): PreparedResult {
  const id = reader.readShortBytes()
  const resultMetadataId = hasMetadataId ? reader.readShortBytes() : undefined
  const bind = readBindMetadata(reader)
  // Scylla may set the paging-state flag here, so this uses the general reader (scylladb#22475).
  const { columns: resultColumns } = readRowsMetadata(reader)
  const kind = ResultKind.PREPARED
  return { opcode: Opcode.RESULT, kind, id, resultMetadataId, bind, resultColumns }
}
