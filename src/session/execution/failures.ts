import {
  ClosedError,
  ConnectionError,
  type Outcome,
  ProtocolError,
  TsyllaError,
} from '../../errors/index.ts'
import { hintOf } from './statement-hints.ts'

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
const roleStatement = /\b(?:create|alter)\s+(?:role|user)\b/i
const stringLiteral = /'((?:[^']|'')*)'|\$\$([\s\S]*?)\$\$/g
const redacted = '[redacted]'

/**
 * Adds the text of its statement to an error, and a hint at what to do when the text explains it.
 * Literals of role statements may be passwords.
 */
export function describeStatement(error: TsyllaError, text: string): void {
  if (error.statement !== undefined) return
  const isRole = roleStatement.test(text)
  const shown = isRole ? text.replace(stringLiteral, `'${redacted}'`) : text
  const hint = hintOf(error, text)
  if (hint !== undefined) error.message = `${error.message}. ${hint}`
  error.statement =
    shown.length > statementCharsMax ? `${shown.slice(0, statementCharsMax)}…` : shown
  if (!isRole) return
  // Servers quote parts of a text that they do not understand.
  for (const [, quoted, dollars] of text.matchAll(stringLiteral)) {
    const literal = quoted ?? dollars ?? ''
    if (literal !== '') error.message = error.message.replaceAll(literal, redacted)
  }
}

const nothing = Promise.resolve()

/**
 * Rejects with an error whose stack begins where the caller awaits the promise that is resolved
 * with this one. The stack is made only now, so that calls that succeed pay nothing for it: after
 * two microtasks this promise is known to the promise of the caller, and the engine follows it to
 * the functions that await. Without such a function the error keeps its own stack.
 */
export async function throwAtCaller(error: unknown): Promise<never> {
  await nothing
  await nothing
  if (TsyllaError.is(error) && typeof Error.captureStackTrace === 'function') {
    const site: { stack?: string } = {}
    Error.captureStackTrace(site, throwAtCaller)
    const { stack = '' } = site
    const frames = stack.slice(stack.indexOf('\n'))
    if (frames.startsWith('\n')) error.stack = `${error.name}: ${error.message}${frames}`
  }
  throw error
}
