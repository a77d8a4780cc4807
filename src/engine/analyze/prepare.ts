import {
  type BatchStatement,
  type CqlStatement,
  type ModificationStatement,
  parseStatement,
  type QualifiedName,
} from '../../cql/index.ts'
import { type ColumnSpec, nativeTypes } from '../../types/index.ts'
import { type Catalog, unsupported } from '../catalog/catalog.ts'
import type { ColumnSchema, TableSchema } from '../catalog/table-schema.ts'
import { asServerError, invalid } from '../errors.ts'
import { type BatchPlan, checkBatch } from './batch.ts'
import { compileTerm } from './compile-term.ts'
import { type ModifyPlan, planModification } from './modify.ts'
import { completeMarkers, partitionKeyIndexes, PrepareContext } from './prepare-context.ts'
import type { Plan, PlanDependency, PreparedPlan } from './prepared-plan.ts'
import { planSelect } from './select.ts'
import { checkDepth } from './statement-depth.ts'

/** Parses and plans a statement. @throws ServerError with the message of Cassandra */
export function prepareText(
  catalog: Catalog,
  text: string,
  keyspace: string | undefined,
): PreparedPlan {
  let statement: CqlStatement
  try {
    statement = parseStatement(text)
  } catch (error) {
    throw asServerError(error)
  }
  checkDepth(text, statement)
  return prepareStatement(catalog, statement, text, keyspace)
}

type Outline = Omit<PreparedPlan, 'text' | 'keyspace' | 'statement'>

/** Plans a statement that was parsed before. */
export function prepareStatement(
  catalog: Catalog,
  statement: CqlStatement,
  text: string,
  keyspace: string | undefined,
): PreparedPlan {
  const outline = outlineOf(catalog, statement, keyspace)
  return { ...outline, text, keyspace, statement }
}

function outlineOf(
  catalog: Catalog,
  statement: CqlStatement,
  keyspace: string | undefined,
): Outline {
  switch (statement.kind) {
    case 'select': {
      const context = contextOf(catalog, statement.table, keyspace)
      const plan = planSelect(context, statement)
      return outlineOfTable(context, plan, plan.columns, false)
    }
    case 'insert':
    case 'insert_json':
    case 'update':
    case 'delete': {
      const context = contextOf(catalog, statement.table, keyspace)
      checkWritable(catalog, context.table)
      const plan = planModification(context, statement)
      return outlineOfTable(context, plan, [], plan.condition !== undefined)
    }
    case 'batch':
      return outlineOfBatch(catalog, statement, keyspace)
    case 'use':
      return outlineWithoutTable({ kind: 'use', statement })
    case 'truncate':
      return outlineWithoutTable({ kind: 'truncate', statement })
    case 'create_keyspace':
    case 'create_table':
    case 'create_type':
    case 'alter_keyspace':
    case 'alter_table':
    case 'alter_type':
    case 'drop_keyspace':
      return outlineWithoutTable({ kind: 'schema', statement })
    case 'drop_table':
    case 'drop_type':
    case 'drop_index':
    case 'drop_view':
    case 'drop_function':
    case 'drop_aggregate':
    case 'drop_trigger':
    case 'alter_view':
      return outlineWithoutTable({ kind: 'schema', statement })
    case 'drop_role':
    case 'drop_user':
    case 'drop_identity':
      // The engine has no roles, so a statement with IF EXISTS does nothing.
      if (!statement.ifExists) throw unsupported(statement)
      return outlineWithoutTable({ kind: 'no_op' })
    default:
      throw unsupported(statement)
  }
}

function outlineWithoutTable(plan: Plan): Outline {
  return {
    plan,
    markers: [],
    partitionKeyIndexes: [],
    resultColumns: [],
    isConditional: false,
    dependencies: [],
  }
}

function outlineOfTable(
  context: PrepareContext,
  plan: Plan,
  resultColumns: readonly ColumnSpec[],
  isConditional: boolean,
): Outline {
  return {
    plan,
    markers: context.markers(),
    partitionKeyIndexes: context.partitionKeyIndexes(),
    resultColumns,
    isConditional,
    dependencies: dependenciesOf([context]),
  }
}

function dependenciesOf(contexts: readonly PrepareContext[]): PlanDependency[] {
  const tables = new Set(contexts.map(({ table }) => table))
  const types = new Set(contexts.flatMap(({ scope }) => [...(scope.resolved ?? [])]))
  return [
    ...[...tables].map((schema) => ({ kind: 'table', schema }) as const),
    ...[...types].map((type) => ({ kind: 'type', type }) as const),
  ]
}

function contextOf(
  catalog: Catalog,
  name: QualifiedName,
  inUse: string | undefined,
  markers?: (ColumnSpec | undefined)[],
  targets?: (ColumnSchema | undefined)[],
): PrepareContext {
  const keyspace = catalog.keyspaceOf(name.keyspace, inUse)
  const table = catalog.table(keyspace, name.name).schema
  const { types } = catalog.keyspace(keyspace)!
  return new PrepareContext(table, { keyspace, types, resolved: new Set() }, markers, targets)
}

function checkWritable(catalog: Catalog, { keyspace, name }: TableSchema): void {
  if (catalog.virtualKeyspaces.has(keyspace)) {
    throw invalid(`Modification is not supported by table ${keyspace}.${name}`)
  }
}

function outlineOfBatch(
  catalog: Catalog,
  statement: BatchStatement,
  keyspace: string | undefined,
): Outline {
  const markers: (ColumnSpec | undefined)[] = []
  const targets: (ColumnSchema | undefined)[] = []
  const { using } = statement
  if (using.ttl !== undefined) {
    throw invalid('Global TTL on the BATCH statement is not supported.')
  }
  const contexts = statement.statements.map((part) =>
    contextOf(catalog, part.table, keyspace, markers, targets),
  )
  const parts = statement.statements.map((part: ModificationStatement, index): ModifyPlan => {
    checkWritable(catalog, contexts[index]!.table)
    return planModification(contexts[index]!, part)
  })
  const receiver = {
    name: '[timestamp]',
    type: nativeTypes.bigint,
    keyspace: '[batch]',
    table: '[batch]',
  }
  const context = contexts[0]
  const timestamp =
    using.timestamp === undefined || context === undefined
      ? undefined
      : compileTerm(context, using.timestamp, receiver)
  checkBatch(statement.type, parts, using.timestamp !== undefined)
  const plan: BatchPlan = { kind: 'batch', type: statement.type, parts, timestamp }
  const tables = [...new Set(contexts.map(({ table }) => table))]
  const isOneTable = tables.length === 1
  return {
    plan,
    markers: completeMarkers(markers),
    partitionKeyIndexes: isOneTable ? partitionKeyIndexes(tables[0]!, targets) : [],
    resultColumns: [],
    isConditional: parts.some((part) => part.condition !== undefined),
    dependencies: dependenciesOf(contexts),
  }
}
