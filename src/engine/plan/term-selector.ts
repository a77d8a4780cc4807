import { type Expression, printExpression, printType } from '../../cql/index.ts'
import { UNSET } from '../../protocol/index.ts'
import type { CqlType } from '../../types/index.ts'
import type { Cell } from '../functions/definitions.ts'
import type { PrepareContext, Receiver } from './prepare-context.ts'
import type { RowContext } from './row-context.ts'
import { scalarSelector, type Selector } from './selector.ts'
import { compileTerm } from './term.ts'
import type { Term } from './values.ts'

/** Text of an expression in the name of a result column; markers have no names there. */
export function selectorText(value: Expression): string {
  if (value.kind === 'marker') return '?'
  if (value.kind === 'hint') return `(${printType(value.type)})${selectorText(value.value)}`
  return printExpression(value)
}

/** A term as a selector that has its own text for a name. */
export function termSelector(context: PrepareContext, value: Expression, type: CqlType): Selector {
  const name = selectorText(value)
  return namedTermSelector(context, value, { name, type }, name)
}

/** A term whose receiver, unlike the selector, is named for the errors of the term. */
export function namedTermSelector(
  context: PrepareContext,
  value: Expression,
  receiver: Receiver,
  name: string,
): Selector {
  const term = compileSelected(context, value, receiver)
  return scalarSelector(name, receiver.type, [], (row) => cellOfTerm(term, row))
}

/** Markers of the selection have one name (Selectable.BIND_MARKER_NAME). */
export const selectionMarkerName = '[selection]'

export function compileSelected(
  context: PrepareContext,
  value: Expression,
  receiver: Receiver,
): Term {
  const isMarker = value.kind === 'marker'
  return compileTerm(
    context,
    value,
    isMarker ? { ...receiver, name: selectionMarkerName } : receiver,
  )
}

export function cellOfTerm(term: Term, row: RowContext): Cell {
  const value = term.evaluate(row.environment)
  return value === UNSET ? null : value
}
