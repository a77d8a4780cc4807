import type { CqlType } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import { invalid } from '../errors.ts'
import type { Cell } from '../functions/definitions.ts'
import type { Elements } from '../rows/index.ts'
import type { RowContext } from './row-context.ts'
import { cellOfTerm, type Term } from './term.ts'
import {
  compareValues,
  concatCells,
  int32Bytes,
  int32Of,
  int64Bytes,
  mapEntry,
  setElement,
  sliceOf,
} from '../../values/index.ts'

/** The property of a cell that a selector returns. */
export type CellInfoKind = 'writetime' | 'maxwritetime' | 'ttl'

type CellInfoOf = (row: RowContext) => Cell

/** Path of a field of a non-frozen user type: its index as a short. */
export function fieldPath(index: number): Uint8Array {
  return new Uint8Array([index >>> 8, index])
}

/** Info of a whole column: one value, or a list with a value per element or field. */
export function columnInfo(column: ColumnSchema, info: CellInfoKind): CellInfoOf {
  if (!column.isComplex) return (row) => simpleInfo(row, column, info)
  if (info === 'maxwritetime') return (row) => latest(elementsOf(row, column))
  return (row) => listInfo(row, column, info)
}

/** Info of the element or field that has a path. */
export function partInfo(
  column: ColumnSchema,
  info: CellInfoKind,
  pathOf: (row: RowContext) => Uint8Array,
): CellInfoOf {
  return (row) => {
    if (!column.isComplex) {
      return isThere(row, column, pathOf(row)) ? simpleInfo(row, column, info) : null
    }
    const elements = elementsOf(row, column)
    if (elements === undefined) return null
    return elementInfo(row, elements, elements.indexOf(pathOf(row)), info)
  }
}

/** Path of the element whose key is the value of a term. */
export function keyPath(columnName: string, key: Term): (row: RowContext) => Uint8Array {
  return (row) => {
    const value = cellOfTerm(key, row)
    if (value === null) {
      throw invalid(`Invalid null value for element selection on ${columnName}`)
    }
    return value
  }
}

/** The ends of a slice of a set or map; both are inclusive, and `undefined` is no limit. */
export interface ElementSlice {
  readonly keyType: CqlType
  readonly from: Term | undefined
  readonly to: Term | undefined
}

/** Info of each element of a slice, or of the one cell of a frozen collection. */
export function sliceInfo(
  column: ColumnSchema,
  info: CellInfoKind,
  slice: ElementSlice,
): CellInfoOf {
  if (!column.isComplex) {
    return (row) => {
      const { keyType } = slice
      const [from, to] = endsOf(slice, row)
      const part = sliceOf(row.value(column), column.type, keyType, from, to)
      const isEmpty = part === null || int32Of(part) === 0
      return isEmpty ? null : simpleInfo(row, column, info)
    }
  }
  if (info === 'maxwritetime') {
    return (row) => {
      const elements = elementsOf(row, column)
      return elements === undefined ? null : latest(elements, indexesWithin(slice, row, elements))
    }
  }
  return (row) => {
    const elements = elementsOf(row, column)
    if (elements === undefined) return null
    const indexes = indexesWithin(slice, row, elements)
    const cells = indexes.map((i) => elementInfo(row, elements, i, info))
    return cells.length === 0 ? null : concatCells(cells, int32Bytes(cells.length))
  }
}

function endsOf({ from, to }: ElementSlice, row: RowContext): [Cell, Cell] {
  return [
    from === undefined ? null : cellOfTerm(from, row),
    to === undefined ? null : cellOfTerm(to, row),
  ]
}

function indexesWithin(slice: ElementSlice, row: RowContext, elements: Elements): number[] {
  const { keyType } = slice
  const [start, end] = endsOf(slice, row)
  return [...Array(elements.length).keys()].filter((i) => {
    const path = elements.path(i)
    return (
      (start === null || compareValues(keyType, path, start) >= 0) &&
      (end === null || compareValues(keyType, path, end) <= 0)
    )
  })
}

function elementsOf(row: RowContext, column: ColumnSchema): Elements | undefined {
  return row.rowOf(column)?.elements(column)
}

function timeBytes(micros: bigint | undefined): Cell {
  return micros === undefined ? null : int64Bytes(micros)
}

function ttlBytes(expiresAt: number | undefined, row: RowContext): Cell {
  return expiresAt === undefined ? null : int32Bytes(expiresAt - row.query.nowSeconds)
}

function simpleInfo(row: RowContext, column: ColumnSchema, info: CellInfoKind): Cell {
  const stored = row.rowOf(column)
  if (stored === undefined) return null
  if (info === 'ttl') return ttlBytes(stored.expiresAt(column), row)
  return timeBytes(stored.timestamp(column))
}

function elementInfo(row: RowContext, elements: Elements, index: number, info: CellInfoKind): Cell {
  if (index < 0) return null
  if (info === 'ttl') return ttlBytes(elements.expiresAt(index), row)
  return timeBytes(elements.timestamp(index))
}

function latest(elements: Elements | undefined, indexes?: readonly number[]): Cell {
  let max: bigint | undefined
  for (const i of indexes ?? Array(elements?.length ?? 0).keys()) {
    const each = elements!.timestamp(i)
    if (max === undefined || each > max) max = each
  }
  return timeBytes(max)
}

function listInfo(row: RowContext, column: ColumnSchema, info: CellInfoKind): Cell {
  const elements = elementsOf(row, column)
  if (elements === undefined) return null
  const cells: Cell[] = []
  if (column.type.kind === 'udt') {
    for (let field = 0; field < column.type.fields.length; field++) {
      cells.push(elementInfo(row, elements, elements.indexOf(fieldPath(field)), info))
    }
  } else {
    for (let i = 0; i < elements.length; i++) cells.push(elementInfo(row, elements, i, info))
  }
  return concatCells(cells, int32Bytes(cells.length))
}

/** Whether a frozen collection has an element; fields of frozen user types always count. */
function isThere(row: RowContext, column: ColumnSchema, path: Uint8Array): boolean {
  const { type } = column
  if (type.kind === 'map') return mapEntry(row.value(column), type, path) !== null
  if (type.kind === 'set') return setElement(row.value(column), type.element, path) !== null
  return true
}
