import type {
  ColumnDefinition,
  CreateTableStatement,
  DropStatement,
  QualifiedName,
} from '../../../cql/index.ts'
import { type CqlType, cqlTypeText } from '../../../types/index.ts'
import { alreadyExists, configurationError, invalid } from '../../errors.ts'
import {
  isValidName,
  keyspaceOrThrow,
  qualifiedText,
  type Schema,
  withEntry,
  withKeyspace,
  withTable,
} from '../schema.ts'
import { tableOptionsDefault } from '../table-options.ts'
import {
  type ColumnSchema,
  createTableSchema,
  isComplexType,
  type TableSchema,
} from '../table-schema.ts'
import { resolveType, someType, type TypeScope } from '../type-resolution.ts'
import { propertyValues, type PropertyValues, stringProperty } from './properties.ts'
import { checkTableOptions, parseTableOptions } from './table-properties.ts'

const tableNameMax = 222

/** Fresh numbers and names for what a statement creates. */
export interface Allocator {
  /** A new table id, a time-based UUID as Cassandra's. */
  tableId(): string
  /** A number no table ever had in the store. */
  generation(): number
}

export function createTable(
  schema: Schema,
  statement: CreateTableStatement,
  keyspaceName: string,
  allocator: Allocator,
): Schema {
  const { name } = statement.table
  const text = `${keyspaceName}.${name}`
  checkDeclarations(statement, text)
  const keyspace = keyspaceOrThrow(schema, keyspaceName)
  const values = propertyValues(statement.properties)
  const options = parseTableOptions(values, tableOptionsDefault)
  if (keyspace.tables.has(name)) {
    if (statement.ifNotExists) return schema
    throw alreadyExists(
      `Cannot add already existing table "${name}" to keyspace "${keyspaceName}"`,
      keyspaceName,
      name,
    )
  }
  checkTableOptions(values, options)
  if (statement.compactStorage) throw invalid('COMPACT STORAGE tables are not supported')
  const columns = layOutColumns(statement, { keyspace: keyspaceName, types: keyspace.types })
  const table = createTableSchema({
    keyspace: keyspaceName,
    name,
    id: tableIdOf(schema, values) ?? allocator.tableId(),
    generation: allocator.generation(),
    columns,
    defaultTtl: options.defaultTimeToLive,
    gcGraceSeconds: options.gcGraceSeconds,
  })
  if (table.isCounter && options.defaultTimeToLive > 0) {
    throw invalid('Cannot set default_time_to_live on a table with counters')
  }
  checkTableName(table)
  return withTable(schema, keyspace, { schema: table, options })
}

/** The id a statement asks for (UUID.fromString of Java, which takes short parts). */
function tableIdOf(schema: Schema, values: PropertyValues): string | undefined {
  const text = stringProperty(values, 'id')
  if (text === undefined) return undefined
  const parts = /^([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)$/i.exec(text)
  if (parts === null || text.length > 36) throw configurationError('Invalid table id')
  const id = [8, 4, 4, 4, 12]
    .map((digits, i) => parts[i + 1]!.toLowerCase().padStart(digits, '0').slice(-digits))
    .join('-')
  for (const { tables } of schema.keyspaces.values()) {
    for (const { schema: other } of tables.values()) {
      if (other.id === id)
        throw configurationError(`${qualifiedText(other)} has the id ${id} already`)
    }
  }
  return id
}

function checkTableName({ keyspace, name }: TableSchema): void {
  if (!isValidName(name)) {
    throw configurationError(
      `${keyspace}.${name}: Table name must not be empty or not contain non-alphanumeric-underscore characters (got "${name}")`,
    )
  }
  if (name.length > tableNameMax) {
    throw configurationError(
      `${keyspace}.${name}: Table name must not be more than ${tableNameMax} characters long (got ${name.length} characters for "${name}")`,
    )
  }
}

/** What the statement itself gets wrong (CreateTableStatement.Raw). */
function checkDeclarations(statement: CreateTableStatement, text: string): void {
  const names = new Set<string>()
  for (const { name } of statement.columns) {
    if (names.has(name)) throw invalid(`Duplicate column '${name}' declaration for table '${text}'`)
    names.add(name)
  }
  if (statement.primaryKeys.length > 1) {
    throw invalid(`Multiple PRIMARY KEY specified for table '${text}' (exactly one required)`)
  }
  const ordered = new Set<string>()
  for (const { column } of statement.clusteringOrder) {
    if (ordered.has(column)) {
      throw invalid(
        `Duplicate column '${column}' in CLUSTERING ORDER BY clause for table '${text}'`,
      )
    }
    ordered.add(column)
  }
  if (statement.primaryKeys.length === 0) {
    const named = statement.table.keyspace === undefined ? statement.table.name : text
    throw invalid(`No PRIMARY KEY specifed for table '${named}' (exactly one required)`)
  }
}

function layOutColumns(statement: CreateTableStatement, scope: TypeScope): ColumnSchema[] {
  const { partitionKey, clusteringKey } = statement.primaryKeys[0]!
  const definitions = [...statement.columns].sort(byNameBytes)
  const types = new Map(definitions.map((each) => [each.name, columnType(each, scope)]))
  if ([...types.values()].some(isDeepUserType)) {
    throw invalid('Non-frozen UDTs with nested non-frozen collections are not supported')
  }
  checkKeyColumns(statement, types)
  checkClusteringOrder(statement, clusteringKey)
  const descending = new Set(
    statement.clusteringOrder.filter((each) => each.descending).map((each) => each.column),
  )
  const statics = definitions.filter((each) => each.isStatic)
  if (clusteringKey.length === 0 && statics.length > 0) throw invalid(uselessStatic)
  const keyNames = new Set([...partitionKey, ...clusteringKey])
  const others = definitions.filter((each) => !keyNames.has(each.name))
  if (others.some((each) => types.get(each.name)!.kind === 'counter')) {
    if (others.some((each) => types.get(each.name)!.kind !== 'counter')) {
      throw invalid('Cannot mix counter and non counter columns in the same table')
    }
  }
  const column = (
    name: string,
    kind: ColumnSchema['kind'],
    position: number,
    id: number,
  ): ColumnSchema => makeColumn(name, types.get(name)!, kind, position, id, descending.has(name))
  let id = 0
  return [
    ...partitionKey.map((name, position) => column(name, 'partition_key', position, id++)),
    ...clusteringKey.map((name, position) => column(name, 'clustering', position, id++)),
    ...others.map((each) => column(each.name, each.isStatic ? 'static' : 'regular', -1, id++)),
  ]
}

export const uselessStatic =
  'Static columns are only useful (and thus allowed) if the table has at least one clustering column'

export function makeColumn(
  name: string,
  type: CqlType,
  kind: ColumnSchema['kind'],
  position: number,
  id: number,
  descending: boolean,
): ColumnSchema {
  const isComplex = (kind === 'static' || kind === 'regular') && isComplexType(type)
  return { id, name, type, kind, position, descending, isComplex }
}

export function columnType(definition: ColumnDefinition, scope: TypeScope): CqlType {
  const type = resolveType(definition.type, scope)
  if (definition.mask !== undefined)
    throw invalid(
      'Cannot mask columns because dynamic data masking is not enabled. You can enable it with the dynamic_data_masking_enabled property on cassandra.yaml',
    )
  return type
}

/** A non-frozen user type with a field that would need cells of its own. */
export function isDeepUserType(type: CqlType): boolean {
  return (
    type.kind === 'udt' && !type.frozen && type.fields.some((field) => isComplexType(field.type))
  )
}

function byNameBytes(a: { readonly name: string }, b: { readonly name: string }): number {
  return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))
}

