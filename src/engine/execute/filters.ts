import { UNSET } from '../../protocol/index.ts'
import type { CqlType } from '../../types/index.ts'
import type { Restriction } from '../analyze/relations.ts'
import type { Bound, MergedRestriction } from '../analyze/restriction-set.ts'
import type { Restrictions } from '../analyze/restrictions.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import { invalid } from '../errors.ts'
import type { QueryContext } from '../query-context.ts'
import type { RowContext } from '../evaluate/row-context.ts'
import type { Term } from '../evaluate/term.ts'
import { isListTerm, isWholeTuple, type TupleTerms } from '../evaluate/tuple-terms.ts'
import type { ClusteringSlice } from '../rows/index.ts'
import { clusteringSlicesOf } from './key-values.ts'
import {
  compareValues,
  hasPart,
  mapEntry,
  splitCollection,
  splitFields,
  ValueSet,
} from '../../values/index.ts'

/** Returns whether a row passes. */
export type RowFilter = (row: RowContext) => boolean

/** Filters of the rows of a SELECT, with their values evaluated once. */
export function rowFiltersOf(restrictions: Restrictions, query: QueryContext): RowFilter[] {
  const filters = filtersOf(restrictions.filters, query)
  if (restrictions.access.kind === 'partitions') return filters
  // A range of tokens has no one partition to seek in: the slices are looked for in each.
  const slices = clusteringSlicesOf(restrictions, query)
  return slices === undefined ? filters : [sliceFilter(slices), ...filters]
}

function sliceFilter(slices: readonly ClusteringSlice[]): RowFilter {
  return ({ row }) => {
    const clustering = row?.clustering
    if (clustering === undefined) return false
    const { key } = clustering
    const slice = slices[lastStartAtMost(slices, key)]
    return slice !== undefined && key < slice.end.key
  }
}

/** Index of the last of some slices in order that begins at or before a key; −1 if none does. */
function lastStartAtMost(slices: readonly ClusteringSlice[], key: string): number {
  let low = 0
  let high = slices.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (slices[middle]!.start.key <= key) low = middle + 1
    else high = middle
  }
  return low - 1
}

function filtersOf(restrictions: readonly MergedRestriction[], query: QueryContext): RowFilter[] {
  return restrictions.flatMap((restriction) => filterOf(restriction, query))
}

function filterValue(term: Term, column: ColumnSchema, query: QueryContext): Uint8Array {
  const value = term.evaluate(query)
  if (value === null) throw invalid(unsupportedNull(column.name))
  if (value === UNSET) throw invalid(`Unsupported unset value for column ${column.name}`)
  return value
}

function mapKey(term: Term, column: ColumnSchema, query: QueryContext): Uint8Array {
  const key = term.evaluate(query)
  if (key === null) throw invalid(`Unsupported null map key for column ${column.name}`)
  if (key === UNSET) throw invalid(`Unsupported unset map key for column ${column.name}`)
  return key
}

function nullFilterValue({ name }: ColumnSchema, isOnly: boolean): never {
  throw invalid(isOnly ? unsupportedNull(name) : `Invalid null value for column ${name}`)
}

function unsupportedNull(name: string): string {
  return `Unsupported null value for column ${name}`
}

function filterValues(
  value: TupleTerms,
  columns: readonly ColumnSchema[],
  query: QueryContext,
): Uint8Array[] {
  if (isWholeTuple(value)) {
    const parts = splitFields(filterValue(value.tuple, columns[0]!, query))
    return columns.map((column, i) => parts[i] ?? nullFilterValue(column, columns.length === 1))
  }
  return columns.map((column, i) => filterValue(value[i]!, column, query))
}

function isEqual(column: ColumnSchema, row: RowContext, expected: Uint8Array): boolean {
  const value = row.value(column)
  return value !== null && compareValues(column.type, value, expected) === 0
}

function filterOf(restriction: MergedRestriction, query: QueryContext): RowFilter[] {
  const { columns } = restriction
  switch (restriction.kind) {
    case 'eq': {
      const expected = filterValues(restriction.value, columns, query)
      return columns.map((column, i) => (row) => isEqual(column, row, expected[i]!))
    }
    case 'in': {
      const column = columns[0]!
      const options = new ValueSet(column.type, inOptions(restriction, query))
      return [
        (row) => {
          const value = row.value(column)
          return value !== null && options.has(value)
        },
      ]
    }
    case 'slice': {
      const filters: RowFilter[] = []
      const { start, end } = restriction
      if (start !== undefined) filters.push(boundFilter(start, true, query))
      if (end !== undefined) filters.push(boundFilter(end, false, query))
      return filters
    }
    case 'contains':
      return restriction.tests.map((test) => containsFilter(test, query))
  }
}

function inOptions(
  restriction: Extract<MergedRestriction, { kind: 'in' }>,
  query: QueryContext,
): Uint8Array[] {
  const { columns, values } = restriction
  if (columns.length > 1) throw invalid('Multicolumn IN filters are not supported')
  if (!isListTerm(values)) {
    return values.flatMap((value) => filterValues(value, columns, query))
  }
  const list = values.list.evaluate(query)
  if (list === null) throw invalid(`Invalid null value for column ${columns[0]!.name}`)
  if (list === UNSET) throw invalid(`Invalid unset value for column ${columns[0]!.name}`)
  return splitCollection(list).flatMap((element) => {
    if (element === undefined) return []
    if (!values.hasTuples) return [element]
    const [part] = splitFields(element)
    return part === undefined ? [] : [part]
  })
}

function boundFilter(bound: Bound, isStart: boolean, query: QueryContext): RowFilter {
  const { columns, inclusive } = bound
  if (bound.isTuple) {
    throw invalid('Multi-column slice restrictions cannot be used for filtering.')
  }
  const column = columns[0]!
  const limit = filterValues(bound.value, columns, query)[0]!
  return (row) => {
    const value = row.value(column)
    if (value === null) return false
    const order = compareValues(column.type, value, limit)
    if (order === 0) return inclusive
    return isStart ? order > 0 : order < 0
  }
}

function containsFilter(
  test: Extract<Restriction, { kind: 'contains' | 'element' }>,
  query: QueryContext,
): RowFilter {
  const { column } = test
  const { type } = column
  const value = filterValue(test.value, column, query)
  if (test.kind === 'element') {
    const key = mapKey(test.key, column, query)
    return (row) => hasEntry(row.value(column), type, key, value)
  }
  if (type.kind === 'map') {
    const part = test.isKey ? type.key : type.value
    return (row) => hasPart(row.value(column), part, value, test.isKey ? 0 : 1, 2)
  }
  const element = type.kind === 'list' || type.kind === 'set' ? type.element : type
  return (row) => hasPart(row.value(column), element, value, 0, 1)
}

function hasEntry(
  collection: Uint8Array | null,
  type: CqlType,
  key: Uint8Array,
  value: Uint8Array,
): boolean {
  const found = mapEntry(collection, type, key)
  return type.kind === 'map' && found !== null && compareValues(type.value, found, value) === 0
}
