import { UNSET } from '../../protocol/index.ts'
import type { PartitionsPath } from '../analyze/access-path.ts'
import type { MergedRestriction } from '../analyze/restriction-set.ts'
import type { Restrictions } from '../analyze/restrictions.ts'
import type { ColumnSchema, TableSchema } from '../catalog/table-schema.ts'
import type { Term } from '../evaluate/term.ts'
import {
  boundAfter,
  boundBefore,
  type ClusteringKey,
  clusteringKeyOf,
  type PartitionKey,
  partitionKeyOf,
} from '../keys/index.ts'
import { invalid } from '../errors.ts'
import type { QueryContext } from '../query-context.ts'
import { nullCondition, unsetValue } from '../evaluate/messages.ts'
import {
  isListTerm,
  isWholeTuple,
  type ListTerm,
  type TupleTerms,
} from '../evaluate/tuple-terms.ts'
import type { Change, ClusteringSlice } from '../rows/index.ts'
import { sliceBounds } from './slices.ts'
import { compareValues, splitCollection, splitFields } from '../../values/index.ts'

/** Maximum bytes of a partition key or clustering key (FBUtilities.MAX_UNSIGNED_SHORT). */
export const keyBytesMax = 65_535

type Equality = Extract<MergedRestriction, { kind: 'eq' | 'in' }>

/** Returns the value of a term. @throws ServerError when it is null or unset */
export function requiredValue(term: Term, column: ColumnSchema, query: QueryContext): Uint8Array {
  const value = term.evaluate(query)
  if (value === null) throw invalid(nullCondition(column))
  if (value === UNSET) throw invalid(unsetValue(column))
  return value
}

/** Values of the columns of a tuple restriction. */
export function tupleValues(
  value: TupleTerms,
  columns: readonly ColumnSchema[],
  query: QueryContext,
): Uint8Array[] {
  if (isWholeTuple(value)) {
    const tuple = requiredValue(value.tuple, columns[0]!, query)
    return tupleParts(tuple, columns, (column) => `Invalid null value for column ${column.name}`)
  }
  const values: Uint8Array[] = []
  for (let i = 0; i < columns.length; i++) {
    values.push(requiredValue(value[i]!, columns[i]!, query))
  }
  return values
}

/** The values of the columns of a tuple in wire encoding, none of them null. */
function tupleParts(
  bytes: Uint8Array,
  columns: readonly ColumnSchema[],
  nullMessage: (column: ColumnSchema) => string,
): Uint8Array[] {
  const parts = splitFields(bytes)
  return columns.map((column, index) => {
    const part = parts[index]
    if (part === undefined) throw invalid(nullMessage(column))
    return part
  })
}

/** All values an equality or IN lets through, as one list of column values each. */
function alternatives(restriction: Equality, query: QueryContext): Uint8Array[][] {
  const { columns } = restriction
  if (restriction.kind === 'eq') return [tupleValues(restriction.value, columns, query)]
  const { values } = restriction
  if (isListTerm(values)) return listAlternatives(values, columns, query)
  return values.map((value) => tupleValues(value, columns, query))
}

function listAlternatives(
  { list: term, hasTuples }: ListTerm,
  columns: readonly ColumnSchema[],
  query: QueryContext,
): Uint8Array[][] {
  const list = term.evaluate(query)
  const first = columns[0]!
  if (list === null) {
    throw invalid(
      !hasTuples
        ? `Invalid null value for column ${first.name}`
        : 'Invalid null value for IN restriction',
    )
  }
  if (list === UNSET) throw invalid(unsetValue(first))
  const nullInTuple = (): string =>
    `Invalid null value in condition for columns: [${columns.map(({ name }) => name).join(', ')}]`
  return splitCollection(list).map((element) => {
    if (element === undefined) throw invalid(nullCondition(first))
    return hasTuples ? tupleParts(element, columns, nullInTuple) : [element]
  })
}

/** Maximum combinations of the values of several INs: each one is a row lookup. */
export const combinationsMax = 100_000

/** Guardrails.inSelectCartesianProduct, which Cassandra disables by default. */
export function checkCombinations(count: number, what: string): void {
  if (count <= combinationsMax) return
  throw invalid(
    `Guardrail in_select_cartesian_product violated: Aborting query because the cartesian product of the IN restrictions on ${what} produces ${count} values, this exceeds fail threshold of ${combinationsMax}.`,
  )
}

