import { describe, expect, test } from 'vitest'
import { Batch, type Session } from '../../src/index.ts'
import {
  beginResponse,
  endFrame,
  Opcode,
  ResultKind,
  WireWriter,
} from '../../src/protocol/index.ts'
import { membersOf } from '../support/member-node.ts'
import {
  type Exchange,
  type ScriptedConnection,
  ScriptedNode,
  voidResult,
} from '../support/scripted-node.ts'
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

test('a connection whose node does not know the keyspace yet asks again, each time later', async () => {
  const { clock, node, session } = await open()
  node.connections[2]!.destroy()
  await settle()
  const held = holdUses(node)
  await pass(clock, 200)
  // The node is back, and learns of the keyspace only later.
  const asked: number[] = []
  for (const delayMs of [1_000, 2_000, 4_000]) {
    held.at(-1)!.reply(serverError(0x2200))
    await settle()
    asked.push(held.length)
    await pass(clock, delayMs - 50)
    asked.push(held.length)
    await pass(clock, 100)
  }
  expect(asked).toEqual([1, 1, 2, 2, 3, 3])
  expect(held).toHaveLength(4)
  answerUse(held[3]!)
  await settle()
  await pass(clock, 60_000)
  expect(held).toHaveLength(4)
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

const isText = ({ request }: Exchange): boolean =>
  request.opcode === Opcode.QUERY && request.text.includes('FROM t')

/** Keeps texts and USE requests that come from now on; what is sent to leave `a` has its answer. */
function holdTexts(node: ScriptedNode): { readonly texts: Exchange[]; readonly uses: Exchange[] } {
  const held = { texts: [] as Exchange[], uses: [] as Exchange[] }
  node.script = (exchange) => {
    if (isText(exchange)) held.texts.push(exchange)
    else if (useOf(exchange) === 'b') held.uses.push(exchange)
    else return 'default'
    return 'done'
  }
  return held
}

describe('texts in flight, which a USE may overtake on the node', () => {
  test('are answered before the keyspace of their connection changes', async () => {
    const { node, session } = await open(1)
    const { texts, uses } = holdTexts(node)
    const reading = session.execute('SELECT c FROM t')
    const batch = new Batch('unlogged').append('INSERT INTO t (c) VALUES (1) /* FROM t */')
    await settle()
    const using = session.useKeyspace('b')
    await settle()
    expect([texts.length, uses.length]).toEqual([1, 0])
    texts[0]!.reply(voidResult)
    await reading
    await settle()
    expect(uses).toHaveLength(1)
    answerUse(uses[0]!)
    await using
    // A batch of texts counts like a text.
    node.script = (exchange) => {
      if (exchange.request.opcode !== Opcode.BATCH) return 'default'
      texts.push(exchange)
      return 'done'
    }
    const writing = session.batch(batch)
    await settle()
    let isMoved = false
    const moving = session.useKeyspace('a').then(() => {
      isMoved = true
    })
    await settle()
    expect([texts.length, isMoved]).toEqual([2, false])
    texts[1]!.reply(voidResult)
    await Promise.all([writing, moving])
    await session.close()
  })

  test('cost the connection when they are never answered', async () => {
    const { clock, node, session } = await open(1)
    const { texts, uses } = holdTexts(node)
    const reading = session.execute('SELECT c FROM t', [], { timeout: 100 })
    await settle()
    const using = session.useKeyspace('b').catch((error: unknown) => error)
    const failed = expect(reading).rejects.toMatchObject({ code: 'TSYLLA_REQUEST_TIMEOUT' })
    await pass(clock, 200)
    await failed
    // The node may still run what its caller does not wait for any more.
    expect(uses).toHaveLength(0)
    await pass(clock, 12_000)
    expect(await using).toMatchObject({ code: 'TSYLLA_REQUEST_TIMEOUT', outcome: 'not_applied' })
    expect(texts[0]!.connection.isClosed).toBe(true)
    node.script = () => 'default'
    await pass(clock, 1_000)
    await session.useKeyspace('b')
    expect(session.getKeyspace()).toBe('b')
    await session.close()
  })

  test('may be withdrawn, answered late or lost', async () => {
    for (const end of ['withdrawn', 'late', 'lost']) {
      const { clock, node, session } = await open(1)
      const { texts, uses } = holdTexts(node)
      const controller = new AbortController()
      const reading = session.execute('SELECT c FROM t', [], { signal: controller.signal })
      const failed = reading.catch(() => {})
      if (end === 'withdrawn') await microtasks(5)
      else await settle()
      const using = session.useKeyspace('b')
      controller.abort()
      await failed
      await settle()
      if (end === 'withdrawn') expect(texts).toHaveLength(0)
      if (end === 'late') texts[0]!.reply(voidResult)
      if (end === 'lost') {
        const lost = expect(using).rejects.toMatchObject({ code: 'TSYLLA_CONNECTION' })
        texts[0]!.connection.destroy()
        await lost
        await pass(clock, 500)
        await session.close()
        continue
      }
      await settle()
      expect(uses).toHaveLength(1)
      answerUse(uses[0]!)
      await using
      await session.close()
    }
  })
})

async function microtasks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}
