import { describe, expect, onTestFinished, test } from 'vitest'
import {
  Batch,
  noSpeculativeExecution,
  Session,
  SessionBuilder,
  type SlowRequest,
} from '../../src/index.ts'
import { ScriptedNode } from '../support/scripted-node.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import {
  connect,
  holdExecutes,
  isExecute,
  serverError,
  settle,
} from '../support/scripted-session.ts'
import { describeOnServers } from '../support/targets.ts'
import { answered, connectTwo, pass } from '../support/two-nodes.ts'

const select = 'SELECT c FROM t WHERE c = ?'

async function open(thresholdMs: number, values?: boolean) {
  const seen: SlowRequest[] = []
  const log = (request: SlowRequest): void => void seen.push(request)
  const slowRequest = { thresholdMs, log, ...(values === undefined ? {} : { values }) }
  const two = await connectTwo({ requestTimeoutMs: 8_000, slowRequest })
  onTestFinished(() => void two.session.close({ graceMs: 0 }))
  return { ...two, seen }
}

describe('a request that takes long', () => {
  test('is logged once, after it has ended; faster ones are not', async () => {
    const { session, nodes, clock, seen } = await open(500)
    const statement = await session.prepare(select)
    await session.executePrepared(statement, [1])
    const held = nodes.map((node) => holdExecutes(node))
    const options = { consistency: 'ONE', pageSize: 7 } as const
    const result = session.executePrepared(statement, [1], options)
    await pass(clock, 600)
    expect(seen).toEqual([])
    held.flat().forEach(answered)
    const { coordinator } = await result
    await settle()
    expect(seen).toEqual([
      {
        ...{ statement: select, values: undefined, durationMs: expect.any(Number) },
        ...{ attemptCount: 1, coordinator, consistency: 'ONE', pageSize: 7, error: undefined },
      },
    ])
    expect(seen[0]!.durationMs).toBeGreaterThanOrEqual(500)
    expect(seen[0]!.durationMs).toBeLessThan(700)
  })

  test('is logged with its duration when it has taken longer than 35 minutes', async () => {
    const seen: SlowRequest[] = []
    const slowRequest = { thresholdMs: 0, log: (one: SlowRequest) => void seen.push(one) }
    const options = { heartbeatIntervalMs: 1 << 30, requestTimeoutMs: 1 << 30, slowRequest }
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, {
      ...options,
      speculativeExecutionPolicy: noSpeculativeExecution,
    })
    onTestFinished(() => void session.close({ graceMs: 0 }))
    const statement = await session.prepare(select)
    const held = holdExecutes(node)
    const result = session.executePrepared(statement, [1])
    await settle()
    const takenMs = 40 * 60_000
    clock.advance(takenMs)
    held.forEach(answered)
    await result
    await settle()
    expect(seen.map(({ durationMs }) => Math.round(durationMs))).toEqual([takenMs])
    const { count, maxMs } = session.metrics().latency
    // The histogram ends at 35 minutes.
    expect([count, Math.round(maxMs)]).toEqual([1, 2_147_484])
  })

  test('is logged with all its attempts, and with its error when it has failed', async () => {
    const { session, nodes, clock, seen } = await open(2_000)
    const statement = await session.prepare(select)
    const held = nodes.map((node) => holdExecutes(node))
    const failing = session.executePrepared(statement, [1]).catch((error: unknown) => error)
    await pass(clock, 8_500)
    expect(held.map(({ length }) => length)).toEqual([1, 1])
    const error = await failing
    await settle()
    expect(seen).toMatchObject([{ attemptCount: 2, error: { code: 'TSYLLA_REQUEST_TIMEOUT' } }])
    expect(seen[0]!.error).toBe(error)
  })

  test('counts retries as attempts', async () => {
    const { session, nodes, seen } = await open(0)
    const statement = await session.prepare(select)
    let refusals = 1
    for (const node of nodes) {
      node.script = (exchange) => {
        if (!isExecute(exchange) || refusals-- <= 0) return 'default'
        exchange.reply(serverError(0x1001))
        return 'done'
      }
    }
    const { coordinator } = await session.executePrepared(statement, [1])
    await settle()
    expect(seen).toMatchObject([{ attemptCount: 2, coordinator, error: undefined }])
  })

  test('shows neither values nor passwords, and a bounded part of its text', async () => {
    const { session, seen } = await open(0)
    const long = `SELECT c FROM t WHERE c = '${'x'.repeat(5_000)}'`
    await session.execute(long)
    await session.execute("ALTER ROLE me WITH PASSWORD = 'hunter2'")
    await session.execute(select, [77])
    await settle()
    expect(seen.map(({ statement }) => statement)).toEqual([
      `${long.slice(0, 2_000)}…`,
      "ALTER ROLE me WITH PASSWORD = '[redacted]'",
      select,
    ])
    expect(JSON.stringify(seen)).not.toContain('77')
  })

  test('shows a Date as the Date that was bound', async () => {
    const seen: SlowRequest[] = []
    const slowRequest = {
      thresholdMs: 0,
      log: (one: SlowRequest) => void seen.push(one),
      values: true,
    }
    const session = await Session.connect(['embedded:'], { slowRequest })
    await session.execute(
      "CREATE KEYSPACE dates WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    )
    await session.execute('CREATE TABLE dates.t (id int PRIMARY KEY, at timestamp)')
    const insert = await session.prepare('INSERT INTO dates.t (id, at) VALUES (?, ?)')
    const at = new Date(1_700_000_000_123)
    seen.length = 0
    await session.executePrepared(insert, [1, at])
    await session.executePrepared(insert, [2, +at])
    await session.batch(new Batch().appendPrepared(insert), [[3, at]])
    await session.close()
    expect(seen.map(({ values }) => values)).toEqual([[1, at], [2, +at], [[3, at]]])
  })

  test('shows the values when they were asked for', async () => {
    const { session, seen } = await open(0, true)
    await session.execute(select, [77])
    await settle()
    expect(seen.map(({ values }) => values)).toEqual([[77]])
  })

  test('fails with nothing that its function does; the first failure is a warning', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    let count = 0
    const log = (): void | Promise<void> => {
      count++
      if (count === 1) throw new Error('the log is broken')
      return Promise.reject(new Error('still'))
    }
    const two = await connectTwo({ slowRequest: { thresholdMs: 0, log } })
    onTestFinished(() => void two.session.close({ graceMs: 0 }))
    const statement = await two.session.prepare(select)
    for (let i = 0; i < 3; i++) await two.session.executePrepared(statement, [1])
    await settle()
    expect(count).toBe(3)
    expect(warnings.map(({ message }) => message)).toEqual(['slowRequest.log has failed'])
  })
})

