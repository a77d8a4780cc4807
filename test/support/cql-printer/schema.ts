import type {
  ClusteringOrder,
  ColumnDefinition,
  ColumnMask,
  CreateAggregateStatement,
  CreateFunctionStatement,
  CreateIndexStatement,
  CreateTableStatement,
  CreateViewStatement,
  FunctionSignature,
  Property,
  Rename,
  SchemaStatement,
  TableChange,
} from '../../../src/cql/ast-schema.ts'
import { quoteString } from '../../../src/cql/identifiers.ts'
import {
  id,
  printExpression,
  printExpressions,
  printName,
  printType,
  printWhere,
} from '../../../src/cql/printer.ts'

export function ifNotExists(isSet: boolean): string {
  return isSet ? 'IF NOT EXISTS ' : ''
}

export function ifExists(isSet: boolean): string {
  return isSet ? 'IF EXISTS ' : ''
}

export function printProperties(properties: readonly Property[]): string {
  return properties.map(printProperty).join(' AND ')
}

function printProperty({ name, value }: Property): string {
  if (value.kind === 'map') {
    const entries = value.entries.map(([k, v]) => `${printExpression(k)}: ${printExpression(v)}`)
    return `${id(name)} = {${entries.join(', ')}}`
  }
  const { constant } = value
  return `${id(name)} = ${typeof constant === 'string' ? constant : printExpression(constant)}`
}

function printMask(mask: ColumnMask | undefined): string {
  if (mask === undefined) return ''
  if (mask.call === undefined) return ' MASKED WITH DEFAULT'
  const { keyspace, name, args } = mask.call
  return ` MASKED WITH ${printName({ keyspace, name })}(${printExpressions(args)})`
}

function printColumn(column: ColumnDefinition): string {
  const isStatic = column.isStatic ? ' STATIC' : ''
  return `${id(column.name)} ${printType(column.type)}${isStatic}${printMask(column.mask)}`
}

function printKey(partitionKey: readonly string[], clusteringKey: readonly string[]): string {
  const partition = partitionKey.map(id).join(', ')
  const first = partitionKey.length === 1 ? partition : `(${partition})`
  return `PRIMARY KEY (${[first, ...clusteringKey.map(id)].join(', ')})`
}

function printTableOptions(statement: {
  readonly clusteringOrder: readonly ClusteringOrder[]
  readonly compactStorage: boolean
  readonly properties: readonly Property[]
}): string {
  const parts: string[] = []
  if (statement.clusteringOrder.length > 0) {
    const order = statement.clusteringOrder.map(
      ({ column, descending }) => `${id(column)} ${descending ? 'DESC' : 'ASC'}`,
    )
    parts.push(`CLUSTERING ORDER BY (${order.join(', ')})`)
  }
  if (statement.compactStorage) parts.push('COMPACT STORAGE')
  if (statement.properties.length > 0) parts.push(printProperties(statement.properties))
  return parts.length === 0 ? '' : ` WITH ${parts.join(' AND ')}`
}

function printCreateTable(statement: CreateTableStatement): string {
  const inlineKeys = statement.primaryKeys.filter((key) => key.inline)
  const items = statement.columns.map((column) => {
    const isKey = inlineKeys.some((key) => key.partitionKey[0] === column.name)
    return isKey ? `${printColumn(column)} PRIMARY KEY` : printColumn(column)
  })
  for (const key of statement.primaryKeys) {
    if (!key.inline) items.push(printKey(key.partitionKey, key.clusteringKey))
  }
  const name = `${ifNotExists(statement.ifNotExists)}${printName(statement.table)}`
  return `CREATE TABLE ${name} (${items.join(', ')})${printTableOptions(statement)}`
}

function printCreateIndex(statement: CreateIndexStatement): string {
  const custom = statement.isCustom ? 'CUSTOM ' : ''
  const name = statement.index === undefined ? '' : `${printName(statement.index)} `
  const targets = statement.targets.map(({ column, part }) =>
    part === undefined ? id(column) : `${part}(${id(column)})`,
  )
  const using =
    statement.className === undefined ? '' : ` USING ${quoteString(statement.className)}`
  const options =
    statement.properties.length === 0 ? '' : ` WITH ${printProperties(statement.properties)}`
  const head = `CREATE ${custom}INDEX ${ifNotExists(statement.ifNotExists)}${name}`
  return `${head}ON ${printName(statement.table)} (${targets.join(', ')})${using}${options}`
}

function printCreateView(statement: CreateViewStatement): string {
  const selectors = statement.selectors
    ?.map(
      ({ value, alias }) =>
        printExpression(value) + (alias === undefined ? '' : ` AS ${id(alias)}`),
    )
    .join(', ')
  const head = `CREATE MATERIALIZED VIEW ${ifNotExists(statement.ifNotExists)}`
  const select = `SELECT ${selectors ?? '*'} FROM ${printName(statement.table)}`
  const key = printKey(statement.partitionKey, statement.clusteringKey)
  const body = `${select}${printWhere(statement.where)} ${key}${printTableOptions(statement)}`
  return `${head}${printName(statement.view)} AS ${body}`
}

function printCreateFunction(statement: CreateFunctionStatement): string {
  const args = statement.args.map(({ name, type }) => `${id(name)} ${printType(type)}`)
  const replace = statement.orReplace ? 'OR REPLACE ' : ''
  const onNull = statement.calledOnNull ? 'CALLED' : 'RETURNS NULL'
  const head = `CREATE ${replace}FUNCTION ${ifNotExists(statement.ifNotExists)}`
  const tail = `RETURNS ${printType(statement.returns)} LANGUAGE ${statement.language}`
  const signature = `${printName(statement)} (${args.join(', ')})`
  return `${head}${signature} ${onNull} ON NULL INPUT ${tail} AS ${quoteString(statement.body)}`
}

