import { beforeAll, expect, test } from 'vitest'
import { Batch } from '../../src/index.ts'
import { describeOnServers } from '../support/targets.ts'

describeOnServers('binding', (target) => {
  beforeAll(async () => {
    const { session } = target
    await session.execute('CREATE TABLE t (id int PRIMARY KEY, v text, w int, ttl int)')
    await session.execute('CREATE TABLE r (p int, c int, v text, PRIMARY KEY (p, c))')
    for (let c = 0; c < 10; c++) {
      await session.execute('INSERT INTO r (p, c, v) VALUES (?, ?, ?)', [1, c, `v${c}`])
    }
  })

  test('UPDATE … SET v = ? … IF v = ? takes v_new and v_if', async () => {
    const { session } = target
    await session.execute('INSERT INTO t (id, v) VALUES (1, ?)', ['a'])
    const text = 'UPDATE t SET v = ? WHERE id = ? IF v = ?'
    const applied = await session.execute(text, { id: 1, v_new: 'b', v_if: 'a' })
    expect(applied.applied).toBe(true)
    const refused = await session.execute(text, { v_old: 'a', v_set: 'c', id: 1 })
    expect(refused.applied).toBe(false)
    expect(refused.firstRow()?.['v']).toBe('b')
    await expect(session.execute(text, { id: 1, v: 'x' })).rejects.toMatchObject({
      code: expect.stringMatching(/^TSYLLA_BIND_/),
    })
  })

  test(':camelCase answers to the spelling written and to the server’s folding', async () => {
    const { session } = target
    const text = 'INSERT INTO t (id, v) VALUES (:theId, :theValue)'
    await session.execute(text, { theId: 2, theValue: 'x' })
    await session.execute(text, { theid: 3, thevalue: 'y' })
    const rows = await session.execute('SELECT v FROM t WHERE id IN (2, 3)')
    expect(rows.rows().map((row) => row['v'])).toEqual(['x', 'y'])
  })

  test('one key fills every slot of a name', async () => {
    const { session } = target
    await session.execute('INSERT INTO t (id, w, ttl) VALUES (:n, :n, :n)', { n: 4 })
    const row = (await session.execute('SELECT w, ttl FROM t WHERE id = 4')).singleRow()
    expect([row['w'], row['ttl']]).toEqual([4, 4])
  })

  test('a column called ttl in a statement with USING TTL ? keeps its name; the marker has its own', async () => {
    const { session } = target
    const text = 'INSERT INTO t (id, ttl) VALUES (?, ?) USING TTL ?'
    await session.execute(text, { id: 5, ttl: 7, '[ttl]': 1000 })
    const row = (
      await session.execute('SELECT ttl, ttl(ttl) AS life FROM t WHERE id = 5')
    ).singleRow()
    expect(row['ttl']).toBe(7)
    expect(row['life']).toBeGreaterThan(900)
  })

  test('ranges, limits and lists have names by their place', async () => {
    const { session } = target
    const range = await session.execute(
      'SELECT c FROM r WHERE p = ? AND c >= ? AND c < ? LIMIT ?',
      {
        p: 1,
        c_from: 3,
        c_until: 8,
        limit: 2,
      },
    )
    expect(range.rows().map((row) => row[0])).toEqual([3, 4])
    const list = await session.execute('SELECT c FROM r WHERE p = ? AND c IN ?', {
      p: 1,
      c: [2, 4],
    })
    expect(list.rows().map((row) => row[0])).toEqual([2, 4])
    const numbered = await session.execute('SELECT c FROM r WHERE p = ? AND c > ? AND c <= ?', {
      c_2: 5,
      c_1: 3,
      p: 1,
    })
    expect(numbered.rows().map((row) => row[0])).toEqual([4, 5])
  })

  test('undefined keeps, null deletes', async () => {
    const { session } = target
    const insert = 'INSERT INTO t (id, v, w) VALUES (?, ?, ?)'
    await session.execute(insert, [6, 'keep', 1])
    await session.execute(insert, [6, undefined, null])
    const row = (await session.execute('SELECT v, w FROM t WHERE id = 6')).singleRow()
    expect([row['v'], row['w']]).toEqual(['keep', null])
  })

  test('values may change while their statement is prepared', async () => {
    const { session } = target
    await session.execute('CREATE TABLE reused (id int PRIMARY KEY)')
    const values = [0]
    const batchValues = [[0], [0]]
    const writes: Promise<unknown>[] = []
    for (let i = 0; i < 10; i++) {
      values[0] = i
      batchValues[0]![0] = 100 + i
      batchValues[1]![0] = 200 + i
      const batch = new Batch()
        .appendStatement('INSERT INTO reused (id) VALUES (?)')
        .appendStatement('INSERT INTO reused  (id) VALUES (?)')
      writes.push(session.execute('INSERT INTO reused (id) VALUES (?) ', values))
      writes.push(session.batch(batch, batchValues))
    }
    await Promise.all(writes)
    expect((await session.execute('SELECT id FROM reused')).length).toBe(30)
  })

  test('what a caller changes after the call does not change what is written', async () => {
    const { session } = target
    const insert = await session.prepare('INSERT INTO t (id, v) VALUES (?, ?)')
    const values: [number, string] = [0, '']
    const writes: Promise<unknown>[] = []
    for (let i = 0; i < 3_000; i++) {
      values[0] = 1_000 + i
      values[1] = `v${i}`
      writes.push(session.executePrepared(insert, values))
    }
    await Promise.all(writes)
    const rows = await session.execute('SELECT id, v FROM t WHERE id >= 1000 ALLOW FILTERING')
    expect(rows.length).toBe(3_000)
    expect(rows.rows().every((row) => row['v'] === `v${Number(row['id']) - 1000}`)).toBe(true)
  })
})
