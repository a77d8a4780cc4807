/** Where the engine differs from Cassandra on purpose, each with its reason. */
export interface KnownDifference {
  /** Script and statement, as the failing test prints them. */
  readonly script: string
  readonly statement: string
  readonly reason: string
}

/** What is refused by name until it is built, by reason. */
const refused: Readonly<Record<string, readonly string[]>> = {
  'JSON is neither read nor written by the engine yet.': [
    'SELECT JSON k, v FROM t',
    `INSERT INTO t JSON '{"k": 1, "c": 5}'`,
  ],
  'GROUP BY takes columns only, no functions of them yet.': [
    'SELECT k, count(*) FROM t GROUP BY k, floor(c, 1h)',
  ],
  'Arithmetic is not computed by the engine yet.': [
    'SELECT v + w, v * 2, -v FROM t',
    'SELECT k FROM t WHERE k = 1 + 1',
    'INSERT INTO t (k, c) VALUES (1 + 1, 0)',
    'UPDATE t SET v = 1 + 2 WHERE k = 1 AND c = 0',
  ],
  'Functions of JSON are not there yet.': ['SELECT toJson(v) FROM t'],
  'A statement the engine parses and does not execute yet.': [
    'CREATE INDEX ON t (v)',
    "CREATE INDEX i ON t (v) USING 'sai'",
    'CREATE MATERIALIZED VIEW mv AS SELECT * FROM t WHERE k IS NOT NULL AND c IS NOT NULL PRIMARY KEY (c, k)',
    "CREATE FUNCTION f (a int) RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java AS 'return a;'",
    "CREATE TRIGGER tr ON t USING 'x'",
    'CREATE ROLE r',
    'GRANT SELECT ON t TO r',
    'LIST ROLES',
    'DESCRIBE TABLES',
  ],
}

/** What Cassandra fails at inside, in the words of a Java exception, by script. */
const javaFailures: Readonly<Record<string, readonly string[]>> = {
  'math.cql': [
    'SELECT log(v) FROM t WHERE k = 1',
    'SELECT log(e) FROM t WHERE k = 1',
    'SELECT log10(v) FROM t WHERE k = 5',
  ],
  'selected-literals.cql': ['SELECT {j, k} FROM t WHERE k = 1'],
}

/** Differences of literals and masks, by reason. */
const literals: Readonly<Record<string, readonly string[]>> = {
  'Node has no MD2, which is broken: the engine refuses it as a hash it does not know.': [
    "SELECT mask_hash(v, 'MD2') FROM t WHERE k = 1",
  ],
  'Cassandra takes a blob literal for a tinyint here, the engine for a blob.': [
    'SELECT mask_default(0x0102) FROM t WHERE k = 1',
    'SELECT mask_null(0x01) FROM t WHERE k = 1',
    'SELECT mask_replace(0x01, 0x02) FROM t WHERE k = 1',
  ],
  'Cassandra lets a null into a collection that is only selected; the engine refuses it there as in a write.':
    [
      'SELECT (list<int>) [1, null] FROM t WHERE k = 1',
      'SELECT (map<int, int>) {1: null} FROM t WHERE k = 1',
    ],
  'Both refuse it; Cassandra in the words of a Java exception.': [
    'SELECT (set<int>) {1, null} FROM t WHERE k = 1',
    'SELECT (map<int, int>) {null: 1} FROM t WHERE k = 1',
    'SELECT (vector<int, 2>) [1, null] FROM t WHERE k = 1',
  ],
}