function checkKeyColumns(
  statement: CreateTableStatement,
  types: ReadonlyMap<string, CqlType>,
): void {
  const { partitionKey, clusteringKey } = statement.primaryKeys[0]!
  const table = statement.table.name
  const seen = new Set<string>()
  const statics = new Set(
    statement.columns.filter(({ isStatic }) => isStatic).map(({ name }) => name),
  )
  for (const name of [...partitionKey, ...clusteringKey]) {
    const type = types.get(name)
    if (type === undefined) {
      throw invalid(`Unknown column '${name}' referenced in PRIMARY KEY for table '${table}'`)
    }
    if (seen.has(name)) {
      throw invalid(`Duplicate column '${name}' in PRIMARY KEY clause for table '${table}'`)
    }
    seen.add(name)
    if (isComplexType(type)) {
      const what = type.kind === 'udt' ? 'user-defined' : 'collection'
      throw invalid(
        `Invalid non-frozen ${what} type ${cqlTypeText(type)} for PRIMARY KEY column '${name}'`,
      )
    }
    if (type.kind === 'counter') {
      throw invalid(`counter type is not supported for PRIMARY KEY column '${name}'`)
    }
    if (someType(type, (part) => part.kind === 'duration')) {
      throw invalid(`duration type is not supported for PRIMARY KEY column '${name}'`)
    }
    if (statics.has(name)) {
      throw invalid(`Static column '${name}' cannot be part of the PRIMARY KEY`)
    }
  }
}

function checkClusteringOrder(
  statement: CreateTableStatement,
  clusteringKey: readonly string[],
): void {
  const ordered = statement.clusteringOrder.map((each) => each.column)
  const known = new Set(clusteringKey)
  const strangers = ordered.filter((name) => !known.has(name))
  if (strangers.length > 0) {
    throw invalid(
      `Only clustering key columns can be defined in CLUSTERING ORDER directive: [${strangers.join(', ')}] are not clustering columns`,
    )
  }
  ordered.forEach((name, index) => {
    const expected = clusteringKey[index]!
    if (name === expected) return
    if (ordered.includes(expected)) {
      throw invalid(
        `The order of columns in the CLUSTERING ORDER directive must match that of the clustering columns (${expected} must appear before ${name})`,
      )
    }
    throw invalid(`Missing CLUSTERING ORDER for column ${expected}`)
  })
}

export function dropTable(
  schema: Schema,
  statement: DropStatement,
  keyspaceName: string,
): { schema: Schema; generation: number | undefined } {
  const name: QualifiedName = statement.name
  const keyspace = schema.keyspaces.get(keyspaceName)
  const table = keyspace?.tables.get(name.name)
  if (keyspace === undefined || table === undefined) {
    if (statement.ifExists) return { schema, generation: undefined }
    throw invalid(`Table '${keyspaceName}.${name.name}' doesn't exist`)
  }
  const tables = withEntry(keyspace.tables, name.name, undefined)
  return {
    schema: withKeyspace(schema, { ...keyspace, tables }),
    generation: table.schema.generation,
  }
}
