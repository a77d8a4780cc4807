import { describe, expect, test } from 'vitest'
import { Opcode, type Response } from '../../src/protocol/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { type Exchange, rowsOf, ScriptedNode } from '../support/scripted-node.ts'
import {
  connect,
  holdExecutes,
  isExecute,
  serverError,
  settle,
} from '../support/scripted-session.ts'
import { answered, connectTwo, executeCount, hang, pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const select = 'SELECT c FROM t WHERE c = ?'
const appending = 'UPDATE t SET l = l + ? WHERE c = ?'

describe('a node that hangs', () => {
  test('does not hold up requests that another node can serve', async () => {
    const two = await connectTwo()
    const { session, nodes } = two
    const statement = await session.prepare(select)
    const { outcomes, held } = await hang(two, statement)
    // One request is refused by the other node: it may go to the node that hangs only.
    let refusals = 1
    nodes[1].script = (exchange) => {
      if (!isExecute(exchange) || refusals-- <= 0) return 'default'
      exchange.reply(serverError(0x1002))
      return 'done'
    }
    const stuck = session.executePrepared(statement, [1])
    await settle()
    const before = executeCount(nodes[1])
    await Promise.all(Array.from({ length: 10 }, () => session.executePrepared(statement, [1])))
    expect(executeCount(nodes[1])).toBe(before + 10)
    nodes[0].script = () => 'default'
    for (const exchange of held) answered(exchange)
    await stuck
    await outcomes
    await session.close()
  })

  test('is asked last once a request is overdue there, and closed when it is silent', async () => {
    const two = await connectTwo({ requestTimeoutMs: 8_000 })
    const { clock, session, nodes } = two
    const statement = await session.prepare(select)
    const update = await session.prepare(appending)
    nodes[0].script = (exchange) => (exchange.request.opcode === Opcode.QUERY ? 'default' : 'done')
    const first = Array.from({ length: 20 }, () => session.executePrepared(update, [1, 1]))
    const outcomes = Promise.allSettled(first)
    await settle()
    expect(executeCount(nodes[0])).toBeGreaterThan(5)
    await pass(clock, 2_500)
    const before = executeCount(nodes[0])
    for (let i = 0; i < 20; i++) await session.executePrepared(statement, [1])
    expect(executeCount(nodes[0])).toBe(before)
    await pass(clock, 6_000)
    await outcomes
    // Of its two connections one is the control connection, which is heard from.
    expect(nodes[0].connections.filter(({ isClosed }) => isClosed).length).toBeGreaterThan(0)
    await session.close({ graceMs: 0 })
  })

  test('costs an idempotent request a part of its deadline: another node is asked too', async () => {
    const two = await connectTwo({ requestTimeoutMs: 8_000 })
    const { clock, session, nodes } = two
    const statement = await session.prepare(select)
    const update = await session.prepare(appending)
    const held = holdExecutes(nodes[0])
    const reads = Array.from({ length: 8 }, () => session.executePrepared(statement, [1]))
    const writes = Array.from({ length: 8 }, () => session.executePrepared(update, [1, 1]))
    const writeOutcomes = Promise.allSettled(writes)
    await pass(clock, 2_100)
    await Promise.all(reads)
    // What may not be repeated waits for the node that has it.
    await pass(clock, 6_500)
    const failed = (await writeOutcomes).filter(({ status }) => status === 'rejected')
    expect(failed.length).toBeGreaterThan(0)
    expect(
      failed.every(
        (one) =>
          one.status === 'rejected' &&
          one.reason.code === 'TSYLLA_REQUEST_TIMEOUT' &&
          one.reason.outcome === 'unknown',
      ),
    ).toBe(true)
    expect(held.length).toBeGreaterThan(0)
    await session.close({ graceMs: 0 })
  })

  test('does not hold up PREPARE, which goes to another node', async () => {
    const { clock, session, nodes } = await connectTwo({ requestTimeoutMs: 8_000 })
    nodes[0].script = ({ request }) => (request.opcode === Opcode.PREPARE ? 'done' : 'default')
    const all = Array.from({ length: 6 }, (_, i) =>
      session.execute(`SELECT c${i} FROM t WHERE c = ?`, [1]),
    )
    await pass(clock, 2_100)
    await Promise.all(all)
    await session.close({ graceMs: 0 })
  })

  test('may still answer first, and the answer of the second attempt is dropped', async () => {
    const two = await connectTwo({ requestTimeoutMs: 8_000 })
    const { clock, session, nodes } = two
    const statement = await session.prepare(select)
    const held = nodes.map((node) => holdExecutes(node))
    const reading = session.executePrepared(statement, [1])
    await pass(clock, 2_100)
    expect(held.map(({ length }) => length)).toEqual([1, 1])
    answered(held[0]![0]!)
    expect((await reading).length).toBe(1)
    answered(held[1]![0]!)
    for (const node of nodes) node.script = () => 'default'
    for (let i = 0; i < 4; i++) await session.executePrepared(statement, [1])
    await session.close()
  })
})

const single = 'UPDATE t SET l = l + ? WHERE c = 1'

describe('a request that stalls while no other connection has room', () => {
  test('is sent to another node as soon as that has room', async () => {
    const two = await connectTwo({ requestTimeoutMs: 8_000 })
    const { clock, session, nodes } = two
    const statement = await session.prepare(select)
    const { outcomes, held } = await hang(two, await session.prepare(single))
    nodes[1].script = (exchange) => (isExecute(exchange) ? 'done' : 'default')
    const reading = session.executePrepared(statement, [1])
    await pass(clock, 2_100)
    expect(held).toHaveLength(1_024)
    answered(held[0]!)
    await settle()
    expect(held).toHaveLength(1_025)
    answered(held[1_024]!)
    expect((await reading).length).toBe(1)
    for (const exchange of held.slice(1, 1_024)) answered(exchange)
    await outcomes
    await session.close({ graceMs: 0 })
  })

  test('waits without being counted: others may wait as if it did not', async () => {
    const two = await connectTwo({ requestTimeoutMs: 8_000, queueCountMax: 1 })
    const { clock, session, nodes } = two
    const statement = await session.prepare(select)
    const update = await session.prepare(single)
    const { outcomes, held } = await hang(two, update)
    const stalled: Exchange[] = []
    nodes[1].script = (exchange) => {
      if (!isExecute(exchange)) return 'default'
      stalled.push(exchange)
      return 'done'
    }
    const reads = [1, 2, 3].map((value) => session.executePrepared(statement, [value]))
    await pass(clock, 2_100)
    const more: Promise<unknown>[] = []
    while (stalled.length < 1_024) {
      more.push(session.executePrepared(update, [1]))
      await settle()
    }
    const waiting = session.executePrepared(update, [1])
    await expect(session.executePrepared(update, [1])).rejects.toMatchObject({
      code: 'TSYLLA_OVERLOADED',
    })
    for (const node of nodes) node.script = () => 'default'
    for (const exchange of [...held, ...stalled]) answered(exchange)
    await Promise.all([waiting, ...reads, ...more])
    await outcomes
    await session.close({ graceMs: 0 })
  })

  test('does not keep another one from the connection that it has in flight itself', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { poolSize: 2, requestTimeoutMs: 8_000 })
    const statement = await session.prepare(select)
    const update = await session.prepare(single)
    const held = holdExecutes(node)
    const reads = [session.executePrepared(statement, [1])]
    await pass(clock, 100)
    reads.push(session.executePrepared(statement, [2]))
    await settle()
    const [first, second] = held.map(({ connection }) => connection)
    expect(first).not.toBe(second)
    const updates: Promise<unknown>[] = []
    while (held.length < 2_048) {
      updates.push(session.executePrepared(update, [1]))
      if (updates.length % 512 === 0) await settle()
      if (updates.length >= 2_046) await settle()
    }
    await pass(clock, 2_100)
    expect(held).toHaveLength(2_048)
    for (const connection of [first, second]) {
      const before = held.length
      answered(held.slice(2).find((one) => one.connection === connection)!)
      await settle()
      expect(held).toHaveLength(before + 1)
      expect(held.at(-1)!.connection).toBe(connection)
    }
    for (const exchange of held.slice(2)) {
      if (!exchange.connection.isClosed) answered(exchange)
    }
    node.script = () => 'default'
    await Promise.allSettled([...updates, ...reads])
    await session.close({ graceMs: 0 })
  })
})

