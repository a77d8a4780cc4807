import { describe, expect, onTestFinished, test } from 'vitest'
import {
  constantSpeculativeExecution,
  downgradingConsistencyRetryPolicy,
  type ExecuteOptions,
  type FailedAttempt,
  fallthroughRetryPolicy,
  noSpeculativeExecution,
  type RetryDecision,
  type RetryPolicy,
  type Session,
  type SessionOptions,
  Statement,
} from '../../src/index.ts'
import { Opcode } from '../../src/protocol/index.ts'
import { ScriptedNode } from '../support/scripted-node.ts'
import { connect, serverError, settle } from '../support/scripted-session.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { answered, connectTwo, executeCount, pass } from '../support/two-nodes.ts'

const select = 'SELECT c FROM t WHERE k = ?'

/** A policy that decides as it is told, and keeps what it was asked. */
class TestRetryPolicy implements RetryPolicy {
  readonly asked: FailedAttempt[] = []
  readonly #decisions: RetryDecision[]

  constructor(...decisions: RetryDecision[]) {
    this.#decisions = decisions
  }

  decide(failed: FailedAttempt): RetryDecision {
    this.asked.push(failed)
    return this.#decisions.shift() ?? 'rethrow'
  }
}

interface Opened {
  readonly node: ScriptedNode
  readonly session: Session
}

/** A session of one node that fails the first EXECUTEs with these errors. */
async function open(
  errors: readonly ReturnType<typeof serverError>[],
  options: Partial<SessionOptions> = {},
): Promise<Opened> {
  const node = new ScriptedNode()
  const session = await connect(node, options)
  onTestFinished(() => session.close())
  const left = [...errors]
  node.script = (exchange) => {
    if (exchange.request.opcode !== Opcode.EXECUTE) return 'default'
    const error = left.shift()
    if (error === undefined) answered(exchange)
    else exchange.reply(error)
    return 'done'
  }
  return { node, session }
}

const overloaded = serverError(0x1001)
const consistencies = (node: ScriptedNode): unknown[] =>
  node.received.flatMap((request) =>
    request.opcode === Opcode.EXECUTE ? [request.parameters.consistency] : [],
  )

