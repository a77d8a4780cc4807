import { Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { TsyllaCollector } from '../../src/adapters/prometheus.ts'
import { connect, settle } from '../support/scripted-session.ts'
import { ShardedNode } from '../support/sharded-node.ts'
import { describeOnServers } from '../support/targets.ts'

/** Reads the values of a text, by name and labels. */
function valuesIn(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const [, name, value] = /^(\S+) (\S+)$/.exec(line) ?? []
      return [name!, Number(value)]
    }),
  )
}

describeOnServers('Prometheus', (target) => {
  test('requests, errors, durations and nodes are in the text of the registry', async () => {
    const registry = new Registry()
    const collector = new TsyllaCollector({ registry, buckets: [0.000_001, 0.1, 60] })
    const session = await target.open()
    await session.execute('CREATE TABLE scraped (id int PRIMARY KEY)')
    const end = collector.add(session, 'main')
    for (let id = 0; id < 5; id++) {
      await session.execute('INSERT INTO scraped (id) VALUES (?)', [id])
    }
    await expect(session.execute('SELECT x FROM missing_table')).rejects.toThrow()
    const text = await registry.metrics()
    const values = valuesIn(text)
    const { requestCount, nodes, latency } = session.metrics()
    const own = '{session="main"}'
    expect(text).toContain('# TYPE tsylla_requests_total counter')
    expect(text).toContain('# HELP tsylla_request_duration_seconds From the call to its end')
    expect(values.get(`tsylla_requests_total${own}`)).toBe(requestCount)
    const error = 'tsylla_request_errors_total{session="main",code="TSYLLA_SERVER_INVALID"}'
    expect(values.get(error)).toBe(1)
    const duration = 'tsylla_request_duration_seconds'
    expect(values.get(`${duration}_bucket{session="main",le="0.000001"}`)).toBe(0)
    expect(values.get(`${duration}_bucket{session="main",le="60"}`)).toBe(latency.count)
    expect(values.get(`${duration}_bucket{session="main",le="+Inf"}`)).toBe(latency.count)
    expect(values.get(`${duration}_count${own}`)).toBe(latency.count)
    expect(values.get(`${duration}_sum${own}`)).toBeCloseTo(latency.sumMs / 1_000)
    const [{ address, hostId, dataCenter }] = nodes as [(typeof nodes)[0]]
    const node = `{session="main",node="${address}",host_id="${hostId}",data_center="${dataCenter}"}`
    expect(values.get(`tsylla_node_up${node}`)).toBe(1)
    expect(values.get(`tsylla_node_connections${node}`)).toBe(1)
    expect(values.get(`tsylla_node_request_duration_seconds_count${node}`)).toBe(
      nodes[0]!.latency.count,
    )
    for (const name of ['queued_requests', 'queued_bytes', 'in_flight_bytes', 'retries_total']) {
      expect(values.get(`tsylla_${name}${own}`), name).toBe(0)
    }
    await session.execute('INSERT INTO scraped (id) VALUES (?)', [9])
    const later = valuesIn(await registry.metrics())
    expect(later.get(`tsylla_requests_total${own}`)).toBe(requestCount + 1)
    end()
    expect(valuesIn(await registry.metrics()).size).toBe(0)
    collector.close()
    expect(registry.getMetricsAsArray()).toEqual([])
  })

  test('several sessions are told apart, and leave when they are closed', async () => {
    const registry = new Registry()
    registry.setDefaultLabels({ app: 'shop' })
    const collector = new TsyllaCollector({ registry, prefix: 'cql_' })
    const [one, two] = [await target.open(), await target.open()]
    collector.add(one, 'one')
    collector.add(two, 'two')
    expect(() => collector.add(one, 'two')).toThrow('Another session is reported as "two"')
    const names = async (): Promise<string[]> =>
      [...valuesIn(await registry.metrics()).keys()].filter((name) =>
        name.startsWith('cql_requests'),
      )
    expect(await names()).toEqual([
      'cql_requests_total{session="one",app="shop"}',
      'cql_requests_total{session="two",app="shop"}',
    ])
    await one.close()
    expect(await names()).toEqual(['cql_requests_total{session="two",app="shop"}'])
    collector.add(two, 'one')
  })
})

test('one registration of a session ends without the others', async () => {
  const session = await connect(new ShardedNode())
  onTestFinished(() => session.close())
  const registry = new Registry()
  const collector = new TsyllaCollector({ registry })
  const endFirst = collector.add(session, 'main')
  const endSecond = collector.add(session, 'main')
  collector.add(session, 'other')
  const names = async (): Promise<string[]> =>
    [...valuesIn(await registry.metrics()).keys()].filter((name) =>
      name.startsWith('tsylla_requests_total'),
    )
  const both = ['tsylla_requests_total{session="main"}', 'tsylla_requests_total{session="other"}']
  endFirst()
  endFirst()
  expect(await names()).toEqual(both)
  endSecond()
  expect(await names()).toEqual(both.slice(1))
  // What has ended must not end what was added later.
  collector.add(session, 'main')
  endSecond()
  expect(await names()).toEqual(both.toReversed())
})

test('OpenMetrics, JSON and resetting work as for other metrics', async () => {
  const node = new ShardedNode()
  const session = await connect(node)
  onTestFinished(() => session.close())
  await settle()
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const collector = new TsyllaCollector({ registry })
  collector.add(session)
  await session.execute('SELECT c FROM t WHERE c = ?', [1])
  registry.resetMetrics()
  const text = await registry.metrics()
  expect(text).toContain('# TYPE tsylla_requests counter')
  expect(text).toContain('tsylla_requests_total{session="default"} 1')
  expect(text).toMatch(/tsylla_node_shard_connections\{[^}]*shard="3"\} 1/)
  expect(text.endsWith('# EOF\n')).toBe(true)
  const json = await registry.getMetricsAsJSON()
  expect(json.find(({ name }) => name === 'tsylla_requests')).toMatchObject({
    ...{ type: 'counter', aggregator: 'sum' },
    values: [{ value: 1, labels: { session: 'default' } }],
  })
})

test('wrong options are refused', () => {
  expect(() => new TsyllaCollector({} as never)).toThrow('registry must be a registry')
  const registry = new Registry()
  expect(() => new TsyllaCollector({ registry, buckets: [2, 1] })).toThrow('ascending')
  expect(() => new TsyllaCollector({ registry, buckets: [-1] })).toThrow('ascending')
})
