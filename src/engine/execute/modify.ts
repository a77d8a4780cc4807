import { UNSET } from '../../protocol/index.ts'
import { expirationSecondsMax, ttlSecondsMax } from '../../types/index.ts'
import type { ModifyPlan } from '../analyze/modify.ts'
import type { Operation } from '../evaluate/operations.ts'
import { type ClusteringKey, clusteringKeyOf, type PartitionKey } from '../keys/index.ts'
import { invalid } from '../errors.ts'
import type { QueryContext } from '../query-context.ts'
import type { CellChange, Change, Mutation } from '../rows/index.ts'
import {
  checkCombinations,
  clusteringKeysOf,
  clusteringSlicesOf,
  partitionKeysOf,
} from './key-values.ts'
import { type Timestamp, timestampOf } from '../timestamp.ts'
import { int32Of, int64Of } from '../../values/index.ts'

/** Attributes.getTimestamp */
export function timestampOfPlan(
  plan: { readonly timestamp: ModifyPlan['timestamp'] },
  query: QueryContext,
  fallback: Timestamp,
): Timestamp {
  if (plan.timestamp === undefined) return fallback
  const value = plan.timestamp.evaluate(query)
  if (value === null) throw invalid('Invalid null value of timestamp')
  if (value === UNSET) return fallback
  const micros = int64Of(value)
  if (micros === -(1n << 63n)) {
    throw invalid('Out of bound timestamp, must be in [-9223372036854775807, 9223372036854775807]')
  }
  return timestampOf(micros)
}

/** Attributes.getTimeToLive. Any given TTL, even 0, replaces the default of the table. */
function ttlOfPlan(plan: ModifyPlan, query: QueryContext): number {
  const given = givenTtl(plan, query)
  const ttl = given ?? plan.table.defaultTtl
  if (ttl === 0 || query.nowSeconds + ttl <= expirationSecondsMax) return ttl
  const { keyspace, name } = plan.table
  const what = given === undefined ? 'default ttl' : 'ttl'
  throw invalid(
    `Request on table ${keyspace}.${name} with ${what} of ${ttl} seconds exceeds maximum supported expiration date of 2038-01-19T03:14:06+00:00. In order to avoid this use a lower TTL, change the expiration date overflow policy or upgrade to a version where this limitation is fixed. See CASSANDRA-14092 and CASSANDRA-14227 for more details.`,
  )
}

/** The TTL of a statement; `undefined` when it has none. */
function givenTtl({ ttl }: ModifyPlan, query: QueryContext): number | undefined {
  if (ttl === undefined) return undefined
  const value = ttl.evaluate(query)
  if (value === null) return 0
  if (value === UNSET) return undefined
  const seconds = int32Of(value)
  if (seconds < 0) throw invalid(`A TTL must be greater or equal to 0, but was ${seconds}`)
  if (seconds > ttlSecondsMax) {
    throw invalid(`ttl is too large. requested (${seconds}) maximum (${ttlSecondsMax})`)
  }
  return seconds
}

/** BatchStatement.getMutations: the keys of all statements are checked before anything is read. */
export function checkPartitionKeys({ restrictions }: ModifyPlan, query: QueryContext): void {
  partitionKeysOf(restrictions, query)
}

/** The mutations of a statement, one per partition. Reads first where an operation needs it. */
export function mutationsOf(
  plan: ModifyPlan,
  query: QueryContext,
  timestamp: Timestamp,
): Mutation[] {
  const { table, restrictions } = plan
  const ttl = ttlOfPlan(plan, query)
  const at = timestampOfPlan(plan, query, timestamp)
  let changeCount = 0
  return partitionKeysOf(restrictions, query).map((partition) => {
    const changes =
      plan.type === 'DELETE' && isWholeDelete(plan)
        ? deletions(plan, query)
        : cellChanges(plan, query, partition)
    changeCount += changes.length
    if (changes.length > 1) checkCombinations(changeCount, 'primary key')
    return { table, partition, timestamp: at, ttl, changes }
  })
}

export function isWholeDelete(plan: ModifyPlan): boolean {
  return plan.regularOperations.length === 0 && plan.staticOperations.length === 0
}

/** Rows, ranges of rows or all of the partition (DeleteStatement.addUpdateForKey). */
function deletions(plan: ModifyPlan, query: QueryContext): Change[] {
  const { restrictions } = plan
  if (restrictions.clusteringKey === 'none') return [{ kind: 'deletePartition' }]
  if (restrictions.isFullKey) {
    return clusteringKeysOf(restrictions, query).map((clustering) => {
      return { kind: 'deleteRow', clustering }
    })
  }
  const slices = clusteringSlicesOf(restrictions, query) ?? []
  return slices.map(({ start, end }) => ({ kind: 'deleteRange', start, end }))
}

/** The rows a statement writes; a table without clustering has one. */
export function rowsOfPlan(plan: ModifyPlan, query: QueryContext): ClusteringKey[] {
  const { table, restrictions } = plan
  if (table.clustering.length === 0) return [clusteringKeyOf(table, [])]
  return clusteringKeysOf(restrictions, query)
}

function cellChanges(plan: ModifyPlan, query: QueryContext, partition: PartitionKey): Change[] {
  const { regularOperations, staticOperations, table } = plan
  const { rows } = query.services
  const { nowSeconds } = query
  const liveness = plan.type === 'INSERT'
  const changes: Change[] = []
  if (plan.touchesRows && (liveness || regularOperations.length > 0)) {
    for (const clustering of rowsOfPlan(plan, query)) {
      const existing = plan.requiresRead
        ? rows.readRow(table, partition, clustering, { nowSeconds })
        : undefined
      const cells: CellChange[] = []
      applyAll(regularOperations, cells, query, existing)
      changes.push({ kind: 'row', clustering, liveness, cells })
    }
  }
  if (staticOperations.length > 0) {
    const existing = plan.requiresRead
      ? rows.readStatic(table, partition, { nowSeconds })
      : undefined
    const cells: CellChange[] = []
    applyAll(staticOperations, cells, query, existing)
    changes.push({ kind: 'row', clustering: undefined, liveness: false, cells })
  }
  return changes
}

function applyAll(
  operations: readonly Operation[],
  cells: CellChange[],
  query: QueryContext,
  existing: Parameters<Operation['apply']>[2],
): void {
  for (let i = 0; i < operations.length; i++) {
    operations[i]!.apply(cells, query, existing)
  }
}
