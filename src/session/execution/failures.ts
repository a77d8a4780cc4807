import {
  ClosedError,
  ConnectionError,
  type Outcome,
  ProtocolError,
  TsyllaError,
} from '../../errors/index.ts'
import { hintOf } from './statement-hints.ts'
import { redactMessage, redactStatement } from './statement-text.ts'

/** Returns the loss of a connection as one request sees it, with its own outcome. */
export function lostError(error: TsyllaError, outcome: Outcome, isClosed: boolean): TsyllaError {
  if (isClosed || error.code === 'TSYLLA_CLOSED') return new ClosedError('session', outcome)
  if (error instanceof ProtocolError) {
    const protocol = new ProtocolError(error.message, { cause: error })
    protocol.outcome = outcome
    return protocol
  }
  const node = error instanceof ConnectionError ? error.node : 'node'
  const reason = error.message.startsWith(`${node}: `)
    ? error.message.slice(node.length + 2)
    : error.message
  return new ConnectionError(node, reason, outcome, { cause: error })
}

export function unreadableError(address: string, cause: unknown): ProtocolError {
  return new ProtocolError(`${address} sent a response that cannot be read`, { cause })
}

/** Longer texts are cut in errors. */
const statementCharsMax = 2_000

/** Returns a text as errors and logs may show it: cut, and without passwords. */
export function shownStatement(text: string): string {
  return cut(redactStatement(text)?.text ?? text)
}

function cut(text: string): string {
  return text.length > statementCharsMax ? `${text.slice(0, statementCharsMax)}…` : text
}

/**
 * Adds the text of its statement to an error, and a hint at what to do when the text explains it.
 * Literals of statements that may contain a password are redacted, also in the message.
 */
export function describeStatement(error: TsyllaError, text: string): void {
  if (error.statement !== undefined) return
  const redaction = redactStatement(text)
  error.statement = cut(redaction?.text ?? text)
  if (redaction !== undefined) error.replaceMessage(redactMessage(error.message, redaction.secrets))
  const hint = hintOf(error, text)
  if (hint !== undefined) error.replaceMessage(`${error.message}. ${hint}`)
}

const nothing = Promise.resolve()

/**
 * Rejects with an error whose stack begins where the caller awaits the promise that is resolved
 * with this one. The stack is made only now, so that calls that succeed pay nothing for it: after
 * two microtasks this promise is known to the promise of the caller, and the engine follows it to
 * the functions that await. Without such a function the error keeps its own stack.
 *
 * @param error belongs to this caller alone: one that several callers share is copied before
 */
export async function throwAtCaller(error: unknown): Promise<never> {
  await nothing
  await nothing
  const frames = TsyllaError.is(error) ? framesHere() : undefined
  if (frames === undefined) throw error
  const own = (error as TsyllaError).changeable()
  own.stack = stackOf(own, frames)
  throw own
}

/** The turn of the event loop that a caller continues in, as Node, Deno and Bun name it. */
const framesOfRuntime = /\n[^\n]*\((?:node:internal\/|ext:|native\))[^\n]*/g

/** Returns the lines of a stack that follow the message; `undefined` when there are none. */
function framesHere(): string | undefined {
  const site: { stack?: unknown } = {}
  try {
    Error.captureStackTrace(site, throwAtCaller)
    const { stack } = site
    // An application that sets `Error.prepareStackTrace` may return anything.
    if (typeof stack !== 'string' || !stack.includes('\n')) return undefined
    const frames = stack.slice(stack.indexOf('\n')).replace(framesOfRuntime, '')
    // JavaScriptCore does not know the functions that await.
    return frames.trim() === '' ? undefined : frames
  } catch {
    return undefined
  }
}

function stackOf({ name, message }: TsyllaError, frames: string): string {
  return `${name}: ${message}${frames}`
}
