import { describe, expect, test } from 'vitest'
import { parseStatement, parseTypeText, printStatement } from '../../src/cql/index.ts'
import { CqlSyntaxError } from '../../src/errors/index.ts'

/** At least one of every kind of statement Cassandra 5 knows. */
const statements = `
SELECT * FROM t
SELECT a, b AS c FROM ks.t WHERE a = 1 AND b IN (1, 2) AND c IN ? ORDER BY b DESC, c LIMIT 5
SELECT DISTINCT a FROM t PER PARTITION LIMIT 2 LIMIT :l ALLOW FILTERING
SELECT JSON a, ttl(b), writetime(c), maxwritetime(d[1]), count(*), count(1) FROM t
SELECT json, distinct, ttl, key, "select", "A""b" FROM t
SELECT json FROM t
SELECT distinct FROM t
SELECT json AS x, distinct AS y FROM t
SELECT a + 1 * - b / c % 2, (a), (a, b), [a, 1], {a, 1}, {a: b}, CAST(a AS text), (int) a FROM t
SELECT m['k'], m['a'..'b'], m[..'b'], m['a'..], u.f.g, u.f[1], ks.fn(a, ?), token(a, b) FROM t
SELECT min(a), sum(CAST(b AS double)) FROM t GROUP BY a, b
SELECT * FROM t WHERE token(a, b) > ? AND token(a, b) <= 10
SELECT * FROM t WHERE (b, c) > (1, 2) AND (b, c) IN ((1, 2), ?, :x) AND (b) = ?
SELECT * FROM t WHERE (b, c) IN ? AND (a = 1) AND ((b, c) = (1, 2)) AND (b) IN ()
SELECT * FROM t WHERE a CONTAINS 1 AND b CONTAINS KEY 2 AND c LIKE '%x' AND m['k'] = 1 AND d IS NOT NULL
SELECT * FROM t WHERE expr(idx, 'foo') ORDER BY v ANN OF [1.0, 2.0] LIMIT 3
SELECT * FROM t WHERE a = 'it''s' AND b = $$dollar 'string'$$ AND c = 0xCAFE AND d = 1.5e10 AND e = -3
SELECT * FROM t WHERE a = 12h30m AND b = P1Y2M AND c = PT5S AND d = -1mo AND e = P3W
SELECT * FROM t WHERE a = NaN AND b = -Infinity AND c = true AND d = FALSE AND e = 5bd95c1a-6b4d-11ee-8c99-0242ac120002
SELECT * FROM t WHERE a = {} AND b = {1: 2} AND c = {1} AND d = {f: 1, g: {h: 2}} AND e = [] AND f = (1, 'a')
SELECT * FROM t WHERE a = now() AND b = ks.f(1, 2) AND c = (text) 'x' AND d = (frozen<list<int>>) [1]
INSERT INTO t (a, b) VALUES (?, :b)
INSERT INTO ks.t (a, "B") VALUES (1, null) IF NOT EXISTS USING TTL ? AND TIMESTAMP 5
INSERT INTO t JSON '{"a": 1}' DEFAULT UNSET IF NOT EXISTS USING TTL 1
INSERT INTO t JSON ?
INSERT INTO t (ttl, timestamp, counter, values, key, type) VALUES (1, 2, 3, 4, 5, 6)
UPDATE t SET a = 1 WHERE k = 1
UPDATE t USING TTL 5 AND TIMESTAMP ? SET a = a + 1, b = b - ?, c = [1] + c, d += {1}, e -= {2} WHERE k = 1
UPDATE t SET m['k'] = 1, u.f = 2, l[0] = null WHERE k = 1 IF EXISTS
UPDATE t SET a = ? WHERE k = 1 IF a = 1 AND m['k'] != 2 AND u.f IN (1, 2) AND b IN ? AND c CONTAINS KEY 3
UPDATE t SET exists = 1 WHERE k = 1 IF exists = 2
UPDATE t SET a = f(1) + 2 WHERE k = 1
DELETE FROM t WHERE k = 1
DELETE a, m['k'], u.f FROM t USING TIMESTAMP 5 WHERE k = 1 AND (c) > (1) IF a = 1
BEGIN BATCH INSERT INTO t (a) VALUES (1); UPDATE t SET a = 1 WHERE k = 1 DELETE FROM t WHERE k = 1; APPLY BATCH
BEGIN UNLOGGED BATCH USING TIMESTAMP 5 INSERT INTO t (a) VALUES (1) APPLY BATCH
BEGIN COUNTER BATCH UPDATE t SET a = a + 1 WHERE k = 1 APPLY BATCH;
BEGIN BATCH APPLY BATCH
USE ks
USE "Ks"
TRUNCATE t
TRUNCATE TABLE ks.t
CREATE KEYSPACE IF NOT EXISTS ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1} AND durable_writes = true
CREATE TABLE t (a int PRIMARY KEY, b text)
CREATE TABLE IF NOT EXISTS ks.t (a int, b int, c int STATIC, d frozen<map<text, list<int>>>, PRIMARY KEY ((a, b), d)) WITH CLUSTERING ORDER BY (d DESC) AND comment = 'x' AND compaction = {'class': 'LCS'} AND gc_grace_seconds = 10
CREATE TABLE t (a int, b text MASKED WITH DEFAULT, c text MASKED WITH mask_inner(1, null), v vector<float, 3>, u ks.udt, x 'org.Custom', PRIMARY KEY (a)) WITH COMPACT STORAGE
CREATE TYPE ks.ty (a int, b frozen<tuple<int, text>>)
CREATE INDEX ON t (a)
CREATE CUSTOM INDEX IF NOT EXISTS i ON ks.t (keys(m)) USING 'SAI' WITH OPTIONS = {'a': 'b'}
CREATE INDEX i ON t (full(f))
CREATE MATERIALIZED VIEW v AS SELECT a, b FROM t WHERE a IS NOT NULL AND b > 1 PRIMARY KEY ((a), b) WITH CLUSTERING ORDER BY (b ASC)
CREATE TRIGGER tr ON t USING 'org.Trigger'
CREATE OR REPLACE FUNCTION ks.f (a int, b text) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$return a;$$
CREATE FUNCTION IF NOT EXISTS f () RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java AS 'x'
CREATE AGGREGATE ag (int) SFUNC s STYPE tuple<int, int> FINALFUNC f INITCOND (0, 0)
CREATE ROLE r WITH PASSWORD = 'p' AND SUPERUSER = true AND LOGIN = false AND OPTIONS = {'a': 'b'} AND ACCESS TO ALL DATACENTERS
CREATE ROLE IF NOT EXISTS 'r' WITH HASHED PASSWORD = 'h' AND ACCESS TO DATACENTERS {'dc1', 'dc2'} AND ACCESS FROM CIDRS {'a'}
CREATE USER IF NOT EXISTS u WITH PASSWORD 'x' SUPERUSER
CREATE USER u NOSUPERUSER
ALTER KEYSPACE ks WITH durable_writes = false
ALTER TABLE t ADD a int
ALTER TABLE IF EXISTS t ADD IF NOT EXISTS (a int, b text STATIC)
ALTER TABLE t DROP a
ALTER TABLE t DROP IF EXISTS (a, b) USING TIMESTAMP 5
ALTER TABLE t RENAME a TO b AND c TO d
ALTER TABLE t ALTER a TYPE text
ALTER TABLE t ALTER a MASKED WITH DEFAULT
ALTER TABLE t ALTER IF EXISTS a DROP MASKED
ALTER TABLE t DROP COMPACT STORAGE
ALTER TABLE t WITH comment = 'x' AND default_time_to_live = 5
ALTER TYPE ty ADD a int
ALTER TYPE IF EXISTS ks.ty RENAME IF EXISTS a TO b AND c TO d
ALTER TYPE ty ALTER a TYPE text
ALTER MATERIALIZED VIEW v WITH comment = ''
ALTER ROLE r WITH PASSWORD = 'x'
ALTER USER u WITH HASHED PASSWORD 'x'
DROP KEYSPACE IF EXISTS ks
DROP TABLE ks.t
DROP COLUMNFAMILY t
DROP TYPE IF EXISTS ty
DROP INDEX ks.i
DROP MATERIALIZED VIEW v
DROP TRIGGER tr ON ks.t
DROP FUNCTION IF EXISTS f (int, text)
DROP AGGREGATE ks.ag
DROP ROLE r
DROP USER IF EXISTS u
DROP IDENTITY 'spiffe://x'
ADD IDENTITY IF NOT EXISTS 'spiffe://x' TO ROLE 'r'
GRANT ALL PERMISSIONS ON ALL KEYSPACES TO r
GRANT SELECT PERMISSION, MODIFY ON KEYSPACE ks TO r
GRANT ALTER ON t TO r
GRANT EXECUTE ON FUNCTION ks.f (int) TO r
GRANT EXECUTE ON ALL FUNCTIONS IN KEYSPACE ks TO r
GRANT DESCRIBE ON ALL ROLES TO r
GRANT SELECT ON MBEANS 'x' TO r
GRANT SELECT ON ALL TABLES IN KEYSPACE ks TO r
GRANT a TO b
REVOKE ALL ON ROLE a FROM b
REVOKE a FROM b
LIST ALL PERMISSIONS OF r
LIST SELECT ON TABLE ks.t OF r NORECURSIVE
LIST ROLES OF r NORECURSIVE
LIST ROLES
LIST USERS
DESCRIBE CLUSTER
DESC FULL SCHEMA
DESCRIBE KEYSPACES
DESCRIBE ONLY KEYSPACE ks WITH INTERNALS
DESCRIBE TABLES
DESCRIBE TABLE ks.t
DESCRIBE INDEX i
DESCRIBE MATERIALIZED VIEW v
DESCRIBE TYPES
DESCRIBE TYPE ty
DESCRIBE FUNCTIONS
DESCRIBE FUNCTION f
DESCRIBE AGGREGATES
DESCRIBE AGGREGATE ag
DESCRIBE ks.anything
DESCRIBE tables.tables
`
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
