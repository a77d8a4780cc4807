import type { FunctionCall } from '../../cql/index.ts'
import { type CqlType, cqlTypeText } from '../../types/index.ts'
import { invalid } from '../errors.ts'
import { isAssignable } from '../functions/assignable.ts'
import type { ScalarFunction } from '../functions/definitions.ts'
import { type Generic, type GenericArgument, makeGeneric } from '../functions/generics.ts'
import type { Fit } from '../functions/literals.ts'
import type { FunctionRegistry } from '../functions/registry.ts'

/** An argument, as it is known before a function is chosen. */
export interface Argument extends GenericArgument {
  fit(type: CqlType): Fit
}

function signature(each: ScalarFunction): string {
  return `system.${each.name} : (${each.args.map(cqlTypeText).join(', ')}) -> ${cqlTypeText(each.returns)}`
}

/** Whether the function, if it exists, is native. */
export function isSystemCall({ keyspace }: FunctionCall): boolean {
  return keyspace === undefined || keyspace === 'system'
}

/**
 * Finds the function of a call (FunctionResolver.get).
 * @param functions where functions are looked up
 * @param receiver type the result is assigned to, which rules out overloads that return others
 * @param unknown message for a function that does not exist
 */
export function resolveFunction(
  functions: FunctionRegistry,
  call: FunctionCall,
  args: readonly Argument[],
  receiver: CqlType | undefined,
  unknown: (name: string) => string,
): ScalarFunction {
  const { keyspace, name } = call
  const generic = isSystemCall(call) ? functions.generic(name) : undefined
  if (generic !== undefined) {
    const made = madeFunction(name, generic, args, receiver)
    checkArguments(made, args)
    return made
  }
  const overloads = isSystemCall(call) ? functions.scalarOverloads(name) : undefined
  if (overloads === undefined) {
    throw invalid(unknown(keyspace === undefined ? name : `${keyspace}.${name}`))
  }
  if (overloads.length === 1) {
    checkArguments(overloads[0]!, args)
    return overloads[0]!
  }
  return bestMatch(name, overloads, args, receiver)
}

function madeFunction(
  name: string,
  generic: Generic,
  args: readonly Argument[],
  receiver: CqlType | undefined,
): ScalarFunction {
  const made = makeGeneric(name, generic, args, receiver)
  return { ...made, name, isPure: true }
}

/** FunctionResolver.pickBestMatch */
function bestMatch(
  name: string,
  overloads: readonly ScalarFunction[],
  args: readonly Argument[],
  receiver: CqlType | undefined,
): ScalarFunction {
  const weak: ScalarFunction[] = []
  for (const overload of overloads) {
    if (overload.args.length !== args.length) continue
    if (receiver !== undefined && !isAssignable(receiver, overload.returns)) continue
    const fits = args.map((arg, index) => arg.fit(overload.args[index]!))
    if (fits.every((fit) => fit === 'exact')) return overload
    if (!fits.includes('none')) weak.push(overload)
  }
  if (weak.length === 1) return weak[0]!
  const list = (functions: readonly ScalarFunction[]): string => functions.map(signature).join(', ')
  throw invalid(
    weak.length > 1
      ? `Ambiguous call to function ${name} (can be matched by following signatures: ${list(weak)}): use type casts to disambiguate`
      : `Invalid call to function ${name}, none of its type signatures match (known type signatures: ${list(overloads)})`,
  )
}

/** FunctionResolver.validateTypes */
function checkArguments(only: ScalarFunction, args: readonly Argument[]): void {
  if (only.args.length !== args.length) {
    throw invalid(
      `Invalid number of arguments in call to function system.${only.name}: ${only.args.length} required but ${args.length} provided`,
    )
  }
  const index = args.findIndex((arg, i) => arg.fit(only.args[i]!) === 'none')
  if (index === -1) return
  throw invalid(
    `Type error: ${args[index]!.text} cannot be passed as argument ${index} of function system.${only.name} of type ${cqlTypeText(only.args[index]!)}`,
  )
}
