import { StorageError } from '../../errors/index.ts'
import { type CqlType, nativeTypeByName, type UdtType } from '../../types/index.ts'
import type { KeyspaceSchema, Schema, TableEntry } from './schema.ts'
import { type TableOptions, tableOptionsDefault } from './table-options.ts'
import { type ColumnSchema, createTableSchema, type DroppedColumn } from './table-schema.ts'

/** Format of new stores. Stores of every format with a decoder below can be read. */
const currentFormat = 2

/** The catalog as it is stored, in JSON. */
interface StoredCatalog {
  readonly format: typeof currentFormat
  readonly nextGeneration: number
  readonly version: string
  readonly keyspaces: readonly StoredKeyspace[]
  /** Generations whose rows can no longer be reached and may still be stored. */
  readonly droppedGenerations: readonly number[]
}

/** Format 1, until 0.1: `droppedGenerations` had another name and was optional. */
interface StoredCatalog1 {
  readonly nextGeneration: number
  readonly version: string
  readonly keyspaces: readonly StoredKeyspace[]
  readonly dropped?: readonly number[]
}

/** The part of the catalog that is stored. */
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
    format: currentFormat,
    nextGeneration,
    droppedGenerations: dropped,
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

/** One decoder per format; each turns the stored form into the current one. */
const decoders: ReadonlyMap<unknown, (stored: never) => StoredCatalog> = new Map<
  unknown,
  (stored: never) => StoredCatalog
>([
  [1, upgradeFormat1],
  [currentFormat, (stored: StoredCatalog) => stored],
])

function upgradeFormat1({ dropped = [], ...rest }: StoredCatalog1): StoredCatalog {
  return { ...rest, format: currentFormat, droppedGenerations: dropped }
}

/** @throws StorageError when the bytes are not a catalog, or have an unknown format */
export function decodeCatalog(bytes: Uint8Array): CatalogContent {
  const { version, nextGeneration, keyspaces, droppedGenerations } = readStored(bytes)
  const loaded = new Map(keyspaces.map((each) => [each.name, loadKeyspace(each)]))
  return { schema: { version, keyspaces: loaded }, nextGeneration, dropped: droppedGenerations }
}

function readStored(bytes: Uint8Array): StoredCatalog {
  let stored: { readonly format?: unknown }
  try {
    stored = JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly format?: unknown }
  } catch (cause) {
    const message = 'The catalog of the store is damaged: it is not JSON. Restore it from a backup'
    throw new StorageError(message, 'not_applied', { cause })
  }
  const decode = decoders.get(stored?.format)
  if (decode !== undefined) return decode(stored as never)
  const known = [...decoders.keys()].join(' and ')
  throw new StorageError(
    `The catalog of the store has the format ${String(stored?.format)}, this version of tsylla reads ${known}: open it with the version that wrote it, or a newer one`,
    'not_applied',
  )
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

/** Replaces native types by their shared instances, because other code compares by identity. */
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
