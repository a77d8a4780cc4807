import { expect, test } from 'vitest'
import type { Session } from '../../src/index.ts'
import {
  beginResponse,
  endFrame,
  Opcode,
  ResultKind,
  WireWriter,
} from '../../src/protocol/index.ts'
import { membersOf } from '../support/member-node.ts'
import { type Exchange, type ScriptedConnection, ScriptedNode } from '../support/scripted-node.ts'
import { connect, serverError, settle } from '../support/scripted-session.ts'
import { pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** Sends the event that a keyspace was created. */
function announceKeyspace(connection: ScriptedConnection, keyspace: string): void {
  const writer = new WireWriter()
  const start = beginResponse(writer, 0, -1, Opcode.EVENT)
  for (const text of ['SCHEMA_CHANGE', 'CREATED', 'KEYSPACE', keyspace]) writer.writeString(text)
  endFrame(writer, start)
  connection.send(writer.copyFrom(0))
}

const useOf = ({ request }: Exchange): string | undefined =>
  request.opcode === Opcode.QUERY ? /^USE "?(\w+)"?/.exec(request.text)?.[1] : undefined

function answerUse(exchange: Exchange): void {
  const keyspace = useOf(exchange)!
  exchange.reply({ opcode: Opcode.RESULT, kind: ResultKind.SET_KEYSPACE, keyspace })
}

/** Keeps the USE requests that come from now on, for the test to answer. */
function holdUses(node: ScriptedNode): Exchange[] {
  const held: Exchange[] = []
  node.script = (exchange) => {
    if (useOf(exchange) === undefined) return 'default'
    held.push(exchange)
    return 'done'
  }
  return held
}

interface Opened {
  readonly clock: VirtualClock
  readonly node: ScriptedNode
  readonly session: Session
  readonly control: ScriptedConnection
}

async function open(poolSize = 2): Promise<Opened> {
  const clock = new VirtualClock()
  const node = new ScriptedNode(clock)
  const session = await connect(node, { poolSize, keyspace: 'a', random: () => 0 })
  return { clock, node, session, control: node.connections[0]! }
}

test('a connection that asks for a keyspace while it is created asks again', async () => {
  const { clock, node, session, control } = await open()
  node.connections[2]!.destroy()
  await settle()
  const held = holdUses(node)
  await pass(clock, 200)
  // The new connection asks before the keyspace is there, and is answered after it was created.
  expect(held).toHaveLength(1)
  const entering = held[0]!
  announceKeyspace(control, 'a')
  await settle()
  expect(held).toHaveLength(2)
  answerUse(held[1]!)
  await settle()
  entering.reply(serverError(0x2200))
  await settle()
  expect(held).toHaveLength(3)
  expect(held[2]!.connection).toBe(entering.connection)
  answerUse(held[2]!)
  await settle()
  await session.close()
})

test('a keyspace that is created moves no session that has been told to leave it', async () => {
  const { node, session, control } = await open(1)
  const held = holdUses(node)
  const using = session.useKeyspace('b')
  await settle()
  expect(held.map(useOf)).toEqual(['b'])
  announceKeyspace(control, 'a')
  await settle()
  answerUse(held[0]!)
  await using
  node.script = () => 'default'
  for (const exchange of held.slice(1)) answerUse(exchange)
  await settle()
  expect(session.getKeyspace()).toBe('b')
  await session.close()
})

test('any number of events about one keyspace make few USE requests', async () => {
  const { node, session, control } = await open(1)
  const held = holdUses(node)
  for (let i = 0; i < 100; i++) announceKeyspace(control, 'a')
  await settle()
  let count = 0
  while (held.length > count) {
    answerUse(held[count++]!)
    await settle()
  }
  expect(count).toBeLessThanOrEqual(2)
  await session.close()
})

test('a keyspace is entered on a node that learns of it late', async () => {
  const clock = new VirtualClock()
  const nodes = membersOf(2, clock)
  const connecting = connect(nodes[0]!, { keyspace: 'a', random: () => 0 })
  await pass(clock, 500)
  const session = await connecting
  await settle()
  let isKnown = false
  const entered: ScriptedConnection[] = []
  nodes[1]!.script = (exchange) => {
    if (useOf(exchange) === undefined) return 'default'
    if (!isKnown) exchange.reply(serverError(0x2200))
    else {
      entered.push(exchange.connection)
      answerUse(exchange)
    }
    return 'done'
  }
  nodes[1]!.schema = 1
  for (const connection of nodes[1]!.connections) connection.destroy()
  await pass(clock, 500)
  announceKeyspace(nodes[0]!.connections[0]!, 'a')
  await pass(clock, 500)
  isKnown = true
  nodes[1]!.schema = 0
  await pass(clock, 10_000)
  const live = nodes[1]!.connections.filter(({ isClosed }) => !isClosed)
  expect(live).toHaveLength(1)
  expect(entered).toContain(live[0]!)
  await session.close({ graceMs: 0 })
})
