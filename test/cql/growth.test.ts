import { expect, test } from 'vitest'
import { analyzeStatement, parseStatement } from '../../src/cql/index.ts'
import { printStatement } from '../support/cql-printer/statement.ts'

/*
 * Statements so long that work which grows with the square of their length would take minutes,
 * where it takes well under a second now.
 */

const repeated = (count: number, part: (index: number) => string, separator = ', '): string =>
  Array.from({ length: count }, (_, i) => part(i)).join(separator)

const many = 20_000

const texts: [what: string, cql: string][] = [
  ['assignments', `UPDATE t SET ${repeated(many, (i) => `m[${i}] = 1`)} WHERE k = 1`],
  ['fields', `UPDATE t SET ${repeated(many, (i) => `u.f${i} = 1`)} WHERE k = 1`],
  ['deletions', `DELETE ${repeated(many, (i) => `m[${i}]`)} FROM t WHERE k = 1`],
  ['conditions', `UPDATE t SET v = 1 WHERE k = 1 IF ${repeated(many, () => 'v = 1', ' AND ')}`],
  ['relations', `SELECT k FROM t WHERE ${repeated(many, () => 'l CONTAINS 1', ' AND ')}`],
  ['values of IN', `SELECT k FROM t WHERE k IN (${repeated(many, (i) => `${i}`)})`],
  ['markers', `SELECT k FROM t WHERE k IN (${repeated(many, () => '?')})`],
  ['named markers', `SELECT k FROM t WHERE k IN (${repeated(many, (i) => `:n${i}`)})`],
  ['selectors', `SELECT ${repeated(many, () => 'k')} FROM t`],
  ['columns', `CREATE TABLE t (k int PRIMARY KEY, ${repeated(many, (i) => `c${i} int`)})`],
  ['entries', `INSERT INTO t (m) VALUES ({${repeated(many, (i) => `${i}: 1`)}})`],
  [
    'statements',
    `BEGIN BATCH ${repeated(many, () => 'DELETE FROM t WHERE k = 1', ' ')} APPLY BATCH`,
  ],
  ['quotes', `INSERT INTO t (v) VALUES ('${"''".repeat(many * 10)}')`],
  ['comments', `SELECT ${'/* a */'.repeat(many)} k ${'-- a\n'.repeat(many)} FROM t`],
  ['spaces', `SELECT${' '.repeat(many * 50)}k FROM t`],
  ['digits', `INSERT INTO t (v) VALUES (${'9'.repeat(many * 50)})`],
  ['hexadecimal digits', `INSERT INTO t (v) VALUES (0x${'ab'.repeat(many * 50)})`],
]

test.each(texts)('many %s are read, analyzed and printed in linear time', (_what, cql) => {
  const statement = parseStatement(cql)
  expect(analyzeStatement(cql).kind).toBeDefined()
  expect(parseStatement(printStatement(statement)).kind).toBe(statement.kind)
})

test.each([
  ['open quotes', `SELECT '${"''".repeat(many)} FROM t`],
  ['open comments', `SELECT ${'/*'.repeat(many)} k`],
  ['open brackets', `SELECT ${'('.repeat(many)} k`],
  ['dollars', `SELECT ${'$'.repeat(many)}a`],
  ['lines', `${'\n'.repeat(many * 10)}SELECT )`],
  ['half UUIDs', `SELECT ${'5bd95c1a-6b4d-11ee-8c99-0242ac12000-'.repeat(many)}`],
])('many %s are refused in linear time', (_what, cql) => {
  expect(() => parseStatement(cql)).toThrow()
})

test('assignments that exclude each other are found wherever they are', () => {
  const fields = repeated(1_000, (i) => `u.f${i} = 1`)
  const set = (assignments: string) => () =>
    parseStatement(`UPDATE t SET ${assignments} WHERE k = 1`)
  const fault = (column: string): string => `Multiple incompatible setting of column ${column}`
  expect(set(`${fields}, u.f1 = 2`)).toThrow(fault('u'))
  expect(set(`${fields}, u = 2`)).toThrow(fault('u'))
  expect(set(`u = 2, ${fields}`)).toThrow(fault('u'))
  expect(set('v = 1, w = 1, v = 2')).toThrow(fault('v'))
  expect(set('m[1] = 1, m = 2')).toThrow(fault('m'))
  expect(set('m[1] = 1, m[1] = 2, m = m + {3: 3}')).not.toThrow()
  expect(set('c = c + 1, c += 1')).not.toThrow()
})
