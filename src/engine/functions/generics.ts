import { type CqlType, cqlTypeText } from '../../types/index.ts'
import { invalid } from '../errors.ts'
import type { Cell } from './definitions.ts'

/*
 * Functions that are made for the types of their arguments (FunctionFactory). Types are inferred
 * in two passes: from each argument alone, then with the types of the others (FunctionParameter).
 */

/** An argument of a generic function. */
export interface GenericArgument {
  readonly text: string
  /** `undefined` when the argument alone has no type. */
  readonly type: CqlType | undefined
  /** Number of elements of a list literal in a selection, which may become a vector. */
  readonly listLength: number | undefined
}

/** A function made for arguments of certain types. */
export interface GenericCall {
  readonly returns: CqlType
  /** The type of each parameter, for arguments without a type of their own. */
  readonly args: readonly CqlType[]
  call(values: readonly Cell[]): Cell
}

export type InferredTypes = readonly (CqlType | undefined)[]

export interface Parameter {
  /** Name in messages. */
  readonly text: string
  /** @param inferred types of all arguments found by the first pass; `undefined` in that pass */
  infer(
    arg: GenericArgument,
    receiver: CqlType | undefined,
    inferred: InferredTypes | undefined,
  ): CqlType | undefined
  /** @throws ServerError when an argument of that type is refused */
  check(name: string, arg: GenericArgument, type: CqlType): void
}

export interface Generic {
  readonly parameters: readonly Parameter[]
  /** Parameters that must be given; the others are optional. */
  readonly requiredCount: number
  make(name: string, types: readonly CqlType[]): GenericCall
}

export function wrongType(
  name: string,
  what: string,
  { text }: GenericArgument,
  type: CqlType,
): Error {
  return invalid(
    `Function system.${name} requires ${what}, but found argument ${text} of type ${cqlTypeText(type)}`,
  )
}

const accepted = (): void => {}

/** A parameter of any type. An argument without a type may take that of the result. */
export function anyType(infersFromReceiver: boolean): Parameter {
  return {
    text: 'any',
    infer: ({ type }, receiver) => type ?? (infersFromReceiver ? receiver : undefined),
    check: accepted,
  }
}

/** A parameter that takes the type of another one when its argument has none. */
export function sameAs(index: number, parameter: Parameter): Parameter {
  return {
    ...parameter,
    infer: (arg, receiver, inferred) =>
      parameter.infer(arg, receiver, inferred) ?? inferred?.[index],
  }
}

/** A parameter of one of these types. The first one is the default. */
export function fixedType(
  text: string,
  types: readonly CqlType[],
  isAssignable: (to: CqlType, from: CqlType) => boolean,
): Parameter {
  return {
    text,
    infer: ({ type }) => type ?? types[0],
    check(name, arg, type) {
      if (types.some((each) => isAssignable(each, type))) return
      throw wrongType(name, `an argument of type ${text}`, arg, type)
    },
  }
}

export function optional(parameter: Parameter): Parameter {
  return { ...parameter, text: `[${parameter.text}]` }
}

/** @throws ServerError with the message of Cassandra */
export function makeGeneric(
  name: string,
  generic: Generic,
  args: readonly GenericArgument[],
  receiver: CqlType | undefined,
): GenericCall {
  const { parameters, requiredCount } = generic
  const text = `system.${name}(${parameters.map((each) => each.text).join(', ')})`
  if (args.length < requiredCount || args.length > parameters.length) {
    throw invalid(`Invalid number of arguments for function ${text}`)
  }
  const types = args.map((arg, i) => parameters[i]!.infer(arg, receiver, undefined))
  for (const [i, arg] of args.entries()) {
    const parameter = parameters[i]!
    const type = parameter.infer(arg, receiver, types)
    if (type === undefined) {
      throw invalid(
        `Cannot infer type of argument ${arg.text} in call to function ${text}: use type casts to disambiguate`,
      )
    }
    parameter.check(name, arg, type)
    types[i] = type
  }
  return generic.make(name, types as CqlType[])
}

/** A function whose result is null when any argument is. */
export function withoutNulls(
  call: (values: readonly Uint8Array[]) => Cell,
): (values: readonly Cell[]) => Cell {
  return (values) => (values.includes(null) ? null : call(values as Uint8Array[]))
}
