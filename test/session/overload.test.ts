import { describe, expect, onTestFinished, test } from 'vitest'
import {
  noSpeculativeExecution,
  percentileSpeculativeExecution,
  type RetryPolicy,
  type Session,
  type SessionOptions,
} from '../../src/index.ts'
import { budgetAttemptsInitially } from '../../src/policies/retry-budget.ts'
import { Opcode } from '../../src/protocol/index.ts'
import { concurrencyMin } from '../../src/transport/concurrency-limit.ts'
import type { MemberNode } from '../support/member-node.ts'
import { type Exchange, ScriptedNode } from '../support/scripted-node.ts'
import {
  connect,
  holdExecutes,
  isExecute,
  serverError,
  settle,
} from '../support/scripted-session.ts'
import { answered, connectTwo, executeCount, pass, type TwoNodes } from '../support/two-nodes.ts'

const select = 'SELECT c FROM t WHERE k = ?'
const overloaded = serverError(0x1001)

async function open(options: Partial<SessionOptions> = {}): Promise<TwoNodes> {
  const two = await connectTwo(options)
  onTestFinished(async () => {
    const closing = two.session.close({ graceMs: 1 })
    await pass(two.clock, 50)
    await closing
  })
  return two
}

/** Answers every EXECUTE with an error. */
function refuse(node: MemberNode): void {
  node.script = (exchange) => {
    if (!isExecute(exchange)) return 'default'
    exchange.reply(overloaded)
    return 'done'
  }
}

const total = (nodes: readonly MemberNode[]): number =>
  nodes.reduce((sum, node) => sum + executeCount(node), 0)

async function runAll(session: Session, count: number): Promise<number> {
  const statement = await session.prepare(select)
  let failedCount = 0
  for (let i = 0; i < count; i += 10) {
    const some = Array.from({ length: 10 }, () => session.executePrepared(statement, [1]))
    const settled = await Promise.allSettled(some)
    failedCount += settled.filter(({ status }) => status === 'rejected').length
  }
  return failedCount
}

describe('the retry budget of a session', () => {
  const stubborn: RetryPolicy = {
    decide: ({ attemptCount }) => (attemptCount < 4 ? 'same_node' : 'rethrow'),
  }
  const options = { retryPolicy: stubborn, adaptiveConcurrency: false }

  test('bounds what an overload makes of its requests', async () => {
    const { session, nodes } = await open(options)
    for (const node of nodes) refuse(node)
    const count = 2_000
    expect(await runAll(session, count)).toBe(count)
    const retries = total(nodes) - count
    expect(retries).toBeGreaterThan(0.15 * count)
    expect(retries).toBeLessThanOrEqual(budgetAttemptsInitially + 0.2 * count + 1)
  })

  test('counts a call once, and only calls that send requests of the user', async () => {
    const { session, nodes } = await open({ ...options, retryBudget: { share: 1, perSecond: 0 } })
    const count = 1_000
    for (let i = 0; i < 2 * count; i++) await session.prepare(select)
    for (const node of nodes) refuse(node)
    for (let i = 0; i < count; i += 10) {
      const some = Array.from({ length: 10 }, () => session.execute(select, [1]))
      await Promise.allSettled(some)
    }
    const retries = total(nodes) - count
    expect(retries).toBe(budgetAttemptsInitially + count)
  })

  test('can be turned off: then the policy alone decides', async () => {
    const { session, nodes } = await open({ ...options, retryBudget: false })
    for (const node of nodes) refuse(node)
    expect(await runAll(session, 1_000)).toBe(1_000)
    expect(total(nodes)).toBe(4_000)
  })

  test('does not keep the requests of a lost connection from other nodes', async () => {
    const { session, nodes } = await open({ retryBudget: { share: 0, perSecond: 0 } })
    const held = holdExecutes(nodes[0])
    const statement = await session.prepare(select)
    const pending = Array.from({ length: 100 }, () => session.executePrepared(statement, [1]))
    await settle()
    expect(held.length).toBeGreaterThan(10)
    for (const connection of nodes[0].connections) connection.destroy()
    await Promise.all(pending)
  })

  test('bounds second attempts of requests that stall', async () => {
    const { session, nodes, clock } = await open({
      ...{ retryBudget: { share: 0, perSecond: 0 }, adaptiveConcurrency: false },
    })
    const statement = await session.prepare(select)
    const held = nodes.map(holdExecutes)
    const pending = Array.from({ length: 50 }, () => session.executePrepared(statement, [1]))
    const outcomes = Promise.allSettled(pending)
    await settle()
    const before = total(nodes)
    await pass(clock, 3_000)
    expect(total(nodes)).toBe(before)
    for (const node of nodes) node.script = () => 'default'
    for (const exchanges of held) for (const exchange of exchanges) answered(exchange)
    const settled = await outcomes
    expect(settled.every(({ status }) => status === 'fulfilled')).toBe(true)
  })

  test.each<[Partial<SessionOptions>, RegExp]>([
    [{ retryBudget: 0.2 as never }, /retryBudget must be an object/],
    [{ adaptiveConcurrency: 'yes' as never }, /adaptiveConcurrency must be true or false/],
  ])('%j is refused', async (wrong, message) => {
    await expect(connect(new ScriptedNode(), wrong)).rejects.toThrow(message)
  })
})

