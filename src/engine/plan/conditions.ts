import type { Condition, ComparisonOperator, Expression } from '../../cql/index.ts'
import { UNSET } from '../../protocol/index.ts'
import { type CqlType, nativeTypes } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import { someType } from '../catalog/types.ts'
import { invalid } from '../faults.ts'
import type { Cell } from '../functions/definitions.ts'
import type { Environment } from '../environment.ts'
import { columnReceiver, type PrepareContext, type Receiver } from './prepare-context.ts'
import { compileTerm } from './term.ts'
import type { Term } from './values.ts'
import {
  compareValues,
  hasPart,
  int32Of,
  mapEntry,
  setElement,
  splitCollection,
  splitFields,
} from '../../values/index.ts'

/** A condition of IF on one column, to be held against the value the column has. */
export interface ColumnCondition {
  readonly column: ColumnSchema
  holds(current: Cell, environment: Environment): boolean
}

/** The part of a column's value that a condition looks at. */
type PartOf = (current: Cell, environment: Environment) => Cell

const unsetCondition = "Invalid 'unset' value in condition"

const whole: PartOf = (current) => current

export function compileCondition(context: PrepareContext, condition: Condition): ColumnCondition {
  const column = context.column(condition.column)
  if (column.kind === 'partition_key' || column.kind === 'clustering') {
    throw invalid(`PRIMARY KEY column '${column.name}' cannot have IF conditions`)
  }
  if (column.type.kind === 'counter') {
    throw invalid('Conditions on counters are not supported')
  }
  const { partOf, receiver } = compilePart(context, column, condition)
  const { test } = condition
  if (test.kind === 'contains') return compileContains(context, column, test)
  if (test.kind === 'in') return compileIn(context, column, test.values, partOf, receiver)
  const { operator } = test
  checkDurations(receiver.type, operator)
  const value = compileTerm(context, test.value, receiver)
  return {
    column,
    holds(current, environment) {
      const expected = value.evaluate(environment)
      if (expected === UNSET) throw invalid(unsetCondition)
      const part = emptyAsNull(partOf(current, environment), receiver.type)
      const wanted = emptyAsNull(expected, receiver.type)
      if (wanted === null && expected !== null && operator !== '=' && operator !== '!=') {
        const { kind } = receiver.type
        throw invalid(`Invalid comparison with an empty ${kind} for operator "${operator}"`)
      }
      return compareCells(operator, part, wanted, receiver.type)
    },
  }
}

/** A non-frozen collection without elements is null. */
function emptyAsNull(cell: Cell, type: CqlType): Cell {
  if (cell === null || !('frozen' in type) || type.frozen || type.kind === 'udt') return cell
  return int32Of(cell) === 0 ? null : cell
}

