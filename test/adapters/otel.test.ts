import { channel } from 'node:diagnostics_channel'
import * as api from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { instrumentTsylla, type OtelOptions } from '../../src/adapters/otel.ts'
import { addressAttributes } from '../../src/adapters/otel/attributes.ts'
import { Batch, Session } from '../../src/index.ts'
import { requestChannel } from '../../src/observability/index.ts'
import { serverError } from '../support/scripted-session.ts'
import { connect, isExecute } from '../support/scripted-session.ts'
import { ShardedNode } from '../support/sharded-node.ts'
import { describeOnServers } from '../support/targets.ts'
import { connectTwo, pass } from '../support/two-nodes.ts'

const spanExporter = new InMemorySpanExporter()
const tracerProvider = new BasicTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(spanExporter)],
})
const contexts = new AsyncLocalStorageContextManager()

beforeAll(() => {
  contexts.enable()
  api.context.setGlobalContextManager(contexts)
  api.trace.setGlobalTracerProvider(tracerProvider)
})
afterEach(() => spanExporter.reset())
afterAll(async () => {
  api.context.disable()
  api.trace.disable()
  await tracerProvider.shutdown()
})

/** Instruments for one test. */
function instrument(options: OtelOptions = {}): ReturnType<typeof instrumentTsylla> {
  const instrumentation = instrumentTsylla(api, options)
  onTestFinished(() => instrumentation.disable())
  return instrumentation
}

const finished = (): readonly ReadableSpan[] => spanExporter.getFinishedSpans()

/** Sets a meter provider for one test, and returns what collects its metrics by name. */
function collectMetrics(): () => Promise<ReadonlyMap<string, MetricData>> {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1 << 30 })
  const provider = new MeterProvider({ readers: [reader] })
  api.metrics.setGlobalMeterProvider(provider)
  onTestFinished(async () => {
    api.metrics.disable()
    await provider.shutdown()
  })
  return async () => {
    exporter.reset()
    await reader.forceFlush()
    const scopes = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics)
    expect(scopes.every(({ scope }) => scope.name === 'tsylla')).toBe(true)
    const all = scopes.flatMap(({ metrics }) => metrics)
    return new Map(all.map((metric) => [metric.descriptor.name, metric]))
  }
}