describe('one node with two connections', () => {
  test('the other connection is tried when one stalls', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { poolSize: 2, requestTimeoutMs: 8_000 })
    const statement = await session.prepare(select)
    let silent: Exchange['connection'] | undefined
    node.script = (exchange) => {
      if (!isExecute(exchange)) return 'default'
      silent ??= exchange.connection
      if (exchange.connection === silent) return 'done'
      answered(exchange)
      return 'done'
    }
    const reading = session.executePrepared(statement, [1])
    await pass(clock, 2_100)
    expect((await reading).length).toBe(1)
    await session.close()
  })

  test('the other connection is tried when one is lost', async () => {
    const node = new ScriptedNode()
    const session = await connect(node, { poolSize: 2 })
    const statement = await session.prepare(select)
    let isBroken = true
    node.script = (exchange) => {
      if (!isExecute(exchange) || !isBroken) return 'default'
      isBroken = false
      exchange.connection.destroy()
      return 'done'
    }
    await session.executePrepared(statement, [1])
    await session.close()
  })
})

describe('a coordinator that fails', () => {
  for (const code of [0x1300, 0x1500]) {
    test(`error 0x${code.toString(16)} is retried on another node when it is harmless`, async () => {
      const { session, nodes } = await connectTwo()
      const statement = await session.prepare(select)
      const update = await session.prepare(appending)
      nodes[0].script = (exchange) => {
        if (!isExecute(exchange)) return 'default'
        exchange.reply(serverError(code, { received: 1, required: 2, failures: 1 }))
        return 'done'
      }
      for (let i = 0; i < 6; i++) await session.executePrepared(statement, [1])
      const writes = Array.from({ length: 6 }, () => session.executePrepared(update, [1, 1]))
      const statuses = (await Promise.allSettled(writes)).map(({ status }) => status)
      expect(new Set(statuses)).toEqual(new Set(['fulfilled', 'rejected']))
      await session.close()
    })
  }
})

