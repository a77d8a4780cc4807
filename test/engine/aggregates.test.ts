import { describe, expect, test } from 'vitest'
import { encodeValue } from '../../src/codec/index.ts'
import type { Engine } from '../../src/engine/index.ts'
import { Decimal, nativeTypes } from '../../src/types/index.ts'
import { ask, openEngine } from './support/ask.ts'

const table = 'CREATE TABLE t (k int, c int, d decimal, f double, PRIMARY KEY (k, c))'

async function open(column: string, values: readonly string[]): Promise<Engine> {
  const engine = await openEngine({}, table)
  for (const [c, value] of values.entries()) {
    await ask(engine, `INSERT INTO t (k, c, ${column}) VALUES (1, ${c}, ${value})`)
  }
  return engine
}

describe('averages', () => {
  test.each([
    [['1.5', '2.25', '1'], '1.59'],
    [['1.5', '1'], '1.3'],
    [['10', '-7.77'], '1.12'],
    [[], '0'],
  ])('of the decimals %j are a running mean', async (values, expected) => {
    const engine = await open('d', values)
    const [[mean]] = (await ask(engine, 'SELECT avg(d) FROM t WHERE k = 1')) as [[Decimal]]
    expect(mean.toString()).toBe(expected)
  })

  test.each([
    [['1e308', '1e308'], 1e308],
    [['0.1', '0.2', '0.3', '1e308', '1e308', '-1e308'], 2e307],
    [['0.1', '0.2', '0.3'], 0.19999999999999998],
    [['1e308', '1e308', 'Infinity'], Number.POSITIVE_INFINITY],
    [['1e308', '1e308', 'NaN', '1'], Number.NaN],
  ])('of the doubles %j do not overflow', async (values, expected) => {
    const engine = await open('f', values)
    expect(await ask(engine, 'SELECT avg(f) FROM t WHERE k = 1')).toEqual([[expected]])
  })
})

describe('a decimal with very many digits', () => {
  const huge = encodeValue(nativeTypes.decimal, new Decimal(1n, -300_000_000))
  const tiny = encodeValue(nativeTypes.decimal, new Decimal(1n, 300_000_000))
  const insert = 'INSERT INTO t (k, c, d) VALUES (1, 0, ?)'

  test('is refused where it would have to be written out', async () => {
    const engine = await open('d', ['1', '1'])
    await ask(engine, insert, [huge])
    for (const what of ['sum(d)', 'avg(d)', 'cast(d AS varint)']) {
      await expect(ask(engine, `SELECT ${what} FROM t WHERE k = 1`)).rejects.toMatchObject({
        serverCode: 0x2200,
        message: 'Decimals that differ by more than 10000 digits are not computed with',
      })
    }
  })

  test('is cut where its lowest bits count', async () => {
    const engine = await openEngine({}, table)
    for (const [value, expected] of [
      [huge, 0n],
      [tiny, 0n],
      [encodeValue(nativeTypes.decimal, new Decimal(12_345n, 2)), 123n],
      [encodeValue(nativeTypes.decimal, new Decimal(-7n, -1)), -70n],
      [encodeValue(nativeTypes.decimal, new Decimal(1n, -19)), 10n ** 19n - 2n ** 64n],
    ] as const) {
      await ask(engine, insert, [value])
      expect(await ask(engine, 'SELECT cast(d AS bigint) FROM t')).toEqual([[expected]])
    }
  })
})