describeOnServers('OpenTelemetry', (target) => {
  test('a request is a span with the names of the semantic conventions', async () => {
    const { session, keyspace } = target
    await session.execute('CREATE TABLE spans (id int PRIMARY KEY, v text)')
    instrument()
    await session.execute(`INSERT INTO spans (id, v) VALUES (1, 'secret')`, [], {
      ...{ consistency: 'LOCAL_ONE', pageSize: 11 },
    })
    const [node] = session.getClusterData().nodes
    const [span] = finished()
    expect(finished()).toHaveLength(1)
    expect(span).toMatchObject({
      name: `INSERT ${keyspace}.spans`,
      kind: api.SpanKind.CLIENT,
      status: { code: api.SpanStatusCode.UNSET },
      instrumentationScope: { name: 'tsylla' },
    })
    const [, host, port] = /^(.*):(\d+)$/.exec(node!.address) ?? []
    const address = host ?? node!.address
    const ports = port === undefined ? {} : { 'server.port': +port, 'network.peer.port': +port }
    expect(span!.attributes).toEqual({
      'db.system.name': 'cassandra',
      'db.namespace': keyspace,
      'db.collection.name': 'spans',
      'db.operation.name': 'INSERT',
      'db.query.summary': `INSERT ${keyspace}.spans`,
      'db.query.text': 'INSERT INTO spans (id, v) VALUES (?, ?)',
      'server.address': address,
      'network.peer.address': address,
      ...ports,
      'cassandra.consistency.level': 'local_one',
      'cassandra.coordinator.id': node!.hostId,
      'cassandra.coordinator.dc': node!.dataCenter,
      'cassandra.page.size': 11,
      'cassandra.query.idempotent': true,
      'cassandra.speculative_execution.count': 0,
    })
    expect(span!.duration[0] * 1e9 + span!.duration[1]).toBeGreaterThan(0)
  })

  test('rows, batches, PREPAREs and pages have what is theirs', async () => {
    const { session } = target
    await session.execute('CREATE TABLE kinds (id int PRIMARY KEY)')
    const insert = 'INSERT INTO kinds (id) VALUES (?)'
    const prepared = await session.prepare(insert)
    instrument({ systemName: 'scylladb', queryText: false })
    await session.batch(new Batch().appendPrepared(prepared).append(insert), [[1], [2]])
    await session.batch(new Batch().appendPrepared(prepared), [[3]])
    await session.prepare('SELECT id FROM kinds')
    await session.execute('SELECT id FROM kinds')
    await session.stream('SELECT id FROM kinds', [], { pageSize: 2 }).toArray()
    const keys = ['db.operation.name', 'db.operation.batch.size', 'db.response.returned_rows']
    const what = finished().map(({ attributes }) => keys.map((key) => attributes[key]))
    expect(what.slice(0, 5)).toEqual([
      ['BATCH INSERT', 2, undefined],
      ['BATCH INSERT', undefined, undefined],
      ['PREPARE', undefined, undefined],
      ['SELECT', undefined, 3],
      ['SELECT', undefined, 2],
    ])
    for (const { attributes } of finished()) {
      expect(attributes['db.system.name']).toBe('scylladb')
      expect(attributes).not.toHaveProperty(['db.query.text'])
    }
  })

  test('a failure has its code, and no value', async () => {
    const { session } = target
    await session.execute('CREATE TABLE failing (id int PRIMARY KEY)')
    instrument()
    await expect(session.execute('SELECT * FROM missing_table')).rejects.toThrow()
    await expect(
      session.execute('INSERT INTO failing (id) VALUES (?)', ['secret']),
    ).rejects.toThrow()
    expect(finished()).toMatchObject([
      {
        status: { code: api.SpanStatusCode.ERROR },
        attributes: { 'error.type': '8704', 'db.response.status_code': '8704' },
        events: [{ name: 'exception' }],
      },
      { attributes: { 'error.type': 'TSYLLA_BIND_VALUE' } },
    ])
    expect(finished()[1]!.attributes).not.toHaveProperty(['db.response.status_code'])
    const shown = finished().map(({ attributes, status, events }) => [attributes, status, events])
    expect(JSON.stringify(shown)).not.toContain('secret')
  })

  test('the parent of a span is the active span of its caller', async () => {
    const { session } = target
    await session.execute('CREATE TABLE parents (id int PRIMARY KEY)')
    instrument({ requireParent: true })
    const tracer = api.trace.getTracer('test')
    await session.execute('SELECT * FROM parents')
    const work = async (name: string): Promise<void> =>
      await tracer.startActiveSpan(name, async (parent) => {
        await session.execute('SELECT * FROM parents WHERE id = ?', [1])
        await session.execute('SELECT * FROM parents WHERE id = ?', [2])
        parent.end()
      })
    await Promise.all([work('one'), work('two')])
    const own = finished().filter(({ kind }) => kind === api.SpanKind.CLIENT)
    expect(own).toHaveLength(4)
    for (const name of ['one', 'two']) {
      const parent = finished().find((span) => span.name === name)!
      const children = own.filter(
        ({ parentSpanContext }) => parentSpanContext?.spanId === parent.spanContext().spanId,
      )
      expect(children).toHaveLength(2)
      expect(children[0]!.spanContext().traceId).toBe(parent.spanContext().traceId)
    }
  })

  test('durations, rows and connections are metrics with the names of the conventions', async () => {
    const collect = collectMetrics()
    const instrumentation = instrument({ traces: false })
    const session = await target.open()
    instrumentation.observe(session, 'main')
    await session.execute('CREATE TABLE measured (id int PRIMARY KEY)')
    for (let id = 0; id < 3; id++) {
      await session.execute('INSERT INTO measured (id) VALUES (?)', [id])
    }
    await session.execute('SELECT * FROM measured')
    await expect(session.execute('SELECT * FROM measured WHERE x = ?', [1])).rejects.toThrow()
    const metrics = await collect()
    expect(finished()).toEqual([])
    const duration = metrics.get('db.client.operation.duration')!
    expect(duration.descriptor).toMatchObject({ unit: 's' })
    const inserts = duration.dataPoints.find(
      ({ attributes }) => attributes['db.operation.name'] === 'INSERT',
    )!
    expect(inserts.value).toMatchObject({
      count: 3,
      buckets: { boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] },
    })
    expect((inserts.value as { sum: number }).sum).toBeLessThan(10)
    expect(inserts.attributes).toMatchObject({
      ...{ 'db.system.name': 'cassandra', 'db.namespace': target.keyspace },
      ...{ 'db.collection.name': 'measured', 'server.address': expect.any(String) },
    })
    expect(inserts.attributes).not.toHaveProperty(['db.query.text'])
    const failures = duration.dataPoints.filter(({ attributes }) => 'error.type' in attributes)
    expect(failures).toMatchObject([{ attributes: { 'error.type': '8704' }, value: { count: 1 } }])
    const rows = metrics.get('db.client.response.returned_rows')!
    expect(rows.dataPoints).toMatchObject([{ value: { count: 1, sum: 3 } }])
    const created = metrics.get('db.client.connection.create_time')!
    expect(created.dataPoints).toMatchObject([{ value: { count: 2 } }])
    const [node] = session.getClusterData().nodes
    const { server } = session.metrics()
    const pool = { 'db.client.connection.pool.name': server }
    for (const name of ['create_time', 'pending_requests']) {
      const { dataPoints } = metrics.get(`db.client.connection.${name}`)!
      expect(dataPoints, name).toMatchObject([{ attributes: pool }])
    }
    const count = metrics.get('db.client.connection.count')!
    expect(count.dataPoints).toMatchObject([
      {
        value: 1,
        attributes: {
          ...{ ...pool, 'tsylla.session.name': 'main' },
          ...{ 'db.client.connection.state': 'used', 'cassandra.coordinator.id': node!.hostId },
        },
      },
    ])
    const zeros = [
      ...['db.client.connection.pending_requests', 'tsylla.retries', 'tsylla.shard.misrouted'],
      ...['tsylla.stream_ids.in_flight', 'tsylla.stream_ids.orphaned'],
      'tsylla.speculative_executions',
    ]
    for (const name of zeros)
      expect(metrics.get(name)?.dataPoints, name).toMatchObject([{ value: 0 }])
    await session.close()
    const read = vi.spyOn(session, 'metrics')
    await collect()
    expect(read).not.toHaveBeenCalled()
  })
})

