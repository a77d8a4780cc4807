import type { CqlType } from '../../types/index.ts'
import { nativeTypes } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import { invalid } from '../errors.ts'
import { castCell } from '../functions/casts.ts'
import type { Cell, ScalarFunction } from '../functions/definitions.ts'
import {
  concatCells,
  int32Bytes,
  mapEntry,
  setElement,
  sliceOf,
  sortedMap,
  sortedSet,
  splitFields,
  vectorBytes,
} from '../../values/index.ts'
import type { ElementSlice } from './cell-info.ts'
import { tokenBytes } from './composed-terms.ts'
import { nullInCollection } from './messages.ts'
import { combinedSelector, scalarSelector, type Selector } from './selector.ts'
import { cellOfTerm, type Term } from './term.ts'

export function columnSelector(column: ColumnSchema): Selector {
  return scalarSelector(column.name, column.type, [column], (row) => row.value(column), column)
}

/** A value that does not depend on the row. */
export function termSelector(name: string, type: CqlType, term: Term): Selector {
  return scalarSelector(name, type, [], (row) => cellOfTerm(term, row))
}

/** The token of the partition a row belongs to. */
export function ownTokenSelector(name: string, partitionKey: readonly ColumnSchema[]): Selector {
  return scalarSelector(name, nativeTypes.bigint, partitionKey, (row) =>
    tokenBytes(row.tokenHi, row.tokenLo),
  )
}

export function callSelector(
  name: string,
  called: ScalarFunction,
  args: readonly Selector[],
): Selector {
  return combinedSelector(name, called.returns, args, (cells, row) =>
    called.call(cells, row!.query),
  )
}

export function castSelector(name: string, type: CqlType, of: Selector): Selector {
  return combinedSelector(name, type, [of], ([cell]) => castCell(of.type, type, cell ?? null))
}

/** The field at an index of a user type. */
export function fieldSelector(name: string, type: CqlType, of: Selector, index: number): Selector {
  return combinedSelector(name, type, [of], ([cell]) =>
    cell === null || cell === undefined ? null : (splitFields(cell)[index] ?? null),
  )
}

/** The value of a map for a key, or an element of a set. */
export function elementSelector(
  name: string,
  of: Selector,
  collection: Extract<CqlType, { kind: 'map' | 'set' }>,
  key: Term,
): Selector {
  const type = collection.kind === 'map' ? collection.value : collection.element
  return combinedSelector(name, type, [of], ([cell], row) => {
    const wanted = cellOfTerm(key, row!)
    if (wanted === null) throw invalid(`Invalid null value for element selection on ${of.name}`)
    if (collection.kind === 'map') return mapEntry(cell ?? null, collection, wanted)
    return setElement(cell ?? null, collection.element, wanted)
  })
}

/** The elements of a set or map between two keys. */
export function sliceSelector(
  name: string,
  of: Selector,
  { keyType, from, to }: ElementSlice,
): Selector {
  return combinedSelector(name, of.type, [of], ([cell], row) =>
    sliceOf(
      cell ?? null,
      of.type,
      keyType,
      from === undefined ? null : cellOfTerm(from, row!),
      to === undefined ? null : cellOfTerm(to, row!),
    ),
  )
}

export function tupleSelector(name: string, type: CqlType, parts: readonly Selector[]): Selector {
  return combinedSelector(name, type, parts, (cells) => concatCells(cells))
}

/** A list, set, map or vector of the values of its parts; for a map, keys and values in turn. */
export function collectionSelector(
  name: string,
  type: CqlType,
  parts: readonly Selector[],
): Selector {
  return combinedSelector(name, type, parts, (cells) => collectionCell(type, cells))
}

function collectionCell(type: CqlType, cells: readonly Cell[]): Cell {
  switch (type.kind) {
    case 'list':
      return concatCells(cells, int32Bytes(cells.length))
    case 'set':
      return sortedSet(withoutNull(cells), type.element)
    case 'map':
      withoutNull(cells.filter((_cell, i) => i % 2 === 0))
      return sortedMap(cells, type.key)
    case 'vector':
      return vectorBytes(withoutNull(cells), type.element)
    default:
      throw new Error(`tsylla invariant violated: a ${type.kind} is no collection literal`)
  }
}

function withoutNull(cells: readonly Cell[]): Uint8Array[] {
  if (cells.includes(null)) throw invalid(nullInCollection)
  return cells as Uint8Array[]
}
