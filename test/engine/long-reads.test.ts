import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  type AnswerLimits,
  Engine,
  type KvStore,
  MemoryStore,
  openDiskStore,
  resultRows,
  type EncodedRows,
} from '../../src/engine/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const partitionCount = 6_000
const keyspace =
  "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** A list<int> of 0 … count − 1. */
function ints(count: number): Buffer {
  const cells = Array.from({ length: count }, (_, i) => [int(4), int(i)]).flat()
  return Buffer.concat([int(count), ...cells])
}

/** Table `a` has partitions of one row, `b` one partition of many. */
async function openFilled(
  clock = new VirtualClock(),
  storage: KvStore = new MemoryStore(),
  answerLimits: Partial<AnswerLimits> = {},
): Promise<Engine> {
  const engine = Engine.open({ storage, clock, answerLimits })
  await engine.query(keyspace)
  await engine.query('CREATE TABLE ks.a (k int PRIMARY KEY, v int)')
  await engine.query('CREATE TABLE ks.b (k int, c int, v int, PRIMARY KEY (k, c))')
  for (let i = 0; i < partitionCount; i++) {
    await engine.query('INSERT INTO ks.a (k, v) VALUES (?, 1)', 'ks', [int(i)])
    await engine.query('INSERT INTO ks.b (k, c, v) VALUES (1, ?, 1)', 'ks', [int(i)])
  }
  return engine
}

function distinctCount(result: EncodedRows): number {
  return new Set(resultRows(result).map(([cell]) => Buffer.from(cell!).toString('hex'))).size
}

