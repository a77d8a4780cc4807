import { type Expression, quoteIdentifier, type SelectStatement } from '../../cql/index.ts'
import { type ColumnSpec, nativeTypes } from '../../types/index.ts'
import { type ColumnSchema, type TableSchema, wildcardColumns } from '../catalog/table-schema.ts'
import { columnSelector } from '../evaluate/derived-selectors.ts'
import type { Selector } from '../evaluate/selector.ts'
import type { Term } from '../evaluate/term.ts'
import { invalid, unsupportedByEngine } from '../errors.ts'
import { compileSelector } from './compile-selector.ts'
import { compileTerm } from './compile-term.ts'
import type { PrepareContext } from './prepare-context.ts'
import {
  analyzeRestrictions,
  checkFiltering,
  isOneRowKey,
  type Restrictions,
} from './restrictions.ts'

export interface SelectPlan {
  readonly kind: 'select'
  readonly table: TableSchema
  readonly restrictions: Restrictions
  readonly selectors: readonly Selector[]
  readonly columns: readonly ColumnSpec[]
  /** Set when every selector is a column as it is: rows are copied, not evaluated. */
  readonly passthroughColumns: readonly ColumnSchema[] | undefined
  readonly isDistinct: boolean
  /** Whether rows are folded into groups, one for all without GROUP BY. */
  readonly isAggregate: boolean
  /** Columns of GROUP BY; a prefix of the primary key. */
  readonly groupBy: readonly ColumnSchema[]
  readonly limit: Term | undefined
  readonly perPartitionLimit: Term | undefined
  readonly reversed: boolean
  /** Clustering columns to sort the rows of several partitions by, as many as ORDER BY names. */
  readonly sortColumns: readonly ColumnSchema[]
  /** Whether it reads one row by its whole key, as it is stored. */
  readonly isPoint: boolean
  /** Whether any of its columns is static. */
  readonly readsStatics: boolean
  /** Whether a partition that has only a static row produces a row. */
  readonly readsStaticOnlyPartitions: boolean
}

export function planSelect(context: PrepareContext, statement: SelectStatement): SelectPlan {
  const { table } = context
  if (statement.json) throw unsupportedByEngine('SELECT JSON is')
  const selection = compileSelection(context, statement)
  const { selectors } = selection
  const restrictions = analyzeRestrictions(context, statement.where, {
    type: 'SELECT',
    allowFiltering: statement.allowFiltering,
    onlyStatics: readsOnlyStatics(statement, selectors),
  })
  const groupBy = compileGroupBy(context, statement.groupBy, restrictions)
  const perPartitionLimit = compileLimit(
    context,
    statement.perPartitionLimit,
    '[per_partition_limit]',
  )
  const limit = compileLimit(context, statement.limit, '[limit]')
  if (statement.distinct) checkDistinct(statement, selectors, restrictions)
  const isAggregate = groupBy.length > 0 || selectors.some((selector) => selector.isAggregate)
  if (perPartitionLimit !== undefined && statement.distinct) {
    throw invalid('PER PARTITION LIMIT is not allowed with SELECT DISTINCT queries')
  }
  if (perPartitionLimit !== undefined && isAggregate && groupBy.length === 0) {
    throw invalid('PER PARTITION LIMIT is not allowed with aggregate queries.')
  }
  const columnsAsTheyAre = selectors.map((selector) => selector.column)
  const isPlain = columnsAsTheyAre.every((column) => column !== undefined) && !isAggregate
  const passthroughColumns = isPlain ? columnsAsTheyAre : undefined
  const reversed = orderReversed(context, statement, restrictions)
  checkFiltering(restrictions, statement.allowFiltering)
  return {
    kind: 'select',
    table,
    restrictions,
    ...selection,
    passthroughColumns,
    isPoint:
      isPlain && limit === undefined && perPartitionLimit === undefined && isOneRow(restrictions),
    readsStatics: selectors.some(({ reads }) => reads.some((column) => column.kind === 'static')),
    isDistinct: statement.distinct,
    isAggregate,
    groupBy,
    limit,
    perPartitionLimit,
    reversed,
    sortColumns:
      restrictions.partitionKey === 'in'
        ? [...orderingsOf(statement).keys()].map((name) => context.column(name))
        : [],
    readsStaticOnlyPartitions: restrictions.clusteringKey === 'none' && !restrictions.hasRegular,
  }
}

function isOneRow(restrictions: Restrictions): boolean {
  const { access, filters } = restrictions
  return isOneRowKey(restrictions) && filters.length === 0 && access.token === undefined
}

function compileSelection(
  context: PrepareContext,
  statement: SelectStatement,
): { selectors: Selector[]; columns: ColumnSpec[] } {
  const { keyspace, name: table } = context.table
  if (statement.selectors === undefined) {
    const selectors = wildcardColumns(context.table).map(columnSelector)
    const columns = selectors.map(({ name, type }) => ({ keyspace, table, name, type }))
    return { selectors, columns }
  }
  const selectors = statement.selectors.map(({ value }) => compileSelector(context, value))
  const columns = selectors.map((selector, index) => {
    const name = statement.selectors![index]!.alias ?? selector.name
    return { keyspace, table, name, type: selector.type }
  })
  return { selectors, columns }
}

