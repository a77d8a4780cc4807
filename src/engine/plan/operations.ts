import {
  type Access,
  type Assignment,
  type Expression,
  printExpression,
  quoteIdentifier,
} from '../../cql/index.ts'
import { UNSET } from '../../protocol/index.ts'
import { type CqlType, nativeTypes } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import { invalid } from '../faults.ts'
import type { CellChange, RowView } from '../rows/index.ts'
import { fieldPath } from './cell-info.ts'
import type { Environment } from '../environment.ts'
import { listAppend, listDiscard, listElementAt, listPrepend } from './list-operations.ts'
import { counterSet, invalidOperation } from './messages.ts'
import { columnReceiver, type PrepareContext } from './prepare-context.ts'
import { compileTerm } from './term.ts'
import type { Term } from './values.ts'
import { int32Of, int64Of, splitCollection, splitFields } from '../../values/index.ts'

/** What a statement does to one column. */
export interface Operation {
  readonly column: ColumnSchema
  /** Whether it needs the row as it is. */
  readonly requiresRead: boolean
  apply(changes: CellChange[], environment: Environment, existing: RowView | undefined): void
}

const emptyBytes: Uint8Array = new Uint8Array(0)

/** Whole columns: `c = v`, and every column of an INSERT. */
export function setColumn(column: ColumnSchema, term: Term): Operation {
  const { isComplex } = column
  return {
    column,
    requiresRead: false,
    apply(changes, environment) {
      const value = term.evaluate(environment)
      if (value === UNSET) return
      if (isComplex) {
        // Null too replaces: elements of the same timestamp survive (Maps.Setter and its like).
        changes.push({ kind: 'replace', column })
        if (value !== null) setElements(changes, column, value, environment)
      } else if (value === null) changes.push({ kind: 'delete', column })
      else changes.push({ kind: 'set', column, value })
    },
  }
}

/** Writes every element of a collection or user type in wire encoding. */
function setElements(
  changes: CellChange[],
  column: ColumnSchema,
  value: Uint8Array,
  environment: Environment,
): void {
  const { type } = column
  if (type.kind === 'list') return listAppend(changes, column, value, environment)
  if (type.kind === 'udt') {
    splitFields(value).forEach((field, index) => {
      if (field === undefined) return
      changes.push({ kind: 'setElement', column, path: fieldPath(index), value: field })
    })
    return
  }
  const parts = splitCollection(value)
  const step = type.kind === 'map' ? 2 : 1
  for (let i = 0; i < parts.length; i += step) {
    const element = step === 2 ? parts[i + 1]! : emptyBytes
    changes.push({ kind: 'setElement', column, path: parts[i]!, value: element })
  }
}

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
  sign: bigint,
): Operation {
  const term = compileTerm(context, value, columnReceiver(column))
  return {
    column,
    requiresRead: false,
    apply(changes, environment) {
      const bytes = term.evaluate(environment)
      if (bytes === UNSET) return
      if (bytes === null) throw invalid('Invalid null value for counter increment')
      const delta = int64Of(bytes)
      if (sign < 0n && delta === -(1n << 63n)) {
        throw invalid(
          `The negation of ${delta} overflows supported counter precision (signed 8 bytes integer)`,
        )
      }
      changes.push({ kind: 'add', column, delta: delta * sign })
    },
  }
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
  const term = compileTerm(context, assignment.value, columnReceiver(column))
  return {
    column,
    requiresRead: false,
    apply(changes, environment) {
      const value = term.evaluate(environment)
      if (value === UNSET || value === null) return
      setElements(changes, column, value, environment)
    },
  }
}

function isMapLike(value: Expression): boolean {
  const { kind } = value
  if (kind === 'set') return value.elements.length === 0
  return kind === 'map' || kind === 'marker' || kind === 'null' || kind === 'call'
}

function isCollection(type: CqlType): boolean {
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
    return discard(column, compileTerm(context, assignment.value, receiver))
  }
  return discard(column, compileTerm(context, assignment.value, columnReceiver(column)))
}

