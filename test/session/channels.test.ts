import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, expect, test, vi } from 'vitest'
import {
  Batch,
  type ConnectTrace,
  type PrepareTrace,
  type RequestTrace,
  Session,
  Statement,
} from '../../src/index.ts'
import { ShownStatement } from '../../src/session/execution/shown-statement.ts'
import { describeOnServers } from '../support/targets.ts'

const ends: (() => void)[] = []

/** Collects what is published to a channel until the test ends. */
function collect<Trace>(name: string): Trace[] {
  const traces: Trace[] = []
  const listener = (message: unknown): void => void traces.push(message as Trace)
  subscribe(name, listener)
  ends.push(() => unsubscribe(name, listener))
  return traces
}

afterEach(() => {
  for (const end of ends.splice(0)) end()
})

describeOnServers('diagnostics channels', (target) => {
  test('a request is published when it begins and when it ends, however it was made', async () => {
    const { session } = target
    await session.execute('CREATE TABLE traced (id int PRIMARY KEY, v text)')
    const started = collect<RequestTrace>('tracing:tsylla:request:start')
    const ended = collect<RequestTrace>('tracing:tsylla:request:asyncEnd')
    const insert = 'INSERT INTO traced (id, v) VALUES (?, ?)'
    const select = 'SELECT v FROM traced'
    await session.execute(insert, [1, 'secret'], { consistency: 'ONE' })
    const prepared = await session.prepare(insert)
    await session.executePrepared(prepared, [2, 'secret'])
    const batch = new Batch().appendPrepared(prepared).appendPrepared(prepared)
    await session.batch(batch, [
      [3, 'secret'],
      [4, 'secret'],
    ])
    const page = await session.page(select, undefined, { pageSize: 3 })
    const streamed = await session.stream(select, undefined, { pageSize: 3 }).toArray()
    expect([page.length, streamed.length]).toEqual([3, 4])
    expect(started).toEqual(ended)
    const { keyspace } = target
    const one = { keyspace, statementCount: 1 }
    expect(ended).toMatchObject([
      { ...one, verb: 'execute', text: insert, options: { consistency: 'ONE' } },
      { ...one, verb: 'prepare', text: insert },
      { ...one, verb: 'executePrepared', text: insert },
      { keyspace, verb: 'batch', text: undefined, statementCount: 2 },
      { ...one, verb: 'page', text: select },
      { ...one, verb: 'page', text: select },
      { ...one, verb: 'page', text: select },
    ])
    expect(ended[0]?.result?.coordinator).toBe(page.coordinator)
    expect(ended[4]?.result?.length).toBe(3)
    const { result: _, ...published } = ended[0]!
    expect(JSON.stringify(published)).not.toContain('secret')
  })

  test('a request that has ended says what it was and where it went', async () => {
    const session = await target.open()
    await session.execute('CREATE TABLE told (id int PRIMARY KEY, v text)')
    const ended = collect<RequestTrace>('tracing:tsylla:request:asyncEnd')
    const insert = `INSERT INTO told (id, v) VALUES (1, 'secret')`
    await session.execute(insert, [], { consistency: 'ONE', pageSize: 9 })
    await session.batch(new Batch().append(insert).append(insert))
    await session.batch(new Batch().append(insert).append('DELETE FROM told WHERE id = 0'))
    await session
      .execute('SELECT * FROM told /* 5 */ WHERE id = -12 AND v = ?', ['v'])
      .catch(() => {})
    await session.execute(`CREATE TABLE IF NOT EXISTS ${target.keyspace}.told (id int PRIMARY KEY)`)
    await session.prepare(`UPDATE told SET v = 'it''s' WHERE id = 3`)
    const [node] = session.getClusterData().nodes
    const { keyspace } = target
    const what = ({ operation, table, summary }: RequestTrace): unknown[] => [
      ...[operation, table, summary],
    ]
    expect(ended.map(what)).toEqual([
      ['INSERT', 'told', `INSERT ${keyspace}.told`],
      ['BATCH INSERT', 'told', `BATCH INSERT ${keyspace}.told`],
      ['BATCH', 'told', `BATCH ${keyspace}.told`],
      ['SELECT', 'told', `SELECT ${keyspace}.told`],
      ['CREATE TABLE', undefined, 'CREATE TABLE'],
      ['UPDATE', 'told', `PREPARE UPDATE ${keyspace}.told`],
    ])
    expect(ended.map(({ parameterizedText }) => parameterizedText)).toEqual([
      'INSERT INTO told (id, v) VALUES (?, ?)',
      'INSERT INTO told (id, v) VALUES (?, ?)',
      'INSERT INTO told (id, v) VALUES (?, ?); DELETE FROM told WHERE id = ?',
      'SELECT * FROM told   WHERE id = -? AND v = ?',
      `CREATE TABLE IF NOT EXISTS ${keyspace}.told (id int PRIMARY KEY)`,
      'UPDATE told SET v = ? WHERE id = ?',
    ])
    expect(ended[0]).toMatchObject({
      ...{ system: 'cassandra', attemptCount: 1, speculativeExecutionCount: 0 },
      ...{ consistency: 'ONE', pageSize: 9, isIdempotent: true, server: node!.address },
      node: { hostId: node!.hostId, address: node!.address, dataCenter: node!.dataCenter },
    })
    expect(ended[0]!.durationMs).toBeGreaterThan(0)
    expect(ended[5]!.durationMs).toBeGreaterThan(0)
    expect(ended[5]!.node).toBeUndefined()
  })

  test('a request that fails is published with its error, also one that is never sent', async () => {
    const { session } = target
    const failed = collect<RequestTrace>('tracing:tsylla:request:error')
    await expect(session.execute('SELECT * FROM missing_table')).rejects.toThrow()
    await expect(session.execute('SELECT ?', [1, 2, 3])).rejects.toThrow()
    expect(failed).toMatchObject([
      { text: 'SELECT * FROM missing_table', error: { code: 'TSYLLA_SERVER_INVALID' } },
      { text: 'SELECT ?', error: expect.anything() },
    ])
  })

  test('connections and PREPAREs are published with their node', async () => {
    const connected = collect<ConnectTrace>('tracing:tsylla:connect:asyncEnd')
    const prepared = collect<PrepareTrace>('tracing:tsylla:prepare:asyncEnd')
    const session = await target.open()
    const text = 'SELECT key FROM system.local WHERE key = ?'
    const { coordinator } = await session.execute(text, ['local'])
    await session.execute(text, ['local'])
    expect(connected.length).toBeGreaterThanOrEqual(2)
    expect(new Set(connected.map(({ node }) => node))).toEqual(new Set([coordinator]))
    expect(prepared).toEqual([
      {
        ...{ node: coordinator, text, keyspace: target.keyspace, result: expect.anything() },
        durationMs: expect.any(Number),
      },
    ])
  })
})