describe('every connection is gone for a moment', () => {
  test('what is harmless to repeat waits for the next connection, all else is refused', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { random: () => 0 })
    const statement = await session.prepare(select)
    const update = await session.prepare(appending)
    for (const connection of node.connections) connection.destroy()
    await settle()
    const reading = session.executePrepared(statement, [1])
    const preparing = session.execute('SELECT d FROM t WHERE c = ?', [1])
    await expect(session.executePrepared(update, [1, 1])).rejects.toMatchObject({
      code: 'TSYLLA_NO_NODE_AVAILABLE',
      outcome: 'not_applied',
    })
    await pass(clock, 200)
    await Promise.all([reading, preparing])
    await session.close()
  })

  test('what waits for a node that never comes back fails at its deadline', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { random: () => 0, requestTimeoutMs: 1_000 })
    const statement = await session.prepare(select)
    node.open = () => Promise.reject(new Error('refused'))
    for (const connection of node.connections) connection.destroy()
    await settle()
    const lost = { code: 'TSYLLA_NO_NODE_AVAILABLE', outcome: 'not_applied' }
    const reading = expect(session.executePrepared(statement, [1])).rejects.toMatchObject(lost)
    const preparing = expect(
      session.execute('SELECT d FROM t WHERE c = ?', [1]),
    ).rejects.toMatchObject(lost)
    await pass(clock, 1_100)
    await Promise.all([reading, preparing])
    await session.close({ graceMs: 0 })
  })

  test('a write that was in flight is repeated on the next connection', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { random: () => 0 })
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
    node.script = (exchange) => {
      if (!isExecute(exchange)) return 'default'
      for (const connection of node.connections) connection.destroy()
      node.script = () => 'default'
      return 'done'
    }
    const writing = session.executePrepared(insert, [1])
    await settle()
    await pass(clock, 200)
    await writing
    expect(executeCount(node)).toBe(2)
    await session.close()
  })
})

describe('65,000 requests that wait', () => {
  test('time out a bounded number per turn', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { requestTimeoutMs: 1_000 })
    const statement = await session.prepare(select)
    holdExecutes(node)
    let failedCount = 0
    const all = Array.from({ length: 65_000 }, () =>
      session.executePrepared(statement, [1]).catch(() => void failedCount++),
    )
    await settle()
    clock.advance(1_050)
    // Microtasks only: the turn has not ended.
    for (let i = 0; i < 20; i++) await Promise.resolve()
    expect(failedCount).toBeGreaterThan(0)
    expect(failedCount).toBeLessThan(5_000)
    await settle()
    let rounds = 0
    while (failedCount < 65_000 && rounds++ < 1_000) await settle()
    await Promise.all(all)
    expect(failedCount).toBe(65_000)
    await session.close({ graceMs: 0 })
  })
})

test('the pages of a request that was sent twice come from one of its attempts', async () => {
  const two = await connectTwo({ requestTimeoutMs: 8_000 })
  const { clock, session, nodes } = two
  const held = nodes.map((node) => holdExecutes(node))
  const statement = await session.prepare(select)
  const reading = session.executePrepared(statement, [1])
  await pass(clock, 2_100)
  const page = (value: number, state?: Uint8Array): Response =>
    rowsOf([['c', nativeTypes.int]], [[value]], state)
  held[1]![0]!.reply(page(1, Uint8Array.of(1)))
  await settle()
  const next = held.flat().find((one) => one !== held[0]![0] && one !== held[1]![0])
  held[0]![0]!.reply(page(99))
  await settle()
  next?.reply(page(2))
  expect((await reading).rows().map((row) => row['c'])).toEqual([1, 2])
  await session.close()
})
