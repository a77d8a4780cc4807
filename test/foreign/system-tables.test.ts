import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { embedded, type EmbeddedDatabase } from '../../src/embedded.ts'
import { Session } from '../../src/index.ts'

const cassandra = inject('cassandra')
const keyspace = 'system_compared'

/** Columns whose values every node has its own of. */
const own = new Set(['id'])

describe.skipIf(cassandra === undefined)('system tables beside those of Cassandra', () => {
  let database: EmbeddedDatabase
  let engine: Session
  let real: Session

  beforeAll(async () => {
    database = await embedded()
    engine = await database.session()
    real = await Session.connect([cassandra!], { requestTimeoutMs: 30_000 })
    for (const session of [engine, real]) {
      await session.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
      await session.execute(
        `CREATE KEYSPACE ${keyspace} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
      )
      await session.execute(`CREATE TYPE ${keyspace}.place (name text, tags frozen<list<text>>)`)
      await session.execute(
        `CREATE TABLE ${keyspace}.all (a int, "B" text, c int, d timeuuid, s text static, e list<int>,
          f map<text, frozen<set<int>>>, g frozen<place>, h place, i tuple<int, place>,
          j vector<float, 3>, k duration, PRIMARY KEY ((a, "B"), c, d))
          WITH CLUSTERING ORDER BY (c DESC, d ASC) AND comment = 'all of it'
          AND gc_grace_seconds = 7 AND default_time_to_live = 5
          AND compaction = {'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': 10}`,
      )
      await session.execute(`CREATE TABLE ${keyspace}.counts (a int PRIMARY KEY, n counter)`)
      await session.execute(`ALTER TABLE ${keyspace}.all DROP k`)
    }
  })
  afterAll(async () => {
    await real.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
    await Promise.all([engine.close(), real.close()])
    await database.close()
  })

  async function rowsOf(session: Session, cql: string): Promise<Record<string, unknown>[]> {
    const result = await session.execute(cql)
    return result.rows().map((row) => ({ ...(row as Record<string, unknown>) }))
  }

  test.each([
    ['system_schema', 'system'],
    ['system_schema', 'system_schema'],
    ['system_schema', 'system_traces'],
    ['system_virtual_schema', 'system_virtual_schema'],
    ['system_virtual_schema', 'system_views'],
  ])('%s describes every column of %s alike', async (schema, described) => {
    const cql = `SELECT * FROM ${schema}.columns WHERE keyspace_name = '${described}'`
    const ours = await rowsOf(engine, cql)
    const tables = new Set(ours.map((row) => row['table_name']))
    const theirs = (await rowsOf(real, cql)).filter((row) => tables.has(row['table_name']))
    expect(ours.length).toBeGreaterThan(0)
    expect(ours).toEqual(theirs)
  })

  test.each(['system', 'system_schema', 'system_traces'])(
    'the tables of %s have the options and ids of Cassandra',
    async (described) => {
      const cql = `SELECT * FROM system_schema.tables WHERE keyspace_name = '${described}'`
      const ours = await rowsOf(engine, cql)
      const tables = new Set(ours.map((row) => row['table_name']))
      const theirs = (await rowsOf(real, cql)).filter((row) => tables.has(row['table_name']))
      expect(ours).toEqual(theirs)
    },
  )

  test.each(['keyspaces', 'tables', 'columns', 'types', 'dropped_columns', 'views', 'indexes'])(
    'a keyspace leaves the same rows in system_schema.%s',
    async (table) => {
      const cql = `SELECT * FROM system_schema.${table} WHERE keyspace_name = '${keyspace}'`
      const ignored = table === 'dropped_columns' ? new Set(['dropped_time']) : own
      const rows = async (session: Session): Promise<Record<string, unknown>[]> => {
        const found = await rowsOf(session, cql)
        return found.map((row) => {
          return Object.fromEntries(Object.entries(row).filter(([name]) => !ignored.has(name)))
        })
      }
      expect(await rows(engine)).toEqual(await rows(real))
    },
  )

  test('system.local has the same columns, none of them null that is not null there', async () => {
    const cql = 'SELECT * FROM system.local'
    const [ours] = await rowsOf(engine, cql)
    const [theirs] = await rowsOf(real, cql)
    expect(Object.keys(ours!)).toEqual(Object.keys(theirs!))
    const missing = Object.keys(theirs!).filter((name) => {
      return name !== 'truncated_at' && (ours![name] === null) !== (theirs![name] === null)
    })
    expect(missing).toEqual([])
  })

  test.each([
    'SELECT * FROM system.peers',
    'SELECT * FROM system.peers_v2',
    'SELECT * FROM system_schema.triggers',
    'SELECT count(*) FROM system.local',
    `SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name IN ('system', 'nowhere')`,
    `SELECT column_name, position FROM system_schema.columns WHERE keyspace_name = '${keyspace}' AND table_name = 'all' AND column_name > 'c'`,
    `SELECT table_name FROM system_virtual_schema.tables WHERE keyspace_name = 'system_virtual_schema'`,
  ])('%s gives the same', async (cql) => {
    expect(await rowsOf(engine, cql)).toEqual(await rowsOf(real, cql))
  })

  test('no client can change the system tables', async () => {
    const changes = [
      'DROP TABLE system.local',
      'CREATE TABLE system_schema.mine (a int PRIMARY KEY)',
      'DROP KEYSPACE system',
      `INSERT INTO system_views.settings (name, value) VALUES ('a', 'b')`,
    ]
    for (const cql of changes) {
      const [ours, theirs] = await Promise.all(
        [engine, real].map((session) =>
          session.execute(cql).then(
            () => 'applied',
            (error: { code: string; message: string }) => `${error.code} ${error.message}`,
          ),
        ),
      )
      expect(ours, cql).toBe(theirs)
    }
  })
})
