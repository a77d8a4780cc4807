import { type Expression, printExpression } from '../../cql/index.ts'
import { UNSET } from '../../protocol/index.ts'
import { type CqlType, nativeTypes } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import type { RowContext } from './row-context.ts'
import { invalid } from '../faults.ts'
import type { Cell } from '../functions/definitions.ts'
import type { Elements } from '../rows/index.ts'
import type { PrepareContext } from './prepare-context.ts'
import { scalarSelector, type Selector } from './selector.ts'
import { compileTerm } from './term.ts'
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

type CellInfo = Extract<Expression, { kind: 'cell_info' }>

/** `writetime(c)`, `maxwritetime(c)`, `ttl(c)`, of columns, map or set elements, and fields. */
export function cellInfoSelector(context: PrepareContext, value: CellInfo): Selector {
  const { info, of } = value
  const columnName = of.kind === 'column' ? of.name : columnOf(of, info)
  const column = context.column(columnName)
  if (column.kind === 'partition_key' || column.kind === 'clustering') {
    throw invalid(`Cannot use selection function ${info} on PRIMARY KEY part ${column.name}`)
  }
  const single = info === 'ttl' ? nativeTypes.int : nativeTypes.bigint
  const name = `${info}(${printExpression(of)})`
  if (of.kind === 'slice') return sliceSelector(context, info, of, column)
  if (of.kind !== 'column') return partSelector(context, value, column, single, name)
  if (!column.isComplex) {
    return scalarSelector(name, single, [column], (row) => simpleInfo(row, column, info))
  }
  if (info === 'maxwritetime') {
    return scalarSelector(name, single, [column], (row) => latest(elementsOf(row, column)))
  }
  const type: CqlType = { kind: 'list', element: single, frozen: false }
  return scalarSelector(name, type, [column], (row) => listInfo(row, column, info))
}

function columnOf(of: Expression, info: string): string {
  const isPart = of.kind === 'element' || of.kind === 'field' || of.kind === 'slice'
  if (isPart && of.of.kind === 'column') return of.of.name
  throw invalid(`Invalid argument of ${info}: ${printExpression(of)}`)
}

function elementsOf(row: RowContext, column: ColumnSchema): Elements | undefined {
  return row.rowOf(column)?.elements(column)
}

function timeBytes(micros: bigint | undefined): Cell {
  return micros === undefined ? null : int64Bytes(micros)
}

function ttlBytes(expiresAt: number | undefined, row: RowContext): Cell {
  return expiresAt === undefined ? null : int32Bytes(expiresAt - row.environment.nowSeconds)
}

function simpleInfo(row: RowContext, column: ColumnSchema, info: CellInfo['info']): Cell {
  const stored = row.rowOf(column)
  if (stored === undefined) return null
  if (info === 'ttl') return ttlBytes(stored.expiresAt(column), row)
  return timeBytes(stored.timestamp(column))
}

