import { expect, test } from 'vitest'
import { encodeValue } from '../../src/codec/index.ts'
import {
  Engine,
  type EncodedRows,
  type EngineResult,
  MemoryStore,
  resultRows,
} from '../../src/engine/index.ts'
import { type SchemaChange, UNSET } from '../../src/protocol/index.ts'
import { nativeTypes } from '../../src/types/index.ts'

const int = (value: number): Uint8Array => encodeValue(nativeTypes.int, value)

async function openWithTable(): Promise<Engine> {
  const engine = Engine.open({ storage: new MemoryStore() })
  await engine.query("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy'}")
  await engine.query('CREATE TABLE ks.t (a int, b int, c int, v int, PRIMARY KEY ((a, b), c))')
  return engine
}

async function count(engine: Engine, cql: string): Promise<number> {
  const result = (await engine.query(cql, 'ks')) as EncodedRows
  return result.rowCount
}

test.each([
  ['SELECT * FROM t WHERE a = ? AND b = ? AND c IN ? LIMIT ?', 'a b in(c) [limit]', [0, 1]],
  [
    'SELECT * FROM t WHERE b = ? AND a = ? PER PARTITION LIMIT ?',
    'b a [per_partition_limit]',
    [1, 0],
  ],
  [
    'SELECT * FROM t WHERE token(a, b) > ? AND token(a, b) <= token(?, ?)',
    'partition key token arg0(system.token) arg1(system.token)',
    [],
  ],
  ['SELECT * FROM t WHERE a = ? AND b = ? AND (c) > ?', 'a b (c)', [0, 1]],
  ['SELECT * FROM t WHERE a = ? AND b = ? AND (c) IN ?', 'a b in(c)', [0, 1]],
  [
    'INSERT INTO t (b, a, c) VALUES (?, ?, ?) USING TTL ? AND TIMESTAMP ?',
    'b a c [ttl] [timestamp]',
    [1, 0],
  ],
  ['INSERT INTO t (b, a, c) VALUES (1, ?, ?)', 'a c', []],
  ['UPDATE t SET v = ? WHERE a = ? AND b = 5 AND c = ?', 'v a c', []],
  ['INSERT INTO t (a, b, c) VALUES (:x, :x, :"Y")', 'x x Y', [0, 1]],
  [
    'BEGIN BATCH USING TIMESTAMP ? INSERT INTO t (a, b, c) VALUES (?, ?, ?) APPLY BATCH',
    '[timestamp] a b c',
    [1, 2],
  ],
] as const)('%s has its markers named as Cassandra names them', async (cql, names, indexes) => {
  const engine = await openWithTable()
  const prepared = engine.prepare(cql, 'ks')
  expect(prepared.markers.map((marker) => marker.name).join(' ')).toBe(names)
  expect(prepared.partitionKeyIndexes).toEqual(indexes)
})

test('values of the wrong size, missing values and unset keys are refused', async () => {
  const engine = await openWithTable()
  const insert = engine.prepare('INSERT INTO t (a, b, c, v) VALUES (?, ?, ?, ?)', 'ks')
  const run = async (...values: (Uint8Array | null | typeof UNSET)[]): Promise<EngineResult> =>
    engine.execute(insert, values)
  await expect(run(int(1))).rejects.toThrow('there were 4 markers(?) in CQL but 1 bound variables')
  await expect(run(int(1), int(2), int(3), new Uint8Array(3))).rejects.toThrow(
    'Expected 4 or 0 byte int (3)',
  )
  await expect(run(int(1), UNSET, int(3), int(4))).rejects.toThrow(
    'Invalid unset value for column b',
  )
  await expect(run(int(1), int(2), null, int(4))).rejects.toThrow(
    'Invalid null value in condition for column c',
  )
  await run(int(1), int(2), int(3), UNSET)
  expect(await count(engine, 'SELECT * FROM t')).toBe(1)
})

test('an unset value keeps what a column has', async () => {
  const engine = await openWithTable()
  await engine.query('INSERT INTO t (a, b, c, v) VALUES (1, 1, 1, 7)', 'ks')
  const update = engine.prepare('UPDATE t SET v = ? WHERE a = 1 AND b = 1 AND c = 1', 'ks')
  await engine.execute(update, [UNSET])
  const result = (await engine.query('SELECT v FROM t', 'ks')) as EncodedRows
  expect(resultRows(result)).toEqual([[Buffer.from(int(7))]])
})

test('a long read yields to other requests and still reads one snapshot', async () => {
  const engine = await openWithTable()
  const insert = engine.prepare('INSERT INTO t (a, b, c, v) VALUES (?, ?, ?, ?)', 'ks')
  for (let i = 0; i < 9_000; i++) await engine.execute(insert, [int(i % 7), int(0), int(i), int(1)])
  const reading = engine.query('SELECT count(*), sum(v) FROM t', 'ks')
  expect(reading).toBeInstanceOf(Promise)
  await engine.query('TRUNCATE t', 'ks')
  await engine.execute(insert, [int(1), int(1), int(1), int(1)])
  const [row] = resultRows((await reading) as EncodedRows)
  expect(Buffer.from(row![0]!).readBigInt64BE()).toBe(9_000n)
  expect(Buffer.from(row![1]!).readInt32BE()).toBe(9_000)
  expect(await count(engine, 'SELECT * FROM t')).toBe(1)
})