describe('a retry policy', () => {
  test('of the session, of a statement or of a call decides, the latter first', async () => {
    const policies = [0, 1, 2].map(() => new TestRetryPolicy('same_node', 'rethrow'))
    const [ofSession, ofStatement, ofCall] = policies as [
      TestRetryPolicy,
      TestRetryPolicy,
      TestRetryPolicy,
    ]
    const errors = Array.from({ length: 6 }, () => overloaded)
    const { session, node } = await open(errors, { retryPolicy: ofSession })
    const failing = { code: 'TSYLLA_SERVER_OVERLOADED' }
    await expect(session.execute(select, [1])).rejects.toMatchObject(failing)
    const statement = new Statement(select, [1]).withRetryPolicy(ofStatement)
    await expect(session.execute(statement)).rejects.toMatchObject(failing)
    const options = { retryPolicy: ofCall }
    await expect(session.execute(statement, undefined, options)).rejects.toMatchObject(failing)
    for (const { asked } of policies) {
      expect(asked).toMatchObject([
        { attemptCount: 1, isIdempotent: true, isConditional: false, consistency: 'LOCAL_QUORUM' },
        { attemptCount: 2 },
      ])
    }
    expect(executeCount(node)).toBe(6)
  })

  test('may choose another consistency, for the attempts that follow', async () => {
    const unavailable = serverError(0x1000, { consistency: 'QUORUM', required: 2, alive: 1 })
    const { session, node } = await open([unavailable])
    const retryPolicy = downgradingConsistencyRetryPolicy
    const options: ExecuteOptions = { consistency: 'QUORUM', retryPolicy }
    expect((await session.execute(select, [1], options)).length).toBe(1)
    expect(consistencies(node)).toEqual(['QUORUM', 'ONE'])
    await session.execute(select, [1], options)
    expect(consistencies(node).at(-1)).toBe('QUORUM')
  })

  test('that never gives up is given up after a hundred attempts', async () => {
    const { session, node } = await open(Array.from({ length: 200 }, () => overloaded))
    const retryPolicy: RetryPolicy = { decide: () => 'same_node' }
    const failing = session.execute(select, [1], { retryPolicy })
    await expect(failing).rejects.toMatchObject({ code: 'TSYLLA_SERVER_OVERLOADED' })
    expect(executeCount(node)).toBe(100)
  })

  test('fallthroughRetryPolicy reports the first failure', async () => {
    const { session, node } = await open([serverError(0x1002)])
    const failing = session.execute(select, [1], { retryPolicy: fallthroughRetryPolicy })
    await expect(failing).rejects.toMatchObject({ code: 'TSYLLA_SERVER_BOOTSTRAPPING' })
    expect(executeCount(node)).toBe(1)
  })

  test.each<[string, () => unknown, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no idea')
      },
      /retryPolicy has failed: no idea/,
    ],
    ['returns no decision', () => 'later', /returned "later", which is no decision/],
    ['returns nothing', () => undefined, /returned undefined, which is no decision/],
    ['returns null', () => null, /returned null, which is no decision/],
    [
      'chooses no level',
      () => ({ retry: 'same_node', consistency: 'MOST' }),
      /consistency is one of/,
    ],
    ['chooses no node', () => ({ retry: 'any', consistency: 'ONE' }), /which is no decision/],
    ['gives up after a time', () => ({ retry: 'rethrow', afterMs: 1 }), /which is no decision/],
    ...['1', -1, Number.NaN, Number.POSITIVE_INFINITY, 60_001].map(
      (afterMs): [string, () => unknown, RegExp] => [
        `waits ${String(afterMs)}`,
        () => ({ retry: 'same_node', afterMs }),
        /afterMs must be from 0 to 60000/,
      ],
    ),
  ])('that %s fails the request, whose cause is the failure', async (_, decide, message) => {
    const { session } = await open([
      serverError(0x1100, { consistency: 'ONE', received: 0, required: 1, writeType: 'SIMPLE' }),
    ])
    const retryPolicy = { decide } as RetryPolicy
    const failing = session.execute('UPDATE t SET c = c + 1 WHERE k = ?', [1], { retryPolicy })
    await expect(failing).rejects.toMatchObject({
      ...{ code: 'TSYLLA_CONFIG', outcome: 'unknown' },
      message: expect.stringMatching(message) as string,
      cause: { code: 'TSYLLA_SERVER_WRITE_TIMEOUT' },
    })
    // The session goes on.
    expect((await session.execute(select, [1])).length).toBe(1)
  })

  test('may abort the request that it decides about', async () => {
    const { session, node } = await open([overloaded, overloaded])
    const controller = new AbortController()
    const retryPolicy: RetryPolicy = {
      decide: () => {
        controller.abort()
        return 'same_node'
      },
    }
    const { signal } = controller
    const aborted = session.execute(select, [1], { retryPolicy, signal })
    await expect(aborted).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
    await settle()
    expect(executeCount(node)).toBe(1)
    await expect(session.close()).resolves.toBeUndefined()
  })

  test('may let the request wait, which ends by its signal and the session too', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, {})
    let failures = 1
    node.script = (exchange) => {
      if (exchange.request.opcode !== Opcode.EXECUTE) return 'default'
      if (failures-- > 0) exchange.reply(overloaded)
      else answered(exchange)
      return 'done'
    }
    const statement = await session.prepare(select)
    const retryPolicy = new TestRetryPolicy(
      ...[
        { retry: 'next_node' as const, afterMs: 40 },
        { retry: 'same_node' as const, afterMs: 40 },
      ],
    )
    const call = (options: ExecuteOptions = {}): Promise<unknown> =>
      session.executePrepared(statement, [1], { retryPolicy, ...options })

    const step = async (ms: number): Promise<void> => {
      await settle()
      clock.advance(ms)
      await settle()
    }

    const waiting = call().catch((error: unknown) => error)
    await step(39)
    expect(executeCount(node)).toBe(1)
    // The only node has refused it.
    await step(1)
    expect(await waiting).toMatchObject({ code: 'TSYLLA_SERVER_OVERLOADED' })

    failures = 1
    const repeated = call()
    await step(40)
    expect(await repeated).toMatchObject({ length: 1 })

    const always: RetryPolicy = { decide: () => ({ retry: 'same_node', afterMs: 1_000 }) }
    failures = Number.POSITIVE_INFINITY
    // The deadline comes first: waiting is of no use.
    await expect(call({ retryPolicy: always, timeout: 900 })).rejects.toMatchObject({
      code: 'TSYLLA_SERVER_OVERLOADED',
    })
    const controller = new AbortController()
    const aborted = call({ retryPolicy: always, signal: controller.signal })
    const closed = call({ retryPolicy: always })
    await step(500)
    controller.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
    const refused = expect(closed).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    const closing = session.close({ graceMs: 0 })
    await step(1_000)
    await closing
    await refused
    expect(clock.pendingCount).toBe(0)
  })

  test('may send requests of its own', async () => {
    const { session, node } = await open([overloaded])
    let inner: Promise<unknown> | undefined
    const retryPolicy: RetryPolicy = {
      decide: () => {
        inner = session.execute(select, [2])
        return 'same_node'
      },
    }
    expect((await session.execute(select, [1], { retryPolicy })).length).toBe(1)
    await inner
    expect(executeCount(node)).toBe(3)
  })

  test.each([[{ retryPolicy: {} }], [{ retryPolicy: 'default' }], [{ retryPolicy: null }]])(
    '%j is refused',
    async (options) => {
      const { session } = await open([])
      await expect(session.execute(select, [1], options as never)).rejects.toThrow(
        /retryPolicy must be an object with the method decide/,
      )
    },
  )
})

