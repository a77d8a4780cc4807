import { UNSET } from '../../protocol/index.ts'
import type { CqlType } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import { invalid } from '../errors.ts'
import type { CellChange, RowView } from '../rows/index.ts'
import { fieldPath } from './cell-info.ts'
import type { QueryContext } from '../query-context.ts'
import { listAppend, listDiscard, listElementAt, listPrepend } from './list-operations.ts'
import type { Term } from './term.ts'
import { int32Of, int64Of, splitCollection, splitFields } from '../../values/index.ts'

/** The change that a statement makes to one column. */
export interface Operation {
  readonly column: ColumnSchema
  /** Whether it needs the stored row. */
  readonly requiresRead: boolean
  apply(changes: CellChange[], query: QueryContext, existing: RowView | undefined): void
}

const emptyBytes: Uint8Array = new Uint8Array(0)

/** Sets a whole column: `c = v`, and every column of an INSERT. */
export function setColumn(column: ColumnSchema, term: Term): Operation {
  const { isComplex } = column
  return {
    column,
    requiresRead: false,
    apply(changes, query) {
      const value = term.evaluate(query)
      if (value === UNSET) return
      if (isComplex) {
        // Null replaces as well: elements with the same timestamp survive (Maps.Setter).
        changes.push({ kind: 'replace', column })
        if (value !== null) setElements(changes, column, value, query)
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
  query: QueryContext,
): void {
  const { type } = column
  if (type.kind === 'list') return listAppend(changes, column, value, query)
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

/** Adds the value of a term to a counter, or subtracts it. */
export function addToCounter(column: ColumnSchema, term: Term, sign: 1n | -1n): Operation {
  return {
    column,
    requiresRead: false,
    apply(changes, query) {
      const bytes = term.evaluate(query)
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

/** Adds elements to a collection; to a list at its end. */
export function addElements(column: ColumnSchema, term: Term): Operation {
  return writeElements(column, term, setElements)
}

/** Adds elements at the beginning of a list. */
export function prependElements(column: ColumnSchema, term: Term): Operation {
  return writeElements(column, term, listPrepend)
}

function writeElements(column: ColumnSchema, term: Term, write: typeof setElements): Operation {
  return {
    column,
    requiresRead: false,
    apply(changes, query) {
      const value = term.evaluate(query)
      if (value === UNSET || value === null) return
      write(changes, column, value, query)
    },
  }
}

/** Removes elements from a set, entries by key from a map, equal elements from a list. */
export function discardElements(column: ColumnSchema, term: Term): Operation {
  const isList = column.type.kind === 'list'
  return {
    column,
    requiresRead: isList,
    apply(changes, query, existing) {
      const value = term.evaluate(query)
      if (value === UNSET || value === null) return
      if (isList) return listDiscard(changes, column, value, existing)
      for (const path of splitCollection(value)) {
        changes.push({ kind: 'deleteElement', column, path: path! })
      }
    },
  }
}

/** `m[key] = value` */
export function setMapEntry(column: ColumnSchema, key: Term, value: Term): Operation {
  return {
    column,
    requiresRead: false,
    apply(changes, query) {
      const path = key.evaluate(query)
      const bytes = value.evaluate(query)
      if (path === null) throw invalid('Invalid null map key')
      if (path === UNSET) throw invalid('Invalid unset map key')
      putElement(changes, column, path, bytes)
    },
  }
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

/** `l[index] = value` */
export function setListElement(column: ColumnSchema, index: Term, value: Term): Operation {
  return {
    column,
    requiresRead: true,
    apply(changes, query, existing) {
      const at = index.evaluate(query)
      const bytes = value.evaluate(query)
      if (at === null) throw invalid('Invalid null value for list index')
      if (at === UNSET) throw invalid('Invalid unset value for list index')
      const path = listElementAt(existing, column, int32Of(at), 'set')
      putElement(changes, column, path, bytes)
    },
  }
}

/** Sets the field at an index of a user type that is not frozen. */
export function setField(column: ColumnSchema, index: number, term: Term): Operation {
  return {
    column,
    requiresRead: false,
    apply(changes, query) {
      putElement(changes, column, fieldPath(index), term.evaluate(query))
    },
  }
}

export function deleteColumn(column: ColumnSchema): Operation {
  return {
    column,
    requiresRead: false,
    apply: (changes) => changes.push({ kind: 'delete', column }),
  }
}

export function deleteField(column: ColumnSchema, index: number): Operation {
  const path = fieldPath(index)
  return {
    column,
    requiresRead: false,
    apply: (changes) => changes.push({ kind: 'deleteElement', column, path }),
  }
}

export function deleteListElement(column: ColumnSchema, index: Term): Operation {
  return {
    column,
    requiresRead: true,
    apply(changes, query, existing) {
      const at = index.evaluate(query)
      if (at === null) throw invalid('Invalid null value for list index')
      if (at === UNSET) return
      const path = listElementAt(existing, column, int32Of(at), 'delete')
      changes.push({ kind: 'deleteElement', column, path })
    },
  }
}

/** Deletes the entry of a map that has a key, or an element of a set. */
export function deleteElement(
  column: ColumnSchema,
  kind: Extract<CqlType['kind'], 'map' | 'set'>,
  key: Term,
): Operation {
  const what = `${kind} ${kind === 'map' ? 'key' : 'element'}`
  return {
    column,
    requiresRead: false,
    apply(changes, query) {
      const path = key.evaluate(query)
      if (path === null) throw invalid(`Invalid null ${what}`)
      if (path === UNSET) throw invalid(`Invalid unset ${what}`)
      changes.push({ kind: 'deleteElement', column, path })
    },
  }
}
