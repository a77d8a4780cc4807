import {
  type Access,
  type Assignment,
  type Expression,
  printExpression,
  quoteIdentifier,
} from '../../cql/index.ts'
import { type CqlType, nativeTypes } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import {
  addElements,
  addToCounter,
  deleteColumn,
  deleteElement,
  deleteField,
  deleteListElement,
  discardElements,
  type Operation,
  prependElements,
  setColumn,
  setField,
  setListElement,
  setMapEntry,
} from '../evaluate/operations.ts'
import { invalid } from '../errors.ts'
import { compileTerm } from './compile-term.ts'
import { counterSet, invalidOperation } from './messages.ts'
import { columnReceiver, type PrepareContext } from './prepare-context.ts'

export function compileAssignment(context: PrepareContext, assignment: Assignment): Operation {
  const column = context.column(assignment.column)
  if (column.kind === 'partition_key' || column.kind === 'clustering') {
    throw invalid(`PRIMARY KEY part ${column.name} found in SET part`)
  }
  if (assignment.access !== undefined) return compilePartAssignment(context, assignment, column)
  switch (assignment.operation) {
    case 'set': {
      if (column.type.kind === 'counter') throw invalid(counterSet(column))
      return setColumn(column, compileTerm(context, assignment.value, columnReceiver(column)))
    }
    case 'add':
      return compileAddition(context, assignment, column)
    case 'subtract':
      return compileSubtraction(context, assignment, column)
    case 'prepend':
      return compilePrepend(context, assignment, column)
  }
}

function operationText({ operation, value }: Assignment, column: ColumnSchema): string {
  const name = quoteIdentifier(column.name)
  const text = printExpression(value)
  if (operation === 'add') return `${name} = ${name} + ${text}`
  if (operation === 'subtract') return `${name} = ${name} - ${text}`
  // Operation.Prepend prints a minus where a plus was written.
  return `${name} = ${text} - ${name}`
}

function compileCounter(
  context: PrepareContext,
  { value }: Assignment,
  column: ColumnSchema,
  sign: 1n | -1n,
): Operation {
  return addToCounter(column, compileTerm(context, value, columnReceiver(column)), sign)
}

function compileAddition(
  context: PrepareContext,
  assignment: Assignment,
  column: ColumnSchema,
): Operation {
  const { type } = column
  if (type.kind === 'counter') return compileCounter(context, assignment, column, 1n)
  const text = operationText(assignment, column)
  if (!isCollection(type)) {
    const what = type.kind === 'tuple' ? 'tuple' : 'non counter'
    throw invalid(`Invalid operation (${text}) for ${what} column ${column.name}`)
  }
  if (!column.isComplex) throw invalid(invalidOperation(text, 'frozen collection', column))
  if (type.kind === 'map' && !isMapLike(assignment.value)) {
    throw invalid(
      `Value for a map addition has to be a map, but was: '${printExpression(assignment.value)}'`,
    )
  }
  return addElements(column, compileTerm(context, assignment.value, columnReceiver(column)))
}

function isMapLike(value: Expression): boolean {
  const { kind } = value
  if (kind === 'set') return value.elements.length === 0
  return kind === 'map' || kind === 'marker' || kind === 'null' || kind === 'call'
}

function isCollection(type: CqlType): type is Extract<CqlType, { kind: 'list' | 'set' | 'map' }> {
  return type.kind === 'list' || type.kind === 'set' || type.kind === 'map'
}

function compileSubtraction(
  context: PrepareContext,
  assignment: Assignment,
  column: ColumnSchema,
): Operation {
  const { type } = column
  if (type.kind === 'counter') return compileCounter(context, assignment, column, -1n)
  const text = operationText(assignment, column)
  if (!isCollection(type)) throw invalid(invalidOperation(text, 'non counter', column))
  if (!column.isComplex) throw invalid(invalidOperation(text, 'frozen collection', column))
  if (type.kind === 'map') {
    if (assignment.value.kind === 'map') {
      throw invalid(
        `Value for a map substraction has to be a set, but was: '${printExpression(assignment.value)}'`,
      )
    }
    const keys: CqlType = { kind: 'set', element: type.key, frozen: false }
    const receiver = { name: column.name, type: keys }
    return discardElements(column, compileTerm(context, assignment.value, receiver))
  }
  return discardElements(column, compileTerm(context, assignment.value, columnReceiver(column)))
}