export const knownDifferences: readonly KnownDifference[] = [
  ...Object.entries(literals).flatMap(([reason, statements]) =>
    statements.map((statement) => ({ script: 'literals-and-masks.cql', statement, reason })),
  ),
  ...Object.entries(javaFailures).flatMap(([script, statements]) =>
    statements.map((statement) => ({
      script,
      statement,
      reason: 'Both refuse it; Cassandra in the words of a Java exception.',
    })),
  ),
  ...Object.entries(refused).flatMap(([reason, statements]) =>
    statements.map((statement) => ({ script: 'refused.cql', statement, reason })),
  ),
  {
    script: 'syntax.cql',
    statement: 'SELECT m[ FROM t',
    reason:
      'The engine points to where the wrong word begins, Cassandra to where its lexer gave up.',
  },
  {
    script: 'syntax.cql',
    statement: 'SELECT $$a FROM t',
    reason:
      'The engine points to where the wrong word begins, Cassandra to where its lexer gave up.',
  },
  {
    script: 'syntax.cql',
    statement: 'SELECT k FROM t WHERE k = 1a',
    reason:
      'The engine points to where the wrong word begins, Cassandra to where its lexer gave up.',
  },
  {
    script: 'syntax.cql',
    statement: 'SELECT k FROM t WHERE k = 1e',
    reason:
      'The engine points to where the wrong word begins, Cassandra to where its lexer gave up.',
  },
  {
    script: 'syntax.cql',
    statement: 'SELECT k FROM t WHERE k = 5bd95c1a-6b4d-11ee-8c99-0242ac12000',
    reason:
      'The engine points to where the wrong word begins, Cassandra to where its lexer gave up.',
  },
  {
    script: 'syntax.cql',
    statement: 'DESCRIBE UNICORN',
    reason: 'DESCRIBE is not executed by the engine yet and refused by name.',
  },
  {
    script: 'deleted-counters.cql',
    statement: 'SELECT * FROM n WHERE k = 1',
    reason:
      'Cassandra goes on from its counter cache, which does not hear of deletions, and starts again without it.',
  },
  {
    script: 'tables-again.cql',
    statement:
      "CREATE TABLE t1 (k int PRIMARY KEY) WITH id = '5bd95c1a-6b4d-11ee-8c99-0242ac120001'",
    reason: 'Both refuse it; Cassandra in the words of a Java exception.',
  },
  {
    script: 'types.cql',
    statement: 'INSERT INTO t5 (k, v) VALUES (99, 1e9999999999)',
    reason: 'Both refuse it; Cassandra in the words of a Java exception.',
  },
  {
    script: 'types.cql',
    statement: 'INSERT INTO t6 (k, v) VALUES (50, 1e400)',
    reason: 'A double beyond the largest is infinite to the engine, a Java exception to Cassandra.',
  },
  {
    script: 'types.cql',
    statement: "INSERT INTO t25 (k, v) VALUES (99, (1, 'a', 2))",
    reason: 'Both refuse it; the engine because a tuple is no user type, whatever its length.',
  },
  {
    script: 'types.cql',
    statement: 'INSERT INTO t21 (k, l) VALUES (60, [(1)])',
    reason: 'The engine takes a constant in brackets for a constant, not for a tuple of one field.',
  },
  {
    script: 'types.cql',
    statement: 'INSERT INTO t21 (k, v) VALUES (61, 1)',
    reason: 'The engine refuses a constant where a tuple is due.',
  },
  {
    script: 'prepared.cql',
    statement: "SELECT (int)?, (text)'a', (list<int>)[1, ?], (tuple<int, text>)(?, 'x') FROM t",
    reason: 'The engine refuses markers inside collection literals in the selection, by name.',
  },
  {
    script: 'found.cql',
    statement: 'SELECT k, max(v) FROM plain WHERE k IN (1, 2) GROUP BY k',
    reason: 'Cassandra loses count of the groups of a page where a partition is one row.',
  },
  {
    script: 'found.cql',
    statement: 'INSERT INTO down (k, c, d) VALUES (1, {}, []) USING TIMESTAMP 1',
    reason: 'Cassandra fails with a ClassCastException at the empty map of a descending column.',
  },
  {
    script: 'found.cql',
    statement: "SELECT k, c FROM maps WHERE k = 8 AND sm CONTAINS KEY 'gone' ALLOW FILTERING",
    reason: 'Cassandra takes the tombstone of an entry of a static map for the entry.',
  },
]
