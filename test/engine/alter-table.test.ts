import { describe, expect, test } from 'vitest'
import { EngineNode, MemoryStore } from '../../src/engine/index.ts'
import { ask, openEngine } from './support/ask.ts'

describe('a column that is dropped and added again', () => {
  const open = () =>
    openEngine(
      {},
      'CREATE TABLE t (k int PRIMARY KEY, v int, w int)',
      'INSERT INTO t (k, v, w) VALUES (1, 5, 6) USING TIMESTAMP 100',
      'INSERT INTO t (k, v, w) VALUES (2, 7, 8) USING TIMESTAMP 50',
    )

  test('has what was written later than the time of its drop', async () => {
    const engine = await open()
    await ask(engine, 'ALTER TABLE t DROP v USING TIMESTAMP 50')
    expect(await ask(engine, 'SELECT * FROM t')).toEqual([
      [1, 6],
      [2, 8],
    ])
    // Rewrites the row while it has no such column.
    await ask(engine, 'UPDATE t SET w = 9 WHERE k = 1')
    await ask(engine, 'ALTER TABLE t ADD v int')
    await ask(engine, 'INSERT INTO t (k, v) VALUES (3, 7) USING TIMESTAMP 40')
    expect(await ask(engine, 'SELECT k, v FROM t')).toEqual([
      [1, 5],
      [2, null],
      [3, null],
    ])
  })

  test('has nothing of before when no time was given, in the next engine neither', async () => {
    const storage = new MemoryStore()
    const engine = await openEngine(
      { storage },
      'CREATE TABLE t (k int PRIMARY KEY, m map<int, int>)',
      'INSERT INTO t (k, m) VALUES (1, {1: 1})',
      'ALTER TABLE t DROP m',
      'ALTER TABLE t ADD m map<int, int>',
    )
    expect(await ask(engine, 'SELECT * FROM t')).toEqual([[1, null]])
    await engine.close()
    const again = await openEngine({ storage })
    expect(await ask(again, 'SELECT * FROM t')).toEqual([[1, null]])
    await ask(again, 'UPDATE t SET m[2] = 3 WHERE k = 1')
    expect(await ask(again, 'SELECT m[2] FROM t')).toEqual([[3]])
  })
})

test('the time of a drop may be any that a statement can carry', async () => {
  const engine = await openEngine({}, 'CREATE TABLE t (k int PRIMARY KEY, v int, w int)')
  await ask(engine, 'ALTER TABLE t DROP v USING TIMESTAMP 9223372036854775807')
  await ask(engine, 'ALTER TABLE t DROP w USING TIMESTAMP -9223372036854775807')
  const dropped = 'SELECT column_name FROM system_schema.dropped_columns'
  void new EngineNode(engine)
  expect(await ask(engine, dropped)).toEqual([['v'], ['w']])
})

test.each(['5', "'nope'", "''", "'5bd95c1a-6b4d-11ee-8c99-0242ac1200011'"])(
  'a table cannot have the id %s',
  async (id) => {
    const engine = await openEngine()
    const create = `CREATE TABLE t (k int PRIMARY KEY) WITH id = ${id}`
    await expect(ask(engine, create)).rejects.toMatchObject({
      serverCode: 0x2300,
      message: 'Invalid table id',
    })
  },
)

test('two tables cannot have one id', async () => {
  const id = '5bd95c1a-6b4d-11ee-8c99-0242ac120001'
  const engine = await openEngine({}, `CREATE TABLE t (k int PRIMARY KEY) WITH id = ${id}`)
  const create = `CREATE TABLE other (k int PRIMARY KEY) WITH id = '${id.toUpperCase()}'`
  await expect(ask(engine, create)).rejects.toThrow(`ks.t has the id ${id} already`)
})
