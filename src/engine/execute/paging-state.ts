import type { TableSchema } from '../catalog/table-schema.ts'
import {
  type ClusteringKey,
  clusteringKeyOf,
  type PartitionKey,
  partitionKeyOfBytes,
} from '../keys/index.ts'
import { protocolFault } from '../errors.ts'
import { pagingStateInvalid } from './messages.ts'
import { concatCells, splitFields, valueFault, type WireElements } from '../../values/index.ts'

/**
 * The position where a read stopped: behind a row, or behind a whole partition. It does not depend
 * on the statement, so that another statement on the table can continue there (PagingState).
 */
export interface PagePosition {
  /** Undefined for a read of one partition, which the statement names. */
  readonly partition: PartitionKey | undefined
  readonly clustering: ClusteringKey | undefined
  /** Rows LIMIT still lets through, and PER PARTITION LIMIT in this partition. */
  readonly remaining: number
  readonly remainingInPartition: number
}

const format = 2
const remainingAt = 1
const remainingInPartitionAt = 5
const countAt = 9
const partsAt = 11
const checksumBytes = 4

/**
 * `format · remaining (4) · remaining in partition (4) · clustering count (int16, −1 without) ·
 * partition · components · crc32 (4)`; lengths are int32, −1 for a partition that is not named.
 */
export function encodePagingState(position: PagePosition): Uint8Array {
  const { partition, clustering } = position
  const parts = concatCells([partition?.bytes ?? null, ...(clustering?.components ?? [])])
  const bytes = Buffer.alloc(partsAt + parts.length + checksumBytes)
  bytes[0] = format
  bytes.writeInt32BE(position.remaining, remainingAt)
  bytes.writeInt32BE(position.remainingInPartition, remainingInPartitionAt)
  bytes.writeInt16BE(clustering === undefined ? -1 : clustering.components.length, countAt)
  bytes.set(parts, partsAt)
  const end = partsAt + parts.length
  bytes.writeUInt32BE(crc32(bytes.subarray(0, end)), end)
  return bytes
}

/** @throws ServerError when the bytes are not a paging state of this table */
export function decodePagingState(state: Uint8Array, table: TableSchema): PagePosition {
  const bytes = Buffer.from(state.buffer, state.byteOffset, state.byteLength)
  const end = bytes.length - checksumBytes
  const isWhole =
    end >= partsAt + 4 &&
    bytes[0] === format &&
    bytes.readUInt32BE(end) === crc32(bytes.subarray(0, end))
  if (!isWhole) throw protocolFault(pagingStateInvalid)
  const [partition, ...components] = splitFields(new Uint8Array(bytes.subarray(partsAt, end)))
  const count = bytes.readInt16BE(countAt)
  return {
    partition: partition === undefined ? undefined : partitionKeyOfBytes(table, partition),
    clustering: count < 0 ? undefined : clusteringOf(table, components),
    remaining: bytes.readInt32BE(remainingAt),
    remainingInPartition: bytes.readInt32BE(remainingInPartitionAt),
  }
}

/** @throws ServerError when the components are not those of a row of the table */
function clusteringOf(table: TableSchema, components: WireElements): ClusteringKey {
  const { clustering } = table
  const isOfTable =
    components.length === clustering.length &&
    clustering.every(({ type }, i) => {
      const component = components[i]
      return component !== undefined && valueFault(type, component) === undefined
    })
  if (!isOfTable) throw protocolFault(pagingStateInvalid)
  return clusteringKeyOf(table, components as Uint8Array[])
}

const crcTable: Uint32Array = new Uint32Array(256)
for (let i = 0; i < 256; i++) {
  let value = i
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1
  crcTable[i] = value
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
