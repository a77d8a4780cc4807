import { describe, expect, onTestFinished, test } from 'vitest'
import { Batch, Statement } from '../../src/index.ts'
import { emptyResponsePrefix, Opcode } from '../../src/protocol/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { rowsOf, ScriptedNode, voidResult } from '../support/scripted-node.ts'
import { connect } from '../support/scripted-session.ts'
import { describeOnServers } from '../support/targets.ts'
import { pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const traced = { tracing: true } as const

describeOnServers('traces of requests', (target) => {
  test('are read with all that the server has written', async () => {
    const { session } = target
    await session.execute('CREATE TABLE traces (k int, c int, PRIMARY KEY (k, c))')
    const insert = 'INSERT INTO traces (k, c) VALUES (?, ?)'
    const result = await session.execute(insert, [1, 2], { ...traced, consistency: 'ONE' })
    const trace = await result.trace()
    expect(trace.id).toBe(result.tracingId())
    expect(trace.durationUs).toBeGreaterThanOrEqual(0)
    expect(trace.coordinator).toMatch(/^[\d.:a-f]+$/)
    expect(trace.client).toMatch(/^[\d.:a-f]+$/)
    expect(Math.abs(trace.startedAt.getTime() - Date.now())).toBeLessThan(600_000)
    expect(trace.parameters.get('consistency_level')).toBe('ONE')
    expect(trace.parameters.get('query')).toBe(insert)
    expect(trace.request).not.toBe('')
    expect(trace.events.length).toBeGreaterThan(0)
    for (const { activity, source, sourceElapsedUs } of trace.events) {
      expect(activity).not.toBe('')
      expect(source).toBe(trace.coordinator)
      expect(sourceElapsedUs).toBeGreaterThanOrEqual(0)
    }
  })

  test('are there for texts, batches, pages, schema changes and USE', async () => {
    const { session, keyspace } = target
    const statement = new Statement('SELECT key FROM system.local').withTracing(true)
    const batch = new Batch().append('INSERT INTO traced_too (k) VALUES (1)')
    const results = [
      await session.execute('CREATE TABLE traced_too (k int PRIMARY KEY)', [], traced),
      await session.execute(statement),
      await session.batch(batch, [], traced),
      await session.page('SELECT * FROM traced_too', [], traced),
      await session.execute(`USE ${keyspace}`, [], traced),
    ]
    const traces = await Promise.all(results.map((result) => result.trace({ timeoutMs: 20_000 })))
    expect(new Set(traces.map(({ id }) => id)).size).toBe(5)
  })

  test('a request without tracing has none', async () => {
    const result = await target.session.execute('SELECT key FROM system.local')
    await expect(result.trace()).rejects.toMatchObject({
      ...{ code: 'TSYLLA_CONFIG', message: expect.stringContaining('tracing: true') },
    })
  })
})

const id = '0b5b3f40-7e7c-11ee-8a1d-0242ac120002'
const { inet, int, text, timestamp, uuid } = nativeTypes
const sessionColumns = [
  ['session_id', uuid],
  ['client', inet],
  ['coordinator', inet],
  ['duration', int],
  ['request', text],
  ['started_at', timestamp],
] as const
const row = (duration: number | null): readonly unknown[] => [
  ...[id, '10.0.0.9', '10.0.0.1', duration, 'QUERY', new Date(1_700_000_000_000)],
]

/** A session of a node that traces; `rows` are what it has in `system_traces.sessions`. */
async function open() {
  const clock = new VirtualClock()
  const node = new ScriptedNode(clock)
  const rows: (readonly unknown[])[] = []
  const reads: number[] = []
  node.script = (exchange) => {
    const { request } = exchange
    if (request.opcode !== Opcode.QUERY) return 'default'
    if (request.text.includes('system_traces.sessions')) {
      reads.push(clock.monotonicMs())
      exchange.reply(rowsOf(sessionColumns, rows))
    } else if (request.text.includes('system_traces.events')) {
      exchange.reply(rowsOf([['activity', text]], [['did nothing']]))
    } else if (request.text.startsWith('TRUNCATE')) {
      exchange.reply(voidResult, { ...emptyResponsePrefix, tracingId: id })
    } else return 'default'
    return 'done'
  }
  const session = await connect(node)
  onTestFinished(() => void session.close({ graceMs: 0 }))
  const result = await session.execute('TRUNCATE t', undefined, traced)
  return { clock, node, session, rows, reads, result }
}

describe('reading a trace', () => {
  test('waits until its duration is there, looking ever more rarely', async () => {
    const { clock, rows, reads, result } = await open()
    const reading = result.trace()
    await pass(clock, 200)
    rows.push(row(null))
    await pass(clock, 2_000)
    rows[0] = row(12)
    await pass(clock, 300)
    expect(await reading).toEqual({
      ...{ id, coordinator: '10.0.0.1', client: '10.0.0.9', durationUs: 12, request: 'QUERY' },
      ...{ startedAt: new Date(1_700_000_000_000), parameters: new Map() },
      events: [
        { activity: 'did nothing', source: '', sourceElapsedUs: undefined, thread: undefined },
      ],
    })
    expect(reads.length).toBeLessThan(20)
    const last = reads.slice(-3)
    expect(last[1]! - last[0]!).toBe(250)
  })

  test.each([
    ['is not there', [], 'is not there'],
    ['stays without a duration', [row(null)], 'is not complete'],
  ] as const)('fails when it %s', async (_, found, message) => {
    const { clock, rows, result, reads } = await open()
    rows.push(...found)
    const reading = result.trace({ timeoutMs: 1_000 }).catch((error: unknown) => error)
    await pass(clock, 1_100)
    expect(await reading).toMatchObject({
      ...{ code: 'TSYLLA_TRACE', tracingId: id, outcome: 'not_applied' },
      message: expect.stringContaining(message),
    })
    const readCount = reads.length
    await pass(clock, 2_000)
    expect(reads.length).toBe(readCount)
  })

  test('fails in time when the node does not answer', async () => {
    const { clock, node, result } = await open()
    node.script = () => 'done'
    const reading = result.trace({ timeoutMs: 1_000 }).catch((error: unknown) => error)
    await pass(clock, 1_100)
    expect(await reading).toMatchObject({ code: 'TSYLLA_TRACE' })
  })

  test('ends when it is aborted', async () => {
    const { clock, reads, result } = await open()
    const controller = new AbortController()
    const reading = result.trace({ signal: controller.signal }).catch((error: unknown) => error)
    await pass(clock, 100)
    controller.abort()
    expect(await reading).toMatchObject({ code: 'TSYLLA_ABORTED' })
    const readCount = reads.length
    await pass(clock, 1_000)
    expect(reads.length).toBe(readCount)
  })

  test('needs options that make sense, and an open session', async () => {
    const { session, result } = await open()
    await expect(result.trace({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
    const signal = 'now' as unknown as AbortSignal
    await expect(result.trace({ signal })).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
    await session.close()
    await expect(result.trace()).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
  })
})
