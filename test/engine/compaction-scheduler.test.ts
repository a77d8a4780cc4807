import { describe, expect, test } from 'vitest'
import { Engine, MemoryStore, resultRows, type EncodedRows } from '../../src/engine/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const rowCount = 1_200
const minuteMs = 60_000

interface Opened {
  readonly clock: VirtualClock
  readonly storage: MemoryStore
  readonly engine: Engine
  /** Entries of tables, without those of the catalog. */
  readonly entryCount: () => number
}

async function open(): Promise<Opened> {
  const clock = new VirtualClock()
  const storage = new MemoryStore()
  const engine = Engine.open({ storage, clock })
  await engine.query(
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
  )
  await engine.query(
    'CREATE TABLE ks.t (k int, c int, v text, PRIMARY KEY (k, c)) WITH gc_grace_seconds = 100',
  )
  const catalogCount = storage.stats().entryCount
  return { clock, storage, engine, entryCount: () => storage.stats().entryCount - catalogCount }
}

async function insert(engine: Engine, using = ''): Promise<void> {
  for (let c = 0; c < rowCount; c++) {
    await engine.query(`INSERT INTO ks.t (k, c, v) VALUES (${c % 3}, ${c}, 'v')${using}`)
  }
}

async function count(engine: Engine): Promise<number> {
  return resultRows((await engine.query('SELECT v FROM ks.t')) as EncodedRows).length
}

/** Lets time pass, and what it set off be done. */
async function pass(clock: VirtualClock, minutes: number): Promise<void> {
  for (let i = 0; i < minutes; i++) {
    clock.advance(minuteMs)
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('an engine', () => {
  test('takes away what has expired, and then sleeps', async () => {
    const { clock, engine, entryCount } = await open()
    await insert(engine, ' USING TTL 30')
    expect([entryCount(), clock.pendingCount]).toEqual([rowCount, 1])
    await pass(clock, 1)
    expect(await count(engine)).toBe(0)
    await pass(clock, 5)
    expect([entryCount(), clock.pendingCount]).toEqual([0, 0])
  })

  test('takes away what deletions hide, and the deletions when their time is over', async () => {
    const { clock, engine, entryCount } = await open()
    await insert(engine)
    await engine.query('DELETE FROM ks.t WHERE k = 0')
    await engine.query('DELETE FROM ks.t WHERE k = 1 AND c > 600')
    expect(entryCount()).toBeGreaterThan(rowCount)
    await pass(clock, 1)
    // Rows that are left, two deletions, and the note that the table has had both kinds.
    expect(entryCount()).toBe((await count(engine)) + 3)
    await pass(clock, 5)
    expect(entryCount()).toBe((await count(engine)) + 1)
    expect(clock.pendingCount).toBe(0)
  })

  test('looks again when something is due, not every minute', async () => {
    const { clock, engine } = await open()
    let compactionCount = 0
    const compact = engine.rows.compact.bind(engine.rows)
    engine.rows.compact = (tableNow) => {
      compactionCount++
      return compact(tableNow)
    }
    await engine.query('ALTER TABLE ks.t WITH gc_grace_seconds = 3600')
    await engine.query('DELETE FROM ks.t WHERE k = 1 AND c = 1')
    await pass(clock, 50)
    expect([compactionCount, clock.pendingCount]).toEqual([1, 1])
    // New garbage does not wait for the old.
    await engine.query("INSERT INTO ks.t (k, c, v) VALUES (2, 2, 'v') USING TTL 5")
    await pass(clock, 2)
    expect(compactionCount).toBe(2)
    await pass(clock, 130)
    expect(clock.pendingCount).toBe(0)
  })

  test('goes on after a compaction that failed', async () => {
    const { clock, engine, entryCount } = await open()
    await insert(engine, ' USING TTL 30')
    const compact = engine.rows.compact.bind(engine.rows)
    engine.rows.compact = () => {
      engine.rows.compact = compact
      return Promise.reject(new Error('this once'))
    }
    await pass(clock, 8)
    expect(entryCount()).toBe(0)
  })

  test('wakes up for nothing that stays', async () => {
    const { clock, engine } = await open()
    await insert(engine)
    expect(clock.pendingCount).toBe(0)
  })

  test('removes what a store from before holds', async () => {
    const { clock, storage, engine, entryCount } = await open()
    await insert(engine, ' USING TTL 30')
    await engine.close()
    expect(clock.pendingCount).toBe(0)
    const again = Engine.open({ storage, clock })
    await pass(clock, 5)
    // The latest timestamp stays.
    expect([entryCount(), clock.pendingCount]).toEqual([1, 0])
    await again.close()
  })

  test('keeps what a column gets that was added during the compaction', async () => {
    const { clock, engine } = await open()
    await insert(engine)
    await engine.query('DELETE FROM ks.t WHERE k = 0')
    clock.advance(minuteMs)
    await new Promise((resolve) => setImmediate(resolve))
    await engine.query('ALTER TABLE ks.t ADD w int')
    for (let c = 0; c < rowCount; c++) {
      await engine.query(`UPDATE ks.t SET w = 1 WHERE k = ${c % 3} AND c = ${c}`)
    }
    await pass(clock, 5)
    const rows = resultRows((await engine.query('SELECT w FROM ks.t')) as EncodedRows)
    expect(rows.filter(([cell]) => cell !== null)).toHaveLength(rowCount)
  })

  test('may be closed, and its table dropped, during a compaction', async () => {
    for (const end of ['close', 'drop'] as const) {
      const { clock, engine, entryCount } = await open()
      await insert(engine, ' USING TTL 30')
      clock.advance(minuteMs)
      await new Promise((resolve) => setImmediate(resolve))
      if (end === 'close') {
        await engine.close()
        expect(entryCount()).toBeGreaterThan(0)
      } else {
        await engine.query('DROP TABLE ks.t')
        await pass(clock, 5)
        expect(entryCount()).toBeLessThanOrEqual(0)
      }
      expect([end, clock.pendingCount]).toEqual([end, 0])
    }
  })
})
