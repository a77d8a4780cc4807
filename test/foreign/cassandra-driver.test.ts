import { Client, types } from 'cassandra-driver'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { embedded, type EmbeddedDatabase, type Listener } from '../../src/embedded.ts'

describe('npm cassandra-driver on a served engine', () => {
  let database: EmbeddedDatabase
  let listener: Listener
  let client: Client
  const open = async (): Promise<Client> => {
    const opened = new Client({
      contactPoints: [listener.address],
      localDataCenter: 'datacenter1',
      encoding: { map: Map, set: Set },
    })
    await opened.connect()
    return opened
  }

  beforeAll(async () => {
    database = await embedded()
    listener = await database.listen({ port: 0 })
    client = await open()
    await client.execute(
      `CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
    )
    await client.execute('USE shop')
  })
  afterAll(async () => {
    await client.shutdown()
    await database.close()
  })

  test('finds one node, its data center and its token', () => {
    const hosts = client.hosts.values()
    expect(hosts).toHaveLength(1)
    expect(hosts[0]).toMatchObject({
      address: listener.address,
      datacenter: 'datacenter1',
      rack: 'rack1',
      cassandraVersion: '5.0.9',
    })
    const { controlConnection } = client as unknown as {
      controlConnection: { protocolVersion: number }
    }
    expect(controlConnection.protocolVersion).toBe(types.protocolVersion.v4)
  })

  test.each([types.protocolVersion.v4, types.protocolVersion.dseV1, types.protocolVersion.dseV2])(
    'begins with version %i and finds version 4 by itself',
    async (maxVersion) => {
      const other = new Client({
        contactPoints: [listener.address],
        localDataCenter: 'datacenter1',
        protocolOptions: { maxVersion },
      })
      await other.connect()
      const { controlConnection } = other as unknown as {
        controlConnection: { protocolVersion: number }
      }
      expect(controlConnection.protocolVersion).toBe(types.protocolVersion.v4)
      await other.shutdown()
    },
  )

  test('reads the metadata of keyspaces, tables and types', async () => {
    await client.execute('CREATE TYPE shop.address (street text, zip int)')
    await client.execute(
      `CREATE TABLE shop.orders (customer uuid, day date, seq int, home frozen<address>,
        tags set<text>, note text static, PRIMARY KEY ((customer, day), seq))
        WITH CLUSTERING ORDER BY (seq DESC) AND comment = 'all of them'`,
    )
    const keyspace = client.metadata.keyspaces['shop']
    expect(keyspace).toMatchObject({ name: 'shop', durableWrites: true })
    const table = await client.metadata.getTable('shop', 'orders')
    expect(table.partitionKeys.map(({ name }) => name)).toEqual(['customer', 'day'])
    expect(table.clusteringKeys.map(({ name }) => name)).toEqual(['seq'])
    expect(table.clusteringOrder).toEqual(['DESC'])
    expect(table).toMatchObject({ comment: 'all of them', gcGraceSeconds: 864_000 })
    expect(table.columns.map(({ name }) => name).sort()).toEqual(
      ['customer', 'day', 'home', 'note', 'seq', 'tags'].sort(),
    )
    const type = (await client.metadata.getUdt('shop', 'address')) as unknown as {
      fields: { name: string }[]
    }
    expect(type.fields.map(({ name }) => name)).toEqual(['street', 'zip'])
  })

  test('prepares, and brings every kind of value there and back', async () => {
    await client.execute(
      `CREATE TABLE shop.kinds (id int PRIMARY KEY, a ascii, b bigint, c blob, d boolean, e decimal,
        f double, g float, h inet, i smallint, j text, k timestamp, l timeuuid, m tinyint, n uuid,
        o varint, p date, q time, r list<int>, s set<text>, t map<text, int>,
        u frozen<tuple<int, text>>, v vector<float, 3>, w duration)`,
    )
    const values = {
      id: 1,
      a: 'ascii',
      b: types.Long.fromString('-9223372036854775808'),
      c: Buffer.from([0, 255]),
      d: true,
      e: types.BigDecimal.fromString('-12.340'),
      f: 1.5e300,
      g: -0.5,
      h: types.InetAddress.fromString('::1'),
      i: -32_768,
      j: 'žluť 🐎',
      k: new Date('2026-01-02T03:04:05.678Z'),
      l: types.TimeUuid.now(),
      m: -128,
      n: types.Uuid.random(),
      o: types.Integer.fromString('123456789012345678901234567890'),
      p: types.LocalDate.fromString('2026-02-28'),
      q: types.LocalTime.fromString('23:59:59.999999999'),
      r: [3, 1, 2],
      s: new Set(['x', 'y']),
      t: new Map([['k', 7]]),
      u: new types.Tuple(1, 'one'),
      v: new types.Vector([1, 2, 3], 'float'),
      w: types.Duration.fromString('1mo2d3h'),
    }
    const names = Object.keys(values)
    const text = `INSERT INTO shop.kinds (${names.join(', ')}) VALUES (${names.map((n) => `:${n}`).join(', ')})`
    await client.execute(text, values, { prepare: true })
    const { rows } = await client.execute('SELECT * FROM shop.kinds WHERE id = ?', [1], {
      prepare: true,
    })
    const row = rows[0]!
    for (const [name, value] of Object.entries(values)) {
      expect(String(row[name]), name).toBe(String(value))
    }
    expect([...row['s']]).toEqual(['x', 'y'])
    expect([...row['t']]).toEqual([['k', 7]])
  })

  test('pages, by itself and by page state', async () => {
    await client.execute('CREATE TABLE shop.pages (p int, c int, PRIMARY KEY (p, c))')
    const insert = 'INSERT INTO shop.pages (p, c) VALUES (?, ?)'
    const writes = Array.from({ length: 250 }, (_, c) =>
      client.execute(insert, [c % 3, c], { prepare: true }),
    )
    await Promise.all(writes)
    const select = 'SELECT c FROM shop.pages WHERE p = 0'
    const first = await client.execute(select, [], { fetchSize: 30, prepare: true })
    expect(first.rows).toHaveLength(30)
    const second = await client.execute(select, [], {
      fetchSize: 30,
      pageState: first.pageState,
      prepare: true,
    })
    expect(second.rows[0]!['c']).toBe(90)
    const seen: number[] = []
    const rows = client.stream(select, [], { fetchSize: 7, prepare: true })
    for await (const row of rows as unknown as AsyncIterable<{ c: number }>) seen.push(row.c)
    expect(seen).toEqual(Array.from({ length: 84 }, (_, i) => i * 3))
  })

  test('executes batches of prepared statements and of texts', async () => {
    await client.execute('CREATE TABLE shop.batched (p int PRIMARY KEY, v text)')
    const query = 'INSERT INTO shop.batched (p, v) VALUES (?, ?)'
    await client.batch(
      [1, 2, 3].map((p) => ({ query, params: [p, `v${p}`] })),
      { prepare: true },
    )
    await client.batch([`INSERT INTO shop.batched (p, v) VALUES (4, 'v4')`], { logged: false })
    const { rows } = await client.execute('SELECT p FROM shop.batched WHERE p IN (1, 2, 3, 4)')
    expect(rows.map((row) => row['p'])).toEqual([1, 2, 3, 4])
  })

  test('conditional statements tell whether they were applied', async () => {
    await client.execute('CREATE TABLE shop.once (p int PRIMARY KEY, v text)')
    const insert = `INSERT INTO shop.once (p, v) VALUES (1, 'a') IF NOT EXISTS`
    expect((await client.execute(insert)).wasApplied()).toBe(true)
    const again = await client.execute(insert)
    expect(again.wasApplied()).toBe(false)
    expect(again.first()['v']).toBe('a')
  })

  test('prepares again what DDL made the node forget', async () => {
    await client.execute('CREATE TABLE shop.changing (p int PRIMARY KEY, v text)')
    await client.execute(`INSERT INTO shop.changing (p, v) VALUES (1, 'a')`)
    const select = 'SELECT * FROM shop.changing WHERE p = ?'
    await client.execute(select, [1], { prepare: true })
    await client.execute('ALTER TABLE shop.changing ADD w int')
    const { columns } = await client.execute(select, [1], { prepare: true })
    expect(columns.map(({ name }) => name)).toEqual(['p', 'v', 'w'])
  })

  test('hears of schema changes another client makes', async () => {
    const other = await open()
    await other.metadata.getTable('shop', 'heard').catch(() => undefined)
    await client.execute('CREATE TABLE shop.heard (p int PRIMARY KEY)')
    await client.execute(
      `CREATE KEYSPACE heard WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
    )
    await expect
      .poll(() => other.metadata.keyspaces['heard']?.name, { timeout: 10_000 })
      .toBe('heard')
    const table = await other.metadata.getTable('shop', 'heard')
    expect(table.columns).toHaveLength(1)
    await other.shutdown()
  })

  test('errors come with code and message', async () => {
    await expect(client.execute('SELECT * FROM shop.nowhere')).rejects.toMatchObject({
      code: types.responseErrorCodes.invalid,
      message: 'table nowhere does not exist',
    })
    await expect(client.execute('SELEC')).rejects.toMatchObject({
      code: types.responseErrorCodes.syntaxError,
    })
  })

  test('traces of a request can be read', async () => {
    const { info } = await client.execute('SELECT * FROM shop.once', [], { traceQuery: true })
    const trace = await client.metadata.getTrace(info.traceId)
    expect(trace.requestType).toBe('Execute CQL3 query')
    const parameters = trace.parameters as unknown as ReadonlyMap<string, string>
    expect(parameters.get('query')).toBe('SELECT * FROM shop.once')
    expect(trace.events.length).toBeGreaterThan(0)
  })

  test('wrong credentials are refused where credentials are asked for', async () => {
    const guarded = await embedded({ user: 'ada', password: 'lovelace' })
    const { address } = await guarded.listen({ port: 0 })
    const connect = async (password: string): Promise<void> => {
      const authProvider = new (await import('cassandra-driver')).auth.PlainTextAuthProvider(
        'ada',
        password,
      )
      const client = new Client({
        contactPoints: [address],
        localDataCenter: 'datacenter1',
        authProvider,
      })
      await client.connect().finally(() => client.shutdown())
    }
    await connect('lovelace')
    await expect(connect('babbage')).rejects.toThrow()
    await guarded.close()
  })
})