function readsOnlyStatics(statement: SelectStatement, selectors: readonly Selector[]): boolean {
  if (statement.selectors === undefined) return false
  const reads = selectors.flatMap((selector) => selector.reads)
  return (
    reads.some((column) => column.kind === 'static') &&
    reads.every((column) => column.kind === 'static' || column.kind === 'partition_key')
  )
}

function compileLimit(
  context: PrepareContext,
  value: Expression | undefined,
  name: string,
): Term | undefined {
  if (value === undefined) return undefined
  return compileTerm(context, value, { name, type: nativeTypes.int })
}

/** SelectStatement.validateDistinctSelection */
function checkDistinct(
  statement: SelectStatement,
  selectors: readonly Selector[],
  restrictions: Restrictions,
): void {
  const { table } = restrictions
  if (restrictions.clusteringKey !== 'none' || restrictions.hasRegular) {
    throw invalid(
      'SELECT DISTINCT with WHERE clause only supports restriction by partition key and/or static columns.',
    )
  }
  const reads = new Set(selectors.flatMap((selector) => selector.reads))
  for (const column of reads) {
    if (column.kind !== 'partition_key' && column.kind !== 'static') {
      throw invalid(
        `SELECT DISTINCT queries must only request partition key columns and/or static columns (not ${quoteIdentifier(column.name)})`,
      )
    }
  }
  if (statement.selectors === undefined || restrictions.access.kind === 'partitions') return
  for (const column of table.partitionKey) {
    if (!reads.has(column)) {
      throw invalid(
        `SELECT DISTINCT queries must request all the partition key columns (missing ${quoteIdentifier(column.name)})`,
      )
    }
  }
}

/** SelectStatement.getAggregationSpecFactory */
function compileGroupBy(
  context: PrepareContext,
  items: readonly Expression[],
  restrictions: Restrictions,
): ColumnSchema[] {
  if (items.length === 0) return []
  const { table } = context
  const keys = [...table.partitionKey, ...table.clustering]
  let next = 0
  const columns: ColumnSchema[] = []
  for (const item of items) {
    if (item.kind !== 'column') {
      throw unsupportedByEngine('GROUP BY with functions is')
    }
    const column = context.column(item.name)
    if (column.kind !== 'partition_key' && column.kind !== 'clustering') {
      throw invalid(
        `Group by is currently only supported on the columns of the PRIMARY KEY, got ${column.name}`,
      )
    }
    while (next < keys.length && keys[next] !== column && restrictions.isEqual(keys[next]!)) next++
    if (keys[next] !== column) {
      throw invalid(
        'Group by currently only support groups of columns following their declared order in the PRIMARY KEY',
      )
    }
    next++
    columns.push(column)
  }
  const last = table.partitionKey.at(-1)!
  if (columns.at(-1)!.kind === 'partition_key' && columns.at(-1) !== last) {
    throw invalid('Group by is not supported on only a part of the partition key')
  }
  return columns
}

/** A column that is named twice has its first place and its last direction. */
function orderingsOf({ orderBy }: SelectStatement): Map<string, boolean> {
  return new Map(orderBy.map(({ column, descending }) => [column, descending]))
}

/** SelectStatement.isReversed and verifyOrderingIsAllowed */
function orderReversed(
  context: PrepareContext,
  statement: SelectStatement,
  restrictions: Restrictions,
): boolean {
  const { orderBy } = statement
  if (orderBy.length === 0) return false
  if (orderBy.some(({ annOf }) => annOf !== undefined)) {
    throw unsupportedByEngine('ANN ordering is')
  }
  for (const { column } of orderBy) context.column(column)
  if (restrictions.access.kind !== 'partitions') {
    throw invalid(
      'ORDER BY is only supported when the partition key is restricted by an EQ or an IN.',
    )
  }
  const { clustering } = context.table
  let next = 0
  let reversed: boolean | undefined
  for (const [name, descending] of orderingsOf(statement)) {
    const column = context.column(name)
    if (column.kind !== 'clustering') {
      throw invalid(
        `Order by is currently only supported on the clustered columns of the PRIMARY KEY, got ${column.name}`,
      )
    }
    while (next < column.position) {
      if (!restrictions.isEqual(clustering[next++]!)) throw invalid(undeclaredOrder)
    }
    if (next !== column.position) throw invalid(undeclaredOrder)
    next++
    const isReversed = descending !== column.descending
    if (reversed !== undefined && reversed !== isReversed) {
      throw invalid('Unsupported order by relation')
    }
    reversed = isReversed
  }
  return reversed ?? false
}

const undeclaredOrder =
  'Order by currently only supports the ordering of columns following their declared order in the PRIMARY KEY'
