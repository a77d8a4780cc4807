import { expect, test } from 'vitest'
import { Batch } from '../../src/index.ts'
import { describeOnServers } from '../support/targets.ts'

describeOnServers('prepared statements', (target) => {
  test('ALTER TABLE ADD and DROP between executes never mis-decode', async () => {
    const { session } = target
    await session.execute('CREATE TABLE alt (id int PRIMARY KEY, b text, d text)')
    await session.execute(`INSERT INTO alt (id, b, d) VALUES (1, 'b', 'd')`)
    const select = await session.prepare('SELECT * FROM alt WHERE id = ?')
    const read = async (): Promise<unknown> =>
      (await session.executePrepared(select, [1])).firstRowTyped()
    expect(await read()).toEqual({ id: 1, b: 'b', d: 'd' })
    await session.execute('ALTER TABLE alt ADD c int')
    expect(await read()).toEqual({ id: 1, b: 'b', c: null, d: 'd' })
    await session.execute('INSERT INTO alt (id, c) VALUES (1, 3)')
    await session.execute('ALTER TABLE alt DROP b')
    expect(await read()).toEqual({ id: 1, c: 3, d: 'd' })
    await session.execute('ALTER TABLE alt ADD a bigint')
    expect(await read()).toEqual({ id: 1, a: null, c: 3, d: 'd' })
  })

  test('ALTER TYPE between executes never mis-decodes', async () => {
    const { session } = target
    await session.execute('CREATE TYPE point (x int)')
    await session.execute('CREATE TABLE typed (id int PRIMARY KEY, p frozen<point>)')
    const insert = await session.prepare('INSERT INTO typed (id, p) VALUES (?, ?)')
    const select = await session.prepare('SELECT p FROM typed WHERE id = ?')
    await session.executePrepared(insert, [1, { x: 1 }])
    await session.execute('ALTER TYPE point ADD y text')
    expect((await session.executePrepared(select, [1])).singleRow()['p']).toEqual({ x: 1, y: null })
    await session.executePrepared(insert, [2, { x: 2, y: 'two' }])
    expect((await session.executePrepared(select, [2])).singleRow()['p']).toEqual({
      x: 2,
      y: 'two',
    })
  })

  test('a statement survives the table being dropped and created again', async () => {
    const { session } = target
    await session.execute('CREATE TABLE again (id int PRIMARY KEY, v int)')
    const insert = await session.prepare('INSERT INTO again (id, v) VALUES (?, ?)')
    await session.executePrepared(insert, [1, 1])
    await session.execute('DROP TABLE again')
    await expect(session.executePrepared(insert, [1, 1])).rejects.toMatchObject({
      code: 'TSYLLA_SERVER_INVALID',
    })
    await session.execute('CREATE TABLE again (id int PRIMARY KEY, v int)')
    await Promise.all(Array.from({ length: 50 }, (_, i) => session.executePrepared(insert, [i, i])))
    expect((await session.execute('SELECT count(*) FROM again')).singleRow()['count']).toBe(50n)
  })

  test('a table created again with another type takes values of that type from statements prepared before', async () => {
    const { session } = target
    const text = 'INSERT INTO retyped (id, v) VALUES (?, ?)'
    const make = async (type: string): Promise<void> => {
      await session.execute('DROP TABLE IF EXISTS retyped')
      await session.execute(`CREATE TABLE retyped (id int PRIMARY KEY, v ${type})`)
    }
    await make('int')
    const other = await target.open()
    const prepared = await session.prepare(text)
    await session.executePrepared(prepared, [1, 1])
    await other.execute(text, [2, 2])
    await make('text')
    await session.executePrepared(prepared, [1, 'one'])
    await session.execute(text, [3, 'three'])
    await session.batch(new Batch().appendPrepared(prepared).appendStatement(text), [
      [4, 'four'],
      [5, 'five'],
    ])
    // The other session hears of it by an event, which takes its time.
    const refused = { code: 'TSYLLA_BIND_VALUE', cqlType: 'text' }
    await expect
      .poll(() => other.execute(text, [6, 1_094_861_636]).catch((error: unknown) => error))
      .toMatchObject(refused)
    expect((await session.execute('SELECT v FROM retyped WHERE id = 1')).singleRow()['v']).toBe(
      'one',
    )
  })

  test('a batch takes the fields a type has got meanwhile', async () => {
    const { session } = target
    await session.execute('CREATE TYPE grown (x int)')
    await session.execute('CREATE TABLE grows (id int PRIMARY KEY, p frozen<grown>)')
    const insert = await session.prepare('INSERT INTO grows (id, p) VALUES (?, ?)')
    await session.executePrepared(insert, [1, { x: 1 }])
    await session.execute('ALTER TYPE grown ADD y text')
    await session.batch(new Batch().appendPrepared(insert), [[2, { x: 2, y: 'two' }]])
    const row = (await session.execute('SELECT p FROM grows WHERE id = 2')).singleRow()
    expect(row['p']).toEqual({ x: 2, y: 'two' })
  })

  test('a batch whose statements the node has forgotten is prepared again', async () => {
    const { session } = target
    await session.execute('CREATE TABLE forgot (id int PRIMARY KEY, v int, w int, x int)')
    const columns = ['v', 'w', 'x']
    const prepared = await Promise.all(
      columns.map((column) => session.prepare(`INSERT INTO forgot (id, ${column}) VALUES (?, ?)`)),
    )
    await session.execute('ALTER TABLE forgot ADD y int')
    let batch = new Batch('unlogged')
    for (const statement of prepared) batch = batch.appendPrepared(statement)
    await session.batch(batch, [
      [1, 1],
      [1, 2],
      [1, 3],
    ])
    const row = (await session.execute('SELECT v, w, x FROM forgot WHERE id = 1')).singleRow()
    expect(row.columns()).toEqual([1, 2, 3])
  })

  test('a statement of another session is prepared for this one', async () => {
    const other = await target.open()
    const prepared = await other.prepare('SELECT v FROM again WHERE id = ?')
    const result = await target.session.executePrepared(prepared, [7])
    expect(result.singleRow()['v']).toBe(7)
  })
})
