import type { AlterTableStatement, TableChange } from '../../../cql/index.ts'
import { cqlTypeText } from '../../../types/index.ts'
import { configurationError, invalid } from '../../errors.ts'
import { qualifiedText, type Schema, type TableEntry, withTable } from '../schema.ts'
import {
  type ColumnSchema,
  createTableSchema,
  type DroppedColumn,
  isComplexType,
  type TableSchema,
} from '../table-schema.ts'
import type { TypeScope } from '../type-resolution.ts'
import { columnType, isDeepUserType, makeColumn, uselessStatic } from './create-table.ts'
import { propertyValues } from './properties.ts'
import { checkTableOptions, parseTableOptions } from './table-properties.ts'

export function alterTable(
  schema: Schema,
  statement: AlterTableStatement,
  keyspaceName: string,
  nowMicros: bigint,
): Schema {
  const { name } = statement.table
  const keyspace = schema.keyspaces.get(keyspaceName)
  const table = keyspace?.tables.get(name)
  if (keyspace === undefined || table === undefined) {
    if (statement.ifExists) return schema
    throw invalid(`Table '${keyspaceName}.${name}' doesn't exist`)
  }
  const scope = { keyspace: keyspaceName, types: keyspace.types }
  const altered = applyChange(table, statement.change, scope, nowMicros)
  return altered === table ? schema : withTable(schema, keyspace, altered)
}

function applyChange(
  table: TableEntry,
  change: TableChange,
  scope: TypeScope,
  nowMicros: bigint,
): TableEntry {
  switch (change.kind) {
    case 'add':
      return addColumns(table, change, scope)
    case 'drop':
      return dropColumns(table, change, nowMicros)
    case 'rename':
      return renameColumns(table, change)
    case 'with':
      return alterOptions(table, change)
    case 'alter_type':
      throw invalid('Altering column types is no longer supported')
    case 'alter_mask':
      throw invalid('ALTER TABLE … MASKED is not supported')
    case 'drop_compact_storage':
      throw invalid('Cannot DROP COMPACT STORAGE on table without COMPACT STORAGE')
  }
}

function rebuild(
  table: TableEntry,
  columns: readonly ColumnSchema[],
  droppedColumns: ReadonlyMap<string, DroppedColumn> = table.schema.droppedColumns,
): TableEntry {
  const { keyspace, name, id, generation, nextColumnId, defaultTtl, gcGraceSeconds } = table.schema
  const base = { keyspace, name, id, generation, nextColumnId, defaultTtl, gcGraceSeconds }
  return { ...table, schema: createTableSchema({ ...base, columns, droppedColumns }) }
}

function addColumns(
  table: TableEntry,
  change: Extract<TableChange, { kind: 'add' }>,
  scope: TypeScope,
): TableEntry {
  const { schema } = table
  const columns = [...schema.columns.values()]
  let id = schema.nextColumnId
  for (const definition of change.columns) {
    const { name, isStatic } = definition
    if (columns.some((column) => column.name === name)) {
      if (change.ifNotExists) continue
      throw invalid(`Column with name '${name}' already exists`)
    }
    const type = columnType(definition, scope)
    if (isStatic && schema.clustering.length === 0) throw invalid(uselessStatic)
    if (isDeepUserType(type)) {
      throw invalid(
        `Non-frozen UDTs with nested non-frozen collections are not supported for column ${name}`,
      )
    }
    const oldId = schema.droppedColumns.get(name)?.column.id
    const kind = isStatic ? 'static' : 'regular'
    const column = makeColumn(name, type, kind, -1, oldId ?? id++, false)
    checkReadded(schema, column)
    checkCounter(schema, column)
    columns.push(column)
  }
  return columns.length === schema.columns.size ? table : rebuild(table, columns)
}