function printCreateAggregate(statement: CreateAggregateStatement): string {
  const replace = statement.orReplace ? 'OR REPLACE ' : ''
  const head = `CREATE ${replace}AGGREGATE ${ifNotExists(statement.ifNotExists)}`
  const { stateFunction, stateType, finalFunction, initialCondition } = statement
  let text = `${head}${printSignature(statement.function)} SFUNC ${id(stateFunction)}`
  text += ` STYPE ${printType(stateType)}`
  if (finalFunction !== undefined) text += ` FINALFUNC ${id(finalFunction)}`
  if (initialCondition !== undefined) text += ` INITCOND ${printExpression(initialCondition)}`
  return text
}

export function printSignature(signature: FunctionSignature): string {
  const { argumentTypes } = signature
  const args = argumentTypes === undefined ? '' : ` (${argumentTypes.map(printType).join(', ')})`
  return `${printName(signature)}${args}`
}

function printRenames(renames: readonly Rename[]): string {
  return renames.map(({ from, to }) => `${id(from)} TO ${id(to)}`).join(' AND ')
}

function printTableChange(change: TableChange): string {
  switch (change.kind) {
    case 'alter_type':
      return `ALTER ${id(change.column)} TYPE ${printType(change.type)}`
    case 'alter_mask': {
      const mask = change.mask === undefined ? ' DROP MASKED' : printMask(change.mask)
      return `ALTER ${ifExists(change.ifExists)}${id(change.column)}${mask}`
    }
    case 'add': {
      const columns = change.columns.map(printColumn).join(', ')
      return `ADD ${ifNotExists(change.ifNotExists)}(${columns})`
    }
    case 'drop': {
      const using = change.timestamp === undefined ? '' : ` USING TIMESTAMP ${change.timestamp}`
      return `DROP ${ifExists(change.ifExists)}(${change.columns.map(id).join(', ')})${using}`
    }
    case 'rename':
      return `RENAME ${ifExists(change.ifExists)}${printRenames(change.renames)}`
    case 'drop_compact_storage':
      return 'DROP COMPACT STORAGE'
    case 'with':
      return `WITH ${printProperties(change.properties)}`
  }
}

export function printSchemaStatement(statement: SchemaStatement): string {
  switch (statement.kind) {
    case 'create_keyspace': {
      const name = `${ifNotExists(statement.ifNotExists)}${id(statement.keyspace)}`
      return `CREATE KEYSPACE ${name} WITH ${printProperties(statement.properties)}`
    }
    case 'create_table':
      return printCreateTable(statement)
    case 'create_type': {
      const fields = statement.fields.map(({ name, type }) => `${id(name)} ${printType(type)}`)
      const name = `${ifNotExists(statement.ifNotExists)}${printName(statement.type)}`
      return `CREATE TYPE ${name} (${fields.join(', ')})`
    }
    case 'create_index':
      return printCreateIndex(statement)
    case 'create_view':
      return printCreateView(statement)
    case 'create_trigger': {
      const name = `${ifNotExists(statement.ifNotExists)}${id(statement.name)}`
      const target = printName(statement.table)
      return `CREATE TRIGGER ${name} ON ${target} USING ${quoteString(statement.className)}`
    }
    case 'create_function':
      return printCreateFunction(statement)
    case 'create_aggregate':
      return printCreateAggregate(statement)
    default:
      return printAlterOrDrop(statement)
  }
}

type AlterOrDrop = Exclude<SchemaStatement, { kind: `create_${string}` }>

function printAlterOrDrop(statement: AlterOrDrop): string {
  const condition = ifExists(statement.ifExists)
  switch (statement.kind) {
    case 'alter_keyspace': {
      const options = printProperties(statement.properties)
      return `ALTER KEYSPACE ${condition}${id(statement.keyspace)} WITH ${options}`
    }
    case 'alter_table': {
      const change = printTableChange(statement.change)
      return `ALTER TABLE ${condition}${printName(statement.table)} ${change}`
    }
    case 'alter_view': {
      const options = printProperties(statement.properties)
      return `ALTER MATERIALIZED VIEW ${condition}${printName(statement.view)} WITH ${options}`
    }
    case 'alter_type': {
      const { change } = statement
      const text =
        change.kind === 'alter'
          ? `ALTER ${id(change.field)} TYPE ${printType(change.type)}`
          : change.kind === 'add'
            ? `ADD ${ifNotExists(change.ifNotExists)}${id(change.field)} ${printType(change.type)}`
            : `RENAME ${ifExists(change.ifExists)}${printRenames(change.renames)}`
      return `ALTER TYPE ${condition}${printName(statement.type)} ${text}`
    }
    case 'drop_keyspace':
      return `DROP KEYSPACE ${condition}${id(statement.keyspace)}`
    case 'drop_table':
      return `DROP TABLE ${condition}${printName(statement.name)}`
    case 'drop_type':
      return `DROP TYPE ${condition}${printName(statement.name)}`
    case 'drop_index':
      return `DROP INDEX ${condition}${printName(statement.name)}`
    case 'drop_view':
      return `DROP MATERIALIZED VIEW ${condition}${printName(statement.name)}`
    case 'drop_trigger':
      return `DROP TRIGGER ${condition}${id(statement.name)} ON ${printName(statement.table)}`
    case 'drop_function':
    case 'drop_aggregate': {
      const what = statement.kind === 'drop_function' ? 'FUNCTION' : 'AGGREGATE'
      return `DROP ${what} ${condition}${printSignature(statement.function)}`
    }
  }
}