function discard(column: ColumnSchema, term: Term): Operation {
  const isList = column.type.kind === 'list'
  return {
    column,
    requiresRead: isList,
    apply(changes, environment, existing) {
      const value = term.evaluate(environment)
      if (value === UNSET || value === null) return
      if (isList) return listDiscard(changes, column, value, existing)
      for (const path of splitCollection(value)) {
        changes.push({ kind: 'deleteElement', column, path: path! })
      }
    },
  }
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
  return {
    column,
    requiresRead: false,
    apply(changes, environment) {
      const value = term.evaluate(environment)
      if (value === UNSET || value === null) return
      listPrepend(changes, column, value, environment)
    },
  }
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
  const mapType = type as Extract<CqlType, { kind: 'map' }>
  const key = compileTerm(context, access.key, { name: `key(${column.name})`, type: mapType.key })
  const value = compileTerm(context, assignment.value, partReceiver(column, mapType.value))
  return {
    column,
    requiresRead: false,
    apply(changes, environment) {
      const path = key.evaluate(environment)
      const bytes = value.evaluate(environment)
      if (path === null) throw invalid('Invalid null map key')
      if (path === UNSET) throw invalid('Invalid unset map key')
      putElement(changes, column, path, bytes)
    },
  }
}

function partReceiver(column: ColumnSchema, type: CqlType): { name: string; type: CqlType } {
  return { name: `value(${column.name})`, type }
}

function putElement(
  changes: CellChange[],
  column: ColumnSchema,
  path: Uint8Array,
  value: Uint8Array | null | typeof UNSET,
): void {
  if (value === UNSET) return
  if (value === null) changes.push({ kind: 'deleteElement', column, path })
  else changes.push({ kind: 'setElement', column, path, value })
}

function setListElement(column: ColumnSchema, index: Term, value: Term): Operation {
  return {
    column,
    requiresRead: true,
    apply(changes, environment, existing) {
      const at = index.evaluate(environment)
      const bytes = value.evaluate(environment)
      if (at === null) throw invalid('Invalid null value for list index')
      if (at === UNSET) throw invalid('Invalid unset value for list index')
      const path = listElementAt(existing, column, int32Of(at), 'set')
      putElement(changes, column, path, bytes)
    },
  }
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
  return {
    column,
    requiresRead: false,
    apply(changes, environment) {
      putElement(changes, column, fieldPath(index), term.evaluate(environment))
    },
  }
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
  if (access === undefined) {
    return {
      column,
      requiresRead: false,
      apply: (changes) => changes.push({ kind: 'delete', column }),
    }
  }
  if (access.kind === 'field') return deleteField(column, access.field)
  return deleteElement(context, column, access)
}

function deleteField(column: ColumnSchema, field: string): Operation {
  if (column.type.kind !== 'udt') {
    throw invalid(`Invalid field deletion operation for non-UDT column ${column.name}`)
  }
  if (!column.isComplex) {
    throw invalid(`Frozen UDT column ${column.name} does not support field deletions`)
  }
  const path = fieldPath(fieldIndex(column, field))
  return {
    column,
    requiresRead: false,
    apply: (changes) => changes.push({ kind: 'deleteElement', column, path }),
  }
}

function deleteElement(
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
    return {
      column,
      requiresRead: true,
      apply(changes, environment, existing) {
        const at = index.evaluate(environment)
        if (at === null) throw invalid('Invalid null value for list index')
        if (at === UNSET) return
        const path = listElementAt(existing, column, int32Of(at), 'delete')
        changes.push({ kind: 'deleteElement', column, path })
      },
    }
  }
  const keyType = type.kind === 'map' ? type.key : (type as { element: CqlType }).element
  const what = type.kind === 'map' ? 'key' : 'value'
  const key = compileTerm(context, access.key, { name: `${what}(${name})`, type: keyType })
  return {
    column,
    requiresRead: false,
    apply(changes, environment) {
      const path = key.evaluate(environment)
      if (path === null)
        throw invalid(`Invalid null ${type.kind} ${type.kind === 'map' ? 'key' : 'element'}`)
      if (path === UNSET)
        throw invalid(`Invalid unset ${type.kind} ${type.kind === 'map' ? 'key' : 'element'}`)
      changes.push({ kind: 'deleteElement', column, path })
    },
  }
}
