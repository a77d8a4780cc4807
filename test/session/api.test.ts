import { beforeAll, describe, expect, test } from 'vitest'
import {
  Batch,
  Query,
  Row,
  Session,
  SessionBuilder,
  Statement,
  TsyllaError,
} from '../../src/index.ts'
import { describeOnServers } from '../support/targets.ts'

// rsylla's public API, name by name in camelCase (its `.pyi`), on real objects.

const builderNames = [
  ...['knownNode', 'knownNodes', 'useKeyspace', 'connectionTimeout', 'poolSize', 'user'],
  ...['compression', 'tcpNodelay', 'tcpKeepalive', 'build'],
]
const sessionNames = [
  ...['execute', 'query', 'prepare', 'executePrepared', 'batch', 'useKeyspace'],
  ...['awaitSchemaAgreement', 'getClusterData', 'getKeyspace'],
]
const queryNames = [
  ...['withConsistency', 'withSerialConsistency', 'withPageSize', 'withTimestamp', 'withTimeout'],
  ...['withTracing', 'isIdempotent', 'setIdempotent', 'getContents'],
]
const preparedNames = [
  ...['withConsistency', 'withSerialConsistency', 'withPageSize', 'withTimestamp', 'withTracing'],
  ...['isIdempotent', 'setIdempotent', 'getId', 'getStatement'],
]
const batchNames = [
  ...['appendStatement', 'appendQuery', 'appendPrepared', 'withConsistency'],
  ...['withSerialConsistency', 'withTimestamp', 'withTimeout', 'withTracing', 'isIdempotent'],
  ...['setIdempotent', 'statementsCount'],
]
const resultNames = [
  ...['rows', 'firstRow', 'singleRow', 'firstRowTyped', 'rowsTyped', 'colSpecs', 'tracingId'],
  'warnings',
]
const rowNames = ['columns', 'asDict', 'get']

function missing(value: object, names: readonly string[]): string[] {
  return names.filter((name) => typeof (value as Record<string, unknown>)[name] !== 'function')
}

describe('names', () => {
  test('every method of rsylla is there on builder, query and batch', () => {
    expect(missing(new SessionBuilder(), builderNames)).toEqual([])
    expect(missing(new Query('SELECT 1'), queryNames)).toEqual([])
    expect(missing(new Batch(), batchNames)).toEqual([])
    expect(typeof Session.connect).toBe('function')
    expect(Query).toBe(Statement)
  })

  test('statements, batches and builders are immutable: every setter returns a new object', () => {
    const query = new Statement('SELECT 1')
    expect(query.withPageSize(5)).not.toBe(query)
    expect(query.options).toEqual({})
    const batch = new Batch('unlogged')
    const longer = batch.appendStatement('INSERT')
    expect([batch.statementsCount(), longer.statementsCount()]).toEqual([0, 1])
    expect(longer.withTracing(true).statementsCount()).toBe(1)
    const builder = new SessionBuilder()
    expect(builder.knownNode('a')).not.toBe(builder)
  })

  test('a batch holds 65,535 statements and not one more', () => {
    let batch = new Batch('unlogged')
    for (let i = 0; i < 65_535; i++) batch = batch.appendStatement('x')
    expect(batch.entries()).toHaveLength(65_535)
    expect(() => batch.appendStatement('x')).toThrow(/65535/)
  })
})

