import { describe, expect, test } from 'vitest'
import { parseStatement } from '../../src/cql/index.ts'
import { describeMarkers } from '../../src/cql/markers.ts'
import { PlanCache } from '../../src/engine/plan-cache.ts'
import type { PreparedPlan } from '../../src/engine/index.ts'
import { openEngine } from './support/ask.ts'

const many = 20_000
const chain = (part: string, glue: string): string =>
  Array.from({ length: many }, () => part).join(glue)

describe('a statement that is as deep as it is long', () => {
  test.each([
    `SELECT ${chain('k', ' + ')} FROM t`,
    `SELECT ${chain('?', ' + ')} FROM t`,
    `SELECT k${'.a'.repeat(many)} FROM t`,
    `SELECT k${'[1]'.repeat(many)} FROM t`,
    `SELECT k FROM t WHERE k = ${chain('1', ' * ')}`,
    `INSERT INTO t (k, v) VALUES (1, ${chain('1', ' - ')})`,
    `UPDATE t SET v = 1 WHERE k = 1 IF v = ${chain('1', ' + ')}`,
  ])('is refused (%#)', async (text) => {
    const engine = await openEngine({}, 'CREATE TABLE t (k int PRIMARY KEY, v int)')
    expect(() => engine.prepare(text, 'ks')).toThrow(
      expect.objectContaining({ serverCode: 0x2000, message: 'The statement is nested too deep' }),
    )
  })

  test('is no worse than a long list', async () => {
    const engine = await openEngine({}, 'CREATE TABLE t (k int PRIMARY KEY, v int)')
    expect(() =>
      engine.prepare(`SELECT v FROM t WHERE k IN (${chain('1', ', ')})`, 'ks'),
    ).not.toThrow()
  })
})

test('the markers of a sum of thousands are found', () => {
  const statement = parseStatement(`SELECT ${chain('?', ' + ')} FROM t`)
  const spellings = Array.from({ length: many }, () => ({ name: undefined, isQuoted: false }))
  if (statement.kind !== 'select') throw new Error('not parsed')
  const facts = describeMarkers(statement, spellings)
  expect(new Set(facts.map(({ clause, isWhole }) => `${clause} ${isWhole}`))).toEqual(
    new Set(['other true']),
  )
})

describe('plans that are kept', () => {
  const plan = {} as PreparedPlan

  test('are bounded by their number', () => {
    const cache = new PlanCache()
    for (let i = 0; i < 1_200; i++) cache.set(`text ${i}`, 'ks', plan)
    expect(cache.get('text 199', 'ks')).toBe(undefined)
    expect(cache.get('text 200', 'ks')).toBe(plan)
  })

  test('are bounded by the length of their texts', () => {
    const cache = new PlanCache()
    const long = 'x'.repeat(200_000)
    for (let i = 0; i < 30; i++) cache.set(`${i} ${long}`, undefined, plan)
    expect([...Array(30).keys()].filter((i) => cache.get(`${i} ${long}`, undefined))).toHaveLength(
      19,
    )
    cache.set('y'.repeat(5_000_000), undefined, plan)
    expect(cache.get('y'.repeat(5_000_000), undefined)).toBe(undefined)
    expect(cache.get(`29 ${long}`, undefined)).toBe(plan)
  })
})
