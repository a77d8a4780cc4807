import { encodeValue } from '../../codec/index.ts'
import type { CqlType } from '../../types/index.ts'
import type { ColumnSchema, TableSchema } from '../catalog/table-schema.ts'
import { clusteringKeyOf, partitionKeyOf } from '../keys/index.ts'
import type { CellChange, Mutation } from '../rows/index.ts'

/** A row of a system table by column; missing and `undefined` columns are null. */
export type SystemRow = { readonly [column: string]: unknown }

const written = { hi: 0, lo: 1 } as const
const noBytes = new Uint8Array(0)

/** Returns the mutation that inserts the row. */
export function mutationOf(table: TableSchema, row: SystemRow): Mutation {
  const key = (column: ColumnSchema): Uint8Array => encodeValue(column.type, row[column.name])
  const cells: CellChange[] = []
  for (const column of table.regulars) {
    const value = row[column.name]
    if (value === undefined || value === null) continue
    if (column.isComplex) cells.push(...elements(column, column.type, value))
    else cells.push({ kind: 'set', column, value: encodeValue(column.type, value) })
  }
  return {
    table,
    partition: partitionKeyOf(table, table.partitionKey.map(key)),
    timestamp: written,
    ttl: 0,
    changes: [
      {
        kind: 'row',
        clustering: clusteringKeyOf(table, table.clustering.map(key)),
        liveness: true,
        cells,
      },
    ],
  }
}

/** System tables have non-frozen sets and maps, and no lists. */
function elements(column: ColumnSchema, type: CqlType, value: unknown): CellChange[] {
  if (type.kind === 'set') {
    return [...(value as Iterable<unknown>)].map((element) => {
      return {
        kind: 'setElement',
        column,
        path: encodeValue(type.element, element),
        value: noBytes,
      }
    })
  }
  if (type.kind !== 'map') throw new TypeError(`No rows for a ${type.kind} of cells`)
  return [...(value as ReadonlyMap<unknown, unknown>)].map(([key, element]) => {
    return {
      kind: 'setElement',
      column,
      path: encodeValue(type.key, key),
      value: encodeValue(type.value, element),
    }
  })
}
