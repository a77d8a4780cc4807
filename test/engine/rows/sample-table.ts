import {
  type ColumnSchema,
  createTableSchema,
  type TableSchema,
} from '../../../src/engine/catalog/table-schema.ts'
import {
  type ClusteringKey,
  clusteringKeyOf,
  type PartitionKey,
  partitionKeyOf,
} from '../../../src/engine/keys/index.ts'
import { isComplexType } from '../../../src/engine/catalog/table-schema.ts'
import type { Clock } from '../../../src/util/index.ts'
import { type CqlType, nativeTypes } from '../../../src/types/index.ts'

const { int, text, counter } = nativeTypes

function column(
  id: number,
  name: string,
  type: CqlType,
  kind: ColumnSchema['kind'],
  position = -1,
  descending = false,
): ColumnSchema {
  return { id, name, type, kind, position, descending, isComplex: isComplexType(type) }
}

/** `pk int, c1 int, c2 text DESC, s and sm static, a, b, map m, set e`. */
type ColumnName = 'pk' | 'c1' | 'c2' | 's' | 'a' | 'b' | 'm' | 'e' | 'sm'

export const columns: Readonly<Record<ColumnName, ColumnSchema>> = {
  pk: column(0, 'pk', int, 'partition_key', 0),
  c1: column(1, 'c1', int, 'clustering', 0),
  c2: column(2, 'c2', text, 'clustering', 1, true),
  s: column(3, 's', text, 'static'),
  a: column(4, 'a', text, 'regular'),
  b: column(5, 'b', int, 'regular'),
  m: column(6, 'm', { kind: 'map', key: int, value: text, frozen: false }, 'regular'),
  e: column(7, 'e', { kind: 'set', element: int, frozen: false }, 'regular'),
  sm: column(8, 'sm', { kind: 'map', key: int, value: text, frozen: false }, 'static'),
}

export function sampleTable(
  overrides: { gcGraceSeconds?: number; generation?: number } = {},
): TableSchema {
  return createTableSchema({
    keyspace: 'k',
    name: 't',
    id: '00000000-0000-0000-0000-000000000001',
    generation: 7,
    columns: Object.values(columns),
    ...overrides,
  })
}

export const count: ColumnSchema = column(2, 'n', counter, 'regular')
export const counterTable: TableSchema = createTableSchema({
  keyspace: 'k',
  name: 'counters',
  id: '00000000-0000-0000-0000-000000000002',
  generation: 8,
  columns: [column(0, 'pk', int, 'partition_key', 0), column(1, 'c', int, 'clustering', 0), count],
})

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export function partition(table: TableSchema, pk: number): PartitionKey {
  return partitionKeyOf(table, [int32(pk)])
}

export function clustering(table: TableSchema, c1: number, c2: string): ClusteringKey {
  return clusteringKeyOf(table, [int32(c1), Buffer.from(c2)])
}

/** A clock that stands still until it is set. */
export class FixedClock implements Clock {
  seconds = 1_000_000
  nowMs(): number {
    return this.seconds * 1000
  }
  monotonicMs(): number {
    return this.nowMs()
  }
  schedule(): never {
    throw new Error('Rows wait for nothing')
  }
}