describeOnServers('API', (target) => {
  beforeAll(async () => {
    await target.session.execute(
      'CREATE TABLE t (id int PRIMARY KEY, a text, b bigint, c double, d set<text>, e map<text, int>, f uuid)',
    )
  })

  test('sessions, prepared statements, results and rows have every method of rsylla', async () => {
    const { session } = target
    expect(missing(session, sessionNames)).toEqual([])
    const prepared = await session.prepare('SELECT id, a FROM t WHERE id = ?')
    expect(missing(prepared, preparedNames)).toEqual([])
    expect(prepared.getId().length).toBeGreaterThan(0)
    expect(prepared.getStatement()).toBe('SELECT id, a FROM t WHERE id = ?')
    await session.execute('INSERT INTO t (id, a) VALUES (?, ?)', [1, 'x'])
    const result = await session.executePrepared(prepared, [1])
    expect(missing(result, resultNames)).toEqual([])
    expect(missing(result.singleRow(), rowNames)).toEqual([])
  })

  test('#1 rows know their names, and duplicate names keep their places', async () => {
    const { session } = target
    await session.execute('INSERT INTO t (id, a, b) VALUES (2, ?, ?)', ['two', 22n])
    const result = await session.execute('SELECT id, a, b, a AS a FROM t WHERE id = 2')
    const row = result.singleRow()
    expect(Row.asDict(row)).toEqual({ id: 2, a: 'two', b: 22n })
    expect(row.columns()).toEqual([2, 'two', 22n, 'two'])
    expect([row[3], row.get(-1), row.length]).toEqual(['two', 'two', 4])
    expect(result.rowsTyped()).toEqual([{ id: 2, a: 'two', b: 22n }])
  })

  test('#2 the cluster data contains nodes and keyspaces', () => {
    const data = target.session.getClusterData()
    expect(data.nodes.length).toBeGreaterThan(0)
    expect(data.nodes[0]?.hostId).toMatch(/^[0-9a-f-]{36}$/)
    expect(data.keyspaces.has(target.keyspace)).toBe(true)
    expect(data.partitioner).toMatch(/Murmur3Partitioner$/)
  })

  test('#4 pages are real, and a page size that is none is refused', async () => {
    const { session } = target
    await session.execute('CREATE TABLE many (p int, c int, PRIMARY KEY (p, c))')
    const insert = await session.prepare('INSERT INTO many (p, c) VALUES (1, ?)')
    await Promise.all(Array.from({ length: 25 }, (_, i) => session.executePrepared(insert, [i])))
    const page = await session.page('SELECT c FROM many', [], { pageSize: 10 })
    expect([page.length, page.pagingState === undefined]).toEqual([10, false])
    for (const pageSize of [0, -1, 1.5, 2 ** 31]) {
      await expect(session.execute('SELECT c FROM many', [], { pageSize })).rejects.toMatchObject({
        code: 'TSYLLA_CONFIG',
      })
    }
  })

  test('#5 a result is iterated as often as you like', async () => {
    const result = await target.session.execute('SELECT c FROM many LIMIT 3')
    expect([...result].length + [...result].length).toBe(6)
  })

  test('#6 values by position or by name; the error lists the markers', async () => {
    const { session } = target
    await session.execute('INSERT INTO t (id, a) VALUES (?, ?)', [3, 'x'])
    await session.execute('INSERT INTO t (id, a) VALUES (?, ?)', { a: 'x', id: 3 })
    const wrong = session.execute('INSERT INTO t (id, a) VALUES (?, ?)', { id: 3, b: 1 })
    await expect(wrong).rejects.toThrow(/\ba\b/)
    await expect(wrong).rejects.toMatchObject({ outcome: 'not_applied' })
  })

  test('#7–#11 values bind by the column and come back as they went in', async () => {
    const { session } = target
    await session.execute(
      'CREATE TABLE types (id bigint PRIMARY KEY, ti tinyint, si smallint, i int, v varint, de decimal, f float, d double, ts timestamp, da date, ti2 time, du duration, ip inet, tu tuple<int, text>, se set<int>, ma map<text, int>, li list<int>, bl blob, u uuid, b boolean, ve vector<float, 2>)',
    )
    const values = {
      id: 5,
      ti: -128,
      si: 32767,
      i: 2_000_000_000,
      v: 2n ** 100n,
      de: '12.340',
      f: 0.5,
      d: 0.1,
      ts: new Date(1_500_000_000_000),
      da: '2024-02-29',
      ti2: '12:34:56.000000789',
      du: '1mo2d3s',
      ip: '2001:db8::1',
      tu: [1, 'x'],
      se: new Set([3, 1]),
      ma: { a: 1 },
      li: [1, 2, 300],
      bl: Uint8Array.of(0, 255),
      u: '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
      b: true,
      ve: [1.5, -2],
    }
    const names = Object.keys(values)
    await session.execute(
      `INSERT INTO types (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
      values,
    )
    const row = (await session.execute('SELECT * FROM types WHERE id = ?', [5n])).singleRow()
    expect(row['id']).toBe(5n)
    expect(row['v']).toBe(2n ** 100n)
    expect(String(row['de'])).toBe('12.340')
    expect(row['d']).toBe(0.1)
    expect(row['ts']).toEqual(values.ts)
    expect([row['da'], row['ti2'], row['du'], row['ip']].map(String)).toEqual([
      '2024-02-29',
      '12:34:56.000000789',
      '1mo2d3s',
      '2001:db8::1',
    ])
    expect(row['tu']).toEqual([1, 'x'])
    expect(row['se']).toEqual(new Set([1, 3]))
    expect(row['ma']).toEqual(new Map([['a', 1]]))
    expect(row['li']).toEqual([1, 2, 300])
    expect(row['ve']).toEqual(new Float32Array([1.5, -2]))
  })

  test('#8 a number never turns into a timestamp, whatever its size', async () => {
    const { session } = target
    const values = [1_000_000_000, 4_000_000_000, 1_700_000_000_000, 999_999_999_999]
    for (const [i, b] of values.entries()) {
      await session.execute('INSERT INTO t (id, b) VALUES (?, ?)', [100 + i, b])
      const row = (await session.execute('SELECT b FROM t WHERE id = ?', [100 + i])).singleRow()
      expect(row['b']).toBe(BigInt(b))
    }
  })

  test('#12 a text that is executed again is prepared once', async () => {
    const { session } = target
    const text = 'SELECT a FROM t WHERE id = ?'
    const [first, second] = await Promise.all([session.prepare(text), session.prepare(text)])
    expect(first.source).toBe(second.source)
  })

  test('#13 tracing returns an id', async () => {
    const result = await target.session.execute('SELECT a FROM t WHERE id = 1', [], {
      tracing: true,
    })
    expect(result.tracingId()).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('#14 errors are told apart by code', async () => {
    const { session } = target
    const codeOf = async (cql: string): Promise<string> =>
      await session.execute(cql).then(
        () => 'none',
        (error: unknown) => (TsyllaError.is(error) ? error.code : 'untyped'),
      )
    expect(await codeOf('SELEKT')).toBe('TSYLLA_SERVER_SYNTAX')
    expect(await codeOf('SELECT * FROM nowhere')).toBe('TSYLLA_SERVER_INVALID')
    expect(await codeOf('CREATE TABLE t (id int PRIMARY KEY)')).toBe('TSYLLA_SERVER_ALREADY_EXISTS')
    expect(await codeOf('SELECT * FROM t WHERE a = 1')).toBe('TSYLLA_SERVER_INVALID')
  })

  test('#15 setIdempotent of a prepared statement returns a new one', async () => {
    const prepared = await target.session.prepare('SELECT a FROM t WHERE id = ?')
    expect([prepared.isIdempotent(), prepared.setIdempotent(false).isIdempotent()]).toEqual([
      true,
      false,
    ])
  })

  test('only a conditional statement was applied or not, whatever its columns are called', async () => {
    const { session } = target
    await session.execute('CREATE TABLE applies (id int PRIMARY KEY, b boolean)')
    const insert = 'INSERT INTO applies (id, b) VALUES (1, true) IF NOT EXISTS'
    expect((await session.execute(insert)).applied).toBe(true)
    expect((await session.execute(insert)).applied).toBe(false)
    const select = await session.execute('SELECT b AS "[applied]" FROM applies')
    expect([select.applied, select.singleRow()[0]]).toEqual([undefined, true])
  })

  test('an option of a request that there is none of is refused by name', async () => {
    const { session } = target
    for (const options of [{ consistancy: 'ONE' }, { idempotent: 'false' }, { tracing: 1 }]) {
      await expect(session.execute('SELECT 1', [], options as never)).rejects.toMatchObject({
        code: 'TSYLLA_CONFIG',
        message: expect.stringContaining(Object.keys(options)[0]!),
      })
    }
    const signal = { aborted: false, reason: undefined } as never
    await expect(session.execute('SELECT 1', [], { signal })).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
    })
  })

  test('singleRow wants exactly one, firstRow is undefined without any', async () => {
    const none = await target.session.execute('SELECT a FROM t WHERE id = 9999')
    expect(none.firstRow()).toBeUndefined()
    expect(() => none.singleRow()).toThrow(/exactly one row/)
    expect(none.colSpecs().map(({ name, type }) => [name, type.kind])).toEqual([['a', 'text']])
  })
})
