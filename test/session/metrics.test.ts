import { expect, onTestFinished, test } from 'vitest'
import { holdExecutes, isExecute, serverError, settle } from '../support/scripted-session.ts'
import { connect } from '../support/scripted-session.ts'
import { ScriptedNode } from '../support/scripted-node.ts'
import { ShardedNode } from '../support/sharded-node.ts'
import { describeOnServers } from '../support/targets.ts'
import { answered, connectTwo, pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const select = 'SELECT c FROM t WHERE c = ?'

describeOnServers('metrics of a session', (target) => {
  test('count requests, and failed ones by the code of their error', async () => {
    const session = await target.open()
    await session.execute('CREATE TABLE counted (id int PRIMARY KEY)')
    const before = session.metrics()
    const insert = 'INSERT INTO counted (id) VALUES (?)'
    for (let id = 0; id < 20; id++) await session.execute(insert, [id])
    const missing = session.execute('SELECT * FROM missing_table')
    await expect(missing).rejects.toThrow()
    // It fails in PREPARE, before there is a request.
    await expect(session.execute('SELECT x FROM missing_table', [])).rejects.toThrow()
    await expect(session.execute('SELECT x FROM missing_table', [1])).rejects.toThrow()
    await expect(session.execute(insert, ['text'])).rejects.toThrow()
    await expect(session.execute(insert, [1], { pageSize: 0 })).rejects.toThrow()
    const after = session.metrics()
    expect(after.requestCount - before.requestCount).toBe(25)
    expect(after.errorCounts).toEqual({
      ...{ TSYLLA_SERVER_INVALID: 3, TSYLLA_BIND_VALUE: 1, TSYLLA_CONFIG: 1 },
    })
    expect(after).toMatchObject({ timeoutCount: 0, retryCount: 0, queuedCount: 0 })
    expect(after).toMatchObject({ queuedBytes: 0, inFlightBytes: 0, speculativeExecutionCount: 0 })
    expect(after.latency.p50Ms).toBeGreaterThan(0)
    expect(after.latency.maxMs).toBeLessThan(60_000)
    const [data] = session.getClusterData().nodes
    expect(after.nodes).toHaveLength(1)
    expect(after.nodes[0]).toMatchObject({
      ...{ hostId: data!.hostId, address: data!.address, dataCenter: data!.dataCenter },
      ...{ isUp: true, connectionCount: 1, connectionCountsByShard: [], misroutedCount: 0 },
      ...{ inFlightCount: 0, orphanedCount: 0, timeoutCount: 0 },
    })
    expect(after.nodes[0]!.latency.count).toBeGreaterThanOrEqual(20)
    expect(before.requestCount).toBeLessThan(after.requestCount)
  })
})

test('what is in flight or was given up is counted by node, and time is that of the session', async () => {
  const two = await connectTwo({ requestTimeoutMs: 8_000 })
  const { session, nodes, clock } = two
  onTestFinished(() => void session.close({ graceMs: 0 }))
  const update = await session.prepare('UPDATE t SET l = l + ? WHERE c = ?')
  const held = nodes.map((node) => holdExecutes(node))
  const outcomes = Promise.allSettled(
    [0, 1, 2, 3].map((c) => session.executePrepared(update, [1, c])),
  )
  await settle()
  const under = session.metrics()
  expect(under.nodes.map(({ inFlightCount }) => inFlightCount)).toEqual([2, 2])
  expect(under.inFlightBytes).toBeGreaterThan(100)
  await pass(clock, 100)
  for (const exchange of held[0]!) answered(exchange)
  await pass(clock, 8_200)
  await outcomes
  const after = session.metrics()
  expect(after).toMatchObject({
    ...{ requestCount: 4, timeoutCount: 2, errorCounts: { TSYLLA_REQUEST_TIMEOUT: 2 } },
    ...{ inFlightBytes: 0, retryCount: 0, speculativeExecutionCount: 0 },
  })
  expect(after.nodes).toMatchObject([
    { timeoutCount: 0, orphanedCount: 0, inFlightCount: 0, latency: { count: 2 } },
    { timeoutCount: 2, orphanedCount: 2, inFlightCount: 0, latency: { count: 0 } },
  ])
  expect(after.nodes[0]!.latency.maxMs).toBeGreaterThanOrEqual(100)
  expect(after.nodes[0]!.latency.maxMs).toBeLessThanOrEqual(150)
  expect(after.latency.maxMs).toBeGreaterThanOrEqual(8_000)
  expect(under.nodes[0]).toMatchObject({ inFlightCount: 2, latency: { count: 0 } })
})

test('of two attempts that are not answered both are timeouts, each of its node', async () => {
  const { session, nodes, clock } = await connectTwo({ requestTimeoutMs: 8_000 })
  onTestFinished(() => void session.close({ graceMs: 0 }))
  const statement = await session.prepare(select)
  for (const node of nodes) holdExecutes(node)
  const outcome = session.executePrepared(statement, [1]).catch((error: unknown) => error)
  await pass(clock, 8_500)
  expect(await outcome).toMatchObject({ code: 'TSYLLA_REQUEST_TIMEOUT' })
  const metrics = session.metrics()
  expect(metrics).toMatchObject({ requestCount: 1, timeoutCount: 1, speculativeExecutionCount: 1 })
  const one = { timeoutCount: 1, orphanedCount: 1, inFlightCount: 0 }
  expect(metrics.nodes).toMatchObject([one, one])
})

test('counting reads the clock no more often than deadlines need', async () => {
  class CountedClock extends VirtualClock {
    readCount = 0
    override monotonicMs(): number {
      this.readCount++
      return super.monotonicMs()
    }
  }
  const clock = new CountedClock()
  const session = await connect(new ScriptedNode(clock))
  onTestFinished(() => void session.close({ graceMs: 0 }))
  const statement = await session.prepare(select)
  await session.executePrepared(statement, [1])
  const before = clock.readCount
  for (let i = 0; i < 100; i++) await session.executePrepared(statement, [1])
  // When the call begins, and when the bytes of its answer arrive.
  expect(clock.readCount - before).toBe(200)
  expect(session.metrics().requestCount).toBe(101)
})

test('retries and speculative executions are told apart, and a repeated PREPARE is neither', async () => {
  const two = await connectTwo({ requestTimeoutMs: 8_000 })
  const { session, nodes, clock } = two
  onTestFinished(() => void session.close({ graceMs: 0 }))
  const statement = await session.prepare(select)
  let refusals = 1
  for (const node of nodes) {
    node.script = (exchange) => {
      if (!isExecute(exchange) || refusals-- <= 0) return 'default'
      exchange.reply(serverError(0x1001))
      return 'done'
    }
  }
  await session.executePrepared(statement, [1])
  expect(session.metrics()).toMatchObject({ retryCount: 1, speculativeExecutionCount: 0 })
  expect(session.metrics().errorCounts).toEqual({})
  const held = nodes.map((node) => holdExecutes(node))
  const result = session.executePrepared(statement, [1])
  await pass(clock, 2_100)
  expect(session.metrics()).toMatchObject({ retryCount: 1, speculativeExecutionCount: 1 })
  held[0]!.forEach(answered)
  await result
  let unprepared = 1
  for (const node of nodes) {
    node.script = (exchange) => {
      if (!isExecute(exchange) || unprepared-- <= 0) return 'default'
      exchange.reply(serverError(0x2500, { statementId: new Uint8Array([1]) }))
      return 'done'
    }
  }
  await session.executePrepared(statement, [1])
  expect(session.metrics()).toMatchObject({ retryCount: 1, speculativeExecutionCount: 1 })
})

test('requests that wait are counted with their bytes', async () => {
  const { session, nodes, clock } = await connectTwo()
  onTestFinished(() => void session.close({ graceMs: 0 }))
  const statement = await session.prepare(select)
  const held = nodes.map((node) => holdExecutes(node))
  const all = Array.from({ length: 2_050 }, () => session.executePrepared(statement, [1]))
  await settle()
  const metrics = session.metrics()
  expect(metrics.queuedCount).toBe(2)
  expect(metrics.queuedBytes).toBeGreaterThan(0)
  expect(metrics.nodes.map(({ inFlightCount }) => inFlightCount)).toEqual([1_024, 1_024])
  for (const node of nodes) node.script = () => 'default'
  held.flat().forEach(answered)
  await pass(clock, 50)
  await Promise.all(all)
  expect(session.metrics()).toMatchObject({ queuedCount: 0, queuedBytes: 0, requestCount: 2_050 })
})

test('connections are counted by shard, and requests that reach another one', async () => {
  const node = new ShardedNode()
  const session = await connect(node)
  onTestFinished(() => session.close())
  await settle()
  const insert = await session.prepare('INSERT INTO ks.t (c0) VALUES (?)')
  for (let i = 0; i < 40; i++) await session.executePrepared(insert, [`${i}`])
  const [one] = session.metrics().nodes
  expect(one).toMatchObject({
    ...{ connectionCount: 4, connectionCountsByShard: [1, 1, 1, 1], misroutedCount: 0 },
  })
  // Only the shard of the control connection is left.
  node.open = () => Promise.reject(new Error('refused'))
  for (const connection of [...node.connections].slice(2)) connection.destroy()
  await settle()
  for (let i = 0; i < 40; i++) await session.executePrepared(insert, [`${i}`])
  const [fewer] = session.metrics().nodes
  const open = fewer!.connectionCountsByShard.reduce((sum, count) => sum + count, 0)
  expect(fewer!.connectionCount).toBe(open)
  expect(open).toBeLessThan(4)
  expect(fewer!.misroutedCount).toBeGreaterThan(0)
  expect(fewer!.misroutedCount).toBeLessThanOrEqual(40)
})
