import type { TableSchema } from '../catalog/table-schema.ts'
import { computeToken, token } from '../../routing/index.ts'
import { type KeyRange, prefixRange } from '../storage/index.ts'
import { Separator, writeComponent, writeEscaped } from './comparable.ts'
import { ComparableReader } from './comparable-decode.ts'
import { ByteWriter } from '../../values/index.ts'

/**
 * Identifies a partition in the store. Keys are latin1 strings with one character per byte, so that
 * the tree compares them natively:
 *
 *     tag · generation (4) · token (8) · routing key, escaped · kind or clustering
 *
 * Partitions are distinguished by the bytes of their key, as in Cassandra (DecoratedKey): 1.0 and
 * 1.00 have different tokens. Rows are distinguished by their clustering values.
 */
export interface PartitionKey {
  /** The routing key: a single component, or several in Cassandra's composite encoding. */
  readonly bytes: Uint8Array
  readonly tokenHi: number
  readonly tokenLo: number
  /** Prefix of all keys of the partition. */
  readonly prefix: string
}

/** A full clustering key: one row of a partition. */
export interface ClusteringKey {
  /** Wire bytes of every component, in the order of the table. */
  readonly components: readonly Uint8Array[]
  /** Byte-comparable; it follows the prefix of the partition. */
  readonly key: string
}

/** A position between rows: before or after all rows that begin with some components. */
export interface ClusteringBound {
  /** Byte-comparable, never equal to the key of a row. */
  readonly key: string
}

/** First byte of the keys that this module makes. Other modules use other first bytes. */
export const StoreTag = { rows: 0x10, deletionFlags: 0x11 } as const

/** Byte after the prefix of a partition in keys that are not rows. Rows have a separator here. */
export const PartitionEntry = { header: '\x01', rangeTombstones: '\x02' } as const

const tokenStart = 5
const keyStart = tokenStart + 8
const scratch: ByteWriter = new ByteWriter(512)

function writePrefix(sink: ByteWriter, generation: number, tokenHi: number, tokenLo: number): void {
  sink.writeByte(StoreTag.rows)
  sink.writeInt(generation)
  sink.writeInt(tokenHi ^ 0x80000000)
  sink.writeInt(tokenLo)
}

function takeText(): string {
  return scratch.bytes.toString('latin1', 0, scratch.length)
}

/** The partition whose routing key is `bytes`. */
export function partitionKeyOfBytes(table: TableSchema, bytes: Uint8Array): PartitionKey {
  computeToken(bytes, 0, bytes.length)
  // Murmur3Partitioner.getToken: the empty key, which no partition has, sorts before all others.
  const tokenHi = bytes.length === 0 ? -0x80000000 : token.high
  const tokenLo = token.low
  scratch.length = 0
  writePrefix(scratch, table.generation, tokenHi, tokenLo)
  writeEscaped(scratch, bytes, 0, bytes.length)
  return { bytes, tokenHi, tokenLo, prefix: takeText() }
}

/** Returns the partition for values of the partition key columns, in the order of the table. */
export function partitionKeyOf(
  table: TableSchema,
  components: readonly Uint8Array[],
): PartitionKey {
  return partitionKeyOfBytes(table, routingKey(components))
}

/** CompositeType: `[short length][bytes] 00` per component. A single component is not wrapped. */
export function routingKey(components: readonly Uint8Array[]): Uint8Array {
  if (components.length === 1) return components[0]!
  let length = 0
  for (const component of components) length += component.length + 3
  const bytes = new Uint8Array(length)
  let at = 0
  for (const component of components) {
    bytes[at] = component.length >>> 8
    bytes[at + 1] = component.length
    bytes.set(component, at + 2)
    at += component.length + 3
  }
  return bytes
}

/** Returns the values of the partition key columns. */
export function partitionComponents(table: TableSchema, { bytes }: PartitionKey): Uint8Array[] {
  if (table.partitionKey.length === 1) return [bytes]
  const components: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 + ((bytes[at]! << 8) | bytes[at + 1]!)
    components.push(bytes.subarray(at + 2, end))
    at = end + 1
  }
  return components
}

/** Returns the key of a row; without clustering columns, that of the only row. */
export function clusteringKeyOf(
  table: TableSchema,
  components: readonly Uint8Array[],
): ClusteringKey {
  return { components, key: clusteringText(table, components, Separator.terminator) }
}

/** Returns the bound before all rows that begin with `components`, which may be empty. */
export function boundBefore(
  table: TableSchema,
  components: readonly Uint8Array[],
): ClusteringBound {
  return { key: clusteringText(table, components, Separator.before) }
}

/** Returns the bound after all rows that begin with `components`, which may be empty. */
export function boundAfter(table: TableSchema, components: readonly Uint8Array[]): ClusteringBound {
  return { key: clusteringText(table, components, Separator.after) }
}

function clusteringText(
  table: TableSchema,
  components: readonly Uint8Array[],
  end: number,
): string {
  scratch.length = 0
  for (let i = 0; i < components.length; i++) {
    const column = table.clustering[i]!
    writeComponent(scratch, column.type, components[i], column.descending)
  }
  scratch.writeByte(end)
  return takeText()
}

/** Returns the range of all keys of a table. Its partitions are in the order of their tokens. */
export function tableRange(generation: number): KeyRange {
  scratch.length = 0
  scratch.writeByte(StoreTag.rows)
  scratch.writeInt(generation)
  return prefixRange(takeText())
}

/** Returns the key where partitions with a token begin, or with `isAfter` where they end. */
export function tokenPlace(
  generation: number,
  tokenHi: number,
  tokenLo: number,
  isAfter: boolean,
): string {
  scratch.length = 0
  writePrefix(scratch, generation, tokenHi, tokenLo)
  const prefix = takeText()
  // The generation of a table is never the maximum, so a next prefix always exists.
  return isAfter ? prefixRange(prefix).lt! : prefix
}

/** Returns a key after all keys of a partition: entry kinds and separators are below 0x61. */
export function partitionEnd(prefix: string): string {
  return `${prefix}\x61`
}

/** Returns the length of the partition prefix of a key. */
export function prefixLength(key: string): number {
  let at = keyStart
  while (at < key.length) {
    if (key.charCodeAt(at++) !== 0) continue
    while (key.charCodeAt(at) === 0xfe) at++
    if (key.charCodeAt(at) !== 0xff) return at
    at++
  }
  return at
}

/** Returns the partition with a prefix. */
export function partitionOfPrefix(prefix: string): PartitionKey {
  const raw = Buffer.from(prefix, 'latin1')
  const reader = new ComparableReader(raw, keyStart)
  scratch.length = 0
  reader.readEscaped(0, scratch)
  return {
    bytes: Uint8Array.prototype.slice.call(scratch.bytes, 0, scratch.length),
    tokenHi: raw.readInt32BE(tokenStart) ^ -0x80000000,
    tokenLo: raw.readInt32BE(tokenStart + 4),
    prefix,
  }
}
