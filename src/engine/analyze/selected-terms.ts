import { type Expression, printExpression, printType } from '../../cql/index.ts'
import type { CqlType } from '../../types/index.ts'
import { termSelector } from '../evaluate/derived-selectors.ts'
import type { Selector } from '../evaluate/selector.ts'
import type { Term } from '../evaluate/term.ts'
import { compileTerm } from './compile-term.ts'
import type { PrepareContext, Receiver } from './prepare-context.ts'

/** Text of an expression in the name of a result column; markers have no names there. */
export function selectorText(value: Expression): string {
  if (value.kind === 'marker') return '?'
  if (value.kind === 'hint') return `(${printType(value.type)})${selectorText(value.value)}`
  return printExpression(value)
}

/** A term as a selector that is named by its own text. */
export function compileSelectedTerm(
  context: PrepareContext,
  value: Expression,
  type: CqlType,
): Selector {
  const name = selectorText(value)
  return compileNamedTerm(context, value, { name, type }, name)
}

/** A term whose receiver has another name than the selector, which the errors of the term show. */
export function compileNamedTerm(
  context: PrepareContext,
  value: Expression,
  receiver: Receiver,
  name: string,
): Selector {
  return termSelector(name, receiver.type, compileSelectable(context, value, receiver))
}

/** Markers of the selection have one name (Selectable.BIND_MARKER_NAME). */
export const selectionMarkerName = '[selection]'

/** As {@link compileTerm}, but a marker gets the name that markers of the selection have. */
export function compileSelectable(
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
