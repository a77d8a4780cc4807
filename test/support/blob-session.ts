import type { Session, SessionOptions } from '../../src/index.ts'
import { Opcode, ResultKind } from '../../src/protocol/index.ts'
import { nativeTypes, type PreparedStatement } from '../../src/types/index.ts'
import { type Exchange, ScriptedNode, voidResult } from './scripted-node.ts'
import { connect, settle } from './scripted-session.ts'

/** A session whose node keeps the writes of blobs, for the test to answer. */
export async function openBlobSession(options: Partial<SessionOptions> = {}): Promise<{
  session: Session
  insert: PreparedStatement
  held: Exchange[]
  /** Bytes of the values that the node has and has not answered. */
  heldBytes: () => number
}> {
  const node = new ScriptedNode()
  const held: Exchange[] = []
  node.script = (exchange) => {
    const { request } = exchange
    if (request.opcode === Opcode.PREPARE) {
      exchange.reply({
        opcode: Opcode.RESULT,
        kind: ResultKind.PREPARED,
        id: Buffer.alloc(16),
        bind: {
          flags: 0,
          markers: [{ keyspace: 'ks', table: 't', name: 'v', type: nativeTypes.blob }],
          partitionKeyIndexes: [],
        },
        resultColumns: [],
      })
      return 'done'
    }
    if (request.opcode !== Opcode.EXECUTE) return 'default'
    held.push(exchange)
    return 'done'
  }
  const session = await connect(node, options)
  const insert = await session.prepare('INSERT INTO t (id, v) VALUES (1, ?)')
  const heldBytes = (): number =>
    held.reduce((sum, { request }) => {
      const value = request.opcode === Opcode.EXECUTE ? request.parameters.values[0] : null
      return sum + (value instanceof Uint8Array ? value.length : 0)
    }, 0)
  return { session, insert, held, heldBytes }
}

/** Answers what the node has, again and again, until it gets nothing more. */
export async function answerAll(held: Exchange[], onRound: () => void = () => {}): Promise<void> {
  for (await settle(); held.length > 0; await settle()) {
    onRound()
    for (const exchange of held.splice(0)) exchange.reply(voidResult)
  }
}

/** Error codes by request, `ok` where there is none. */
export const codesOf = (outcomes: readonly PromiseSettledResult<unknown>[]): unknown[] =>
  outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'ok'))
