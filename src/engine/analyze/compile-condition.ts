import type { ComparisonOperator, Condition, Expression } from '../../cql/index.ts'
import { type CqlType, nativeTypes } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import { someType } from '../catalog/type-resolution.ts'
import {
  type ColumnCondition,
  columnSubject,
  comparisonCondition,
  type ConditionSubject,
  containsCondition,
  fieldSubject,
  inCondition,
  listCondition,
  listElementSubject,
  mapEntrySubject,
} from '../evaluate/conditions.ts'
import { invalid } from '../errors.ts'
import { compileTerm } from './compile-term.ts'
import { columnReceiver, type PrepareContext, type Receiver } from './prepare-context.ts'

/** What a condition compares, and the receiver of the values it is compared with. */
interface Compared {
  readonly subject: ConditionSubject
  readonly receiver: Receiver
}

export function compileCondition(context: PrepareContext, condition: Condition): ColumnCondition {
  const column = context.column(condition.column)
  if (column.kind === 'partition_key' || column.kind === 'clustering') {
    throw invalid(`PRIMARY KEY column '${column.name}' cannot have IF conditions`)
  }
  if (column.type.kind === 'counter') {
    throw invalid('Conditions on counters are not supported')
  }
  const compared = compileSubject(context, column, condition)
  const { test } = condition
  if (test.kind === 'contains') return compileContains(context, column, test)
  if (test.kind === 'in') return compileIn(context, test.values, compared)
  const { subject, receiver } = compared
  checkDurations(receiver.type, test.operator)
  return comparisonCondition(subject, test.operator, compileTerm(context, test.value, receiver))
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

function compileSubject(
  context: PrepareContext,
  column: ColumnSchema,
  { access }: Condition,
): Compared {
  if (access === undefined) {
    return { subject: columnSubject(column), receiver: columnReceiver(column) }
  }
  const { type, name } = column
  if (access.kind === 'field') {
    const fields = type.kind === 'udt' ? type.fields : []
    const index = fields.findIndex((field) => field.name === access.field)
    if (index === -1) throw invalid(`Unknown field ${access.field} for column ${name}`)
    const fieldType = fields[index]!.type
    return {
      subject: fieldSubject(column, fieldType, index),
      receiver: { name: `${name}.${access.field}`, type: fieldType },
    }
  }
  return compileElementSubject(context, column, access.key)
}

function compileElementSubject(
  context: PrepareContext,
  column: ColumnSchema,
  key: Expression,
): Compared {
  const { type, name } = column
  switch (type.kind) {
    case 'list': {
      const index = compileTerm(context, key, { name: `idx(${name})`, type: nativeTypes.int })
      return {
        subject: listElementSubject(column, type.element, index),
        receiver: { name: `value(${name})`, type: type.element },
      }
    }
    case 'map': {
      const term = compileTerm(context, key, { name: `key(${name})`, type: type.key })
      return {
        subject: mapEntrySubject(column, type, term),
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
  values: Extract<Expression, { kind: 'marker' }> | readonly Expression[],
  { subject, receiver }: Compared,
): ColumnCondition {
  if (!Array.isArray(values)) {
    const marker = values as Extract<Expression, { kind: 'marker' }>
    const list = compileTerm(context, marker, {
      name: `in(${receiver.name})`,
      type: { kind: 'list', element: receiver.type, frozen: false },
      allowsNullElements: true,
    })
    return listCondition(subject, list)
  }
  const terms = (values as readonly Expression[]).map((value) =>
    compileTerm(context, value, receiver),
  )
  return inCondition(subject, terms)
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
  return containsCondition(column, part, isKey, compileTerm(context, test.value, receiver))
}
