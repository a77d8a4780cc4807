import { describe, expect, test } from 'vitest'
import { cqlTypeText, type KeyspaceMetadata } from '../../src/index.ts'
import { ServerError, ServerErrorCode } from '../../src/errors/index.ts'
import { SchemaMetadata } from '../../src/metadata/index.ts'
import { describeOnServers } from '../support/targets.ts'

describeOnServers('schema metadata', (target) => {
  test('a table has its columns in order, with types and keys', async () => {
    const { session, keyspace } = target
    await session.execute('CREATE TYPE point (x int, "Y" double)')
    await session.execute('CREATE TYPE line (name text, ends list<frozen<point>>)')
    await session.execute(
      `CREATE TABLE "Shapes" (a int, b text, d timeuuid, c bigint, s text static, z map<text, frozen<set<int>>>,
        l frozen<line>, p point, t tuple<int, text>, v vector<float, 3>,
        PRIMARY KEY ((a, b), d, c)) WITH CLUSTERING ORDER BY (d DESC, c ASC) AND comment = 'it''s'
        AND gc_grace_seconds = 77`,
    )
    const table = await session.metadata.table('Shapes')
    expect(table).toMatchObject({ keyspace, name: 'Shapes', indexes: new Map() })
    const described = [...table!.columns.values()].map(({ name, type, kind, clusteringOrder }) => [
      ...[name, cqlTypeText(type), kind, clusteringOrder],
    ])
    expect(described).toEqual([
      ['a', 'int', 'partition_key', 'none'],
      ['b', 'text', 'partition_key', 'none'],
      ['d', 'timeuuid', 'clustering', 'desc'],
      ['c', 'bigint', 'clustering', 'asc'],
      ['s', 'text', 'static', 'none'],
      ['l', 'frozen<line>', 'regular', 'none'],
      ['p', 'point', 'regular', 'none'],
      ['t', expect.stringMatching(/^(frozen<)?tuple<int, text>>?$/), 'regular', 'none'],
      ['v', 'vector<float, 3>', 'regular', 'none'],
      ['z', 'map<text, frozen<set<int>>>', 'regular', 'none'],
    ])
    expect(table!.partitionKey.map(({ name }) => name)).toEqual(['a', 'b'])
    expect(table!.clusteringKey.map(({ name }) => name)).toEqual(['d', 'c'])
    expect(table!.options.get('comment')).toBe("it's")
    expect(table!.options.get('gc_grace_seconds')).toBe(77)
    expect(table!.id).toMatch(/^[0-9a-f-]{36}$/)
    // The order of columns is that of SELECT *.
    const selected = await session.execute('SELECT * FROM "Shapes"')
    expect(selected.colSpecs().map(({ name }) => name)).toEqual([...table!.columns.keys()])
    const { types } = (await session.metadata.keyspace())!
    expect([...types.keys()].sort()).toEqual(['line', 'point'])
    expect(types.get('line')).toMatchObject({
      fields: [
        { name: 'name' },
        { name: 'ends', type: { kind: 'list', element: { kind: 'udt', name: 'point' } } },
      ],
    })
    expect(types.get('point')!.fields.map(({ name }) => name)).toEqual(['x', 'Y'])
  })

  test('virtual keyspaces have their tables and columns', async () => {
    const { session } = target
    const found = await session.metadata.virtualKeyspaces()
    expect(await session.metadata.virtualKeyspaces()).toBe(found)
    expect(found.has('system_views')).toBe(true)
    const tables = found.get('system_virtual_schema')!.tables
    expect([...tables.keys()].sort()).toEqual(['columns', 'keyspaces', 'tables'])
    const columns = tables.get('columns')!
    expect(columns).toMatchObject({ keyspace: 'system_virtual_schema', name: 'columns' })
    expect(columns.comment).not.toBe('')
    const keys = [...columns.partitionKey, ...columns.clusteringKey]
    expect(keys.map((key) => [key.name, cqlTypeText(key.type)])).toEqual([
      ['keyspace_name', 'text'],
      ['table_name', 'text'],
      ['column_name', 'text'],
    ])
    const selected = await session.execute('SELECT * FROM system_virtual_schema.columns')
    expect(selected.colSpecs().map((column) => column.name)).toEqual([...columns.columns.keys()])
    for (const table of [...found.values()].flatMap((keyspace) => [...keyspace.tables.values()])) {
      expect(table.columns.size, table.name).toBeGreaterThan(0)
    }
    session.metadata.refresh()
    expect(await session.metadata.virtualKeyspaces()).not.toBe(found)
    expect((await session.metadata.keyspace('system_virtual_schema'))?.tables).toBeUndefined()
  })

  test('a keyspace is read once, and again after changes of any session', async () => {
    const { session } = target
    const read = async (): Promise<string[]> =>
      [...((await session.metadata.keyspace())?.tables.keys() ?? [])].sort()
    await session.execute('CREATE TABLE first (k int PRIMARY KEY)')
    const before = await session.metadata.keyspace()
    expect(before!.tables.has('first')).toBe(true)
    expect(await session.metadata.keyspace()).toBe(before)
    await session.execute('CREATE TABLE second (k int PRIMARY KEY)')
    expect(await read()).toContain('second')
    const other = await target.open()
    await other.execute('CREATE TABLE third (k int PRIMARY KEY)')
    // The event comes when it comes.
    await expect.poll(read, { timeout: 20_000 }).toContain('third')
    await other.execute('DROP TABLE third')
    await expect.poll(read, { timeout: 20_000 }).not.toContain('third')
    // What was returned stays as it was.
    expect([...before!.tables.keys()]).not.toContain('second')
  })

  test('what does not exist is undefined, and found once it exists', async () => {
    const { metadata } = target.session
    expect(await metadata.table('nowhere')).toBeUndefined()
    expect(await metadata.view('nowhere')).toBeUndefined()
    expect(await metadata.keyspace("it's nowhere")).toBeUndefined()
    expect(await metadata.table('local', 'system')).toMatchObject({ keyspace: 'system' })
    const names = await metadata.keyspaceNames()
    expect(names).toContain('system')
    expect(names).toContain(target.keyspace)
  })
})

