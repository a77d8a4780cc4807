import { describe, expect, test } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import { ask, openEngine } from './support/ask.ts'

const open = (...statements: string[]): Promise<Engine> =>
  openEngine(
    {},
    'CREATE TABLE t (k int, c int, v int, st int static, PRIMARY KEY (k, c))',
    ...statements,
  )

const batch = (...statements: string[]): string =>
  `BEGIN BATCH ${statements.join('; ')}; APPLY BATCH`

describe('a conditional batch', () => {
  test.each([
    ['a range', 'DELETE FROM t WHERE k = 1 AND c > 0'],
    ['the partition', 'DELETE FROM t WHERE k = 1'],
  ])('that deletes %s keeps the rows it writes itself', async (_, deletion) => {
    const engine = await open('INSERT INTO t (k, c, v, st) VALUES (1, 1, 1, 2)')
    const condition = 'UPDATE t SET st = 3 WHERE k = 1 IF st = 2'
    const insert = 'INSERT INTO t (k, c, v) VALUES (1, 3, 9)'
    expect(await ask(engine, batch(condition, deletion, insert))).toEqual([[true]])
    expect(await ask(engine, 'SELECT k, c, st, v FROM t')).toEqual([[1, 3, 3, 9]])
  })

  test('that deletes and writes one row deletes it', async () => {
    const engine = await open('INSERT INTO t (k, c, v) VALUES (1, 1, 1)')
    const deletion = 'DELETE FROM t WHERE k = 1 AND c = 1 IF EXISTS'
    await ask(engine, batch(deletion, 'INSERT INTO t (k, c, v) VALUES (1, 1, 2)'))
    expect(await ask(engine, 'SELECT * FROM t')).toEqual([])
  })

  test('shows the static row only to those whose conditions are about it', async () => {
    const engine = await open('UPDATE t SET st = 2 WHERE k = 1')
    const onRow = 'UPDATE t SET v = 3 WHERE k = 1 AND c = 9 IF EXISTS'
    const plain = 'UPDATE t SET st = 4 WHERE k = 1'
    expect(await ask(engine, batch(plain, onRow))).toEqual([[false]])
    expect(await ask(engine, batch(`${plain} IF st = 7`, onRow))).toEqual([
      [false, 1, null, 2, null],
    ])
  })
})

test('a condition on the static row alone does not see rows that only UPDATE made', async () => {
  const engine = await open('UPDATE t SET v = 1 WHERE k = 3 AND c = 1')
  const update = 'UPDATE t SET st = 1 WHERE k = 3 IF st = 5'
  expect(await ask(engine, update)).toEqual([[false]])
  await ask(engine, 'INSERT INTO t (k, c) VALUES (3, 2)')
  expect(await ask(engine, update)).toEqual([[false, null]])
})

test('a row may be deleted on a condition about the static row', async () => {
  const engine = await open('INSERT INTO t (k, c, st) VALUES (1, 1, 7)')
  const deletion = 'DELETE FROM t WHERE k = 1 AND c = 1 IF st ='
  expect(await ask(engine, `${deletion} 8`)).toEqual([[false, 7]])
  expect(await ask(engine, `${deletion} 7`)).toEqual([[true]])
  expect(await ask(engine, 'SELECT c, st FROM t')).toEqual([[null, 7]])
})
