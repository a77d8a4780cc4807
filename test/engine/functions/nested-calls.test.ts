import { expect, test } from 'vitest'
import { ask, openEngine } from '../support/ask.ts'

/** `f(g(f(g(… seed …))))`, as deep as asked for. */
function nested(depth: number, seed: string): string {
  const names = ['toTimestamp', 'toDate']
  let text = seed
  for (let i = depth - 1; i >= 0; i--) text = `${names[i % 2]}(${text})`
  return text
}

test('a call as an argument has the type it returns', async () => {
  const engine = await openEngine({}, 'CREATE TABLE t (k int PRIMARY KEY, ts timestamp, d date)')
  await engine.query(
    "INSERT INTO t (k, ts) VALUES (1, toTimestamp(minTimeuuid('2020-01-01')))",
    'ks',
  )
  await engine.query('UPDATE t SET d = toDate(toTimestamp(now())) WHERE k = 2', 'ks')
  expect(await ask(engine, 'SELECT ts FROM t WHERE k = 1')).toEqual([[new Date('2020-01-01')]])
  expect(
    await ask(
      engine,
      "SELECT k FROM t WHERE ts = toTimestamp(toDate('2020-01-01')) ALLOW FILTERING",
    ),
  ).toEqual([[1]])
})

// Every level has two overloads: looking at all combinations would never end.
test.each([20, 60])('calls nested %i deep are looked at once for each type', async (depth) => {
  const engine = await openEngine({}, 'CREATE TABLE t (k int PRIMARY KEY, ts timestamp)')
  const call = nested(depth, 'now()')
  await engine.query(`INSERT INTO t (k, ts) VALUES (1, ${call})`, 'ks')
  expect(await ask(engine, `SELECT ${call} FROM t`)).toHaveLength(1)
})

test('exp and log refuse numbers that would take too long', async () => {
  const engine = await openEngine({}, 'CREATE TABLE t (k int PRIMARY KEY, e decimal, v varint)')
  await engine.query(
    `INSERT INTO t (k, e, v) VALUES (1, 1e2000000000, 1${'0'.repeat(3_000)})`,
    'ks',
  )
  await engine.query('INSERT INTO t (k, e) VALUES (2, 1e-2000000000)', 'ks')
  const refusal = (cql: string): Promise<unknown> => ask(engine, cql)
  await expect(refusal('SELECT exp(e) FROM t WHERE k = 1')).rejects.toThrow(
    'between -100000 and 100000',
  )
  await expect(refusal('SELECT exp(v) FROM t WHERE k = 1')).rejects.toThrow('of up to 2000 digits')
  await expect(refusal('SELECT log(v) FROM t WHERE k = 1')).rejects.toThrow('of up to 2000 digits')
  await expect(refusal('SELECT round(e) FROM t WHERE k = 1')).rejects.toThrow('10000 digits')
  const small = await ask(engine, 'SELECT exp(e), round(e), log10(e) FROM t WHERE k = 2')
  expect(String(small)).toBe('1.0000000000000000000000000000000,0,-2E+9')
})
