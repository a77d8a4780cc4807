import { type Expression, printType } from '../../cql/index.ts'
import { type CqlType, cqlTypeText } from '../../types/index.ts'
import { freeze, resolveType } from '../catalog/type-resolution.ts'
import { collectionSelector, tupleSelector } from '../evaluate/derived-selectors.ts'
import type { Selector } from '../evaluate/selector.ts'
import { invalid } from '../errors.ts'
import { isAssignable } from '../functions/assignable.ts'
import { fitOf, typeOfTerm } from './fits.ts'
import type { PrepareContext } from './prepare-context.ts'
import { compileNamedTerm, selectionMarkerName, selectorText } from './selected-terms.ts'

/*
 * Collection literals of a selection, whose elements may be columns (Selectable.WithList and its
 * like). A literal has a type when one of its elements is something other than a constant.
 */

/** Compiles an expression that has a type of its own. */
export type SelectorCompiler = (context: PrepareContext, value: Expression) => Selector

const untyped: ReadonlySet<Expression['kind']> = new Set([
  ...(['constant', 'null', 'marker', 'map', 'udt'] as const),
])

/** The selector of an expression whose type does not depend on its use; else `undefined`. */
export function typedSelector(
  context: PrepareContext,
  value: Expression,
  compile: SelectorCompiler,
): Selector | undefined {
  if (untyped.has(value.kind)) return undefined
  if (value.kind === 'tuple') {
    const parts = value.elements.map((each) => typedSelector(context, each, compile))
    if (parts.includes(undefined)) return undefined
    return compileTuple(parts as Selector[])
  }
  if (value.kind !== 'list' && value.kind !== 'set') return compile(context, value)
  const parts = value.elements.map((each) => typedSelector(context, each, compile))
  const element = parts.find((part) => part !== undefined)?.type
  if (element === undefined) return undefined
  const type: CqlType = { kind: value.kind, element, frozen: false }
  const elements = value.elements.map((each, i) => {
    const part = parts[i]
    if (part === undefined) return elementTerm(context, each, element)
    if (isAssignable(element, part.type)) return part
    const types = `of type ${cqlTypeText(part.type)} is not of type ${cqlTypeText(element)}`
    throw invalid(`Invalid ${value.kind} literal in selection clause: ${part.name} ${types}`)
  })
  return compileCollection(type, elements)
}

/** `(a, b)` of values that have types; one value in brackets is only that value. */
function compileTuple(parts: readonly Selector[]): Selector {
  if (parts.length === 1) return parts[0]!
  const name = `(${parts.map((part) => part.name).join(', ')})`
  const type: CqlType = { kind: 'tuple', elements: parts.map((part) => part.type) }
  return tupleSelector(name, type, parts)
}

/** `(type)value` */
export function compileHint(
  context: PrepareContext,
  value: Extract<Expression, { kind: 'hint' }>,
  compile: SelectorCompiler,
): Selector {
  const type = resolveType(value.type, context.scope)
  const name = `(${printType(value.type)})${selectorText(value.value)}`
  if (!readsRow(value.value)) {
    checkVectorLiteral(value.value, type)
    return compileNamedTerm(context, value.value, { name, type }, name)
  }
  try {
    return { ...selectorOfType(context, value.value, type, compile), name, type }
  } catch (error) {
    if (!(error instanceof WrongPart)) throw error
    throw invalid(`Cannot assign value ${name} to ${name} of type ${cqlTypeText(freeze(type))}`)
  }
}

/** Thrown for a part of a literal that cannot have the type the literal is to have. */
class WrongPart extends Error {}

function selectorOfType(
  context: PrepareContext,
  value: Expression,
  type: CqlType,
  compile: SelectorCompiler,
): Selector {
  const isLiteral = ['list', 'set', 'map', 'tuple'].includes(value.kind)
  if (isLiteral && readsRow(value)) {
    const parts = partsOfLiteral(value, type).map((part) =>
      selectorOfType(context, part.value, part.type, compile),
    )
    if (type.kind === 'tuple') return { ...compileTuple(parts), type }
    return compileCollection(type, parts)
  }
  const typed = typedSelector(context, value, compile)
  if (typed !== undefined) {
    if (!isAssignable(type, typed.type)) throw new WrongPart()
    return typed
  }
  if (fitOf(context, value, type) === 'none') throw new WrongPart()
  return elementTerm(context, value, type)
}

interface LiteralPart {
  readonly value: Expression
  readonly type: CqlType
}

/** The parts of a literal with the types that a value of `type` has for them. */
function partsOfLiteral(value: Expression, type: CqlType): LiteralPart[] {
  if (value.kind === 'map' && type.kind === 'map') {
    return value.entries.flatMap((entry) => [
      { value: entry.key, type: type.key },
      { value: entry.value, type: type.value },
    ])
  }
  if (value.kind === 'tuple' && type.kind === 'tuple') {
    if (value.elements.length > type.elements.length) throw new WrongPart()
    return value.elements.map((each, i) => ({ value: each, type: type.elements[i]! }))
  }
  const isList = value.kind === 'list' && (type.kind === 'list' || type.kind === 'vector')
  if (!isList && !(value.kind === 'set' && type.kind === 'set')) throw new WrongPart()
  checkVectorLiteral(value, type)
  const element = (type as { element: CqlType }).element
  return value.elements.map((each) => ({ value: each, type: element }))
}

function checkVectorLiteral(value: Expression, type: CqlType): void {
  if (value.kind !== 'list' || type.kind !== 'vector') return
  const { length } = value.elements
  if (length === type.dimension) return
  throw invalid(
    `Unable to create a vector selector of type ${cqlTypeText(type)} from ${length} elements`,
  )
}

/** An element that has no type of its own. */
function elementTerm(context: PrepareContext, value: Expression, type: CqlType): Selector {
  const receiver = { name: selectionMarkerName, type }
  return compileNamedTerm(context, value, receiver, selectorText(value))
}

function compileCollection(type: CqlType, parts: readonly Selector[]): Selector {
  const names = parts.map((part) => part.name)
  return collectionSelector(literalName(type, names), type, parts)
}

function literalName(type: CqlType, names: readonly string[]): string {
  if (type.kind === 'set') return `{${names.join(', ')}}`
  if (type.kind !== 'map') return `[${names.join(', ')}]`
  const entries: string[] = []
  for (let i = 0; i < names.length; i += 2) entries.push(`${names[i]}: ${names[i + 1]}`)
  return `{${entries.join(', ')}}`
}

/** Whether an expression looks at the row: anything but constants and literals made of them. */
export function readsRow(value: Expression): boolean {
  switch (value.kind) {
    case 'constant':
    case 'null':
    case 'marker':
      return false
    case 'list':
    case 'set':
    case 'tuple':
      return value.elements.some(readsRow)
    case 'map':
      return value.entries.some((entry) => readsRow(entry.key) || readsRow(entry.value))
    case 'udt':
      return value.fields.some((field) => readsRow(field.value))
    case 'hint':
      return readsRow(value.value)
    default:
      return true
  }
}

/** The type of an argument that has no selector: of a constant, or a literal of constants. */
export function typeOfUntyped(context: PrepareContext, value: Expression): CqlType | undefined {
  if (value.kind !== 'list') return typeOfTerm(context, value)
  for (const each of value.elements) {
    const element = typeOfUntyped(context, each)
    if (element !== undefined) return { kind: 'list', element, frozen: false }
  }
  return undefined
}