/** ColumnCondition.Raw.validateOperationOnDurations */
function checkDurations(type: CqlType, operator: ComparisonOperator): void {
  if (operator === '=' || operator === '!=') return
  if (!someType(type, (part) => part.kind === 'duration')) return
  if (type.kind === 'duration') {
    throw invalid(`Slice conditions ( ${operator} ) are not supported on durations`)
  }
  const isStruct = type.kind === 'udt' || type.kind === 'tuple'
  const what = !isStruct ? 'collections' : type.kind === 'udt' ? 'UDTs' : 'tuples'
  throw invalid(`Slice conditions are not supported on ${what} containing durations`)
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

function compilePart(
  context: PrepareContext,
  column: ColumnSchema,
  { access }: Condition,
): { partOf: PartOf; receiver: Receiver } {
  if (access === undefined) return { partOf: whole, receiver: columnReceiver(column) }
  const { type, name } = column
  if (access.kind === 'field') {
    const fields = type.kind === 'udt' ? type.fields : []
    const index = fields.findIndex((field) => field.name === access.field)
    if (index === -1) throw invalid(`Unknown field ${access.field} for column ${name}`)
    return {
      partOf: (current) => (current === null ? null : (splitFields(current)[index] ?? null)),
      receiver: { name: `${name}.${access.field}`, type: fields[index]!.type },
    }
  }
  return compileElementPart(context, column, access.key)
}

function compileElementPart(
  context: PrepareContext,
  { type, name }: ColumnSchema,
  keyExpression: Expression,
): { partOf: PartOf; receiver: Receiver } {
  const keyOf = (term: Term, what: string, environment: Environment): Uint8Array => {
    const key = term.evaluate(environment)
    if (key === null) throw invalid(`Invalid null value for ${what} element access`)
    if (key === UNSET) throw invalid(`Invalid unset value for ${what} element access`)
    return key
  }
  switch (type.kind) {
    case 'list': {
      const index = compileTerm(context, keyExpression, {
        name: `idx(${name})`,
        type: nativeTypes.int,
      })
      return {
        partOf: (current, environment) => {
          const at = int32Of(keyOf(index, 'list', environment))
          if (at < 0) throw invalid(`Invalid negative list index ${at}`)
          return current === null ? null : (splitCollection(current)[at] ?? null)
        },
        receiver: { name: `value(${name})`, type: type.element },
      }
    }
    case 'map': {
      const key = compileTerm(context, keyExpression, { name: `key(${name})`, type: type.key })
      return {
        partOf: (current, environment) => mapEntry(current, type, keyOf(key, 'map', environment)),
        receiver: { name: `value(${name})`, type: type.value },
      }
    }
    case 'set':
      throw invalid(`Invalid element access syntax for set column ${name}`)
    default:
      throw invalid(`Invalid element access syntax for non-collection column ${name}`)
  }
}

function compileIn(
  context: PrepareContext,
  column: ColumnSchema,
  values: Extract<Expression, { kind: 'marker' }> | readonly Expression[],
  partOf: PartOf,
  receiver: Receiver,
): ColumnCondition {
  const { type } = receiver
  const check = (options: readonly Cell[], current: Cell): boolean =>
    options.some((option) => compareCells('=', current, emptyAsNull(option, type), type))
  if (!Array.isArray(values)) {
    const list: CqlType = { kind: 'list', element: type, frozen: false }
    const marker = values as Extract<Expression, { kind: 'marker' }>
    const term = compileTerm(context, marker, {
      name: `in(${receiver.name})`,
      type: list,
      allowsNullElements: true,
    })
    return {
      column,
      holds(current, environment) {
        const value = term.evaluate(environment)
        if (value === null) throw invalid('Invalid null list in IN condition')
        if (value === UNSET) throw invalid(unsetCondition)
        const options = splitCollection(value).map((each) => each ?? null)
        return check(options, emptyAsNull(partOf(current, environment), type))
      },
    }
  }
  const terms = (values as readonly Expression[]).map((value) =>
    compileTerm(context, value, receiver),
  )
  return {
    column,
    holds(current, environment) {
      const options = terms.flatMap((term) => {
        const value = term.evaluate(environment)
        return value === UNSET ? [] : [value]
      })
      return check(options, emptyAsNull(partOf(current, environment), type))
    },
  }
}

function compileContains(
  context: PrepareContext,
  column: ColumnSchema,
  test: { readonly isKey: boolean; readonly value: Expression },
): ColumnCondition {
  const { type, name } = column
  const { isKey } = test
  if (isKey && type.kind !== 'map') {
    throw invalid(`Cannot use CONTAINS KEY on non-map column ${name}`)
  }
  if (type.kind !== 'map' && type.kind !== 'list' && type.kind !== 'set') {
    throw invalid(`Cannot use CONTAINS on non-collection column ${name}`)
  }
  const part = type.kind === 'map' ? (isKey ? type.key : type.value) : type.element
  const receiver = { name: `${isKey ? 'key' : 'value'}(${name})`, type: part }
  const value = compileTerm(context, test.value, receiver)
  const step = type.kind === 'map' ? 2 : 1
  const first = type.kind === 'map' && !isKey ? 1 : 0
  return {
    column,
    holds(current, environment) {
      const wanted = value.evaluate(environment)
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
