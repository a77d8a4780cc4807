import { expect, test } from 'vitest'
import fc from 'fast-check'
import { cql, foldIdentifier, parseStatement, quoteIdentifier } from '../../src/cql/index.ts'

test('values of a template become markers and names become text', () => {
  const statement = cql`SELECT * FROM ${cql.id('Ks', 't')} WHERE id = ${5} AND v = ${'a'}`
  expect(statement.text).toBe('SELECT * FROM "Ks".t WHERE id = ? AND v = ?')
  expect(statement.values).toEqual([5, 'a'])
})

test('fragments and statements nest with their values in the order of the text', () => {
  const where = cql.fragment`WHERE a = ${1}`
  const statement = cql`SELECT ${cql.join([cql.id('a'), cql.id('b')])} FROM t ${where} LIMIT ${2}`
  expect(statement.text).toBe('SELECT a, b FROM t WHERE a = ? LIMIT ?')
  expect(statement.values).toEqual([1, 2])
  expect(cql`${statement} ${cql.unsafe('ALLOW FILTERING')}`.text).toBe(
    'SELECT a, b FROM t WHERE a = ? LIMIT ? ALLOW FILTERING',
  )
})

test('any name survives quoting', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (name) => {
      expect(foldIdentifier(quoteIdentifier(name))).toBe(name)
      const tree = parseStatement(`SELECT * FROM ${quoteIdentifier(name)}`)
      expect(tree).toMatchObject({ table: { name } })
    }),
    { numRuns: 300 },
  )
})

test.each<[string, () => unknown]>([
  ['FROM', () => cql`SELECT * FROM ${'users'} WHERE id = ${1}`],
  ['into', () => cql`insert into ${'users'} (id) VALUES (${1})`],
  ['UPDATE', () => cql`UPDATE ${'users'} SET a = 1`],
  ['TABLE IF NOT EXISTS', () => cql`CREATE TABLE IF NOT EXISTS ${'users'} (id int PRIMARY KEY)`],
  ['TRUNCATE', () => cql`TRUNCATE ${'users'}`],
  ['USE', () => cql`USE ${'ks'}`],
  ['FROM', () => cql`SELECT ${cql.id('a')} FROM ${'users'}`],
  ['FROM', () => cql.fragment`FROM ${'users'}`],
])('a value in the place of a name, behind %s, is refused', (keyword, build) => {
  expect(build).toThrow(new RegExp(`a name follows ${keyword}, .*cql\\.id`, 'i'))
})

test.each([
  () => cql`SELECT a FROM t WHERE using_table = ${1} AND from_x IN ${[1]}`,
  () => cql`SELECT a FROM ${cql.id('t')} WHERE b = ${1}`,
  () => cql`INSERT INTO t (a) VALUES (${1}) USING TTL ${5}`,
])('values elsewhere are not', (build) => {
  expect(build).not.toThrow()
})