describe('schema metadata of changing tables', () => {
  const rows = (name: string): readonly ReadonlyMap<string, unknown>[] => [
    new Map<string, unknown>([
      ['keyspace_name', name],
      ['table_name', 't'],
    ]),
  ]

  test('is read again when it changes while it is read, for a caller at most three times', async () => {
    let readCount = 0
    const metadata: SchemaMetadata = new SchemaMetadata(
      async (cql) => {
        await Promise.resolve()
        if (cql.includes('system_schema.keyspaces')) {
          readCount++
          metadata.refresh('k')
        }
        return rows('k')
      },
      () => 'k',
    )
    expect(await metadata.keyspace()).toMatchObject({ name: 'k' })
    expect(readCount).toBe(3)
  })

  test('is read once for all callers, and again after a failure', async () => {
    let readCount = 0
    let isBroken = true
    const metadata = new SchemaMetadata(
      async (cql) => {
        if (cql.includes('system_schema.keyspaces')) readCount++
        if (isBroken) throw new Error('no node')
        return rows('k')
      },
      () => undefined,
    )
    const ask = (): Promise<KeyspaceMetadata | undefined> => metadata.keyspace('k')
    await expect(Promise.all([ask(), ask()])).rejects.toThrow('no node')
    isBroken = false
    const [one, other] = await Promise.all([ask(), ask()])
    expect(one).toBe(other)
    expect(readCount).toBe(2)
    expect(await metadata.keyspace()).toBeUndefined()
  })

  test('survives whatever the tables contain', async () => {
    const strange = new Map<string, unknown>([
      ...[
        ['keyspace_name', 'k'],
        ['table_name', null],
        ['type_name', 'a'],
        ['type', 'list<'],
      ],
      ...[
        ['field_names', ['x']],
        ['field_types', ['frozen<a>']],
        ['options', 5],
        ['flags', null],
      ],
      ...[
        ['argument_types', [null]],
        ['return_type', undefined],
      ],
    ] as [string, unknown][])
    const metadata = new SchemaMetadata(
      async () => [strange],
      () => 'k',
    )
    const keyspace = await metadata.keyspace()
    expect(keyspace!.types.get('a')!.fields[0]!.type).toMatchObject({ kind: 'custom' })
    expect(keyspace!.functions).toHaveLength(1)
  })
})

test('a server without virtual keyspaces has none, and other failures are not remembered', async () => {
  let code: number = ServerErrorCode.INVALID
  let readCount = 0
  const metadata = new SchemaMetadata(
    () => {
      readCount++
      return Promise.reject(new ServerError(code, 'no such keyspace', {}))
    },
    () => undefined,
  )
  expect(await metadata.virtualKeyspaces()).toEqual(new Map())
  const known = readCount
  await metadata.virtualKeyspaces()
  expect(readCount).toBe(known)
  metadata.refresh()
  code = ServerErrorCode.OVERLOADED
  await expect(metadata.virtualKeyspaces()).rejects.toMatchObject({ serverCode: code })
  code = ServerErrorCode.INVALID
  expect(await metadata.virtualKeyspaces()).toEqual(new Map())
})
