import { describe, expect, test } from 'vitest'
import { Engine, MemoryStore, resultRows, type EncodedRows } from '../../src/engine/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { CountingStore } from './support/counting-store.ts'

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** A list<int>. */
function ints(values: readonly number[]): Buffer {
  return Buffer.concat([int(values.length), ...values.flatMap((value) => [int(4), int(value)])])
}

async function open(table: string, storage = new MemoryStore()): Promise<Engine> {
  const engine = Engine.open({ storage, clock: new VirtualClock() })
  await engine.query(
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
  )
  await engine.query(`CREATE TABLE ks.t (${table})`)
  return engine
}

async function count(engine: Engine, cql: string, ...values: Buffer[]): Promise<number> {
  return resultRows((await engine.query(cql, 'ks', values)) as EncodedRows).length
}

describe('much in one request', () => {
  test('thousands of range deletions of one statement are written once each', async () => {
    const storage = new CountingStore()
    const engine = await open('k int, a int, b int, PRIMARY KEY (k, a, b)', storage)
    await engine.query('INSERT INTO t (k, a, b) VALUES (1, 7999, 1)', 'ks')
    await engine.query('INSERT INTO t (k, a, b) VALUES (1, 8000, 1)', 'ks')
    const places = ints(Array.from({ length: 8_000 }, (_, i) => i))
    const work = await storage.count(() =>
      engine.query('DELETE FROM t WHERE k = 1 AND a IN ?', 'ks', [places]),
    )
    expect(work.entries).toBeLessThan(8_100)
    expect(work.reads).toBeLessThan(20 * 8_000)
    expect(await count(engine, 'SELECT a FROM t WHERE k = 1')).toBe(1)
  })

  test('a batch of range deletions is merged once, and rows of the same batch survive', async () => {
    const storage = new CountingStore()
    const engine = await open('k int, c int, PRIMARY KEY (k, c)', storage)
    const remove = engine.prepare('DELETE FROM t WHERE k = 1 AND c >= ? AND c < ?', 'ks')
    const insert = engine.prepare('INSERT INTO t (k, c) VALUES (1, ?) USING TIMESTAMP ?', 'ks')
    const entries = Array.from({ length: 4_000 }, (_, i) => {
      return { prepared: remove, values: [int(i * 10), int(i * 10 + 15)] }
    })
    const future = Buffer.alloc(8)
    future.writeBigInt64BE(1n << 60n)
    const before = storage.stats().entryCount
    const kept = { prepared: insert, values: [int(25), future] }
    const work = await storage.count(() => engine.batch('unlogged', [...entries, kept]))
    expect(work.entries).toBeLessThan(10)
    expect(work.reads).toBeLessThan(20)
    // One range, one row, and the note that the table has had a range deletion.
    expect(storage.stats().entryCount - before).toBe(3)
    await engine.query('INSERT INTO t (k, c) VALUES (1, 26) USING TIMESTAMP 1', 'ks')
    await engine.query('INSERT INTO t (k, c) VALUES (1, 100000) USING TIMESTAMP 1', 'ks')
    expect(await count(engine, 'SELECT c FROM t WHERE k = 1')).toBe(2)
  })

  test('range deletions of the past cost a point read and a write nothing', async () => {
    const storage = new CountingStore()
    const engine = await open('k int, c int, v int, PRIMARY KEY (k, c)', storage)
    const remove = engine.prepare('DELETE FROM t WHERE k = 1 AND c >= ? AND c < ?', 'ks')
    for (let i = 0; i < 4_000; i++) await engine.execute(remove, [int(i * 10), int(i * 10 + 5)])
    const write = engine.prepare('INSERT INTO t (k, c, v) VALUES (1, ?, 1)', 'ks')
    const read = engine.prepare('SELECT v FROM t WHERE k = 1 AND c = ?', 'ks')
    const work = await storage.count(async () => {
      for (let i = 0; i < 1_000; i++) {
        await engine.execute(write, [int(i * 7)])
        await engine.execute(read, [int(i * 7)])
      }
    })
    expect(work.entries).toBe(1_000)
    expect(work.reads).toBeLessThan(20 * 1_000)
    const all = 'SELECT c FROM t WHERE k = 1'
    expect(await count(engine, all)).toBe(1_000)
    expect(await count(engine, `${all} ORDER BY c DESC`)).toBe(1_000)
    expect(await count(engine, 'SELECT c FROM t')).toBe(1_000)
    expect(await count(engine, `${all} AND c IN ?`, ints([7, 14, 15]))).toBe(2)
  })

  test('thousands of changes of one row in a batch are merged, not repeated', async () => {
    const storage = new CountingStore()
    const engine = await open('k int PRIMARY KEY, l list<int>, v int', storage)
    const add = engine.prepare('UPDATE t SET l = l + ?, v = ? WHERE k = 1', 'ks')
    const entries = Array.from({ length: 5_000 }, (_, i) => {
      return { prepared: add, values: [ints([i]), int(i)] }
    })
    const work = await storage.count(() => engine.batch('unlogged', entries))
    expect(work.entries).toBeLessThan(10)
    // A cell of the list takes 4 bytes, its place and its timestamp; the row is written once.
    expect(work.bytes).toBeLessThan(100 * 5_000)
    const [row] = resultRows((await engine.query('SELECT l, v FROM ks.t')) as EncodedRows)
    expect(Buffer.from(row![0]!)).toEqual(ints(Array.from({ length: 5_000 }, (_, i) => i)))
    expect(Buffer.from(row![1]!)).toEqual(int(4_999))
  })
})
