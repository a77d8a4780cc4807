import { describe, expect, test } from 'vitest'
import { analyzeStatement } from '../../src/cql/index.ts'

describe('statement facts', () => {
  test('the places of markers in an update with conditions are told apart', () => {
    const { markers } = analyzeStatement(
      'UPDATE t USING TTL ? SET v = ?, m[?] = ? WHERE k = :camelCase AND c >= ? IF v = ?',
    )
    expect(markers.map((m) => [m.clause, m.column, m.operator, m.isWhole])).toEqual([
      ['ttl', undefined, undefined, true],
      ['set', 'v', undefined, true],
      ['element', 'm', undefined, true],
      ['set', 'm', undefined, true],
      ['where', 'k', '=', true],
      ['where', 'c', '>=', true],
      ['if', 'v', '=', true],
    ])
    expect(markers[4]!.name).toBe('camelCase')
  })

  test('markers inside literals and calls are not whole values', () => {
    const { markers } = analyzeStatement("INSERT INTO t (a, b) VALUES ({'k': :v}, f(?))")
    expect(markers.map((m) => [m.name, m.clause, m.column, m.isWhole])).toEqual([
      ['v', 'insert', 'a', false],
      [undefined, 'insert', 'b', false],
    ])
  })

  test('the markers of a text in another dialect are found', () => {
    const facts = analyzeStatement('SELECT * FROM t WHERE k = ? AND c > :c LIMIT ? BYPASS CACHE')
    expect(facts).toMatchObject({ kind: 'select', isUnderstood: false, isIdempotent: true })
    expect(facts.markers.map((m) => [m.name, m.clause, m.column])).toEqual([
      [undefined, 'where', 'k'],
      ['c', 'where', 'c'],
      [undefined, 'limit', undefined],
    ])
    const insert = analyzeStatement(
      'INSERT INTO t (a, "B") VALUES (?, ?) USING TIMEOUT 5s AND TTL ?',
    )
    expect(insert.markers.map((m) => [m.clause, m.column])).toEqual([
      ['insert', 'a'],
      ['insert', 'B'],
      ['ttl', undefined],
    ])
    expect(insert.isIdempotent).toBe(false)
  })

  test.each([
    ['SELECT now() FROM t', true],
    ['INSERT INTO t (a) VALUES (?)', true],
    ['INSERT INTO t (a) VALUES (?) IF NOT EXISTS', false],
    ['INSERT INTO t (a) VALUES (now())', false],
    ['INSERT INTO t (a) VALUES (uuid())', false],
    ["INSERT INTO t (a) VALUES (textAsBlob('a'))", true],
    ['UPDATE t SET a = ? WHERE k = 1', true],
    ['UPDATE t SET a = a + 1 WHERE k = 1', false],
    ['UPDATE t SET a = 1 WHERE k = 1 AND c = now()', false],
    ['UPDATE t SET a = 1 WHERE k IN (1, f(2))', false],
    ['UPDATE t SET a = 1 WHERE k IN ? AND (c, d) = (1, ?)', true],
    ['UPDATE t SET a = 1 WHERE (c, d) IN ((1, uuid()))', false],
    ['DELETE FROM t WHERE k = 1 AND c < now()', false],
    ["INSERT INTO t (l) VALUES (['a'])", false],
    ['INSERT INTO t (l) VALUES ((list<int>) [1])', false],
    ["INSERT INTO t JSON '{}'", false],
    ["INSERT INTO t (l) VALUES (fromJson('[1]'))", false],
    ['UPDATE t SET l = [] WHERE k = 1', false],
    ['UPDATE t SET s = {1, 2}, m = {1: 2} WHERE k = 1', true],
    ['UPDATE t SET a += {1} WHERE k = 1', false],
    ['UPDATE t SET l[0] = 1 WHERE k = 1', false],
    ["UPDATE t SET m['a'] = 1 WHERE k = 1", true],
    ['UPDATE t SET m[?] = 1 WHERE k = 1', false],
    ['DELETE a FROM t WHERE k = 1', true],
    ['DELETE FROM t WHERE k = 1 IF EXISTS', false],
    ['DELETE l[?] FROM t WHERE k = 1', false],
    ['BEGIN BATCH INSERT INTO t (a) VALUES (1) APPLY BATCH', true],
    [
      'BEGIN BATCH INSERT INTO t (a) VALUES (1) UPDATE t SET c = c + 1 WHERE k = 1 APPLY BATCH',
      false,
    ],
    ['BEGIN COUNTER BATCH APPLY BATCH', false],
    ['TRUNCATE t', false],
    ['CREATE TABLE t (a int PRIMARY KEY)', false],
    ['nonsense', false],
  ])('repeating %j is harmless: %s', (text, expected) => {
    expect(analyzeStatement(text).isIdempotent).toBe(expected)
  })

  test('a sum of any length is understood', () => {
    const sum = Array.from({ length: 20_000 }, () => '1').join(' + ')
    expect(analyzeStatement(`INSERT INTO t (a) VALUES (${sum})`).isIdempotent).toBe(true)
    expect(analyzeStatement(`INSERT INTO t (a) VALUES (${sum} + f(1))`).isIdempotent).toBe(false)
  })

  test('an element marker is harmless only once it is known to be a map key', () => {
    const facts = analyzeStatement('UPDATE t SET m[?] = 1 WHERE k = 1')
    expect([facts.isIdempotent, facts.isIdempotentForMapKeys]).toEqual([false, true])
  })

  test('facts contain the table of a statement, its timestamp and whether it is conditional', () => {
    expect(
      analyzeStatement('DELETE FROM "K".t USING TIMESTAMP ? WHERE k = 1 IF a = 1'),
    ).toMatchObject({
      kind: 'delete',
      keyspace: 'K',
      table: 't',
      isConditional: true,
      hasUsingTimestamp: true,
    })
    expect(analyzeStatement('USE abc')).toMatchObject({ kind: 'use', keyspace: 'abc' })
    const mayUpdateCounter = (set: string): boolean =>
      analyzeStatement(`UPDATE t SET ${set} WHERE k = 1`).mayUpdateCounter
    expect(['c = c + ?', 'c += 1', 'c = c - 1'].map(mayUpdateCounter)).toEqual([true, true, true])
    expect(['l = l + [1]', 's -= {1}', 'm += {1: 2}'].some(mayUpdateCounter)).toBe(false)
  })
})
