import type { Relation } from '../../cql/index.ts'
import type { ColumnSchema, TableSchema } from '../catalog/table-schema.ts'
import { invalid } from '../errors.ts'
import { type AccessPath, accessPathOf } from './access-path.ts'
import {
  allowFiltering as allowFilteringMessage,
  missingClustering,
  missingPartitionKey,
  nonKeyInWhere,
  precedingNotRestricted,
} from './messages.ts'
import type { PrepareContext } from './prepare-context.ts'
import { compileRelation, type Restriction } from './relations.ts'
import {
  type MergedRestriction,
  mergeToken,
  RestrictionSet,
  type TokenBounds,
} from './restriction-set.ts'

export type StatementType = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE'

export interface RestrictionOptions {
  readonly type: StatementType
  readonly allowFiltering: boolean
  /** Whether all that is read or written are static columns. */
  readonly onlyStatics: boolean
}

/** How WHERE restricts the columns of a key: `in` as soon as one relation is IN. */
export type KeyRestriction = 'none' | 'in' | 'other'

/** What WHERE asks for: how to find partitions, how to find rows in them, and what to filter. */
export interface Restrictions {
  readonly table: TableSchema
  readonly access: AccessPath
  /** Restrictions of the first clustering columns, the last of them maybe a slice. */
  readonly clustering: readonly MergedRestriction[]
  /** Checked row by row. */
  readonly filters: readonly MergedRestriction[]
  /** Restriction of the partition key, by its columns or by token(). */
  readonly partitionKey: KeyRestriction
  /** Restriction of the clustering columns; `none` for a table that has none. */
  readonly clusteringKey: KeyRestriction
  readonly hasRegular: boolean
  /**
   * Whether equality or IN restricts every primary key column. Without clustering columns, those of
   * the partition key are enough.
   */
  readonly isFullKey: boolean
  /** Whether equality alone restricts a column. */
  isEqual(column: ColumnSchema): boolean
}

interface Sets {
  readonly partition: RestrictionSet
  readonly clustering: RestrictionSet
  readonly others: RestrictionSet
  token: TokenBounds | undefined
}

/**
 * StatementRestrictions: the rules of WHERE, in Cassandra's order so that its errors come first.
 */
export function analyzeRestrictions(
  context: PrepareContext,
  where: readonly Relation[],
  options: RestrictionOptions,
): Restrictions {
  const { table } = context
  const sets: Sets = {
    partition: new RestrictionSet(),
    clustering: new RestrictionSet(),
    others: new RestrictionSet(),
    token: undefined,
  }
  for (const relation of where) addRelation(context, relation, sets, options)
  return buildRestrictions(table, sets, options)
}

/** SelectStatement.checkNeedsFiltering, the last check of a SELECT. */
export function checkFiltering(restrictions: Restrictions, allowFiltering: boolean): void {
  // With a whole key, token() only leaves some of the partitions out (TokenFilter.isOnToken).
  const { access, clusteringKey } = restrictions
  if (access.kind === 'tokenRange' && clusteringKey !== 'none' && !allowFiltering) {
    throw invalid(allowFilteringMessage)
  }
}

function addRelation(
  context: PrepareContext,
  relation: Relation,
  sets: Sets,
  options: RestrictionOptions,
): void {
  const { type } = options
  if (relation.kind === 'contains' && (type === 'UPDATE' || type === 'DELETE')) {
    throw invalid(`Cannot use ${type} with ${relation.isKey ? 'CONTAINS_KEY' : 'CONTAINS'}`)
  }
  addRestriction(context.table, compileRelation(context, relation), sets, options)
}

function addRestriction(
  table: TableSchema,
  restriction: Restriction,
  sets: Sets,
  options: RestrictionOptions,
): void {
  if (restriction.kind === 'token') {
    const names = table.partitionKey.map((column) => column.name).join(', ')
    sets.token = mergeToken(sets.token, restriction, names)
    return
  }
  const first = 'columns' in restriction ? restriction.columns[0]! : restriction.column
  if (first.kind === 'partition_key') sets.partition.add(restriction)
  else if (first.kind === 'clustering') {
    sets.clustering.addClustering(restriction, options.allowFiltering)
  } else sets.others.add(restriction)
}

