import { afterEach, describe, expect, test, vi } from 'vitest'
import { Batch } from '../../src/index.ts'
import { Opcode } from '../../src/protocol/index.ts'
import { TokenAwarePolicy } from '../../src/policies/index.ts'
import { membersOf } from '../support/member-node.ts'
import { type Exchange, ScriptedNode, voidResult } from '../support/scripted-node.ts'
import {
  connect,
  holdExecutes,
  isExecute,
  serverError,
  settle,
} from '../support/scripted-session.ts'
import { pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const select = 'SELECT c FROM t WHERE c = ?'

describe('requests that wait', () => {
  afterEach(() => vi.restoreAllMocks())

  test('cost a constant number of choices per answer, whatever nodes refused or hang', async () => {
    const clock = new VirtualClock()
    const nodes = membersOf(3, clock)
    const connecting = connect(nodes[0]!, { random: () => 0 })
    await pass(clock, 500)
    const session = await connecting
    await settle()
    const statement = await session.prepare(select)
    const held = nodes.map(holdExecutes)
    const inFlight = (): number => held[0]!.length + held[1]!.length + held[2]!.length
    const all: Promise<unknown>[] = []
    const add = (count: number): void => {
      for (let i = 0; i < count; i++) all.push(session.executePrepared(statement, [1]))
    }
    add(3 * 1_024)
    await settle()
    expect(inFlight()).toBe(3 * 1_024)
    add(30_000)
    // Each node refuses some requests, which then wait for one of the others.
    for (const exchanges of held) {
      for (const exchange of exchanges.splice(0, 50)) exchange.reply(serverError(0x1002))
    }
    await settle()
    const picks = vi.spyOn(TokenAwarePolicy.prototype, 'pick')
    const fallbacks = vi.spyOn(TokenAwarePolicy.prototype, 'fallback')
    let answerCount = 0
    for (let round = 0; round < 5; round++) {
      for (const exchanges of held.slice(0, 2)) {
        for (const exchange of exchanges.splice(0, 100)) {
          exchange.reply(voidResult)
          answerCount++
        }
      }
      await settle()
    }
    expect(answerCount).toBe(1_000)
    expect(picks.mock.calls.length).toBeLessThan(4 * answerCount)
    expect(fallbacks.mock.calls.length).toBeLessThan(12 * answerCount)
    vi.restoreAllMocks()
    for (const node of nodes) node.script = () => 'default'
    for (const exchanges of held) for (const exchange of exchanges) exchange.reply(voidResult)
    await Promise.all(all)
    await session.close()
  })

  for (const way of ['are aborted', 'time out', 'are answered']) {
    test(`leave the session as quiet as it was when they ${way}`, async () => {
      const clock = new VirtualClock()
      const node = new ScriptedNode(clock)
      const session = await connect(node, { requestTimeoutMs: 5_000 })
      const statement = await session.prepare(select)
      const held: Exchange[] = holdExecutes(node)
      const controller = new AbortController()
      const { signal } = controller
      const sent = Array.from({ length: 1_030 }, () =>
        session.executePrepared(statement, [1], way === 'are aborted' ? { signal } : {}),
      )
      const outcomes = Promise.allSettled(sent)
      await settle()
      if (way === 'are aborted') controller.abort()
      if (way === 'time out') await pass(clock, 5_100)
      node.script = () => 'default'
      for (const exchange of held) exchange.reply(voidResult)
      await outcomes
      await pass(clock, 1_000)
      const scheduling = vi.spyOn(clock, 'schedule')
      await pass(clock, 10_000)
      // A timer for heartbeats, every half second.
      expect(scheduling.mock.calls.length).toBeLessThan(50)
      await session.close()
    })
  }
})

test('requests that wait get room in the order of their arrival, stalled or not', async () => {
  const clock = new VirtualClock()
  const node = new ScriptedNode(clock)
  const session = await connect(node, { poolSize: 2, requestTimeoutMs: 8_000 })
  const statement = await session.prepare(select)
  const update = await session.prepare('UPDATE t SET l = l + ? WHERE c = 1')
  const held = holdExecutes(node)
  const all = Array.from({ length: 40 }, () => session.executePrepared(statement, [1]))
  await settle()
  while (held.length < 2_048) {
    for (let i = held.length; i < 2_048; i++) all.push(session.executePrepared(update, [2]))
    await settle()
  }
  const outcomes = Promise.allSettled(all)
  for (let i = 0; i < 10; i++) all.push(session.executePrepared(update, [3]))
  await pass(clock, 2_100)
  for (let i = 0; i < 10; i++) all.push(session.executePrepared(update, [4]))
  expect(held).toHaveLength(2_048)
  const valueOf = ({ request }: Exchange): number =>
    request.opcode === Opcode.EXECUTE
      ? Buffer.from(request.parameters.values[0] as Uint8Array).readInt32BE()
      : 0
  const { connection } = held[0]!
  const updates = held.filter((one) => one.connection === connection && valueOf(one) === 2)
  for (const exchange of updates.slice(0, 40)) {
    exchange.reply(voidResult)
    await settle()
  }
  const sent = held.slice(2_048).map(valueOf)
  const stalledCount = sent.filter((value) => value === 1).length
  expect(stalledCount).toBeGreaterThan(10)
  expect(sent).toEqual([
    ...Array.from({ length: 10 }, () => 3),
    ...Array.from({ length: stalledCount }, () => 1),
    ...Array.from({ length: 10 }, () => 4),
  ])
  node.script = () => 'default'
  for (const exchange of held) if (!exchange.connection.isClosed) exchange.reply(voidResult)
  await outcomes
  await session.close({ graceMs: 0 })
})

describe('a batch that fails before it is sent', () => {
  test('is named by its error', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const insert = 'INSERT INTO t (c) VALUES (?)'
    const prepared = await session.prepare(insert)
    node.script = (exchange) => {
      if (exchange.request.opcode !== Opcode.PREPARE)
        return isExecute(exchange) ? 'done' : 'default'
      exchange.reply(serverError(0x2200))
      return 'done'
    }
    const unknown = new Batch().append('INSERT INTO unknown (c) VALUES (?)')
    await expect(session.batch(unknown, [[1]])).rejects.toMatchObject({
      code: 'TSYLLA_SERVER_INVALID',
      statement: 'INSERT INTO unknown (c) VALUES (?)',
    })
    const wrong = new Batch().append(prepared)
    await expect(session.batch(wrong, [[]])).rejects.toMatchObject({
      code: 'TSYLLA_BIND_COUNT',
      statement: insert,
    })
    await session.close()
  })
})
