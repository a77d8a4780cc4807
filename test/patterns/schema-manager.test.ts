import { expect, test } from 'vitest'
import {
  Cache,
  createTables,
  EventStore,
  Lock,
  RateLimiter,
  SchemaManager,
  SessionManager,
  type TableDefinition,
} from '../../src/patterns.ts'
import { describeOnServers } from '../support/targets.ts'

const owner = (...definitions: TableDefinition[]) => ({ tableDefinitions: () => definitions })

describeOnServers('tables', (target) => {
  const notes: TableDefinition = {
    name: 'notes',
    columns: { id: 'uuid', part: 'int', text: 'text', total: 'bigint static' },
    partitionKey: ['id'],
    clusteringKey: { part: 'desc' },
    writes: 'plain',
    ttlSeconds: 604_800,
    hasDeletions: true,
  }

  async function columnsOf(table: string): Promise<string[]> {
    const result = await target.session.execute<{ column_name: string }>(
      'SELECT column_name FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?',
      [target.keyspace, table],
    )
    return result.rows().map(({ column_name }) => column_name)
  }

  test('one call creates the tables of all patterns, and then finds nothing to do', async () => {
    const { session } = target
    const patterns = [
      new RateLimiter(session),
      new Cache(session),
      new SessionManager(session),
      new EventStore(session),
      new Lock(session),
    ]
    await createTables(session, patterns)
    await createTables(session, patterns)
    const plan = await new SchemaManager(session, patterns).plan()
    expect(plan.isEmpty).toBe(true)
    expect(String(plan)).toBe('The tables are complete.')
  })

  test('a plan is printed as CQL and changes nothing', async () => {
    const plan = await new SchemaManager(target.session, [owner(notes)]).plan()
    expect(String(plan)).toBe(
      "CREATE TABLE IF NOT EXISTS notes (id uuid, part int, text text, total bigint static, PRIMARY KEY ((id), part)) WITH CLUSTERING ORDER BY (part DESC) AND compaction = {'class': 'UnifiedCompactionStrategy'} AND gc_grace_seconds = 604800 AND comment = 'tsylla: plain writes only';",
    )
    expect(await columnsOf('notes')).toEqual([])
  })

  test('a table of an earlier version gets the columns it lacks and keeps its rows', async () => {
    const { session } = target
    const before = { ...notes, name: 'older', columns: { id: 'uuid', part: 'int' } }
    await createTables(session, [owner(before)])
    await session.execute('INSERT INTO older (id, part) VALUES (uuid(), 1)')
    const manager = new SchemaManager(session, [owner({ ...notes, name: 'older' })])
    expect(String(await manager.plan())).toBe(
      'ALTER TABLE older ADD text text;\nALTER TABLE older ADD total bigint static;',
    )
    const done = await manager.apply()
    expect(done.steps.map(({ kind }) => kind)).toEqual(['add column', 'add column'])
    expect((await columnsOf('older')).toSorted()).toEqual(['id', 'part', 'text', 'total'])
    expect((await session.execute('SELECT part FROM older')).singleRow()['part']).toBe(1)
    // An application of the earlier version leaves the columns of the later one.
    const earlier = await new SchemaManager(session, [owner(before)]).apply()
    expect(earlier.isEmpty).toBe(true)
  })

  test.each([
    [{ partitionKey: ['part'] }, /partition key is id instead of part/],
    [{ clusteringKey: { part: 'asc' } }, /clustering key is part desc instead of part asc/],
    [
      { columns: { ...notes.columns, text: 'blob' } },
      /type of column text is text instead of blob/,
    ],
    [
      { columns: { ...notes.columns, total: 'bigint' } },
      /total is bigint static instead of bigint/,
    ],
  ] as const)('a table that cannot be upgraded is refused: %j', async (change, message) => {
    const { session } = target
    await createTables(session, [owner({ ...notes, name: 'mismatched' })])
    const changed = owner({ ...notes, name: 'mismatched', ...change })
    const before = await columnsOf('mismatched')
    await expect(new SchemaManager(session, [changed]).apply()).rejects.toMatchObject({
      code: 'TSYLLA_SCHEMA_MISMATCH',
      table: 'mismatched',
      message: expect.stringMatching(message),
      differences: [expect.stringMatching(message)],
    })
    expect(await columnsOf('mismatched')).toEqual(before)
  })

  test('types are compared as the server spells them', async () => {
    const spelled: TableDefinition = {
      name: 'spelled',
      columns: { id: 'VARCHAR', tags: 'Frozen<Map< text,list<int>>>', v: 'vector<float,3>' },
      partitionKey: ['id'],
      writes: 'plain',
    }
    await createTables(target.session, [owner(spelled)])
    expect((await new SchemaManager(target.session, [owner(spelled)]).plan()).isEmpty).toBe(true)
  })

  test('processes that apply at the same time do so one after another', async () => {
    const sessions = await Promise.all([target.open(), target.open(), target.open()])
    const tables = Array.from({ length: 3 }, (_, i) => ({ ...notes, name: `together_${i}` }))
    const lock = new Lock(target.session)
    await createTables(target.session, [lock])
    const plans = await Promise.all(
      sessions.map((session) => new SchemaManager(session, [owner(...tables)]).apply()),
    )
    expect(plans.flatMap(({ steps }) => steps.map(({ table }) => table)).toSorted()).toEqual(
      tables.map(({ name }) => name),
    )
    const checksums = await new SchemaManager(target.session, []).checksums()
    expect(checksums.get('together_0')).toMatch(/^[0-9a-f]{64}$/)
  })

  test('two patterns cannot use one table with different columns', async () => {
    const other = { ...notes, columns: { ...notes.columns, text: 'blob' } }
    await expect(createTables(target.session, [owner(notes), owner(other)])).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
    })
  })
})
