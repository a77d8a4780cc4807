import type {
  Expression,
  IfClause,
  InsertStatement,
  ModificationStatement,
  Relation,
} from '../../cql/index.ts'
import { nativeTypes } from '../../types/index.ts'
import type { ColumnSchema, TableSchema } from '../catalog/table-schema.ts'
import type { PlannedCondition } from '../evaluate/conditions.ts'
import { type Operation, setColumn } from '../evaluate/operations.ts'
import type { Term } from '../evaluate/term.ts'
import { invalid, unsupportedByEngine } from '../errors.ts'
import { compileCondition } from './compile-condition.ts'
import { compileAssignment, compileDeletion } from './compile-operation.ts'
import { compileTerm } from './compile-term.ts'
import { counterSet } from './messages.ts'
import { columnReceiver, type PrepareContext } from './prepare-context.ts'
import {
  analyzeRestrictions,
  isOneRowKey,
  type Restrictions,
  type StatementType,
} from './restrictions.ts'

/** INSERT, UPDATE or DELETE, ready to be executed. */
export interface ModifyPlan {
  readonly kind: 'modify'
  readonly type: Exclude<StatementType, 'SELECT'>
  readonly table: TableSchema
  readonly restrictions: Restrictions
  readonly regularOperations: readonly Operation[]
  readonly staticOperations: readonly Operation[]
  /** Whether any operation needs the current row. */
  readonly requiresRead: boolean
  readonly condition: PlannedCondition | undefined
  readonly ttl: Term | undefined
  readonly timestamp: Term | undefined
  /** Whether it writes (or deletes) whole rows and not only the static one. */
  readonly touchesRows: boolean
}

export function planModification(
  context: PrepareContext,
  statement: ModificationStatement,
): ModifyPlan {
  const { table } = context
  const { using } = statement
  if (statement.kind === 'insert_json') {
    throw unsupportedByEngine('INSERT JSON is')
  }
  const timestamp = compileUsing(context, using.timestamp, '[timestamp]')
  const ttl = compileUsing(context, using.ttl, '[ttl]')
  const parts = planParts(context, statement)
  const plan: ModifyPlan = { kind: 'modify', table, timestamp, ttl, ...parts }
  checkPlan(plan)
  return plan
}

function compileUsing(
  context: PrepareContext,
  value: Expression | undefined,
  name: '[timestamp]' | '[ttl]',
): Term | undefined {
  if (value === undefined) return undefined
  const type = name === '[ttl]' ? nativeTypes.int : nativeTypes.bigint
  return compileTerm(context, value, { name, type })
}

type Parts = Omit<ModifyPlan, 'kind' | 'table' | 'timestamp' | 'ttl'>

function planParts(
  context: PrepareContext,
  statement: Exclude<ModificationStatement, { kind: 'insert_json' }>,
): Parts {
  switch (statement.kind) {
    case 'insert':
      return planInsert(context, statement)
    case 'update': {
      const operations = statement.assignments.map((each) => compileAssignment(context, each))
      return planKeyed(context, 'UPDATE', operations, statement)
    }
    case 'delete': {
      const operations = statement.targets.map((each) => compileDeletion(context, each))
      return planKeyed(context, 'DELETE', operations, statement)
    }
  }
}

/** Splits the columns of an INSERT into WHERE and SET (UpdateStatement.ParsedInsert). */
function planInsert(context: PrepareContext, statement: InsertStatement): Parts {
  const { table } = context
  const { columns, values } = statement
  if (table.isCounter) {
    throw invalid('INSERT statements are not allowed on counter tables, use UPDATE instead')
  }
  if (columns.length !== values.length) throw invalid('Unmatched column names/values')
  if (new Set(columns).size !== columns.length) {
    throw invalid('The column names contains duplicates')
  }
  const where: Relation[] = []
  const operations: Operation[] = []
  let hasClustering = false
  columns.forEach((name, index) => {
    const column = context.column(name)
    const value = values[index]!
    if (column.kind === 'clustering') hasClustering = true
    if (column.kind === 'partition_key' || column.kind === 'clustering') {
      where.push({ kind: 'compare', column: name, operator: '=', value })
      return
    }
    if (column.type.kind === 'counter') throw invalid(counterSet(column))
    operations.push(setColumn(column, compileTerm(context, value, columnReceiver(column))))
  })
  const onlyStatics =
    !hasClustering &&
    operations.length > 0 &&
    operations.every(({ column }) => column.kind === 'static')
  const condition: PlannedCondition | undefined = statement.ifNotExists
    ? { kind: 'not_exists' }
    : undefined
  return assemble(context, 'INSERT', operations, condition, where, onlyStatics)
}

