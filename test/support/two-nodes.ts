import type { PreparedStatement, Session } from '../../src/index.ts'
import { Opcode } from '../../src/protocol/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { type MemberNode, membersOf } from './member-node.ts'
import { type Exchange, rowsOf, type ScriptedNode } from './scripted-node.ts'
import { connect, holdExecutes, settle } from './scripted-session.ts'
import { VirtualClock } from './virtual-clock.ts'

/** Moves time on in steps, and lets everything happen that follows from each step. */
export async function pass(clock: VirtualClock, ms: number): Promise<void> {
  for (let i = 0; i < ms; i += 50) {
    clock.advance(50)
    await settle()
  }
}

export interface TwoNodes {
  readonly clock: VirtualClock
  readonly session: Session
  readonly nodes: readonly [MemberNode, MemberNode]
}

/** Returns a session of two scripted nodes, with one connection to each. */
export async function connectTwo(options: Parameters<typeof connect>[1] = {}): Promise<TwoNodes> {
  const clock = new VirtualClock()
  const nodes = membersOf(2, clock) as [MemberNode, MemberNode]
  const connecting = connect(nodes[0], { random: () => 0, ...options })
  await pass(clock, 500)
  const session = await connecting
  await settle()
  return { clock, session, nodes }
}

export const executeCount = (node: ScriptedNode): number =>
  node.received.filter(({ opcode }) => opcode === Opcode.EXECUTE).length

/** Answers with one row. */
export const answered = (exchange: Exchange): void =>
  exchange.reply(rowsOf([['c', nativeTypes.int]], [[1]]))

/** Fills the connection of a node that answers nothing any more. */
export async function hang(
  { session, nodes }: TwoNodes,
  statement: PreparedStatement,
): Promise<{ readonly outcomes: Promise<unknown>; readonly held: Exchange[] }> {
  const held = holdExecutes(nodes[0])
  const hanging: Promise<unknown>[] = []
  while (held.length < 1_024) {
    hanging.push(session.executePrepared(statement, [1]))
    if (hanging.length % 512 === 0) await settle()
  }
  return { outcomes: Promise.allSettled(hanging), held }
}
