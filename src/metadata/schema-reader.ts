import { quoteString } from '../cql/index.ts'
import type { UdtType } from '../types/index.ts'
import type {
  AggregateMetadata,
  ColumnMetadata,
  FunctionMetadata,
  IndexMetadata,
  KeyspaceMetadata,
  RelationMetadata,
  TableMetadata,
  ViewMetadata,
} from './schema-descriptions.ts'
import { typeOf, type UserTypes } from './type-names.ts'

/** A row of a schema table by column. */
export type SchemaRow = ReadonlyMap<string, unknown>

/** Reads all rows that a SELECT returns. */
export type ReadRows = (cql: string) => Promise<readonly SchemaRow[]>

/** Tables of `system_schema` that every keyspace is read from. */
const schemaTables = [
  'tables',
  'columns',
  'views',
  'indexes',
  'types',
  'functions',
  'aggregates',
] as const
type SchemaRows = { readonly [Table in (typeof schemaTables)[number]]: readonly SchemaRow[] }

/** Reads the names of all keyspaces. */
export async function readKeyspaceNames(read: ReadRows): Promise<readonly string[]> {
  const rows = await read('SELECT keyspace_name FROM system_schema.keyspaces')
  return rows.map((row) => textColumnOf(row, 'keyspace_name')).sort()
}

/** Reads a keyspace; `undefined` when there is none of this name. */
export async function readKeyspace(
  read: ReadRows,
  name: string,
): Promise<KeyspaceMetadata | undefined> {
  const select = (table: string): Promise<readonly SchemaRow[]> =>
    read(`SELECT * FROM system_schema.${table} WHERE keyspace_name = ${quoteString(name)}`)
  const [keyspaces, ...parts] = await Promise.all(['keyspaces', ...schemaTables].map(select))
  const keyspace = keyspaces?.[0]
  if (keyspace === undefined) return undefined
  const rows = Object.fromEntries(schemaTables.map((table, i) => [table, parts[i]!]))
  return keyspaceOf(name, keyspace, rows as SchemaRows)
}

function keyspaceOf(name: string, keyspace: SchemaRow, rows: SchemaRows): KeyspaceMetadata {
  const types = userTypesOf(name, rows.types)
  const columns = groupedBy(rows.columns, 'table_name')
  const indexes = groupedBy(rows.indexes, 'table_name')
  const columnsOf = (relation: string): readonly ColumnMetadata[] =>
    sortedColumns((columns.get(relation) ?? []).map((row) => columnOf(row, types)))
  const tables = rows.tables.map((row): [string, TableMetadata] => {
    const table = textColumnOf(row, 'table_name')
    const own = (indexes.get(table) ?? []).map((index) => indexOf(index))
    return [
      table,
      {
        ...relationOf(name, table, row, columnsOf(table)),
        indexes: new Map(own.map((index) => [index.name, index])),
        flags: new Set(listOf(row, 'flags').map(String)),
      },
    ]
  })
  const views = rows.views.map((row): [string, ViewMetadata] => {
    const view = textColumnOf(row, 'view_name')
    return [
      view,
      {
        ...relationOf(name, view, row, columnsOf(view)),
        baseTable: textColumnOf(row, 'base_table_name'),
        whereClause: textColumnOf(row, 'where_clause'),
        includesAllColumns: row.get('include_all_columns') === true,
      },
    ]
  })
  return {
    name,
    replication: mapOf(keyspace, 'replication'),
    durableWrites: keyspace.get('durable_writes') !== false,
    tables: new Map(tables),
    views: new Map(views),
    types: new Map(
      rows.types.map((row) => {
        const type = textColumnOf(row, 'type_name')
        return [type, types.find(type)!]
      }),
    ),
    functions: rows.functions.map((row) => functionOf(name, row, types)),
    aggregates: rows.aggregates.map((row) => aggregateOf(name, row, types)),
  }
}

/** Types may contain each other, in any order of the rows, but never themselves. */
function userTypesOf(keyspace: string, rows: readonly SchemaRow[]): UserTypes {
  const byName = new Map(rows.map((row) => [textColumnOf(row, 'type_name'), row]))
  const found = new Map<string, UdtType>()
  const open = new Set<string>()
  const types: UserTypes = {
    keyspace,
    find(name) {
      const row = byName.get(name)
      if (row === undefined || open.has(name)) return undefined
      const known = found.get(name)
      if (known !== undefined) return known
      open.add(name)
      const texts = listOf(row, 'field_types').map(String)
      const fields = listOf(row, 'field_names').map((field, i) => {
        return { name: String(field), type: typeOf(texts[i] ?? '', types) }
      })
      open.delete(name)
      const type: UdtType = { kind: 'udt', keyspace, name, fields, frozen: false }
      found.set(name, type)
      return type
    },
  }
  return types
}

