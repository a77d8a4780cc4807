import { type Expression, printExpression } from '../../cql/index.ts'
import { type CqlType, nativeTypes } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import { columnInfo, fieldPath, keyPath, partInfo, sliceInfo } from '../evaluate/cell-info.ts'
import type { RowContext } from '../evaluate/row-context.ts'
import { scalarSelector, type Selector } from '../evaluate/selector.ts'
import type { Term } from '../evaluate/term.ts'
import { invalid } from '../errors.ts'
import { compileTerm } from './compile-term.ts'
import type { PrepareContext } from './prepare-context.ts'

type CellInfo = Extract<Expression, { kind: 'cell_info' }>

/** `writetime(c)`, `maxwritetime(c)`, `ttl(c)`, of columns, map or set elements, and fields. */
export function compileCellInfo(context: PrepareContext, value: CellInfo): Selector {
  const { info, of } = value
  const columnName = of.kind === 'column' ? of.name : columnOf(of, info)
  const column = context.column(columnName)
  if (column.kind === 'partition_key' || column.kind === 'clustering') {
    throw invalid(`Cannot use selection function ${info} on PRIMARY KEY part ${column.name}`)
  }
  const single = info === 'ttl' ? nativeTypes.int : nativeTypes.bigint
  const name = `${info}(${printExpression(of)})`
  if (of.kind === 'slice') return compileSliceInfo(context, info, of, column, single)
  if (of.kind !== 'column') {
    const pathOf = compilePath(context, of, column)
    return scalarSelector(name, single, [column], partInfo(column, info, pathOf))
  }
  const isList = column.isComplex && info !== 'maxwritetime'
  const type = isList ? listOf(single) : single
  return scalarSelector(name, type, [column], columnInfo(column, info))
}

function listOf(element: CqlType): CqlType {
  return { kind: 'list', element, frozen: false }
}

function columnOf(of: Expression, info: string): string {
  const isPart = of.kind === 'element' || of.kind === 'field' || of.kind === 'slice'
  if (isPart && of.of.kind === 'column') return of.of.name
  throw invalid(`Invalid argument of ${info}: ${printExpression(of)}`)
}

function compileSliceInfo(
  context: PrepareContext,
  info: CellInfo['info'],
  of: Extract<Expression, { kind: 'slice' }>,
  column: ColumnSchema,
  single: CqlType,
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
  const compileEnd = (end: Expression | undefined): Term | undefined =>
    end === undefined
      ? undefined
      : compileTerm(context, end, { name: `key(${columnName})`, type: keyType })
  const slice = { keyType, from: compileEnd(of.from), to: compileEnd(of.to) }
  const text = (end: Expression | undefined): string =>
    end === undefined ? '' : printExpression(end)
  const name = `${info}(${columnName}[${text(of.from)}..${text(of.to)}])`
  const isList = column.isComplex && info !== 'maxwritetime'
  return scalarSelector(
    name,
    isList ? listOf(single) : single,
    [column],
    sliceInfo(column, info, slice),
  )
}

function compilePath(
  context: PrepareContext,
  of: Expression,
  column: ColumnSchema,
): (row: RowContext) => Uint8Array {
  const { type, name } = column
  if (of.kind === 'field') {
    const index = type.kind === 'udt' ? type.fields.findIndex((f) => f.name === of.field) : -1
    if (index === -1) throw invalid(`${name} of type ${type.kind} has no field ${of.field}`)
    const path = fieldPath(index)
    return () => path
  }
  if (of.kind !== 'element' || (type.kind !== 'map' && type.kind !== 'set')) {
    throw invalid(
      `Element selection is only allowed on sets and maps, but ${name} is a ${type.kind}`,
    )
  }
  const keyType = type.kind === 'map' ? type.key : type.element
  return keyPath(name, compileTerm(context, of.key, { name: `key(${name})`, type: keyType }))
}
