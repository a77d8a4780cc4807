import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { analyzeStatement, parseStatement, parseTypeText } from '../../src/cql/index.ts'
import { CqlSyntaxError } from '../../src/errors/index.ts'
import { printStatement } from '../support/cql-printer/statement.ts'

/** At least one of every kind of statement Cassandra 5 knows. */
const statements = readFileSync(new URL('statements.cql', import.meta.url), 'utf8')
  .trim()
  .split('\n')

describe('parser', () => {
  test.each(statements)('what is printed of "%s" parses to the same tree', (text) => {
    const tree = parseStatement(text)
    expect(parseStatement(printStatement(tree))).toEqual(tree)
  })

  test('a negative integer after a column is the operand of a subtraction', () => {
    const tree = parseStatement('UPDATE t SET x = x -3 WHERE k = 1')
    expect(tree).toMatchObject({
      assignments: [{ column: 'x', operation: 'subtract', value: { text: '3' } }],
    })
  })

  test('comments of all three kinds separate tokens', () => {
    const tree = parseStatement('SELECT/* a */* -- b\nFROM // c\n t')
    expect(tree).toEqual(parseStatement('SELECT * FROM t'))
  })

  test('words of the grammar that are not reserved are names', () => {
    const tree = parseStatement('SELECT ttl, json FROM values.key WHERE as = 1 AND contains = 2')
    expect(tree).toMatchObject({ table: { keyspace: 'values', name: 'key' } })
  })

  test('nesting too deep for the stack is refused', () => {
    const deep = (open: string, close: string) => open.repeat(5_000) + close.repeat(5_000)
    for (const text of [
      `SELECT ${deep('(', ')')} FROM t`,
      `SELECT ${deep('f(', ')')} FROM t`,
      `SELECT * FROM t WHERE a = ${deep('[', ']')}`,
      `SELECT * FROM t WHERE ${deep('(', ')')}`,
      `CREATE TABLE t (a ${deep('list<', '>')})`,
      `SELECT ${'- '.repeat(5_000)}a FROM t`,
    ]) {
      expect(() => parseStatement(text)).toThrow('The statement is nested too deep')
    }
  })

  test('every text parses to a tree or a syntax error, and always has facts', () => {
    const words = statements.flatMap((text) => text.split(/\b/))
    const text = fc.array(fc.oneof(fc.constantFrom(...words), fc.string()), { maxLength: 12 })
    fc.assert(
      fc.property(text, (parts) => {
        const cql = parts.join('')
        analyzeStatement(cql)
        try {
          expect(parseStatement(printStatement(parseStatement(cql)))).toEqual(parseStatement(cql))
        } catch (error) {
          expect(error).toBeInstanceOf(CqlSyntaxError)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('a type by itself parses', () => {
    expect(parseTypeText('map<varchar, frozen<ks."T">>')).toEqual({
      kind: 'map',
      key: { kind: 'native', name: 'text' },
      value: { kind: 'frozen', element: { kind: 'named', keyspace: 'ks', name: 'T' } },
    })
  })
})

/** Positions as Apache Cassandra 5.0.9 reports them. */
const faults: [text: string, position: string][] = [
  ['SELECT', '0:-1'],
  ['SELECT * FORM t', '1:9'],
  ['SELECT * FROM t extra', '1:16'],
  ['FOO', '1:0'],
  ['', '0:-1'],
  ['SELECT @ FROM t', '1:7'],
  ["SELECT * FROM t WHERE a = 'abc", '1:30'],
  ['SELECT * FROM t; SELECT * FROM t', '1:17'],
  ['SELECT\n *\n FROM WHERE', '3:6'],
  ['INSERT INTO t (a) VALUES (1', '0:-1'],
  ['INSERT INTO t VALUES (1)', '1:14'],
  ['UPDATE t SET a = 1', '0:-1'],
  ['UPDATE t SET a WHERE b=1', '1:15'],
  ['UPDATE t SET a = b WHERE c=1', '1:19'],
  ['UPDATE t SET a = b + c WHERE c=1', '1:23'],
  ['UPDATE t SET a = a * 1 WHERE c=1', '1:19'],
  ['CREATE TABLE (a int)', '1:13'],
  ['SELECT a b FROM t', '1:9'],
  ['SELECT * FROM select', '1:14'],
  ['SELECT "" FROM t', '1:7'],
  ["SELECT * FROM t LIMIT 'a'", '1:22'],
  ['USE a b', '1:6'],
  ['BEGIN BATCH SELECT * FROM t APPLY BATCH', '1:12'],
  ['ALTER TABLE t FOO', '1:14'],
  ['SELECT token( FROM t', '1:14'],
  ['SELECT * FROM t WHERE (a) = 1', '1:28'],
  ['SELECT * FROM t WHERE a IN 1', '1:27'],
  ['SELECT * FROM t WHERE a ! 1', '1:25'],
  ['SELECT * FROM t WHERE a = 1 OR b = 2', '1:28'],
  ['SELECT * FROM a.b.c', '1:17'],
  ['UPDATE t SET a=1, WHERE b=1', '1:18'],
  ['SELECT * FROM t -- c', '1:20'],
  ['SELECT * FROM t /* c', '1:20'],
  ['SELECT a FROM t WHERE a = 1 LIMIT 1 PER PARTITION LIMIT 2', '1:36'],
  ['SELECT a, FROM t', '1:10'],
  ['SELECT a. FROM t', '1:10'],
  ['SELECT $ FROM t', '1:8'],
  ['SELECT é FROM t', '1:7'],
  ['GRANT FOO ON t TO x', '1:10'],
  ['INSERT INTO t JSON 5', '1:19'],
  ['UPDATE t SET a[1 = 2 WHERE b=1', '1:17'],
  ['SELECT * FROM t WHERE a = :1', '1:27'],
  ['SELECT * FROM t WHERE a BETWEEN 1 AND 2', '1:24'],
  ['SELECT * FROM t WHERE a = 1 ALLOW', '0:-1'],
  ['SELECT CAST(a AS foo) FROM t', '1:17'],
  ['SELECT count(* FROM t', '1:15'],
  ['DELETE a[ FROM t WHERE b=1', '1:10'],
  ['SELECT * FROM t USING TIMEOUT 5s', '1:16'],
]

describe('syntax errors', () => {
  test.each(faults)('%j is refused where Cassandra refuses it', (text, position) => {
    let error: unknown
    try {
      parseStatement(text)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(CqlSyntaxError)
    const { message, line, column, expected } = error as CqlSyntaxError
    expect(`${line}:${column}`).toBe(position)
    expect(message.startsWith(`line ${position} `)).toBe(true)
    expect(expected).not.toBe('')
  })

  test.each([
    ['SELECT * FROM ?', 'Bind variables cannot be used for table names'],
    ['UPDATE t SET a = a + 1, a = 2 WHERE c=1', 'Multiple incompatible setting of column a'],
    ["CREATE KEYSPACE x WITH a = 'b' AND a = 'c'", "Multiple definitions for property 'a'"],
  ])("%j is refused in Cassandra's words", (text, message) => {
    expect(() => parseStatement(text)).toThrow(message)
  })
})