test('a long read ends when its signal fires', async () => {
  const engine = await openWithTable()
  const insert = engine.prepare('INSERT INTO t (a, b, c) VALUES (1, 1, ?)', 'ks')
  for (let i = 0; i < 5_000; i++) await engine.execute(insert, [int(i)])
  const controller = new AbortController()
  const reading = engine.query('SELECT count(*) FROM t', 'ks', [], { signal: controller.signal })
  controller.abort()
  await expect(reading).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
})

test('schema changes are told to listeners, and only when something changed', async () => {
  const engine = await openWithTable()
  const changes: SchemaChange[] = []
  const stop = engine.onSchemaChange((change) => changes.push(change))
  await engine.query('CREATE TYPE ks.u (x int)')
  await engine.query('CREATE TYPE IF NOT EXISTS ks.u (x int)')
  await engine.query('ALTER TABLE ks.t ADD w text')
  await engine.query('DROP TABLE ks.t')
  stop()
  await engine.query('DROP KEYSPACE ks')
  expect(changes.map((c) => `${c.change} ${c.target} ${c.keyspace}.${c.name}`)).toEqual([
    'CREATED TYPE ks.u',
    'UPDATED TABLE ks.t',
    'DROPPED TABLE ks.t',
  ])
})

test('altering a table evicts its statements, truncating it does not', async () => {
  const engine = await openWithTable()
  const select = engine.prepare('SELECT * FROM t', 'ks')
  await engine.query('INSERT INTO t (a, b, c) VALUES (1, 1, 1)', 'ks')
  await engine.query('TRUNCATE t', 'ks')
  expect(engine.isEvicted(select)).toBe(false)
  expect(((await engine.execute(select)) as EncodedRows).rowCount).toBe(0)
  await engine.query('ALTER TABLE t ADD w text', 'ks')
  expect(engine.isEvicted(select)).toBe(true)
  expect(engine.isEvicted(engine.prepare('SELECT * FROM t', 'ks'))).toBe(false)
})

test('the schema is there again when the same store is opened again', async () => {
  const storage = new MemoryStore()
  const first = Engine.open({ storage })
  await first.query("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy'}")
  await first.query('CREATE TYPE ks.u (x int, y frozen<list<text>>)')
  await first.query(
    'CREATE TABLE ks.t (k int, c text, u frozen<u>, m map<text, int>, s int static, PRIMARY KEY (k, c)) WITH CLUSTERING ORDER BY (c DESC) AND default_time_to_live = 5',
  )
  await first.query(
    "INSERT INTO ks.t (k, c, u, m) VALUES (1, 'a', {x: 1, y: ['b']}, {'z': 2}) USING TTL 0",
  )
  await first.query('ALTER TABLE ks.t ADD v int')
  const before = first.catalog.schema
  await first.close()
  const second = Engine.open({ storage })
  expect(second.catalog.schema).toEqual(before)
  expect(await count(second, 'SELECT * FROM ks.t')).toBe(1)
})

test('statements that the grammar knows and the engine does not execute say so by name', async () => {
  const engine = await openWithTable()
  expect(() => engine.prepare('CREATE INDEX ON ks.t (v)')).toThrow(
    'CREATE INDEX statements are not supported by the embedded engine of tsylla',
  )
})

test('a batch request takes only modifications', async () => {
  const engine = await openWithTable()
  const select = engine.prepare('SELECT * FROM t', 'ks')
  const insert = engine.prepare('INSERT INTO t (a, b, c) VALUES (?, 1, 1)', 'ks')
  expect(() => engine.batch('logged', [{ prepared: select, values: [] }])).toThrow(
    'Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.',
  )
  await engine.batch('unlogged', [
    { prepared: insert, values: [int(1)] },
    { prepared: insert, values: [int(2)] },
  ])
  expect(await count(engine, 'SELECT * FROM t')).toBe(2)
})

test('keys longer than 65,535 bytes and empty keys are refused', async () => {
  const engine = await openWithTable()
  await engine.query('CREATE TABLE ks.b (k blob PRIMARY KEY, v int)')
  const insert = engine.prepare('INSERT INTO ks.b (k, v) VALUES (?, 1)')
  expect(() => engine.execute(insert, [new Uint8Array(65_536)])).toThrow(
    'Key length of 65536 is longer than maximum of 65535',
  )
  expect(() => engine.execute(insert, [new Uint8Array(0)])).toThrow('Key may not be empty')
})