/** Every combination of the values of restrictions that follow each other. */
function combinations(
  restrictions: readonly MergedRestriction[],
  query: QueryContext,
): Uint8Array[][] {
  let result: Uint8Array[][] = [[]]
  for (const restriction of restrictions) {
    if (restriction.kind !== 'eq' && restriction.kind !== 'in') break
    const options = alternatives(restriction, query)
    if (options.length === 1 && result.length === 1) {
      for (const value of options[0]!) result[0]!.push(value)
    } else {
      if (result.length > 1) checkCombinations(result.length * options.length, whatOf(restriction))
      result = result.flatMap((head) => options.map((option) => [...head, ...option]))
    }
  }
  return result
}

function whatOf({ columns }: MergedRestriction): string {
  return columns[0]?.kind === 'partition_key' ? 'partition key' : 'clustering key'
}

/** QueryProcessor.validateKey */
export function checkKeyLength(key: PartitionKey): void {
  if (key.bytes.length === 0) throw invalid('Key may not be empty')
  checkLength(key.bytes.length)
}

/** ModificationStatement.addUpdates, which conditional requests do not run through. */
export function checkClusteringLengths(changes: readonly Change[]): void {
  for (const change of changes) {
    if ('clustering' in change && change.clustering !== undefined)
      checkLength(lengthOf(change.clustering.components))
  }
}

function lengthOf(components: readonly Uint8Array[]): number {
  let length = 0
  for (const component of components) length += component.length
  return length
}

function checkLength(length: number): void {
  if (length > keyBytesMax)
    throw invalid(`Key length of ${length} is longer than maximum of ${keyBytesMax}`)
}

/** The partitions of a statement that names them, in the order of their values, each once. */
export function partitionKeysOf(
  { table, access }: Restrictions,
  query: QueryContext,
): PartitionKey[] {
  if (access.kind !== 'partitions') {
    throw new Error('tsylla invariant violated: the statement names no partition')
  }
  const keys = uncheckedPartitionKeysOf(table, access, query)
  for (const key of keys) checkKeyLength(key)
  return keys
}

/** Like {@link partitionKeysOf}, but includes keys that no partition can have. */
export function uncheckedPartitionKeysOf(
  table: TableSchema,
  access: PartitionsPath,
  query: QueryContext,
): PartitionKey[] {
  const values = combinations(access.keys, query)
  // What several components need around them counts only when they fit without it.
  if (access.keys.length > 1) for (const components of values) checkLength(lengthOf(components))
  if (values.length > 1) sortUnique(values, table.partitionKey)
  return values.map((components) => partitionKeyOf(table, components))
}

function sortUnique(values: Uint8Array[][], columns: readonly ColumnSchema[]): void {
  const compare = (a: Uint8Array[], b: Uint8Array[]): number => {
    for (let i = 0; i < columns.length; i++) {
      const order = compareValues(columns[i]!.type, a[i]!, b[i]!)
      if (order !== 0) return order
    }
    return 0
  }
  values.sort(compare)
  let kept = 0
  for (let i = 0; i < values.length; i++) {
    if (i === 0 || compare(values[kept - 1]!, values[i]!) !== 0) values[kept++] = values[i]!
  }
  values.length = kept
}

/** The rows of a statement that names whole primary keys, in no particular order, each once. */
export function clusteringKeysOf(restrictions: Restrictions, query: QueryContext): ClusteringKey[] {
  const { table, clustering } = restrictions
  const values = combinations(clustering, query)
  if (values.length === 1) return [clusteringKeyOf(table, values[0]!)]
  const byKey = new Map<string, ClusteringKey>()
  for (const components of values) {
    const key = clusteringKeyOf(table, components)
    byKey.set(key.key, key)
  }
  return [...byKey.values()]
}

/** The slices of a partition WHERE lets through, in order; `undefined` is all of it. */
export function clusteringSlicesOf(
  { table, clustering }: Restrictions,
  query: QueryContext,
): ClusteringSlice[] | undefined {
  const last = clustering.at(-1)
  if (last === undefined) return undefined
  const prefixes = combinations(clustering, query)
  const slices =
    last.kind === 'slice'
      ? prefixes.flatMap((prefix) => sliceBounds(table, prefix, last, query))
      : prefixes.map((prefix) => {
          return { start: boundBefore(table, prefix), end: boundAfter(table, prefix) }
        })
  if (slices.length <= 1) return slices
  slices.sort((a, b) => (a.start.key < b.start.key ? -1 : a.start.key > b.start.key ? 1 : 0))
  return slices.filter((slice, i) => i === 0 || slice.start.key !== slices[i - 1]!.start.key)
}