test.each([
  [{ thresholdMs: -1, log: () => {} }, 'slowRequest.thresholdMs must be'],
  [{ thresholdMs: '5', log: () => {} }, 'slowRequest.thresholdMs must be'],
  [{ thresholdMs: 5 }, 'slowRequest.log must be a function'],
  [5, 'slowRequest must be an object'],
  [{ thresholdMS: 5, log: () => {} }, '"thresholdMs"'],
])('the option %j is refused', async (slowRequest, message) => {
  const builder = new SessionBuilder({ contactPoints: ['embedded:'] })
  await expect(builder.slowRequest(slowRequest as never).build()).rejects.toMatchObject({
    ...{ code: 'TSYLLA_CONFIG', message: expect.stringContaining(message) },
  })
})

describeOnServers('requests that take long', (target) => {
  test('are logged for texts, prepared statements, batches and pages', async () => {
    const seen: SlowRequest[] = []
    const log = (request: SlowRequest): void => void seen.push(request)
    const session = await target.open((builder) =>
      builder.slowRequest({ thresholdMs: 0, log, values: true }),
    )
    await session.execute('CREATE TABLE slow (id int PRIMARY KEY)')
    const insert = 'INSERT INTO slow (id) VALUES (?)'
    await settle()
    seen.length = 0
    for (let id = 0; id < 10; id++) await session.execute(insert, [id])
    await session.batch(new Batch().append(insert).append(insert), [[20], [21]])
    await session.execute('SELECT * FROM slow', [], { pageSize: 5 })
    await settle()
    expect(seen).toHaveLength(12)
    expect(seen[10]).toMatchObject({ statement: insert, values: [[20], [21]], attemptCount: 1 })
    const last = seen[11]!
    expect(last).toMatchObject({ values: [], pageSize: 5, error: undefined })
    expect(last.attemptCount).toBeGreaterThanOrEqual(3)
    expect(last.durationMs).toBeGreaterThan(0)
  })
})