describe('a node that is overloaded', () => {
  /** Sends 200 requests to the first node, which refuses one of them. */
  async function overload(options: Partial<SessionOptions>) {
    // Time is moved on in leaps.
    const two = await open({
      ...{ heartbeatIntervalMs: 1 << 30, requestTimeoutMs: 600_000 },
      ...{ speculativeExecutionPolicy: noSpeculativeExecution, ...options },
    })
    const { session, nodes } = two
    const statement = await session.prepare(select)
    const held = holdExecutes(nodes[0])
    const pending: Promise<unknown>[] = []
    const run = (count: number): void => {
      for (let i = 0; i < count; i++) pending.push(session.executePrepared(statement, [1]))
    }
    run(400)
    await settle()
    expect(held).toHaveLength(200)
    held.shift()!.reply(overloaded)
    await settle()
    const finish = async (): Promise<void> => {
      nodes[0].script = () => 'default'
      for (const exchange of held) answered(exchange)
      await Promise.all(pending)
    }
    return { ...two, held, run, finish }
  }

  test('gets half as many at a time, and more and more again', async () => {
    const { nodes, held, run, clock, finish } = await overload({})
    const answer = async (count: number): Promise<void> => {
      for (const exchange of held.splice(0, count)) answered(exchange)
      await settle()
    }
    // More are in flight than may be: others take what comes.
    run(100)
    await settle()
    expect(held).toHaveLength(199)
    await answer(150)
    run(400)
    await settle()
    expect(held).toHaveLength(99)
    expect(executeCount(nodes[1])).toBeGreaterThan(500)
    clock.advance(500)
    run(400)
    await settle()
    expect(held.length).toBeGreaterThan(120)
    expect(held.length).toBeLessThan(140)
    clock.advance(60_000)
    run(400)
    await settle()
    expect(held.length).toBeGreaterThan(300)
    await finish()
  })

  test('gets as many as before where that is said', async () => {
    const { held, run, finish } = await overload({ adaptiveConcurrency: false })
    run(100)
    await settle()
    expect(held.length).toBeGreaterThan(199 + 40)
    await finish()
  })

  test('that refuses everything still gets some, and nothing is stuck when it recovers', async () => {
    const { session, nodes } = await open()
    for (const node of nodes) refuse(node)
    await runAll(session, 500)
    const held: Exchange[][] = nodes.map(holdExecutes)
    const statement = await session.prepare(select)
    const pending = Array.from({ length: 500 }, () => session.executePrepared(statement, [1]))
    await settle()
    for (const exchanges of held) {
      expect(exchanges.length).toBeGreaterThanOrEqual(concurrencyMin)
      expect(exchanges.length).toBeLessThan(50)
    }
    for (const node of nodes) node.script = () => 'default'
    for (const exchanges of held) for (const exchange of exchanges) answered(exchange)
    await Promise.all(pending)
  })
})

describe('speculative execution by percentile', () => {
  test('doubles idempotent requests that are slower than most, and no other', async () => {
    const speculativeExecutionPolicy = percentileSpeculativeExecution({ percentile: 99 })
    const { session, nodes, clock } = await open({ speculativeExecutionPolicy })
    const statement = await session.prepare(select)
    // As many answers as are needed, of 20 ms each.
    for (let round = 0; round < 10; round++) {
      const held = nodes.map(holdExecutes)
      const some = Array.from({ length: 10 }, () => session.executePrepared(statement, [1]))
      await settle()
      clock.advance(20)
      for (const exchanges of held) for (const exchange of exchanges) answered(exchange)
      await Promise.all(some)
    }
    const held = nodes.map(holdExecutes)
    const before = total(nodes)
    const slow = session.executePrepared(statement, [1])
    const update = await session.prepare('UPDATE t SET l = l + ? WHERE k = ?')
    const unsafe = session.executePrepared(update, [1, 1])
    await settle()
    expect(total(nodes)).toBe(before + 2)
    // Deadlines are looked at in steps of 25 ms.
    await pass(clock, 100)
    expect(total(nodes)).toBe(before + 3)
    const ofSelect = (exchanges: readonly Exchange[]): Exchange[] =>
      exchanges.filter(
        ({ request }) =>
          request.opcode === Opcode.EXECUTE && Buffer.from(request.id).includes('SELECT'),
      )
    const [first, second] = held.map(ofSelect)
    expect([first!.length, second!.length]).toEqual([1, 1])
    answered(second![0]!)
    answered(first![0]!)
    await slow
    for (const exchanges of held) {
      for (const exchange of exchanges) if (!ofSelect([exchange]).length) answered(exchange)
    }
    await unsafe
  })

  test('measures no attempts that were given up without an answer', async () => {
    const latencies: number[] = []
    const speculativeExecutionPolicy = {
      delayMs: (): undefined => undefined,
      onLatency: (latencyMs: number): void => void latencies.push(latencyMs),
    }
    const { session, nodes, clock } = await open({ speculativeExecutionPolicy })
    const statement = await session.prepare(select)
    nodes.forEach(holdExecutes)
    const controller = new AbortController()
    const { signal } = controller
    const aborted = session.executePrepared(statement, [1], { signal })
    const late = session.executePrepared(statement, [1])
    const outcomes = Promise.allSettled([aborted, late])
    await settle()
    controller.abort()
    await pass(clock, 20_000)
    const settled = await outcomes
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(latencies).toEqual([])
  })

  test('a policy whose measuring fails does not fail requests', async () => {
    const speculativeExecutionPolicy = {
      delayMs: (): undefined => undefined,
      onLatency() {
        throw new Error('no room')
      },
    }
    const { session } = await open({ speculativeExecutionPolicy })
    expect((await session.execute(select, [1])).length).toBe(0)
  })
})
