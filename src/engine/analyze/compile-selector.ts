import { type Expression, type FunctionCall, printType } from '../../cql/index.ts'
import { type CqlType, nativeTypes } from '../../types/index.ts'
import { resolveType } from '../catalog/type-resolution.ts'
import {
  callSelector,
  castSelector,
  columnSelector,
  elementSelector,
  fieldSelector,
  ownTokenSelector,
  sliceSelector,
  termSelector,
} from '../evaluate/derived-selectors.ts'
import { aggregateSelector, type Selector } from '../evaluate/selector.ts'
import type { Term } from '../evaluate/term.ts'
import { invalid } from '../errors.ts'
import { type AggregateFactory, countRowsAggregate } from '../functions/aggregates.ts'
import { castType } from '../functions/casts.ts'
import { argumentReceiver, checkTokenArguments, compileCall } from './compile-call.ts'
import { compileCellInfo } from './compile-cell-info.ts'
import { compileTerm } from './compile-term.ts'
import { fitOf, fitOfType } from './fits.ts'
import { type Argument, isSystemCall, resolveFunction } from './overloads.ts'
import type { PrepareContext } from './prepare-context.ts'
import { compileHint, typedSelector, typeOfUntyped } from './selected-literals.ts'
import {
  compileNamedTerm,
  compileSelectable,
  compileSelectedTerm,
  selectorText,
} from './selected-terms.ts'

/** An expression of SELECT. */
export function compileSelector(context: PrepareContext, value: Expression): Selector {
  switch (value.kind) {
    case 'column':
      return columnSelector(context.column(value.name))
    case 'count_rows':
      return countRows()
    case 'call':
      return compileCallSelector(context, value)
    case 'cell_info':
      return compileCellInfo(context, value)
    case 'field':
      return compileField(context, value)
    case 'element':
      return compileElement(context, value)
    case 'slice':
      return compileSlice(context, value)
    case 'hint':
      return compileHint(context, value, compileSelector)
    case 'list':
    case 'set':
    case 'tuple':
      return typedSelector(context, value, compileSelector) ?? notInferred(value)
    case 'cast': {
      const of = compileSelector(context, value.value)
      const type = castType(of.type, resolveType(value.type, context.scope), of.name)
      const name = `cast(${of.name} as ${printType(value.type)})`
      return castSelector(name, type, of)
    }
    case 'binary':
    case 'negate':
      throw invalid(`Arithmetic is not supported in selection clauses: ${selectorText(value)}`)
    default:
      return notInferred(value)
  }
}

function notInferred(value: Expression): never {
  throw invalid(
    `Cannot infer type for term ${selectorText(value)} in selection clause (try using a cast to force a type)`,
  )
}

function countRows(): Selector {
  const { returns } = countRowsAggregate
  return aggregateSelector('count', returns, undefined, () => countRowsAggregate.create())
}

function compileCallSelector(context: PrepareContext, call: FunctionCall): Selector {
  const isSystem = isSystemCall(call)
  const factory = isSystem ? context.functions.aggregate(call.name) : undefined
  if (factory !== undefined) return compileAggregate(context, call, factory)
  if (isSystem && call.name === 'token') return compileTokenSelector(context, call)
  const typed = call.args.map((arg) => typedSelector(context, arg, compileSelector))
  const args = call.args.map((arg, index) => selectedArgument(context, arg, typed[index]))
  const chosen = resolveFunction(
    context.functions,
    call,
    args,
    undefined,
    (name) => `Unknown function '${name}'`,
  )
  const parts = call.args.map((arg, index) => {
    const receiver = argumentReceiver(chosen.name, index, chosen.args[index]!)
    return typed[index] ?? compileNamedTerm(context, arg, receiver, selectorText(arg))
  })
  const name = `system.${chosen.name}(${parts.map((part) => part.name).join(', ')})`
  return callSelector(name, chosen, parts)
}

function selectedArgument(
  context: PrepareContext,
  arg: Expression,
  selector: Selector | undefined,
): Argument {
  return {
    text: selector?.name ?? selectorText(arg),
    type: selector?.type ?? typeOfUntyped(context, arg),
    listLength: arg.kind === 'list' ? arg.elements.length : undefined,
    fit: (type) =>
      selector === undefined ? fitOf(context, arg, type) : fitOfType(type, selector.type),
  }
}

