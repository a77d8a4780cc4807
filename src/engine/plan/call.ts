import { type Expression, type FunctionCall, printExpression } from '../../cql/index.ts'
import { UNSET } from '../../protocol/index.ts'
import { type CqlType, cqlTypeText, nativeTypes } from '../../types/index.ts'
import { partitionKeyOf } from '../encode/index.ts'
import type { Environment } from '../environment.ts'
import { invalid } from '../faults.ts'
import type { ScalarFunction } from '../functions/definitions.ts'
import type { Fit } from '../functions/literals.ts'
import { nativeFunctions } from '../functions/natives.ts'
import { int64Bytes } from '../functions/wire.ts'
import { fitOf, isAssignable } from './fits.ts'
import type { PrepareContext, Receiver } from './prepare-context.ts'
import { ComputedTerm, ConstantTerm, type Term, type TermCompiler } from './values.ts'

/** What is known of an argument before a function is chosen. */
export interface Argument {
  readonly text: string
  fit(type: CqlType): Fit
}

function signature(each: ScalarFunction): string {
  return `system.${each.name} : (${each.args.map(cqlTypeText).join(', ')}) -> ${cqlTypeText(each.returns)}`
}

/** The overload that fits best (FunctionResolver.pickBestMatch). */
export function resolveFunction(
  call: FunctionCall,
  args: readonly Argument[],
  unknown: (name: string) => string,
): ScalarFunction {
  const overloads = nativeFunctions.get(call.name)
  const isSystem = call.keyspace === undefined || call.keyspace === 'system'
  if (overloads === undefined || !isSystem) {
    throw invalid(
      unknown(call.keyspace === undefined ? call.name : `${call.keyspace}.${call.name}`),
    )
  }
  const weak: ScalarFunction[] = []
  for (const overload of overloads) {
    if (overload.args.length !== args.length) continue
    const fits = args.map((arg, index) => arg.fit(overload.args[index]!))
    if (fits.every((fit) => fit === 'exact')) return overload
    if (!fits.includes('none')) weak.push(overload)
  }
  if (weak.length === 1) return weak[0]!
  if (weak.length > 1) {
    const list = weak.map((each) => signature(each)).join(', ')
    throw invalid(
      `Ambiguous call to function ${call.name} (can be matched by following signatures: ${list}): use type casts to disambiguate`,
    )
  }
  if (overloads.length === 1) throw wrongCall(overloads[0]!, args)
  const list = overloads.map((each) => signature(each)).join(', ')
  throw invalid(
    `Invalid call to function ${call.name}, none of its type signatures match (known type signatures: ${list})`,
  )
}

function wrongCall(only: ScalarFunction, args: readonly Argument[]): Error {
  if (only.args.length !== args.length) {
    return invalid(
      `Invalid number of arguments in call to function system.${only.name}: ${only.args.length} required but ${args.length} provided`,
    )
  }
  const index = args.findIndex((arg, i) => arg.fit(only.args[i]!) === 'none')
  return invalid(
    `Type error: ${args[index]!.text} cannot be passed as argument ${index} of function system.${only.name} of type ${cqlTypeText(only.args[index]!)}`,
  )
}

/** A function call as a value (FunctionCall.Raw.prepare). */
export function compileCall(
  context: PrepareContext,
  call: FunctionCall,
  receiver: Receiver,
  compile: TermCompiler,
): Term {
  if (call.name === 'token') return compileToken(context, call, receiver, compile)
  const args = call.args.map((arg): Argument => {
    return { text: printExpression(arg), fit: (type) => fitOf(context, arg, type) }
  })
  const chosen = resolveFunction(call, args, (name) => `Unknown function ${name} called`)
  checkResult(`system.${chosen.name}`, chosen.returns, receiver)
  const terms = call.args.map((arg, index) =>
    compile(context, arg, argumentReceiver(chosen.name, index, chosen.args[index]!)),
  )
  return new ComputedTerm((environment) => {
    const cells = terms.map((term) => {
      const value = term.evaluate(environment)
      if (value === UNSET)
        throw invalid(`Invalid unset value for argument in call to function ${chosen.name}`)
      return value
    })
    return chosen.call(cells, environment)
  })
}

export function argumentReceiver(name: string, index: number, type: CqlType): Receiver {
  return { name: `arg${index}(system.${name})`, type }
}

function checkResult(name: string, type: CqlType, receiver: Receiver): void {
  if (isAssignable(receiver.type, type)) return
  throw invalid(
    `Type error: cannot assign result of function ${name} (type ${cqlTypeText(type)}) to ${receiver.name} (type ${cqlTypeText(receiver.type)})`,
  )
}

/** token(v1, …): the token of a partition key of the statement's table. */
function compileToken(
  context: PrepareContext,
  call: FunctionCall,
  receiver: Receiver,
  compile: TermCompiler,
): Term {
  const { partitionKey } = context.table
  checkTokenArguments(call.args, partitionKey.length)
  checkResult('system.token', nativeTypes.bigint, receiver)
  const terms = call.args.map((arg, index) =>
    compile(context, arg, argumentReceiver('token', index, partitionKey[index]!.type)),
  )
  const compute = (environment: Environment): Uint8Array | null => {
    const components: Uint8Array[] = []
    for (const term of terms) {
      const value = term.evaluate(environment)
      if (value === UNSET || value === null) return null
      components.push(value)
    }
    const { tokenHi, tokenLo } = partitionKeyOf(context.table, components)
    return tokenBytes(tokenHi, tokenLo)
  }
  return terms.every((term) => term instanceof ConstantTerm)
    ? new ConstantTerm(compute(Object.freeze({}) as Environment))
    : new ComputedTerm(compute)
}

export function checkTokenArguments(args: readonly Expression[], count: number): void {
  if (args.length !== count) {
    throw invalid(
      `Invalid number of arguments in call to function system.token: ${count} required but ${args.length} provided`,
    )
  }
}

export function tokenBytes(hi: number, lo: number): Uint8Array {
  return int64Bytes((BigInt(hi) << 32n) | BigInt(lo >>> 0))
}
