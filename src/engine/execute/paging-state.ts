import type { TableSchema } from '../catalog/table-schema.ts'
import {
  type ClusteringKey,
  clusteringKeyOf,
  type PartitionKey,
  partitionKeyOfBytes,
} from '../keys/index.ts'
import { protocolFault } from '../faults.ts'
import { pagingStateInvalid } from '../plan/messages.ts'

/** Where a read stopped: behind a row, or behind a whole partition. */
export interface PagePosition {
  readonly partition: PartitionKey
  readonly clustering: ClusteringKey | undefined
  /** Rows LIMIT still lets through, and PER PARTITION LIMIT in this partition. */
  readonly remaining: number
  readonly remainingInPartition: number
}

const format = 1
const headBytes = 1 + 4 + 4 + 4

/**
 * `format · statement (4) · remaining (4) · remaining in partition (4) · partition · clustering
 * count (int16, −1 without) · components · crc32 (4)`; lengths are int32.
 */
export function encodePagingState(position: PagePosition, statementHash: number): Uint8Array {
  const { partition, clustering } = position
  const parts = [partition.bytes, ...(clustering?.components ?? [])]
  const length = parts.reduce((sum, part) => sum + 4 + part.length, headBytes + 2 + 4)
  const bytes = Buffer.alloc(length)
  bytes[0] = format
  bytes.writeInt32BE(statementHash | 0, 1)
  bytes.writeInt32BE(position.remaining, 5)
  bytes.writeInt32BE(position.remainingInPartition, 9)
  let at = bytes.writeInt16BE(
    clustering === undefined ? -1 : clustering.components.length,
    headBytes,
  )
  for (const part of parts) {
    at = bytes.writeInt32BE(part.length, at)
    bytes.set(part, at)
    at += part.length
  }
  bytes.writeUInt32BE(crc32(bytes.subarray(0, at)), at)
  return bytes
}

/** @throws ServerError for bytes that no page of this statement ended with */
export function decodePagingState(
  state: Uint8Array,
  table: TableSchema,
  statementHash: number,
): PagePosition {
  const bytes = Buffer.from(state.buffer, state.byteOffset, state.byteLength)
  const end = bytes.length - 4
  if (
    end < headBytes + 6 ||
    bytes[0] !== format ||
    bytes.readUInt32BE(end) !== crc32(bytes.subarray(0, end))
  ) {
    throw protocolFault(pagingStateInvalid)
  }
  if (bytes.readInt32BE(1) !== (statementHash | 0)) throw protocolFault(pagingStateInvalid)
  const count = bytes.readInt16BE(headBytes)
  const parts: Uint8Array[] = []
  for (let at = headBytes + 2; at < end; ) {
    const length = bytes.readInt32BE(at)
    parts.push(Uint8Array.prototype.slice.call(bytes, at + 4, at + 4 + length))
    at += 4 + length
  }
  return {
    partition: partitionKeyOfBytes(table, parts[0]!),
    clustering: count < 0 ? undefined : clusteringKeyOf(table, parts.slice(1)),
    remaining: bytes.readInt32BE(5),
    remainingInPartition: bytes.readInt32BE(9),
  }
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