function compileAggregate(
  context: PrepareContext,
  call: FunctionCall,
  factory: AggregateFactory,
): Selector {
  const [argument] = call.args
  if (call.args.length !== 1 || argument === undefined) {
    throw invalid(
      `Invalid number of arguments in call to function system.${call.name}: 1 required but ${call.args.length} provided`,
    )
  }
  // count(1) is count(*).
  if (call.name === 'count' && argument.kind === 'constant') return countRows()
  const of =
    typedSelector(context, argument, compileSelector) ?? untypedArgument(context, call, argument)
  if (of.isAggregate) {
    throw invalid('aggregate functions cannot be used as arguments of aggregate functions')
  }
  const aggregate = factory(of.type)
  const name = `system.${call.name}(${of.name})`
  return aggregateSelector(name, aggregate.returns, of, () => aggregate.create())
}

function untypedArgument(context: PrepareContext, call: FunctionCall, value: Expression): Selector {
  const isNullCounted = call.name === 'count' && value.kind === 'null'
  const type = isNullCounted ? nativeTypes.blob : typeOfUntyped(context, value)
  if (type !== undefined) return compileSelectedTerm(context, value, type)
  throw invalid(
    `Cannot infer type of argument ${selectorText(value)} in call to function system.${call.name}(any): use type casts to disambiguate`,
  )
}

function compileTokenSelector(context: PrepareContext, call: FunctionCall): Selector {
  const { partitionKey } = context.table
  checkTokenArguments(call.args, partitionKey.length)
  const isOwnKey = call.args.every(
    (arg, index) => arg.kind === 'column' && arg.name === partitionKey[index]!.name,
  )
  if (isOwnKey) {
    const name = `system.token(${partitionKey.map((column) => column.name).join(', ')})`
    return ownTokenSelector(name, partitionKey)
  }
  const receiver = { name: 'token', type: nativeTypes.bigint }
  const term = compileCall(context, call, receiver, compileSelectable)
  const name = `system.token(${call.args.map(selectorText).join(', ')})`
  return termSelector(name, nativeTypes.bigint, term)
}

function compileField(
  context: PrepareContext,
  value: Extract<Expression, { kind: 'field' }>,
): Selector {
  const of = compileSelector(context, value.of)
  const { type } = of
  if (type.kind !== 'udt') {
    throw invalid(`Invalid field selection: ${of.name} of type ${type.kind} is not a user type`)
  }
  const index = type.fields.findIndex((field) => field.name === value.field)
  if (index === -1) {
    throw invalid(`${of.name} of type ${type.name} has no field ${value.field}`)
  }
  const name = `${of.name}.${value.field}`
  return fieldSelector(name, type.fields[index]!.type, of, index)
}

function compileElement(
  context: PrepareContext,
  value: Extract<Expression, { kind: 'element' }>,
): Selector {
  const of = compileSelector(context, value.of)
  const type = keyedType(of, 'Element')
  const receiver = { name: `key(${of.name})`, type: keyTypeOf(type) }
  const key = compileTerm(context, value.key, receiver)
  return elementSelector(`${of.name}[${selectorText(value.key)}]`, of, type, key)
}

type KeyedType = Extract<CqlType, { kind: 'map' | 'set' }>

/** The type of a selector, which is a map or set. */
function keyedType({ type, name }: Selector, what: 'Element' | 'Slice'): KeyedType {
  if (type.kind === 'map' || type.kind === 'set') return type
  if (type.kind === 'list') {
    throw invalid(`${what} selection is only allowed on sets and maps, but ${name} is a list`)
  }
  throw invalid(
    `Invalid ${what.toLowerCase()} selection: ${name} is of type ${type.kind} is not a collection`,
  )
}

function keyTypeOf(type: KeyedType): CqlType {
  return type.kind === 'map' ? type.key : type.element
}

function compileSlice(
  context: PrepareContext,
  value: Extract<Expression, { kind: 'slice' }>,
): Selector {
  const of = compileSelector(context, value.of)
  const keyType = keyTypeOf(keyedType(of, 'Slice'))
  const compileEnd = (end: Expression | undefined, name: string): Term | undefined =>
    end === undefined
      ? undefined
      : compileTerm(context, end, { name: `${name}(${of.name})`, type: keyType })
  const from = compileEnd(value.from, 'from')
  const to = compileEnd(value.to, 'to')
  const text = `${value.from === undefined ? '' : selectorText(value.from)}..${value.to === undefined ? '' : selectorText(value.to)}`
  return sliceSelector(`${of.name}[${text}]`, of, { keyType, from, to })
}
