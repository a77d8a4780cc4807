import type { Expression, FunctionCall } from '../../cql/index.ts'
import { UNSET } from '../../protocol/index.ts'
import { type CqlType, cqlTypeText, nativeTypes } from '../../types/index.ts'
import { partitionKeyOf } from '../keys/index.ts'
import type { Environment } from '../environment.ts'
import { invalid } from '../faults.ts'
import { isAssignable } from '../functions/assignable.ts'
import { resolveCall } from './fits.ts'
import type { PrepareContext, Receiver } from './prepare-context.ts'
import { ComputedTerm, ConstantTerm, type Term, type TermCompiler } from './values.ts'
import { int64Bytes } from '../../values/index.ts'

/** A function call as a value (FunctionCall.Raw.prepare). */
export function compileCall(
  context: PrepareContext,
  call: FunctionCall,
  receiver: Receiver,
  compile: TermCompiler,
): Term {
  if (call.name === 'token') return compileToken(context, call, receiver, compile)
  const chosen = resolveCall(context, call, receiver.type)
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
