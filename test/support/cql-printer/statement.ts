import type {
  Assignment,
  BatchStatement,
  DeleteStatement,
  InsertJsonStatement,
  InsertStatement,
  ModificationStatement,
  SelectStatement,
  UpdateStatement,
  UsingClause,
} from '../../../src/cql/ast.ts'
import type { CqlStatement, RolesStatement, SchemaStatement } from '../../../src/cql/ast-schema.ts'
import {
  id,
  printAccess,
  printExpression,
  printExpressions,
  printIf,
  printName,
  printWhere,
} from '../../../src/cql/printer.ts'
import { printDescribe, printRolesStatement } from './roles.ts'
import { printSchemaStatement } from './schema.ts'

/** CQL text that parses to an equal tree. */
export function printStatement(statement: CqlStatement): string {
  switch (statement.kind) {
    case 'select':
      return printSelect(statement)
    case 'insert':
    case 'insert_json':
    case 'update':
    case 'delete':
      return printModification(statement)
    case 'batch':
      return printBatch(statement)
    case 'use':
      return `USE ${id(statement.keyspace)}`
    case 'truncate':
      return `TRUNCATE TABLE ${printName(statement.table)}`
    case 'describe':
      return printDescribe(statement)
    default:
      return isRoles(statement) ? printRolesStatement(statement) : printSchemaStatement(statement)
  }
}

const rolesKind = /role|user|permissions|identity/

function isRoles(statement: SchemaStatement | RolesStatement): statement is RolesStatement {
  return rolesKind.test(statement.kind)
}

function printSelect(select: SelectStatement): string {
  let text = 'SELECT '
  if (select.json) text += 'JSON '
  if (select.distinct) text += 'DISTINCT '
  text +=
    select.selectors
      ?.map(({ value, alias }) => {
        return alias === undefined
          ? printExpression(value)
          : `${printExpression(value)} AS ${id(alias)}`
      })
      .join(', ') ?? '*'
  text += ` FROM ${printName(select.table)}${printWhere(select.where)}`
  if (select.groupBy.length > 0) text += ` GROUP BY ${printExpressions(select.groupBy)}`
  if (select.orderBy.length > 0) {
    const items = select.orderBy.map(({ column, annOf, descending }) => {
      const ann = annOf === undefined ? '' : ` ANN OF ${printExpression(annOf)}`
      return `${id(column)}${ann}${descending ? ' DESC' : ''}`
    })
    text += ` ORDER BY ${items.join(', ')}`
  }
  if (select.perPartitionLimit !== undefined) {
    text += ` PER PARTITION LIMIT ${printExpression(select.perPartitionLimit)}`
  }
  if (select.limit !== undefined) text += ` LIMIT ${printExpression(select.limit)}`
  return select.allowFiltering ? `${text} ALLOW FILTERING` : text
}

/** The order of the parts is that of the text, so that markers keep their indexes. */
function printUsing({ timestamp, ttl }: UsingClause): string {
  const parts: string[] = []
  if (timestamp !== undefined) parts.push(`TIMESTAMP ${printExpression(timestamp)}`)
  if (ttl !== undefined) parts.push(`TTL ${printExpression(ttl)}`)
  const isTtlFirst =
    timestamp?.kind === 'marker' && ttl?.kind === 'marker' && ttl.index < timestamp.index
  if (isTtlFirst) parts.reverse()
  return parts.length === 0 ? '' : ` USING ${parts.join(' AND ')}`
}

function printModification(statement: ModificationStatement): string {
  switch (statement.kind) {
    case 'insert':
    case 'insert_json':
      return printInsert(statement)
    case 'update':
      return printUpdate(statement)
    case 'delete':
      return printDelete(statement)
  }
}

function printInsert(statement: InsertStatement | InsertJsonStatement): string {
  const ifNotExists = statement.ifNotExists ? ' IF NOT EXISTS' : ''
  const tail = `${ifNotExists}${printUsing(statement.using)}`
  const head = `INSERT INTO ${printName(statement.table)}`
  if (statement.kind === 'insert_json') {
    const unset = statement.defaultUnset ? ' DEFAULT UNSET' : ''
    return `${head} JSON ${printExpression(statement.json)}${unset}${tail}`
  }
  const columns = statement.columns.map(id).join(', ')
  return `${head} (${columns}) VALUES (${printExpressions(statement.values)})${tail}`
}

function printAssignment({ column, operation, access, value }: Assignment): string {
  const name = id(column)
  const text = printExpression(value)
  switch (operation) {
    case 'set':
      return `${name}${printAccess(access)} = ${text}`
    case 'add':
      return `${name} += ${text}`
    case 'subtract':
      return `${name} -= ${text}`
    case 'prepend':
      return `${name} = ${text} + ${name}`
  }
}

function printUpdate(statement: UpdateStatement): string {
  const set = statement.assignments.map(printAssignment).join(', ')
  const head = `UPDATE ${printName(statement.table)}${printUsing(statement.using)} SET ${set}`
  return `${head}${printWhere(statement.where)}${printIf(statement.condition)}`
}

function printDelete(statement: DeleteStatement): string {
  const targets = statement.targets
    .map(({ column, access }) => `${id(column)}${printAccess(access)}`)
    .join(', ')
  const what = targets === '' ? '' : `${targets} `
  const head = `DELETE ${what}FROM ${printName(statement.table)}${printUsing(statement.using)}`
  return `${head}${printWhere(statement.where)}${printIf(statement.condition)}`
}

function printBatch(batch: BatchStatement): string {
  const type = batch.type === 'logged' ? '' : `${batch.type.toUpperCase()} `
  const statements = batch.statements.map((part) => `${printModification(part)}; `).join('')
  return `BEGIN ${type}BATCH${printUsing(batch.using)} ${statements}APPLY BATCH`
}