function planKeyed(
  context: PrepareContext,
  type: 'UPDATE' | 'DELETE',
  operations: readonly Operation[],
  statement: { readonly where: readonly Relation[]; readonly condition: IfClause | undefined },
): Parts {
  const where = statement.where
  // Markers of WHERE come before those of IF, so conditions are compiled after it.
  const conditionColumns =
    statement.condition?.kind === 'conditions'
      ? statement.condition.conditions.map(({ column }) => context.column(column))
      : []
  const touched = [...operations.map(({ column }) => column), ...conditionColumns]
  // A DELETE without columns deletes rows, whatever its conditions are on.
  const onlyStatics = operations.length > 0 && touched.every((column) => column.kind === 'static')
  const condition = compileIf(context, statement.condition)
  const parts = assemble(context, type, operations, condition, where, onlyStatics)
  if (type === 'DELETE') checkConditionalDelete(parts, operations)
  return parts
}

function compileIf(
  context: PrepareContext,
  clause: IfClause | undefined,
): PlannedCondition | undefined {
  if (clause === undefined) return undefined
  if (context.table.isCounter) {
    throw invalid('Conditional updates are not supported on counter tables')
  }
  if (clause.kind !== 'conditions') return { kind: clause.kind }
  const conditions = clause.conditions.map((each) => compileCondition(context, each))
  return {
    kind: 'columns',
    regular: conditions.filter(({ column }) => column.kind === 'regular'),
    statics: conditions.filter(({ column }) => column.kind === 'static'),
  }
}

function assemble(
  context: PrepareContext,
  type: ModifyPlan['type'],
  operations: readonly Operation[],
  condition: PlannedCondition | undefined,
  where: readonly Relation[],
  onlyStatics: boolean,
): Parts {
  const restrictions = analyzeRestrictions(context, where, {
    type,
    allowFiltering: false,
    onlyStatics,
  })
  return {
    type,
    restrictions,
    regularOperations: operations.filter(({ column }) => column.kind === 'regular'),
    staticOperations: operations.filter(({ column }) => column.kind === 'static'),
    requiresRead: operations.some((operation) => operation.requiresRead),
    condition,
    touchesRows: context.table.clustering.length === 0 || restrictions.clusteringKey !== 'none',
  }
}

function checkConditionalDelete(parts: Parts, operations: readonly Operation[]): void {
  const { condition, restrictions } = parts
  if (condition === undefined || isOneRowKey(restrictions)) return
  const isRegular = ({ column }: { readonly column: ColumnSchema }): boolean =>
    column.kind === 'regular'
  if (operations.length === 0 || operations.some(isRegular)) {
    throw invalid(
      'DELETE statements must restrict all PRIMARY KEY columns with equality relations in order to delete non static columns',
    )
  }
  if (condition.kind === 'columns' && condition.regular.length > 0) {
    throw invalid(
      'DELETE statements must restrict all PRIMARY KEY columns with equality relations in order to use IF condition on non static columns',
    )
  }
}

/** ModificationStatement.validate */
function checkPlan(plan: ModifyPlan): void {
  const { table, condition, timestamp, ttl, restrictions } = plan
  if (condition !== undefined && timestamp !== undefined) {
    throw invalid('Cannot provide custom timestamp for conditional updates')
  }
  if (table.isCounter && timestamp !== undefined) {
    throw invalid('Cannot provide custom timestamp for counter updates')
  }
  if (table.isCounter && ttl !== undefined) {
    throw invalid('Cannot provide custom TTL for counter updates')
  }
  const isColumnDelete =
    plan.type === 'DELETE' && plan.regularOperations.length > 0 && !restrictions.isFullKey
  if (isColumnDelete) {
    throw invalid('Range deletions are not supported for specific columns')
  }
}