test.each<[Partial<SessionOptions>, RegExp]>([
  [{ retryPolicy: {} as never }, /retryPolicy must be an object with the method decide/],
  [
    { speculativeExecutionPolicy: 50 as never },
    /speculativeExecutionPolicy must be an object with the method delayMs/,
  ],
  [{ reconnectionPolicy: {} as never }, /reconnectionPolicy must be an object/],
])('a session with %j is refused', async (options, message) => {
  await expect(connect(new ScriptedNode(), options)).rejects.toThrow(message)
})

describe('a speculative execution', () => {
  test('sends an idempotent request to another node after the delay', async () => {
    const two = await connectTwo()
    const { session, nodes, clock } = two
    onTestFinished(() => session.close())
    const prepared = await session.prepare(select)
    // The first attempt is never answered, on whatever node it is.
    let first: ScriptedNode | undefined
    for (const node of nodes) {
      node.script = (exchange) => {
        if (exchange.request.opcode !== Opcode.EXECUTE) return 'default'
        first ??= node
        if (first !== node) answered(exchange)
        return 'done'
      }
    }
    const speculativeExecutionPolicy = constantSpeculativeExecution({ delayMs: 100 })
    const running = session.executePrepared(prepared, [1], { speculativeExecutionPolicy })
    await settle()
    expect(nodes.map(executeCount)).toContain(0)
    await pass(clock, 150)
    expect((await running).length).toBe(1)
    expect(nodes.map(executeCount)).toEqual([1, 1])
  })

  test('is never sent for what is not idempotent, or without a policy', async () => {
    const { session, nodes, clock } = await connectTwo()
    onTestFinished(() => session.close())
    for (const node of nodes) {
      node.script = ({ request }) => (request.opcode === Opcode.EXECUTE ? 'done' : 'default')
    }
    const speculativeExecutionPolicy = constantSpeculativeExecution({ delayMs: 100 })
    const update = session.execute('UPDATE t SET c = c + 1 WHERE k = ?', [1], {
      ...{ speculativeExecutionPolicy, timeout: 900 },
    })
    const read = session.execute(select, [1], {
      ...{ speculativeExecutionPolicy: noSpeculativeExecution, timeout: 900 },
    })
    const outcomes = Promise.allSettled([update, read])
    await pass(clock, 1_000)
    expect(await outcomes).toMatchObject([
      { status: 'rejected', reason: { code: 'TSYLLA_REQUEST_TIMEOUT' } },
      { status: 'rejected', reason: { code: 'TSYLLA_REQUEST_TIMEOUT' } },
    ])
    expect(nodes.map(executeCount).reduce((sum, count) => sum + count)).toBe(2)
  })

  test('may abort the request that it is asked about', async () => {
    const { session, node } = await open([])
    await session.execute(select, [1])
    const controller = new AbortController()
    const speculativeExecutionPolicy = {
      delayMs: (): undefined => controller.abort() as undefined,
    }
    const { signal } = controller
    const aborted = session.execute(select, [1], { speculativeExecutionPolicy, signal })
    await expect(aborted).rejects.toMatchObject({ code: 'TSYLLA_ABORTED', outcome: 'not_applied' })
    await settle()
    expect(executeCount(node)).toBe(1)
    await expect(session.close()).resolves.toBeUndefined()
  })

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no idea')
      },
    ],
    ['returns no number', () => 'soon'],
    ['returns NaN', () => Number.NaN],
    ['returns a negative delay', () => -1],
  ])('whose policy %s fails the request before it is sent', async (_, delayMs) => {
    const { session, node } = await open([])
    const policy = { delayMs } as never
    const failing = session.execute(select, [1], { speculativeExecutionPolicy: policy })
    await expect(failing).rejects.toMatchObject({
      ...{ code: 'TSYLLA_CONFIG', outcome: 'not_applied' },
    })
    expect(executeCount(node)).toBe(0)
    expect((await session.execute(select, [1])).length).toBe(1)
  })
})

