import type { Expression, FunctionCall } from '../../cql/index.ts'
import { type CqlType, cqlTypeText, nativeTypes } from '../../types/index.ts'
import { callTerm, tokenTerm } from '../evaluate/composed-terms.ts'
import type { Term } from '../evaluate/term.ts'
import { invalid } from '../errors.ts'
import { isAssignable } from '../functions/assignable.ts'
import { resolveCall } from './fits.ts'
import type { PrepareContext, Receiver } from './prepare-context.ts'

/** Turns expressions into terms. Functions that {@link compileTerm} calls receive it. */
export type TermCompiler = (context: PrepareContext, value: Expression, receiver: Receiver) => Term

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
  return callTerm(chosen, terms)
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
  return tokenTerm(context.table, terms)
}

export function checkTokenArguments(args: readonly Expression[], count: number): void {
  if (args.length !== count) {
    throw invalid(
      `Invalid number of arguments in call to function system.token: ${count} required but ${args.length} provided`,
    )
  }
}
