import {
  ServerError,
  type ServerErrorDetails,
  type Session,
  SessionBuilder,
  type SessionOptions,
} from '../../src/index.ts'
import { Opcode, type Response } from '../../src/protocol/index.ts'
import type { Exchange, ScriptedNode } from './scripted-node.ts'

/** A session whose only node is the scripted one. */
export async function connect(
  node: ScriptedNode,
  options: Partial<SessionOptions> = {},
): Promise<Session> {
  return await new SessionBuilder({ ...options }).knownNode(node.contactPoint).build()
}

/** Lets everything that is under way in this process happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

export const isExecute = ({ request }: Exchange): boolean => request.opcode === Opcode.EXECUTE

/** The EXECUTEs that come from now on, for the test to answer; all else is answered as always. */
export function holdExecutes(node: ScriptedNode): Exchange[] {
  const held: Exchange[] = []
  node.script = (exchange) => {
    if (!isExecute(exchange)) return 'default'
    held.push(exchange)
    return 'done'
  }
  return held
}

export function serverError(code: number, details: ServerErrorDetails = {}): Response {
  return { opcode: Opcode.ERROR, error: new ServerError(code, 'said the server', details) }
}