function checkReadded(schema: TableSchema, column: ColumnSchema): void {
  const dropped = schema.droppedColumns.get(column.name)?.column
  if (dropped === undefined) return
  const { name, type } = column
  if (cqlTypeText(dropped.type) !== cqlTypeText(type)) {
    throw invalid(
      `Cannot add a column '${name}' of type ${cqlTypeText(type)}, incompatible with previously dropped column '${name}' of type ${cqlTypeText(dropped.type)}`,
    )
  }
  if (dropped.kind !== column.kind) {
    throw invalid(
      `Cannot re-add previously dropped column '${name}' of kind ${column.kind.toUpperCase()}, incompatible with previous kind ${dropped.kind.toUpperCase()}`,
    )
  }
  if (type.kind === 'counter') {
    throw invalid(`Cannot re-add previously dropped counter column ${name}`)
  }
}

function checkCounter(schema: TableSchema, column: ColumnSchema): void {
  const text = `${schema.keyspace}.${schema.name}`
  const isCounter = column.type.kind === 'counter'
  if (isCounter && !schema.isCounter) {
    throw configurationError(
      `${text}: Cannot have a counter column ("${column.name}") in a non counter table`,
    )
  }
  if (!isCounter && schema.isCounter) {
    throw configurationError(
      `${text}: Cannot have a non counter column ("${column.name}") in a counter table`,
    )
  }
}

function dropColumns(
  table: TableEntry,
  change: Extract<TableChange, { kind: 'drop' }>,
  nowMicros: bigint,
): TableEntry {
  const { schema } = table
  const droppedAt = change.timestamp === undefined ? nowMicros : BigInt(change.timestamp)
  const columns = new Map(schema.columns)
  const dropped = new Map(schema.droppedColumns)
  for (const name of change.columns) {
    const column = columns.get(name)
    if (column === undefined) {
      if (change.ifExists) continue
      throw invalid(`Column ${name} was not found in table '${qualifiedText(schema)}'`)
    }
    if (column.kind === 'partition_key' || column.kind === 'clustering') {
      throw invalid(`Cannot drop PRIMARY KEY column ${name}`)
    }
    if (column.type.kind === 'udt' && isComplexType(column.type)) {
      throw invalid(
        `Cannot drop non-frozen column ${name} of user type ${cqlTypeText(column.type)}`,
      )
    }
    columns.delete(name)
    dropped.set(name, { column, droppedAt })
  }
  return columns.size === schema.columns.size
    ? table
    : rebuild(table, [...columns.values()], dropped)
}

function renameColumns(
  table: TableEntry,
  change: Extract<TableChange, { kind: 'rename' }>,
): TableEntry {
  const { schema } = table
  const columns = new Map(schema.columns)
  for (const { from, to } of change.renames) {
    const column = columns.get(from)
    // Cassandra does not look at the IF EXISTS of RENAME.
    if (column === undefined) {
      throw invalid(`Undefined column name ${from} in table ${qualifiedText(schema)}`)
    }
    if (column.kind !== 'partition_key' && column.kind !== 'clustering') {
      throw invalid(`Cannot rename non PRIMARY KEY column ${from}`)
    }
    if (columns.has(to)) {
      throw invalid(
        `Cannot rename column ${from} to ${to} in table '${qualifiedText(schema)}'; another column with that name already exists`,
      )
    }
    columns.delete(from)
    columns.set(to, { ...column, name: to })
  }
  return rebuild(table, [...columns.values()])
}

function alterOptions(
  table: TableEntry,
  change: Extract<TableChange, { kind: 'with' }>,
): TableEntry {
  const values = propertyValues(change.properties)
  if (values.has('id')) throw configurationError('Cannot alter table id.')
  const options = parseTableOptions(values, table.options)
  checkTableOptions(values, options)
  if (table.schema.isCounter && options.defaultTimeToLive > 0) {
    throw invalid('Cannot set default_time_to_live on a table with counters')
  }
  const { defaultTimeToLive: defaultTtl, gcGraceSeconds } = options
  return { schema: { ...table.schema, defaultTtl, gcGraceSeconds }, options }
}
