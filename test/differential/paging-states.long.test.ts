import { randomBytes } from 'node:crypto'
import { Client, type types } from 'cassandra-driver'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { embedded, type EmbeddedDatabase } from '../../src/embedded.ts'

/*
 * A paging state holds a place and what LIMITs have left, nothing of the statement it came from.
 * States of one statement are handed to others, as drivers without sealed states can do.
 */

const setUp = [
  'CREATE TABLE t (p int, a int, b int, v int, s int static, PRIMARY KEY (p, a, b))',
  'CREATE TABLE d (p int, a int, v int, PRIMARY KEY (p, a)) WITH CLUSTERING ORDER BY (a DESC)',
  'CREATE TABLE kv (k int PRIMARY KEY, v int)',
  ...[0, 1, 2, 3].flatMap((p) => [
    ...[0, 1, 2].flatMap((a) =>
      [0, 1, 2].map((b) => `INSERT INTO t (p, a, b, v) VALUES (${p}, ${a}, ${b}, ${a * 3 + b})`),
    ),
    ...[0, 1, 2, 3, 4].map((a) => `INSERT INTO d (p, a, v) VALUES (${p}, ${a}, ${a})`),
    `INSERT INTO kv (k, v) VALUES (${p}, ${p})`,
  ]),
  'UPDATE t SET s = 9 WHERE p = 1',
  'UPDATE t SET s = 9 WHERE p = 7',
]

/** Statements on one table: a state of each is given to each. */
const families: readonly (readonly string[])[] = [
  [
    'SELECT * FROM t WHERE p = 1',
    'SELECT v FROM t WHERE p = 1 ORDER BY a',
    'SELECT * FROM t WHERE p = 1 ORDER BY a DESC',
    'SELECT * FROM t WHERE p = 1 AND a = 1',
    'SELECT * FROM t WHERE p = 1 AND a > 0',
    'SELECT * FROM t WHERE p = 1 AND a = 2 AND b = 1',
    'SELECT * FROM t WHERE p = 1 AND a IN (0, 2)',
    'SELECT * FROM t WHERE p = 1 LIMIT 5',
    'SELECT * FROM t WHERE p = 1 LIMIT 2',
    'SELECT * FROM t WHERE p = 1 AND v > 4 ALLOW FILTERING',
    'SELECT * FROM t WHERE p = 2',
    'SELECT * FROM t WHERE p IN (0, 1, 2)',
    'SELECT * FROM t WHERE p IN (2, 3)',
    'SELECT * FROM t',
    'SELECT * FROM t PER PARTITION LIMIT 1',
    'SELECT * FROM t WHERE p = 1 PER PARTITION LIMIT 4',
    'SELECT p, a FROM t LIMIT 12',
    'SELECT * FROM t WHERE token(p) > token(1)',
    'SELECT * FROM t WHERE token(p) <= token(1)',
    'SELECT * FROM t WHERE v > 4 ALLOW FILTERING',
    'SELECT DISTINCT p, s FROM t',
    'SELECT p, a, count(*) FROM t GROUP BY p, a',
    'SELECT count(*) FROM t WHERE p = 1',
    'SELECT * FROM t PER PARTITION LIMIT 2',
    'SELECT * FROM t WHERE p IN (0, 1, 2) PER PARTITION LIMIT 2',
    'SELECT * FROM t WHERE p IN (0, 1, 2) PER PARTITION LIMIT 5 LIMIT 8',
    'SELECT p, v FROM t WHERE p IN (1, 2) AND a IN (0, 2)',
    'SELECT DISTINCT p FROM t',
    'SELECT DISTINCT p, s FROM t WHERE p IN (0, 1, 2)',
    'SELECT count(*) FROM t',
    'SELECT count(*) FROM t WHERE p IN (0, 1)',
    'SELECT p, max(v) FROM t GROUP BY p',
    'SELECT p, a, count(*) FROM t WHERE p = 1 GROUP BY p, a',
    'SELECT p, a, count(*) FROM t WHERE p IN (1, 2) GROUP BY p, a LIMIT 5',
    'SELECT p, count(*) FROM t GROUP BY p PER PARTITION LIMIT 1',
  ],
  [
    'SELECT * FROM d WHERE p = 1',
    'SELECT * FROM d WHERE p = 1 ORDER BY a ASC',
    'SELECT * FROM d WHERE p = 1 AND a < 3',
    'SELECT * FROM d WHERE p IN (1, 2)',
    'SELECT * FROM d',
  ],
  [
    'SELECT * FROM kv',
    'SELECT v FROM kv LIMIT 3',
    'SELECT * FROM kv WHERE k = 1',
    'SELECT * FROM kv WHERE token(k) > token(1)',
    'SELECT * FROM kv WHERE v > 1 ALLOW FILTERING',
  ],
]