function buildRestrictions(
  table: TableSchema,
  sets: Sets,
  options: RestrictionOptions,
): Restrictions {
  const { partition, clustering, others } = sets
  const unrestricted = table.partitionKey.filter((column) => partition.of(column) === undefined)
  checkPartition(sets, unrestricted, options)
  const access = accessPathOf(table, partition, sets.token)
  const isScan = access.kind === 'tokenRange'
  checkStatics(sets, options)
  const prefix = clusteringPrefix(clustering)
  checkClustering(table, sets, prefix, options)
  checkOthers(others, options)
  const filtered = clustering.items.filter((item) => !prefix.includes(item))
  const last = prefix.at(-1)
  const prefixColumns = prefix.reduce((sum, item) => sum + item.columns.length, 0)
  return {
    table,
    access,
    clustering: prefix,
    filters: [...(isScan ? partition.items : []), ...filtered, ...others.items],
    partitionKey: keyRestriction(partition, sets.token),
    clusteringKey: keyRestriction(clustering, undefined),
    hasRegular: others.columns().some((column) => column.kind === 'regular'),
    isFullKey: !isScan && prefixColumns === table.clustering.length && last?.kind !== 'slice',
    isEqual: (column) => {
      const set = column.kind === 'partition_key' ? partition : clustering
      return set.of(column)?.kind === 'eq'
    },
  }
}

function keyRestriction(set: RestrictionSet, token: TokenBounds | undefined): KeyRestriction {
  if (set.has('in')) return 'in'
  return set.isEmpty && token === undefined ? 'none' : 'other'
}

/** Whether WHERE names one row: equality alone restricts every primary key column. */
export function isOneRowKey(restrictions: Restrictions): boolean {
  const { isFullKey, partitionKey, clusteringKey } = restrictions
  return isFullKey && partitionKey !== 'in' && clusteringKey !== 'in'
}

function hasRange(partition: RestrictionSet): boolean {
  return partition.has('slice') || partition.has('contains')
}

function checkPartition(
  { partition, token }: Sets,
  unrestricted: readonly ColumnSchema[],
  { type, allowFiltering }: RestrictionOptions,
): void {
  if (type !== 'SELECT') {
    if (token !== undefined) {
      throw invalid(`The token function cannot be used in WHERE clauses for ${type} statements`)
    }
    if (unrestricted.length > 0) throw invalid(missingPartitionKey(unrestricted))
    if (hasRange(partition)) {
      throw invalid(
        `Only EQ and IN relation are supported on the partition key (unless you use the token() function) for ${type} statements`,
      )
    }
    return
  }
  if (partition.isEmpty || allowFiltering) return
  if (unrestricted.length > 0 || hasRange(partition)) throw invalid(allowFilteringMessage)
}

function checkStatics({ clustering }: Sets, { type, onlyStatics }: RestrictionOptions): void {
  if (!onlyStatics || clustering.isEmpty) return
  if (type === 'SELECT') {
    throw invalid('Cannot restrict clustering columns when selecting only static columns')
  }
  if (type !== 'INSERT') {
    throw invalid(
      `Invalid restrictions on clustering columns since the ${type} statement modifies only static columns`,
    )
  }
}

/** Restrictions that follow each other from the first clustering column on, up to a slice. */
function clusteringPrefix({ items }: RestrictionSet): MergedRestriction[] {
  const prefix: MergedRestriction[] = []
  let position = 0
  for (const item of items) {
    if (item.kind === 'contains' || item.columns[0]!.position !== position) break
    prefix.push(item)
    if (item.kind === 'slice') break
    position += item.columns.length
  }
  return prefix
}

function checkClustering(
  table: TableSchema,
  { clustering }: Sets,
  prefix: readonly MergedRestriction[],
  { type, allowFiltering, onlyStatics }: RestrictionOptions,
): void {
  const allowsSlices = type === 'SELECT' || type === 'DELETE'
  if (!allowsSlices) {
    if (clustering.has('slice')) {
      throw invalid(
        `Slice restrictions are not supported on the clustering columns in ${type} statements`,
      )
    }
    const missing = table.clustering.filter((column) => clustering.of(column) === undefined)
    if (!onlyStatics && missing.length > 0) throw invalid(missingClustering(missing))
    return
  }
  if (clustering.has('contains') && !allowFiltering) {
    throw invalid(
      'Clustering columns can only be restricted with CONTAINS with a secondary index or filtering',
    )
  }
  if (prefix.length === clustering.items.length || allowFiltering) return
  clustering.columns().forEach((column, index) => {
    const expected = table.clustering[index]!
    if (column !== expected) throw invalid(precedingNotRestricted(column.name, expected.name))
  })
}

function checkOthers(others: RestrictionSet, { type, allowFiltering }: RestrictionOptions): void {
  if (others.isEmpty) return
  if (type !== 'SELECT') throw invalid(nonKeyInWhere(others.columns()))
  if (!allowFiltering) throw invalid(allowFilteringMessage)
}