describe('reads that take long', () => {
  test.each([
    ['many partitions by their keys', 'SELECT k FROM ks.a WHERE k IN ?'],
    ['many rows by their keys', 'SELECT c FROM ks.b WHERE k = 1 AND c IN ?'],
  ])('%s make way for others, and come once each', async (_, cql) => {
    const engine = await openFilled()
    const reading = engine.query(cql, 'ks', [ints(partitionCount)])
    expect(reading).toBeInstanceOf(Promise)
    const result = (await reading) as EncodedRows
    expect(result.rowCount).toBe(partitionCount)
    expect(distinctCount(result)).toBe(partitionCount)
  })

  test('rows that others delete meanwhile are read as they were', async () => {
    const engine = await openFilled()
    const reading = engine.query('SELECT k FROM ks.a WHERE k IN ?', 'ks', [ints(partitionCount)])
    await engine.query('TRUNCATE ks.a')
    expect(((await reading) as EncodedRows).rowCount).toBe(partitionCount)
  })

  test('rows of partitions that were deleted before stay deleted when the table is truncated meanwhile', async () => {
    const engine = await openFilled()
    await engine.query('CREATE TABLE ks.d (k int, c int, PRIMARY KEY (k, c))')
    for (let i = 0; i < partitionCount; i++) {
      await engine.query('INSERT INTO ks.d (k, c) VALUES (?, 1)', 'ks', [int(i)])
    }
    const deletedCount = 1_000
    for (let i = 0; i < deletedCount; i++) {
      await engine.query('DELETE FROM ks.d WHERE k = ?', 'ks', [int(partitionCount - 1 - i)])
    }
    const values = [ints(partitionCount)]
    const reading = Array.from({ length: 10 }, async () =>
      engine.query('SELECT k FROM ks.d WHERE k IN ?', 'ks', values),
    )
    // Every read takes its snapshot in one of these turns, and ends after the rows are removed.
    for (let turn = 0; turn < reading.length; turn++) await engine.nextTurn()
    await engine.query('TRUNCATE ks.d')
    for (const result of await Promise.all(reading)) {
      expect(result).toMatchObject({ rowCount: partitionCount - deletedCount })
    }
  })

  test.each([
    ['a client', { clientBytesMax: 1_000 }],
    ['the engine', { engineBytesMax: 1_000 }],
  ])(
    'values larger than the limit of %s do not keep their own reads waiting',
    async (_, limits) => {
      const engine = await openFilled(new VirtualClock(), new MemoryStore(), limits)
      const values = [ints(partitionCount)]
      const results = await Promise.all(
        Array.from({ length: 3 }, async () =>
          engine.query('SELECT k FROM ks.a WHERE k IN ?', 'ks', values),
        ),
      )
      for (const result of results) expect(result).toMatchObject({ rowCount: partitionCount })
      expect(engine.answerBytes).toBe(0)
    },
  )

  test('the time at which a read begins decides what has expired, not that of its request', async () => {
    const clock = new VirtualClock()
    const engine = await openFilled(clock)
    await engine.query('UPDATE ks.b USING TTL 10 SET v = 2 WHERE k = 1 AND c = 0')
    let unsentBytes = 8 * 1024 * 1024
    const memory = engine.addClient(() => unsentBytes)
    // The first read keeps the second one from beginning at once.
    const first = engine.query('SELECT k FROM ks.a')
    const second = engine.query('SELECT c, v FROM ks.b WHERE k = 1', 'ks', [], { memory })
    await first
    clock.advance(20_000)
    await engine.query('UPDATE ks.b SET v = 3 WHERE k = 1 AND c = 1')
    // A write to the row drops the value that has expired.
    await engine.query('INSERT INTO ks.b (k, c) VALUES (1, 0)')
    unsentBytes = 0
    memory.notifyTaken()
    const rows = resultRows((await second) as EncodedRows)
    expect(rows[0]).toEqual([int(0), null])
    expect(rows[1]).toEqual([int(1), int(3)])
  })

  test('many at once share the turns of the event loop, a slice each', async () => {
    const engine = await openFilled()
    let turn = 0
    let isDone = false
    const next = (): void => {
      turn++
      if (!isDone) setImmediate(next)
    }
    next()
    const counts = Array.from(
      { length: 20 },
      async () => await engine.query('SELECT count(*) FROM ks.a'),
    )
    await Promise.all(counts)
    isDone = true
    // Each goes on twice at least.
    expect(turn).toBeGreaterThanOrEqual(40)
  })

  test('a product of INs that is too large is refused before it is made', async () => {
    const engine = await openFilled()
    await engine.query('CREATE TABLE ks.c (k int, a int, b int, c int, PRIMARY KEY (k, a, b, c))')
    const values = [ints(120), ints(120), ints(120)]
    for (const text of [
      'SELECT k FROM ks.c WHERE k = 1 AND a IN ? AND b IN ? AND c IN ?',
      'DELETE FROM ks.c WHERE k = 1 AND a IN ? AND b IN ? AND c IN ?',
      'DELETE FROM ks.c WHERE k IN ? AND a IN ? AND b IN ?',
    ]) {
      expect(() => engine.query(text, 'ks', values)).toThrow(
        'this exceeds fail threshold of 100000',
      )
    }
    const few = [ints(40), ints(40), ints(40)]
    expect(
      await engine.query(
        'SELECT k FROM ks.c WHERE k = 1 AND a IN ? AND b IN ? AND c IN ?',
        'ks',
        few,
      ),
    ).toMatchObject({ rowCount: 0 })
  })

  test('a read ends when its engine is closed, before the store is', async () => {
    for (const kind of ['memory', 'disk'] as const) {
      const path = await mkdtemp(join(tmpdir(), 'tsylla-long-'))
      const storage = kind === 'memory' ? new MemoryStore() : await openDiskStore(path, 'none')
      const engine = await openFilled(new VirtualClock(), storage)
      const reading = Array.from({ length: 3 }, async () =>
        engine.query('SELECT k FROM ks.a WHERE k IN ?', 'ks', [ints(partitionCount)]),
      )
      const outcomes = Promise.allSettled(reading)
      await engine.close()
      await storage.close()
      for (const outcome of await outcomes) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'TSYLLA_CLOSED' } })
      }
      await rm(path, { recursive: true })
    }
  })

  test('a read makes way after five milliseconds, however few rows it passed', async () => {
    const clock = new (class extends VirtualClock {
      override monotonicMs(): number {
        this.advance(5)
        return super.monotonicMs()
      }
    })()
    const engine = await openFilled(clock)
    const few = engine.query('SELECT k FROM ks.a WHERE k IN ?', 'ks', [ints(100)])
    expect(few).not.toBeInstanceOf(Promise)
    const more = engine.query('SELECT k FROM ks.a WHERE k IN ?', 'ks', [ints(300)])
    expect(more).toBeInstanceOf(Promise)
    expect(((await more) as EncodedRows).rowCount).toBe(300)
  })
})