/**
 * Statements whose states are tried with themselves only. Cassandra ends the page of a partition
 * that its limit has used up in the next partition, without a row; the engine ends it behind the
 * partition. The statement itself goes on alike; others skip the partition that Cassandra names, or
 * read it again, or get a state from it that Cassandra does not take back.
 */
const ownStates: ReadonlySet<string> = new Set([
  'SELECT * FROM t WHERE p IN (0, 1, 2) PER PARTITION LIMIT 2',
  'SELECT DISTINCT p, s FROM t WHERE p IN (0, 1, 2)',
])

/**
 * Statements that are tried with their own states only. If a state lies behind the range of tokens,
 * Cassandra takes the range for one that wraps around, and reads partitions outside of it. The
 * engine returns no more rows.
 */
const apart: ReadonlySet<string> = new Set(['SELECT * FROM t WHERE token(p) <= token(1)'])

/**
 * A page of GROUP BY that ends with a partition ends at its last row on Cassandra, where a read of
 * one partition goes on, backwards; on the engine it ends behind the partition.
 */
function differs(from: string, to: string): boolean {
  return from.includes('GROUP BY') && to.includes('a DESC')
}

function isTried(from: string, to: string): boolean {
  return from === to || !(ownStates.has(from) || apart.has(to) || differs(from, to))
}

/** Whether the state of a statement without a partition is one that Cassandra cannot use. */
function failsInside(answer: string): boolean {
  return answer.includes('NullPointerException')
}

/** A driver whose paging states are the server's own. */
class Raw {
  readonly #client: Client
  readonly #keyspace: string
  constructor(address: string, keyspace: string) {
    this.#client = new Client({ contactPoints: [address], localDataCenter: 'datacenter1' })
    this.#keyspace = keyspace
  }

  async open(): Promise<void> {
    await this.#client.connect()
    await this.#client.execute(
      `CREATE KEYSPACE ${this.#keyspace} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
    )
    await this.#client.execute(`USE ${this.#keyspace}`)
    for (const statement of setUp) await this.#client.execute(statement)
  }

  async close(): Promise<void> {
    await this.#client.execute(`DROP KEYSPACE IF EXISTS ${this.#keyspace}`)
    await this.#client.shutdown()
  }

  /** The state behind the first page, if there is one. */
  async state(cql: string, fetchSize: number): Promise<string | undefined> {
    const { pageState } = await this.#client.execute(cql, [], { prepare: true, fetchSize })
    return pageState
  }

  /** The rows of every page from a state on, or the error. */
  async resume(cql: string, pageState: string, fetchSize: number): Promise<string> {
    const pages: string[] = []
    let next: string | undefined = pageState
    try {
      while (next !== undefined && next !== null && pages.length < 50) {
        const page: types.ResultSet = await this.#client.execute(cql, [], {
          prepare: true,
          fetchSize,
          pageState: next,
        })
        pages.push(page.rows.map((row) => Object.values(row).join(' ')).join(' | '))
        next = page.pageState
      }
    } catch (error) {
      pages.push(String(error))
    }
    return JSON.stringify(pages)
  }
}

const cassandra = inject('cassandra')

describe.skipIf(cassandra === undefined)('a paging state of one statement resumes another', () => {
  const keyspace = `ps_${randomBytes(6).toString('hex')}`
  let database: EmbeddedDatabase
  let engine: Raw
  let oracle: Raw
  beforeAll(async () => {
    database = await embedded()
    const { address } = await database.listen({ port: 0 })
    engine = new Raw(address, keyspace)
    oracle = new Raw(cassandra!, keyspace)
    await Promise.all([engine.open(), oracle.open()])
  })
  afterAll(async () => {
    await Promise.all([engine.close(), oracle.close()])
    await database.close()
  })

  for (const statements of families) {
    test.each(statements)('%s', async (from) => {
      const differences: unknown[] = []
      for (const fetchSize of [1, 2, 3, 4]) {
        const [ours, theirs] = await Promise.all([
          engine.state(from, fetchSize),
          oracle.state(from, fetchSize),
        ])
        if ((ours ?? undefined) === undefined || (theirs ?? undefined) === undefined) {
          expect(ours ?? undefined).toBe(theirs ?? undefined)
          continue
        }
        for (const to of statements.filter((each) => isTried(from, each))) {
          for (const size of to === from || fetchSize === 2 ? [1, 3] : [3]) {
            const [here, there] = await Promise.all([
              engine.resume(to, ours!, size),
              oracle.resume(to, theirs!, size),
            ])
            if (failsInside(there)) expect(here).toContain('Invalid value for the paging state')
            else if (here !== there) differences.push({ fetchSize, size, to, here, there })
          }
        }
      }
      expect(differences).toEqual([])
    })
  }
})
