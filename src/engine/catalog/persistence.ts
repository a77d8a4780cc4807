import { type CqlType, nativeTypeByName, type UdtType } from '../../types/index.ts'
import type { KeyspaceSchema, Schema, TableEntry } from './schema.ts'
import { type TableOptions, tableOptionsDefault } from './table-options.ts'
import { type ColumnSchema, createTableSchema, type DroppedColumn } from './table-schema.ts'

/** What the store remembers of the catalog, as JSON. */
interface StoredCatalog {
  readonly format: 1
  readonly nextGeneration: number
  readonly version: string
  readonly keyspaces: readonly StoredKeyspace[]
  /** Generations whose rows nobody can reach any more and that may still be there. */
  readonly dropped?: readonly number[]
}

/** What of the catalog outlives the process. */
export interface CatalogContent {
  readonly schema: Schema
  readonly nextGeneration: number
  readonly dropped: readonly number[]
}

interface StoredKeyspace {
  readonly name: string
  readonly replication: readonly (readonly [string, string])[]
  readonly durableWrites: boolean
  readonly types: readonly UdtType[]
  readonly tables: readonly StoredTable[]
}

interface StoredTable {
  readonly name: string
  readonly id: string
  readonly generation: number
  readonly nextColumnId: number
  readonly columns: readonly ColumnSchema[]
  readonly dropped: readonly { readonly column: ColumnSchema; readonly droppedAt: string }[]
  readonly options: { readonly [name: string]: unknown }
}

export function encodeCatalog({ schema, nextGeneration, dropped }: CatalogContent): Uint8Array {
  const stored: StoredCatalog = {
    format: 1,
    nextGeneration,
    dropped,
    version: schema.version,
    keyspaces: [...schema.keyspaces.values()].map(storedKeyspace),
  }
  return Buffer.from(JSON.stringify(stored))
}

function storedKeyspace(keyspace: KeyspaceSchema): StoredKeyspace {
  return {
    name: keyspace.name,
    replication: [...keyspace.replication],
    durableWrites: keyspace.durableWrites,
    types: [...keyspace.types.values()],
    tables: [...keyspace.tables.values()].map(storedTable),
  }
}

function storedTable({ schema, options }: TableEntry): StoredTable {
  const dropped = [...schema.droppedColumns.values()].map(({ column, droppedAt }) => {
    return { column, droppedAt: String(droppedAt) }
  })
  const entries = Object.entries(options).map(([name, value]: [string, unknown]) => {
    return [name, value instanceof Map ? { map: [...value] } : value]
  })
  return {
    name: schema.name,
    id: schema.id,
    generation: schema.generation,
    nextColumnId: schema.nextColumnId,
    columns: [...schema.columns.values()],
    dropped,
    options: Object.fromEntries(entries) as StoredTable['options'],
  }
}

export function decodeCatalog(bytes: Uint8Array): CatalogContent {
  const stored = JSON.parse(Buffer.from(bytes).toString('utf8')) as StoredCatalog
  if (stored.format !== 1) {
    throw new Error(`The store has a catalog of format ${String(stored.format)}, expected 1`)
  }
  const keyspaces = new Map(stored.keyspaces.map((each) => [each.name, loadKeyspace(each)]))
  const { version, nextGeneration, dropped = [] } = stored
  return { schema: { version, keyspaces }, nextGeneration, dropped }
}

function loadKeyspace(stored: StoredKeyspace): KeyspaceSchema {
  return {
    name: stored.name,
    replication: new Map(stored.replication),
    durableWrites: stored.durableWrites,
    types: new Map(stored.types.map((type) => [type.name, loadType(type) as UdtType])),
    tables: new Map(stored.tables.map((table) => [table.name, loadTable(table, stored.name)])),
  }
}

function loadTable(stored: StoredTable, keyspace: string): TableEntry {
  const options: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(stored.options)) {
    const isMap = typeof value === 'object' && value !== null && 'map' in value
    options[name] = isMap ? new Map(value.map as [string, string][]) : value
  }
  const tableOptions = { ...tableOptionsDefault, ...options } as TableOptions
  const dropped = stored.dropped.map(({ column, droppedAt }): [string, DroppedColumn] => {
    return [column.name, { column: loadColumn(column), droppedAt: BigInt(droppedAt) }]
  })
  const schema = createTableSchema({
    keyspace,
    name: stored.name,
    id: stored.id,
    generation: stored.generation,
    nextColumnId: stored.nextColumnId,
    columns: stored.columns.map(loadColumn),
    droppedColumns: new Map(dropped),
    defaultTtl: tableOptions.defaultTimeToLive,
    gcGraceSeconds: tableOptions.gcGraceSeconds,
  })
  return { schema, options: tableOptions }
}

function loadColumn(column: ColumnSchema): ColumnSchema {
  return { ...column, type: loadType(column.type) }
}

/** Native types are compared by identity elsewhere, so they become the shared instances again. */
function loadType(type: CqlType): CqlType {
  switch (type.kind) {
    case 'list':
    case 'set':
    case 'vector':
      return { ...type, element: loadType(type.element) }
    case 'map':
      return { ...type, key: loadType(type.key), value: loadType(type.value) }
    case 'tuple':
      return { ...type, elements: type.elements.map(loadType) }
    case 'udt': {
      const fields = type.fields.map((field) => ({ ...field, type: loadType(field.type) }))
      return { ...type, fields }
    }
    case 'custom':
      return type
    default:
      return nativeTypeByName(type.kind) ?? type
  }
}
