import { describe, expect, test } from 'vitest'
import { Engine, MemoryStore, resultRows, type RowsResult } from '../../src/engine/index.ts'
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
async function openFilled(clock = new VirtualClock()): Promise<Engine> {
  const engine = Engine.open({ storage: new MemoryStore(), clock })
  await engine.query(keyspace)
  await engine.query('CREATE TABLE ks.a (k int PRIMARY KEY, v int)')
  await engine.query('CREATE TABLE ks.b (k int, c int, v int, PRIMARY KEY (k, c))')
  for (let i = 0; i < partitionCount; i++) {
    await engine.query('INSERT INTO ks.a (k, v) VALUES (?, 1)', 'ks', [int(i)])
    await engine.query('INSERT INTO ks.b (k, c, v) VALUES (1, ?, 1)', 'ks', [int(i)])
  }
  return engine
}

function distinctCount(result: RowsResult): number {
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
    const result = (await reading) as RowsResult
    expect(result.rowCount).toBe(partitionCount)
    expect(distinctCount(result)).toBe(partitionCount)
  })

  test('rows that others delete meanwhile are read as they were', async () => {
    const engine = await openFilled()
    const reading = engine.query('SELECT k FROM ks.a WHERE k IN ?', 'ks', [ints(partitionCount)])
    await engine.query('TRUNCATE ks.a')
    expect(((await reading) as RowsResult).rowCount).toBe(partitionCount)
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
    expect(((await more) as RowsResult).rowCount).toBe(300)
  })
})