function elementInfo(
  row: RowContext,
  elements: Elements,
  index: number,
  info: CellInfo['info'],
): Cell {
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

function listInfo(row: RowContext, column: ColumnSchema, info: CellInfo['info']): Cell {
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

/** Path of a field of a non-frozen user type: its index as a short. */
export function fieldPath(index: number): Uint8Array {
  return new Uint8Array([index >>> 8, index])
}

function partSelector(
  context: PrepareContext,
  { info, of }: CellInfo,
  column: ColumnSchema,
  type: CqlType,
  name: string,
): Selector {
  const pathOf = partPath(context, of, column)
  return scalarSelector(name, type, [column], (row) => {
    if (!column.isComplex) {
      return isThere(row, column, pathOf(row)) ? simpleInfo(row, column, info) : null
    }
    const elements = elementsOf(row, column)
    if (elements === undefined) return null
    return elementInfo(row, elements, elements.indexOf(pathOf(row)), info)
  })
}

/** Whether a frozen collection has an element; fields of frozen user types always count. */
function isThere(row: RowContext, column: ColumnSchema, path: Uint8Array): boolean {
  const { type } = column
  if (type.kind === 'map') return mapEntry(row.value(column), type, path) !== null
  if (type.kind === 'set') return setElement(row.value(column), type.element, path) !== null
  return true
}

/** Of a slice: what each of its elements has, or the one cell of a frozen collection. */
function sliceSelector(
  context: PrepareContext,
  info: CellInfo['info'],
  of: Extract<Expression, { kind: 'slice' }>,
  column: ColumnSchema,
): Selector {
  const { type, name: columnName } = column
  if (type.kind !== 'map' && type.kind !== 'set') {
    throw invalid(
      type.kind === 'list'
        ? `Slice selection is only allowed on sets and maps, but ${columnName} is a list`
        : `Invalid slice selection: ${columnName} of type ${type.kind} is not a collection`,
    )
  }
  const keyType = type.kind === 'map' ? type.key : type.element
  const endOf = (end: Expression | undefined): ((row: RowContext) => Cell) => {
    if (end === undefined) return () => null
    const term = compileTerm(context, end, { name: `key(${columnName})`, type: keyType })
    return (row) => {
      const value = term.evaluate(row.environment)
      return value === UNSET ? null : value
    }
  }
  const from = endOf(of.from)
  const to = endOf(of.to)
  const text = (end: Expression | undefined): string =>
    end === undefined ? '' : printExpression(end)
  const name = `${info}(${columnName}[${text(of.from)}..${text(of.to)}])`
  const single = info === 'ttl' ? nativeTypes.int : nativeTypes.bigint
  if (!column.isComplex) {
    return scalarSelector(name, single, [column], (row) => {
      const slice = sliceOf(row.value(column), type, keyType, from(row), to(row))
      const isEmpty = slice === null || int32Of(slice) === 0
      return isEmpty ? null : simpleInfo(row, column, info)
    })
  }
  const within = (row: RowContext, elements: Elements): number[] => {
    const [start, end] = [from(row), to(row)]
    return [...Array(elements.length).keys()].filter((i) => {
      const path = elements.path(i)
      return (
        (start === null || compareValues(keyType, path, start) >= 0) &&
        (end === null || compareValues(keyType, path, end) <= 0)
      )
    })
  }
  if (info === 'maxwritetime') {
    return scalarSelector(name, single, [column], (row) => {
      const elements = elementsOf(row, column)
      return elements === undefined ? null : latest(elements, within(row, elements))
    })
  }
  const list: CqlType = { kind: 'list', element: single, frozen: false }
  return scalarSelector(name, list, [column], (row) => {
    const elements = elementsOf(row, column)
    if (elements === undefined) return null
    const cells = within(row, elements).map((i) => elementInfo(row, elements, i, info))
    return cells.length === 0 ? null : concatCells(cells, int32Bytes(cells.length))
  })
}

function partPath(
  context: PrepareContext,
  of: Expression,
  column: ColumnSchema,
): (row: RowContext) => Uint8Array {
  const { type, name } = column
  if (of.kind === 'field') {
    const index = type.kind === 'udt' ? type.fields.findIndex((f) => f.name === of.field) : -1
    if (index === -1) throw invalid(`${name} of type ${type.kind} has no field ${of.field}`)
    return () => fieldPath(index)
  }
  if (of.kind !== 'element' || (type.kind !== 'map' && type.kind !== 'set')) {
    throw invalid(
      `Element selection is only allowed on sets and maps, but ${name} is a ${type.kind}`,
    )
  }
  const keyType = type.kind === 'map' ? type.key : type.element
  const key = compileTerm(context, of.key, { name: `key(${name})`, type: keyType })
  return (row) => {
    const value = key.evaluate(row.environment)
    if (value === null || value === UNSET)
      throw invalid(`Invalid null value for element selection on ${name}`)
    return value
  }
}
