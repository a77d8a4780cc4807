import { expect, test } from 'vitest'
import { encodeValue } from '../../src/codec/index.ts'
import { type CqlType, nativeTypes } from '../../src/types/index.ts'
import { ask, openEngine } from './support/ask.ts'

/*
 * Inputs so large that work which grows with their square would take minutes or hours, where it
 * takes milliseconds now.
 */

const { int, varint, decimal } = nativeTypes
const ints: CqlType = { kind: 'list', element: int, frozen: false }
const map: CqlType = { kind: 'map', key: int, value: int, frozen: false }
const count = 40_000

test('a map is bound, read back and searched in time linear in its entries', async () => {
  const engine = await openEngine({}, 'CREATE TABLE t (k int PRIMARY KEY, m map<int, int>)')
  const entries = Array.from({ length: count }, (_, i) => [(i * 7919) % count, i] as const)
  await engine.query('INSERT INTO t (k, m) VALUES (1, ?)', 'ks', [
    encodeValue(map, new Map(entries)),
  ])
  await engine.query('UPDATE t SET m = m + ? WHERE k = 1', 'ks', [
    encodeValue(map, new Map(entries)),
  ])
  expect(await ask(engine, 'SELECT m[5] FROM t')).toEqual([[new Map(entries).get(5)]])
})

test('a map literal is written in time linear in its entries', async () => {
  const engine = await openEngine({}, 'CREATE TABLE t (k int PRIMARY KEY, m map<int, int>)')
  const entries = Array.from({ length: count }, (_, i) => `${count - i}: ${i}`)
  await engine.query(`INSERT INTO t (k, m) VALUES (1, {${entries.join(', ')}})`, 'ks')
  expect(await ask(engine, 'SELECT m[5] FROM t')).toEqual([[count - 5]])
})

test('many elements are taken out of a long list without comparing all pairs', async () => {
  const engine = await openEngine({}, 'CREATE TABLE t (k int PRIMARY KEY, l list<int>)')
  const numbers = Array.from({ length: count }, (_, i) => i)
  await engine.query('INSERT INTO t (k, l) VALUES (1, ?)', 'ks', [encodeValue(ints, numbers)])
  const odd = numbers.filter((each) => each % 2 === 1)
  await engine.query('UPDATE t SET l = l - ? WHERE k = 1', 'ks', [encodeValue(ints, odd)])
  const [[list]] = (await ask(engine, 'SELECT l FROM t')) as [[number[]]]
  expect(list).toEqual(numbers.filter((each) => each % 2 === 0))
})

test('rows are filtered by a long IN without comparing each with all its values', async () => {
  const engine = await openEngine({}, 'CREATE TABLE t (k int, c int, v int, PRIMARY KEY (k, c))')
  for (let c = 0; c < 2_000; c++) {
    await engine.query('INSERT INTO t (k, c, v) VALUES (1, ?, ?)', 'ks', [
      encodeValue(int, c),
      encodeValue(int, c),
    ])
  }
  const even = encodeValue(
    ints,
    Array.from({ length: count }, (_, i) => i * 2),
  )
  const byValue = await ask(engine, 'SELECT count(*) FROM t WHERE v IN ? ALLOW FILTERING', [even])
  expect(byValue).toEqual([[1_000n]])
  const inScan =
    'SELECT count(*) FROM t WHERE token(k) > -9223372036854775808 AND c IN ? ALLOW FILTERING'
  expect(await ask(engine, inScan, [even])).toEqual([[1_000n]])
  await engine.query('UPDATE t SET v = 1 WHERE k = 1 AND c = 1 IF v IN ?', 'ks', [even])
})

test.each([
  [varint, 1_000_000],
  [decimal, 500_000],
])('aggregates of %o take time about linear in its bytes', async (type, bytes) => {
  const engine = await openEngine({}, `CREATE TABLE t (k int PRIMARY KEY, v ${type.kind})`)
  const value = Buffer.concat([Buffer.alloc(type === decimal ? 4 : 0), Buffer.alloc(bytes, 0x5a)])
  for (const k of [1, 2, 3]) {
    await engine.query('INSERT INTO t (k, v) VALUES (?, ?)', 'ks', [encodeValue(int, k), value])
  }
  const query = 'SELECT sum(v), avg(v), min(v), max(v), abs(v) FROM t'
  const result = await engine.query(query, 'ks')
  expect(result.kind).toBe('rows')
})

test('a constant of millions of digits is refused where it is none, before it is read', async () => {
  const engine = await openEngine({}, 'CREATE TABLE t (k int PRIMARY KEY, v varint, d decimal)')
  const digits = '9'.repeat(5_000_000)
  const insert = async (column: string): Promise<unknown> =>
    await engine.query(`INSERT INTO t (k, ${column}) VALUES (1, ${digits})`, 'ks')
  await expect(insert('v')).rejects.toThrow('unable to make BigInteger from')
  await expect(insert('d')).rejects.toThrow('unable to make BigDecimal from')
  const key = engine.query.bind(engine, `SELECT v FROM t WHERE k = ${digits}`, 'ks')
  expect(key).toThrow('Unable to make int from')
})
