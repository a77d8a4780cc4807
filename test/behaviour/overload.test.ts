import { describe, expect, test } from 'vitest'
import { Opcode } from '../../src/protocol/index.ts'
import { ScriptedNode, voidResult } from '../support/scripted-node.ts'
import { connect, holdExecutes, isExecute, settle } from '../support/scripted-session.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

describe('overload', () => {
  test('more requests than a connection carries wait in line; beyond the bound they are refused', async () => {
    const node = new ScriptedNode()
    const session = await connect(node, { queueCountMax: 100 })
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
    const held = holdExecutes(node)
    const results = Array.from({ length: 1_130 }, (_, i) => session.executePrepared(insert, [i]))
    const settled = Promise.allSettled(results)
    await settle()
    expect(held).toHaveLength(1_024)
    while (held.length > 0) {
      for (const exchange of held.splice(0)) exchange.reply(voidResult)
      await settle()
    }
    const refused = (await settled).filter((result) => result.status === 'rejected')
    expect(refused).toHaveLength(6)
    expect(
      refused.every(
        ({ reason }) => reason.code === 'TSYLLA_OVERLOADED' && reason.outcome === 'not_applied',
      ),
    ).toBe(true)
    await session.close()
  })

  test('a queued request that is aborted frees its place in the queue', async () => {
    const node = new ScriptedNode()
    const session = await connect(node, { queueCountMax: 50 })
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    const held = holdExecutes(node)
    const execute = (signal?: AbortSignal): Promise<unknown> =>
      session.executePrepared(select, [1], { signal })
    const inFlight = Array.from({ length: 1_024 }, () => execute())
    for (let round = 0; round < 5; round++) {
      const controller = new AbortController()
      const waiting = Array.from({ length: 50 }, () => execute(controller.signal))
      await expect(execute()).rejects.toMatchObject({ code: 'TSYLLA_OVERLOADED' })
      controller.abort()
      const outcomes = await Promise.allSettled(waiting)
      expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
    }
    const last = Array.from({ length: 50 }, () => execute())
    await settle()
    node.script = () => 'default'
    for (const exchange of held) exchange.reply(voidResult)
    await Promise.all([...inFlight, ...last])
    await session.close()
  })

  test('a value that cannot be read fails its request, also in line', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node)
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    const held = holdExecutes(node)
    const inFlight = Array.from({ length: 1_024 }, () => session.executePrepared(select, [1]))
    const hostile = {
      get x(): never {
        throw new Error('boom')
      },
    }
    const failing = expect(session.executePrepared(select, [hostile])).rejects.toMatchObject({
      code: 'TSYLLA_BIND_VALUE',
    })
    await settle()
    node.script = () => 'default'
    for (const exchange of held) exchange.reply(voidResult)
    await failing
    await Promise.all(inFlight)
    // Nothing is counted as under way any more, or this would wait for the clock.
    await session.close({ graceMs: 60_000 })
  })

  test('Promise.all over 50,000 writes just works', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
    await Promise.all(
      Array.from({ length: 50_000 }, (_, i) => session.executePrepared(insert, [i])),
    )
    expect(node.received.filter(({ opcode }) => opcode === Opcode.EXECUTE)).toHaveLength(50_000)
    await session.close()
  })

  test('a queued request times out in the queue, not applied', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { requestTimeoutMs: 1_000 })
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
    node.script = (exchange) => (isExecute(exchange) ? 'done' : 'default')
    const results = Promise.allSettled(
      Array.from({ length: 1_030 }, (_, i) => session.executePrepared(insert, [i])),
    )
    await settle()
    clock.advance(1_100)
    const outcomes = (await results).map((result) =>
      result.status === 'rejected' ? result.reason.outcome : 'none',
    )
    expect(outcomes.filter((outcome) => outcome === 'unknown')).toHaveLength(1_024)
    expect(outcomes.filter((outcome) => outcome === 'not_applied')).toHaveLength(6)
    await session.close({ graceMs: 0 })
  })
})