test('a call has the keyspace that its statement means, whoever has chosen it', async () => {
  const session = await Session.connect(['embedded:'], {
    executionProfiles: { own: { keyspace: 'ks2' } },
  })
  for (const name of ['ks1', 'ks2', 'ks3']) {
    await session.execute(
      `CREATE KEYSPACE ${name} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
    )
    await session.execute(`CREATE TABLE ${name}.t (id int PRIMARY KEY)`)
  }
  const text = 'SELECT * FROM t'
  await session.useKeyspace('ks1')
  const prepared = await session.prepare(text)
  await session.execute('USE ks3')
  const ended = collect<RequestTrace>('tracing:tsylla:request:asyncEnd')
  await session.execute(text)
  await session.execute(text, [], { keyspace: 'ks1' })
  await session.execute(new Statement(text).withKeyspace('ks2'))
  await session.execute(new Statement(text).withExecutionProfile('own'))
  await session.executePrepared(prepared)
  expect(ended.map(({ keyspace, summary }) => [keyspace, summary])).toEqual(
    ['ks3', 'ks1', 'ks2', 'ks2', 'ks1'].map((name) => [name, `SELECT ${name}.t`]),
  )
  await session.close()
})

test('what traces show of a statement is computed once for all its calls', async () => {
  const session = await Session.connect(['embedded:'])
  const select = "SELECT key FROM system.local WHERE key = 'local'"
  await session.execute(select)
  const shown: ShownStatement[] = []
  const parts = vi.spyOn(ShownStatement.prototype, 'parameterizedText', 'get')
  const onEnd = (trace: unknown): void => void (trace as RequestTrace).parameterizedText
  subscribe('tracing:tsylla:request:asyncEnd', onEnd)
  ends.push(() => unsubscribe('tracing:tsylla:request:asyncEnd', onEnd))
  for (let i = 0; i < 3; i++) await session.execute(select)
  shown.push(...(parts.mock.contexts as ShownStatement[]))
  expect(shown).toHaveLength(3)
  expect(new Set(shown).size).toBe(1)
  parts.mockRestore()
  await session.close()
})

test('a subscriber that freezes what it receives keeps no request from its end', async () => {
  const freeze = (trace: unknown): void => void Object.freeze(trace)
  subscribe('tracing:tsylla:request:start', freeze)
  ends.push(() => unsubscribe('tracing:tsylla:request:start', freeze))
  const session = await Session.connect(['embedded:'])
  const select = 'SELECT key FROM system.local WHERE key = ?'
  // Node fails to add the result to the object.
  await expect(session.execute(select, ['local'])).rejects.toThrow(TypeError)
  expect(session.metrics()).toMatchObject({ requestCount: 1, errorCounts: {} })
  await session.close()
})

test('a connection that fails is published with its error', async () => {
  const failed = collect<ConnectTrace>('tracing:tsylla:connect:error')
  await expect(Session.connect(['127.0.0.1:1'])).rejects.toThrow()
  expect(failed).toMatchObject([{ node: '127.0.0.1:1', error: { code: 'TSYLLA_CONNECTION' } }])
})
