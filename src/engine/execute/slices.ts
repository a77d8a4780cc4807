import { UNSET } from '../../protocol/index.ts'
import type { Bound, MergedRestriction } from '../analyze/restriction-set.ts'
import type { ColumnSchema, TableSchema } from '../catalog/table-schema.ts'
import { boundAfter, boundBefore } from '../keys/index.ts'
import { invalid } from '../errors.ts'
import type { QueryContext } from '../query-context.ts'
import { nullCondition, unsetValue } from '../evaluate/messages.ts'
import { isWholeTuple } from '../evaluate/tuple-terms.ts'
import type { ClusteringSlice } from '../rows/index.ts'
import { splitFields } from '../../values/index.ts'

type Slice = Extract<MergedRestriction, { kind: 'slice' }>

/** The slices of rows that begin with `prefix` and lie between the bounds of a restriction. */
export function sliceBounds(
  table: TableSchema,
  prefix: readonly Uint8Array[],
  { start, end }: Slice,
  query: QueryContext,
): ClusteringSlice[] {
  const all = { start: boundBefore(table, prefix), end: boundAfter(table, prefix) }
  let slices: ClusteringSlice[] = [all]
  for (const [bound, isStart] of [
    [start, true],
    [end, false],
  ] as const) {
    if (bound === undefined) continue
    const side = sideSlices(table, prefix, bound, isStart, query)
    slices = intersect(slices, side)
  }
  return slices
}

function boundValues(bound: Bound, query: QueryContext): (Uint8Array | null)[] {
  const { columns, value } = bound
  if (isWholeTuple(value)) {
    const tuple = value.tuple.evaluate(query)
    if (tuple === null) throw invalid(nullCondition(columns[0]!))
    if (tuple === UNSET) throw invalid(unsetValue(columns[0]!))
    const parts = splitFields(tuple)
    return columns.map((column, i) => parts[i] ?? missing(column))
  }
  return columns.map((column, i) => {
    const each = value[i]!.evaluate(query)
    if (each === UNSET) throw invalid(unsetValue(column))
    // Cassandra accepts `c > null` for a single column: null sorts before all values.
    return each ?? (columns.length === 1 ? null : missing(column))
  })
}

function missing(column: ColumnSchema): never {
  throw invalid(nullCondition(column))
}

/**
 * `(a, b) > (x, y)` as disjoint slices: a > x, or a = x and b > y. Each is a range of keys whatever
 * the order of its column.
 */
function sideSlices(
  table: TableSchema,
  prefix: readonly Uint8Array[],
  bound: Bound,
  isStart: boolean,
  query: QueryContext,
): ClusteringSlice[] {
  const values = boundValues(bound, query)
  const slices: ClusteringSlice[] = []
  values.forEach((value, index) => {
    const equal = [...prefix, ...(values.slice(0, index) as Uint8Array[])]
    const before = boundBefore(table, equal)
    const after = boundAfter(table, equal)
    const isForward = isStart !== bound.columns[index]!.descending
    if (value === null) {
      // Null sorts before all values in the order of the rows, ascending or descending.
      if (isForward) slices.push({ start: before, end: after })
      return
    }
    const isLast = index === values.length - 1
    const inclusive = isLast && bound.inclusive
    const at = [...equal, value]
    slices.push(
      isForward
        ? { start: inclusive ? boundBefore(table, at) : boundAfter(table, at), end: after }
        : { start: before, end: inclusive ? boundAfter(table, at) : boundBefore(table, at) },
    )
  })
  return slices
}

function intersect(
  left: readonly ClusteringSlice[],
  right: readonly ClusteringSlice[],
): ClusteringSlice[] {
  const result: ClusteringSlice[] = []
  for (const a of left) {
    for (const b of right) {
      const start = a.start.key > b.start.key ? a.start : b.start
      const end = a.end.key < b.end.key ? a.end : b.end
      if (start.key < end.key) result.push({ start, end })
    }
  }
  return result
}
