import { type DropStatement, printType, type SchemaStatement } from '../../../cql/index.ts'
import { invalid } from '../../errors.ts'
import { resolveType, type TypeScope } from '../type-resolution.ts'

/** Statements that change or drop things of kinds the engine does not have. */
type MissingStatement =
  | (DropStatement & { readonly kind: 'drop_index' | 'drop_view' })
  | Extract<SchemaStatement, { kind: 'alter_view' | 'drop_trigger' }>
  | Extract<SchemaStatement, { kind: 'drop_function' | 'drop_aggregate' }>

/**
 * Whether a statement is about a thing the engine cannot have: it never exists, so that IF EXISTS
 * makes the statement a no-op.
 */
export function isAboutMissing(statement: SchemaStatement): statement is MissingStatement {
  switch (statement.kind) {
    case 'drop_index':
    case 'drop_view':
    case 'drop_function':
    case 'drop_aggregate':
    case 'drop_trigger':
    case 'alter_view':
      return true
    default:
      return false
  }
}

/** The keyspace a statement names, if it does. */
export function writtenKeyspace(statement: MissingStatement): string | undefined {
  switch (statement.kind) {
    case 'drop_trigger':
      return statement.table.keyspace
    case 'alter_view':
      return statement.view.keyspace
    case 'drop_function':
    case 'drop_aggregate':
      return statement.function.keyspace
    default:
      return statement.name.keyspace
  }
}

/** @throws ServerError in Cassandra's words, unless the statement has IF EXISTS */
export function checkMissing(statement: MissingStatement, scope: TypeScope): void {
  const { keyspace } = scope
  if (statement.kind === 'drop_function' || statement.kind === 'drop_aggregate') {
    for (const type of statement.function.argumentTypes ?? []) resolveType(type, scope)
  }
  if (statement.ifExists) return
  switch (statement.kind) {
    case 'drop_index':
      throw invalid(`Index '${keyspace}.${statement.name.name}' doesn't exist'`)
    case 'drop_view':
      throw invalid(`Materialized view '${keyspace}.${statement.name.name}' doesn't exist`)
    case 'alter_view':
      throw invalid(`Materialized view '${keyspace}.${statement.view.name}' doesn't exist`)
    case 'drop_trigger': {
      const table = `${keyspace}.${statement.table.name}`
      throw invalid(`Trigger '${statement.name}' on '${table}' doesn't exist`)
    }
    default: {
      const { name, argumentTypes } = statement.function
      const list = argumentTypes === undefined ? '' : `(${argumentTypes.map(printType).join(', ')})`
      const what = statement.kind === 'drop_function' ? 'Function' : 'Aggregate'
      throw invalid(`${what} '${keyspace}.${name}${list}' doesn't exist`)
    }
  }
}