function compilePrepend(
  context: PrepareContext,
  assignment: Assignment,
  column: ColumnSchema,
): Operation {
  const text = operationText(assignment, column)
  if (column.type.kind !== 'list') {
    // A counter's `c = 1 + c` is read as a prepend too.
    throw invalid(invalidOperation(text, 'non list', column))
  }
  const term = compileTerm(context, assignment.value, columnReceiver(column))
  if (!column.isComplex) throw invalid(invalidOperation(text, 'frozen list', column))
  return prependElements(column, term)
}

function compilePartAssignment(
  context: PrepareContext,
  assignment: Assignment,
  column: ColumnSchema,
): Operation {
  const access = assignment.access!
  const text = printExpression(assignment.value)
  if (access.kind === 'field') {
    const operation = `${quoteIdentifier(column.name)}.${quoteIdentifier(access.field)} = ${text}`
    return compileFieldAssignment(context, assignment, column, access.field, operation)
  }
  const operation = `${quoteIdentifier(column.name)}[${printExpression(access.key)}] = ${text}`
  const { type } = column
  if (!isCollection(type)) throw invalid(invalidOperation(operation, 'non collection', column))
  if (!column.isComplex) throw invalid(invalidOperation(operation, 'frozen collection', column))
  if (type.kind === 'set') throw invalid(invalidOperation(operation, 'set', column))
  if (type.kind === 'list') {
    const indexReceiver = { name: `idx(${column.name})`, type: nativeTypes.int }
    const index = compileTerm(context, access.key, indexReceiver)
    const value = compileTerm(context, assignment.value, partReceiver(column, type.element))
    return setListElement(column, index, value)
  }
  const key = compileTerm(context, access.key, { name: `key(${column.name})`, type: type.key })
  const value = compileTerm(context, assignment.value, partReceiver(column, type.value))
  return setMapEntry(column, key, value)
}

function partReceiver(column: ColumnSchema, type: CqlType): { name: string; type: CqlType } {
  return { name: `value(${column.name})`, type }
}

function compileFieldAssignment(
  context: PrepareContext,
  { value }: Assignment,
  column: ColumnSchema,
  field: string,
  operation: string,
): Operation {
  const { type } = column
  if (type.kind !== 'udt')
    throw invalid(`Invalid operation (${operation}) for non-UDT column ${column.name}`)
  if (!column.isComplex) throw invalid(invalidOperation(operation, 'frozen UDT', column))
  const index = fieldIndex(column, field)
  const fieldType = type.fields[index]!.type
  const term = compileTerm(context, value, { name: `${column.name}.${field}`, type: fieldType })
  return setField(column, index, term)
}

function fieldIndex({ name, type }: ColumnSchema, field: string): number {
  const index = type.kind === 'udt' ? type.fields.findIndex((each) => each.name === field) : -1
  if (index === -1) throw invalid(`UDT column ${name} does not have a field named ${field}`)
  return index
}

/** An item of DELETE. */
export function compileDeletion(
  context: PrepareContext,
  target: { readonly column: string; readonly access: Access | undefined },
): Operation {
  const column = context.column(target.column)
  if (column.kind === 'partition_key' || column.kind === 'clustering') {
    throw invalid(
      `Invalid identifier ${column.name} for deletion (should not be a PRIMARY KEY part)`,
    )
  }
  const { access } = target
  if (access === undefined) return deleteColumn(column)
  if (access.kind === 'field') return compileFieldDeletion(column, access.field)
  return compileElementDeletion(context, column, access)
}

function compileFieldDeletion(column: ColumnSchema, field: string): Operation {
  if (column.type.kind !== 'udt') {
    throw invalid(`Invalid field deletion operation for non-UDT column ${column.name}`)
  }
  if (!column.isComplex) {
    throw invalid(`Frozen UDT column ${column.name} does not support field deletions`)
  }
  return deleteField(column, fieldIndex(column, field))
}

function compileElementDeletion(
  context: PrepareContext,
  column: ColumnSchema,
  access: Extract<Access, { kind: 'element' }>,
): Operation {
  const { type, name } = column
  if (!isCollection(type)) {
    throw invalid(`Invalid deletion operation for non collection column ${name}`)
  }
  if (!column.isComplex) {
    throw invalid(`Invalid deletion operation for frozen collection column ${name}`)
  }
  if (type.kind === 'list') {
    const index = compileTerm(context, access.key, { name: `idx(${name})`, type: nativeTypes.int })
    return deleteListElement(column, index)
  }
  if (type.kind === 'map') {
    const receiver = { name: `key(${name})`, type: type.key }
    return deleteElement(column, 'map', compileTerm(context, access.key, receiver))
  }
  const receiver = { name: `value(${name})`, type: type.element }
  return deleteElement(column, 'set', compileTerm(context, access.key, receiver))
}
