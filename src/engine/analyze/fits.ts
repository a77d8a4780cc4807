import { type Expression, type FunctionCall, printExpression } from '../../cql/index.ts'
import { ServerError } from '../../errors/index.ts'
import { type CqlType, cqlTypeText } from '../../types/index.ts'
import { resolveType } from '../catalog/type-resolution.ts'
import { isAssignable } from '../functions/assignable.ts'
import type { ScalarFunction } from '../functions/definitions.ts'
import { compatibleType, constantFit, type Fit } from '../functions/literals.ts'
import { type Argument, resolveFunction } from './overloads.ts'
import type { PrepareContext } from './prepare-context.ts'

/** How well a term fits a type, without preparing it (AssignmentTestable.testAssignment). */
export function fitOf(context: PrepareContext, value: Expression, type: CqlType): Fit {
  switch (value.kind) {
    case 'constant':
      return constantFit(value, type)
    case 'null':
      return type.kind === 'counter' ? 'none' : 'weak'
    case 'marker':
      return 'weak'
    case 'list':
      if (type.kind === 'list' || type.kind === 'vector') {
        return worst(value.elements.map((each) => fitOf(context, each, type.element)))
      }
      return 'none'
    case 'set':
      if (value.elements.length === 0 && type.kind === 'map') return 'weak'
      if (type.kind !== 'set') return 'none'
      return worst(value.elements.map((each) => fitOf(context, each, type.element)))
    case 'map':
      if (type.kind !== 'map') return 'none'
      return worst(
        value.entries.flatMap(({ key, value: item }) => [
          fitOf(context, key, type.key),
          fitOf(context, item, type.value),
        ]),
      )
    case 'udt': {
      if (type.kind !== 'udt') return 'none'
      const fields = value.fields.map(({ field, value: each }) =>
        fitOfField(context, each, type.fields.find(({ name }) => name === field)?.type),
      )
      return fields.includes('none') ? 'none' : 'weak'
    }
    case 'tuple':
      if (value.elements.length === 1) return fitOf(context, value.elements[0]!, type)
      if (type.kind !== 'tuple') return 'none'
      return worst(value.elements.map((each, i) => fitOfField(context, each, type.elements[i])))
    case 'hint':
    case 'cast':
      return fitOfType(type, resolveType(value.type, context.scope))
    case 'call':
      return fitOfCall(context, value, type)
    default:
      return 'weak'
  }
}

/** FunctionCall.Raw.testAssignment: errors of the call are reported when it is compiled. */
function fitOfCall(context: PrepareContext, call: FunctionCall, type: CqlType): Fit {
  const chosen = tryResolve(context, call, type)
  return chosen === undefined ? 'weak' : fitOfType(type, chosen.returns)
}

function tryResolve(
  context: PrepareContext,
  call: FunctionCall,
  receiver: CqlType | undefined,
): ScalarFunction | undefined {
  if (call.name === 'token') return undefined
  try {
    return resolveCall(context, call, receiver)
  } catch (error) {
    if (error instanceof ServerError) return undefined
    throw error
  }
}

/**
 * Finds the function of a call in a term. A call is resolved once per type that its result may be
 * assigned to, however deep calls are nested.
 *
 * @throws ServerError when no function or more than one matches
 */
export function resolveCall(
  context: PrepareContext,
  call: FunctionCall,
  receiver: CqlType | undefined,
): ScalarFunction {
  const known = context.resolvedCalls(call)
  const key = receiver === undefined ? '' : cqlTypeText(receiver)
  const found = known.get(key)
  if (found instanceof ServerError) throw found
  if (found !== undefined) return found
  try {
    const args = call.args.map((arg): Argument => {
      return {
        text: printExpression(arg),
        type: typeOfTerm(context, arg),
        listLength: undefined,
        fit: (type) => fitOf(context, arg, type),
      }
    })
    const unknown = (name: string): string => `Unknown function ${name} called`
    const chosen = resolveFunction(context.functions, call, args, receiver, unknown)
    known.set(key, chosen)
    return chosen
  } catch (error) {
    if (error instanceof ServerError) known.set(key, error)
    throw error
  }
}

/** Returns the type of a term on its own (AssignmentTestable.getCompatibleTypeIfKnown). */
export function typeOfTerm(context: PrepareContext, value: Expression): CqlType | undefined {
  switch (value.kind) {
    case 'constant':
      return compatibleType(value)
    case 'hint':
    case 'cast':
      return resolveType(value.type, context.scope)
    case 'call':
      return tryResolve(context, value, undefined)?.returns
    case 'set': {
      const element = firstType(context, value.elements)
      return element && { kind: 'set', element, frozen: true }
    }
    case 'tuple': {
      const elements = value.elements.map((each) => typeOfTerm(context, each))
      if (elements.length === 1) return elements[0]
      return elements.includes(undefined)
        ? undefined
        : { kind: 'tuple', elements: elements as CqlType[] }
    }
    default:
      return undefined
  }
}

/** Returns the type of the first element that has one. */
function firstType(context: PrepareContext, values: readonly Expression[]): CqlType | undefined {
  for (const value of values) {
    const type = typeOfTerm(context, value)
    if (type !== undefined) return type
  }
  return undefined
}

function fitOfField(context: PrepareContext, value: Expression, type: CqlType | undefined): Fit {
  return type === undefined ? 'none' : fitOf(context, value, type)
}

export function fitOfType(to: CqlType, from: CqlType): Fit {
  if (cqlTypeText(to) === cqlTypeText(from)) return 'exact'
  return isAssignable(to, from) ? 'weak' : 'none'
}

function worst(fits: readonly Fit[]): Fit {
  if (fits.includes('none')) return 'none'
  return fits.includes('weak') || fits.length === 0 ? 'weak' : 'exact'
}
