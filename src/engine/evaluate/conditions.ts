import type { ComparisonOperator } from '../../cql/index.ts'
import { UNSET } from '../../protocol/index.ts'
import type { CqlType } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import { invalid } from '../errors.ts'
import type { Cell } from '../functions/definitions.ts'
import type { QueryContext } from '../query-context.ts'
import type { Term } from './term.ts'
import {
  compareValues,
  hasPart,
  int32Of,
  mapEntry,
  setElement,
  splitCollection,
  splitFields,
} from '../../values/index.ts'

/** A condition of IF on one column, to be checked against the value the column has. */
export interface ColumnCondition {
  readonly column: ColumnSchema
  holds(current: Cell, query: QueryContext): boolean
}

/** The IF clause of a statement. */
export type PlannedCondition =
  | { readonly kind: 'exists' }
  | { readonly kind: 'not_exists' }
  | {
      readonly kind: 'columns'
      readonly regular: readonly ColumnCondition[]
      readonly statics: readonly ColumnCondition[]
    }

/** Columns of the conditions, regular ones first, each once. */
export function conditionColumns(condition: PlannedCondition): readonly ColumnSchema[] | undefined {
  if (condition.kind !== 'columns') return undefined
  return [...new Set([...condition.regular, ...condition.statics].map(({ column }) => column))]
}

/** What a condition compares: a column's value, or a part of it. */
export interface ConditionSubject {
  readonly column: ColumnSchema
  /** Type of the values that are compared. */
  readonly type: CqlType
  readonly partOf: (current: Cell, query: QueryContext) => Cell
}

const unsetCondition = "Invalid 'unset' value in condition"

export function columnSubject(column: ColumnSchema): ConditionSubject {
  return { column, type: column.type, partOf: (current) => current }
}

export function fieldSubject(column: ColumnSchema, type: CqlType, index: number): ConditionSubject {
  return {
    column,
    type,
    partOf: (current) => (current === null ? null : (splitFields(current)[index] ?? null)),
  }
}

export function listElementSubject(
  column: ColumnSchema,
  type: CqlType,
  index: Term,
): ConditionSubject {
  return {
    column,
    type,
    partOf: (current, query) => {
      const at = int32Of(subscriptOf(index, 'list', query))
      if (at < 0) throw invalid(`Invalid negative list index ${at}`)
      return current === null ? null : (splitCollection(current)[at] ?? null)
    },
  }
}

export function mapEntrySubject(
  column: ColumnSchema,
  map: Extract<CqlType, { kind: 'map' }>,
  key: Term,
): ConditionSubject {
  return {
    column,
    type: map.value,
    partOf: (current, query) => mapEntry(current, map, subscriptOf(key, 'map', query)),
  }
}

function subscriptOf(term: Term, what: 'list' | 'map', query: QueryContext): Uint8Array {
  const key = term.evaluate(query)
  if (key === null) throw invalid(`Invalid null value for ${what} element access`)
  if (key === UNSET) throw invalid(`Invalid unset value for ${what} element access`)
  return key
}

/** `IF c = v` and the other comparisons. */
export function comparisonCondition(
  subject: ConditionSubject,
  operator: ComparisonOperator,
  value: Term,
): ColumnCondition {
  const { column, type } = subject
  return {
    column,
    holds(current, query) {
      const expected = value.evaluate(query)
      if (expected === UNSET) throw invalid(unsetCondition)
      const part = emptyAsNull(subject.partOf(current, query), type)
      const wanted = emptyAsNull(expected, type)
      if (wanted === null && expected !== null && operator !== '=' && operator !== '!=') {
        throw invalid(`Invalid comparison with an empty ${type.kind} for operator "${operator}"`)
      }
      return compareCells(operator, part, wanted, type)
    },
  }
}

/** A non-frozen collection without elements is null. */
function emptyAsNull(cell: Cell, type: CqlType): Cell {
  if (cell === null || !('frozen' in type) || type.frozen || type.kind === 'udt') return cell
  return int32Of(cell) === 0 ? null : cell
}

/** ColumnCondition.Bound.compareWithOperator */
function compareCells(
  operator: ComparisonOperator,
  current: Cell,
  expected: Cell,
  type: CqlType,
): boolean {
  if (expected === null) {
    if (operator === '=') return current === null
    if (operator === '!=') return current !== null
    throw invalid(`Invalid comparison with null for operator "${operator}"`)
  }
  if (current === null) return operator === '!='
  const order = compareValues(type, current, expected)
  switch (operator) {
    case '=':
      return order === 0
    case '!=':
      return order !== 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
  }
}

/** `IF c IN ?`, where one marker holds the whole list. */
export function listCondition(subject: ConditionSubject, list: Term): ColumnCondition {
  const { column } = subject
  return {
    column,
    holds(current, query) {
      const value = list.evaluate(query)
      if (value === null) throw invalid('Invalid null list in IN condition')
      if (value === UNSET) throw invalid(unsetCondition)
      const options = splitCollection(value).map((each) => each ?? null)
      return isOneOf(subject, current, options, query)
    },
  }
}

/** `IF c IN (a, b)` */
export function inCondition(subject: ConditionSubject, terms: readonly Term[]): ColumnCondition {
  const { column } = subject
  return {
    column,
    holds(current, query) {
      const options = terms.flatMap((term) => {
        const value = term.evaluate(query)
        return value === UNSET ? [] : [value]
      })
      return isOneOf(subject, current, options, query)
    },
  }
}

function isOneOf(
  { type, partOf }: ConditionSubject,
  current: Cell,
  options: readonly Cell[],
  query: QueryContext,
): boolean {
  const part = emptyAsNull(partOf(current, query), type)
  return options.some((option) => compareCells('=', part, emptyAsNull(option, type), type))
}

/** `IF c CONTAINS v` and `IF c CONTAINS KEY v`, of a collection whose compared part has a type. */
export function containsCondition(
  column: ColumnSchema,
  part: CqlType,
  isKey: boolean,
  value: Term,
): ColumnCondition {
  const { name, type } = column
  const step = type.kind === 'map' ? 2 : 1
  const first = type.kind === 'map' && !isKey ? 1 : 0
  return {
    column,
    holds(current, query) {
      const wanted = value.evaluate(query)
      if (wanted === null)
        throw invalid(
          `Invalid comparison with null for operator "${isKey ? 'CONTAINS KEY' : 'CONTAINS'}"`,
        )
      if (wanted === UNSET) throw invalid(`Invalid unset value for column ${name}`)
      if (type.kind === 'set') return setElement(current, part, wanted) !== null
      return hasPart(current, part, wanted, first, step)
    },
  }
}