export function columnOf(row: SchemaRow, types: UserTypes): ColumnMetadata {
  return {
    name: textColumnOf(row, 'column_name'),
    type: typeOf(textColumnOf(row, 'type'), types),
    kind: textColumnOf(row, 'kind') as ColumnMetadata['kind'],
    position: Number(row.get('position')),
    clusteringOrder: textColumnOf(row, 'clustering_order') as ColumnMetadata['clusteringOrder'],
  }
}

const kindOrder: readonly ColumnMetadata['kind'][] = [
  'partition_key',
  'clustering',
  'static',
  'regular',
]

/** The order in which SELECT * returns them: keys by position, the others by the bytes of names. */
export function sortedColumns(columns: readonly ColumnMetadata[]): readonly ColumnMetadata[] {
  return [...columns].sort(
    (a, b) =>
      kindOrder.indexOf(a.kind) - kindOrder.indexOf(b.kind) ||
      a.position - b.position ||
      Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  )
}

/** Columns of the rows of tables and views that are no options. */
const noOptions: ReadonlySet<string> = new Set([
  ...['keyspace_name', 'table_name', 'view_name', 'id', 'flags', 'base_table_id'],
  ...['base_table_name', 'include_all_columns', 'where_clause'],
])

/** Columns by name, and those of the keys. */
export function keysOf(
  columns: readonly ColumnMetadata[],
): Pick<RelationMetadata, 'columns' | 'partitionKey' | 'clusteringKey'> {
  return {
    columns: new Map(columns.map((column) => [column.name, column])),
    partitionKey: columns.filter(({ kind }) => kind === 'partition_key'),
    clusteringKey: columns.filter(({ kind }) => kind === 'clustering'),
  }
}

function relationOf(
  keyspace: string,
  name: string,
  row: SchemaRow,
  columns: readonly ColumnMetadata[],
): RelationMetadata {
  return {
    ...{ keyspace, name, id: textColumnOf(row, 'id') },
    ...keysOf(columns),
    options: new Map([...row].filter(([column]) => !noOptions.has(column))),
  }
}

function indexOf(row: SchemaRow): IndexMetadata {
  const options = mapOf(row, 'options')
  return {
    name: textColumnOf(row, 'index_name'),
    kind: textColumnOf(row, 'kind') as IndexMetadata['kind'],
    target: options.get('target') ?? '',
    options,
  }
}

function functionOf(keyspace: string, row: SchemaRow, types: UserTypes): FunctionMetadata {
  return {
    ...{ keyspace, name: textColumnOf(row, 'function_name') },
    argumentNames: listOf(row, 'argument_names').map(String),
    argumentTypes: listOf(row, 'argument_types').map((text) => typeOf(String(text), types)),
    returnType: typeOf(textColumnOf(row, 'return_type'), types),
    language: textColumnOf(row, 'language'),
    body: textColumnOf(row, 'body'),
    isCalledOnNull: row.get('called_on_null_input') === true,
  }
}

function aggregateOf(keyspace: string, row: SchemaRow, types: UserTypes): AggregateMetadata {
  const optional = (column: string): string | undefined =>
    typeof row.get(column) === 'string' ? textColumnOf(row, column) : undefined
  return {
    ...{ keyspace, name: textColumnOf(row, 'aggregate_name') },
    argumentTypes: listOf(row, 'argument_types').map((text) => typeOf(String(text), types)),
    stateFunction: textColumnOf(row, 'state_func'),
    stateType: typeOf(textColumnOf(row, 'state_type'), types),
    finalFunction: optional('final_func'),
    initialCondition: optional('initcond'),
    returnType: typeOf(textColumnOf(row, 'return_type'), types),
  }
}

export function groupedBy(rows: readonly SchemaRow[], column: string): Map<string, SchemaRow[]> {
  const groups = new Map<string, SchemaRow[]>()
  for (const row of rows) {
    const key = textColumnOf(row, column)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [row])
    else group.push(row)
  }
  return groups
}

export function textColumnOf(row: SchemaRow, column: string): string {
  const value = row.get(column)
  return typeof value === 'string' ? value : ''
}

function listOf(row: SchemaRow, column: string): readonly unknown[] {
  const value = row.get(column)
  if (value instanceof Set) return [...(value as ReadonlySet<unknown>)]
  return Array.isArray(value) ? (value as readonly unknown[]) : []
}

function mapOf(row: SchemaRow, column: string): ReadonlyMap<string, string> {
  const value = row.get(column)
  return value instanceof Map ? (value as ReadonlyMap<string, string>) : new Map()
}