test('nodes of ScyllaDB are scylladb', async () => {
  const node = new ShardedNode()
  const session = await connect(node)
  onTestFinished(() => session.close())
  instrument()
  await session.execute('SELECT c FROM t WHERE c = ?', [1])
  expect(finished()).toMatchObject([{ attributes: { 'db.system.name': 'scylladb' } }])
})

test('two open sessions cannot be reported by one name, and each registration ends on its own', async () => {
  const collect = collectMetrics()
  const instrumentation = instrument({ traces: false })
  const open = async (): Promise<Session> => {
    const session = await connect(new ShardedNode())
    onTestFinished(() => session.close())
    return session
  }
  const [one, two] = [await open(), await open()]
  const end = instrumentation.observe(one)
  expect(() => instrumentation.observe(two)).toThrow(
    'Another session is reported as "default" already',
  )
  instrumentation.observe(two, 'two')
  const names = async (): Promise<unknown[]> =>
    (await collect())
      .get('tsylla.retries')!
      .dataPoints.map(({ attributes }) => attributes['tsylla.session.name'])
  expect(await names()).toEqual(['default', 'two'])
  end()
  const [ofOne, ofTwo] = [vi.spyOn(one, 'metrics'), vi.spyOn(two, 'metrics')]
  await collect()
  expect(ofOne).not.toHaveBeenCalled()
  expect(ofTwo).toHaveBeenCalledOnce()
})

test.each([
  ['10.0.0.1:9042', '10.0.0.1', 9042],
  ['[2001:db8::1]:9042', '2001:db8::1', 9042],
  ['proxy.example:443/6f1a0c0e-0000-4000-8000-0123456789ab', 'proxy.example', 443],
  ['embedded:./data', 'embedded:./data', undefined],
])('the address %s has host and port apart', (address, host, port) => {
  expect(addressAttributes('network.peer', address)).toEqual({
    'network.peer.address': host,
    ...(port === undefined ? {} : { 'network.peer.port': port }),
  })
})

test('a request that is retried is one span', async () => {
  const { session, nodes } = await connectTwo()
  onTestFinished(() => void session.close({ graceMs: 0 }))
  const statement = await session.prepare('SELECT c FROM t WHERE c = ?')
  let refusals = 1
  for (const node of nodes) {
    node.script = (exchange) => {
      if (!isExecute(exchange) || refusals-- <= 0) return 'default'
      exchange.reply(serverError(0x1001))
      return 'done'
    }
  }
  instrument()
  const { coordinator } = await session.executePrepared(statement, [1])
  const [span] = finished()
  expect(finished()).toHaveLength(1)
  const { 'network.peer.address': host, 'network.peer.port': port } = span!.attributes
  expect([host, port].join(':')).toBe(coordinator)
  expect(span!.attributes['server.address']).toBe('10.0.0.1')
})

test('requests that never got a connection are timeouts of connections', async () => {
  const collect = collectMetrics()
  const { session, nodes, clock } = await connectTwo({ requestTimeoutMs: 1_000 })
  onTestFinished(() => void session.close({ graceMs: 0 }))
  const statement = await session.prepare('SELECT c FROM t WHERE c = ?')
  instrument({ traces: false })
  for (const node of nodes) {
    node.open = () => Promise.reject(new Error('refused'))
    node.script = () => 'done'
  }
  const all = Array.from({ length: 2_049 }, () => session.executePrepared(statement, [1]))
  const outcomes = Promise.allSettled(all)
  await pass(clock, 1_500)
  await outcomes
  const timeouts = (await collect()).get('db.client.connection.timeouts')
  expect(timeouts?.dataPoints).toMatchObject([
    { value: 1, attributes: { 'db.client.connection.pool.name': '10.0.0.1:9042' } },
  ])
})

test('after it is disabled nothing subscribes, and requests cost what they did before', async () => {
  const instrumentation = instrumentTsylla(api)
  expect(requestChannel.start.hasSubscribers).toBe(true)
  instrumentation.disable()
  expect(requestChannel.start.hasSubscribers).toBe(false)
  expect(requestChannel.asyncEnd.hasSubscribers).toBe(false)
  expect(channel('tracing:tsylla:connect:asyncEnd').hasSubscribers).toBe(false)
  const session = await Session.connect(['embedded:'])
  await session.execute('SELECT key FROM system.local')
  await session.close()
  expect(finished()).toEqual([])
})