describe('execution profiles', () => {
  test('apply by name, below the options of the statement and of the call', async () => {
    const executionProfiles = { reports: { consistency: 'ONE', pageSize: 7 } } as const
    const { session, node } = await open([], { executionProfiles })
    const executionProfile = 'reports'
    await session.execute(select, [1], { executionProfile })
    await session.execute(select, [1], { executionProfile, consistency: 'TWO' })
    const statement = new Statement(select, [1]).withExecutionProfile('reports')
    await session.execute(statement)
    await session.execute(statement.withConsistency('ALL'))
    await session.execute(statement, undefined, { executionProfile: 'default' })
    expect(consistencies(node)).toEqual(['ONE', 'TWO', 'ONE', 'ALL', 'LOCAL_QUORUM'])
    expect(node.received.at(-2)).toMatchObject({ parameters: { pageSize: 7 } })
  })

  test('choose the keyspace in which a statement that names one is prepared', async () => {
    const executionProfiles = { other: { keyspace: 'other' } }
    const { session } = await open([], { executionProfiles, keyspace: 'ks' })
    const statement = new Statement('SELECT c FROM t WHERE k = ?').withExecutionProfile('other')
    const prepared = await session.prepare(statement)
    expect((await session.executePrepared(prepared, [1])).length).toBe(1)
  })

  test('choose the keyspace of a text that is prepared in another one already', async () => {
    const executionProfiles = { other: { keyspace: 'other' } }
    const { session, node } = await open([], { executionProfiles, keyspace: 'ks' })
    for (const executionProfile of [undefined, 'other', undefined, 'other']) {
      expect((await session.execute(select, [1], { executionProfile })).length).toBe(1)
    }
    session.setExecutionProfile('default', { keyspace: 'third' })
    expect((await session.execute(select, [1])).length).toBe(1)
    const isPrepare = ({ opcode }: { readonly opcode: number }): boolean =>
      opcode === Opcode.PREPARE
    expect(node.received.filter(isPrepare)).toHaveLength(3)
  })

  test('are replaced while the session runs, the default one too', async () => {
    const { session, node } = await open([])
    await session.execute(select, [1])
    session.setExecutionProfile('default', { consistency: 'LOCAL_ONE' })
    session.setExecutionProfile('later', { consistency: 'THREE' })
    await session.execute(select, [1])
    await session.execute(select, [1], { executionProfile: 'later' })
    session.setExecutionProfile('default', {})
    await session.execute(select, [1])
    expect(consistencies(node)).toEqual(['LOCAL_QUORUM', 'LOCAL_ONE', 'THREE', 'LOCAL_QUORUM'])
  })

  test('that do not exist, or have wrong options, are refused', async () => {
    const { session, node } = await open([], { executionProfiles: { reports: {} } })
    await expect(session.execute(select, [1], { executionProfile: 'report' })).rejects.toThrow(
      /There is no execution profile "report"\. Did you mean "reports"\? The profiles are default, reports/,
    )
    const set = (options: unknown): void => session.setExecutionProfile('reports', options as never)
    expect(() => set({ consistency: 'MOST' })).toThrow(/consistency is one of/)
    expect(() => set({ timestamp: 1n })).toThrow(/cannot have the option timestamp/)
    expect(() => set({ executionProfile: 'x' })).toThrow(/cannot have the option executionProfile/)
    expect(() => set({ signal: undefined })).toThrow(/cannot have the option signal/)
    expect(() => set(null)).toThrow(/must be an object/)
    expect(() => session.setExecutionProfile('', {})).toThrow(/must be a text/)
    await session.execute(select, [1], { executionProfile: 'reports' })
    expect(consistencies(node)).toEqual(['LOCAL_QUORUM'])
    const wrong = connect(new ScriptedNode(), { executionProfiles: { a: { pageSize: 0 } } })
    await expect(wrong).rejects.toThrow(/pageSize is an integer/)
  })
})
