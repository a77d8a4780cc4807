import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as esmCore from 'tsylla'
import * as esmNext from 'tsylla/adapters/next'
import * as esmEmbedded from 'tsylla/embedded'
import * as esmPatterns from 'tsylla/patterns'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const require = createRequire(import.meta.url)

type Core = typeof esmCore
type Patterns = typeof esmPatterns
type Embedded = typeof esmEmbedded

const esm = { core: esmCore, patterns: esmPatterns, embedded: esmEmbedded }
const cjs = {
  core: require('tsylla') as Core,
  patterns: require('tsylla/patterns') as Patterns,
  embedded: require('tsylla/embedded') as Embedded,
}

describe('the ESM and the CJS build in one process', () => {
  test('are two copies that recognize each other’s errors', () => {
    expect(esm.core.ConfigError).not.toBe(cjs.core.ConfigError)
    expect(cjs.core.TsyllaError.is(new esm.core.ConfigError('x'))).toBe(true)
    expect(esm.core.TsyllaError.is(new cjs.core.ConfigError('x'))).toBe(true)
    expect(esm.core.TsyllaError.is(new Error('x'))).toBe(false)
  })

  test('share the database managers', () => {
    expect(esm.patterns.DatabaseManager.instance()).toBe(cjs.patterns.DatabaseManager.instance())
  })

  test('draw write timestamps from one generator', async () => {
    const db = await esm.embedded.embedded()
    const listener = await db.listen({ port: 0 })
    const options = { keyspace: 'turns', createKeyspace: true }
    const a = await esm.core.Session.connect([listener.address], options)
    const b = await cjs.core.Session.connect([listener.address], options)
    await a.execute('CREATE TABLE t (k int PRIMARY KEY, v text)')
    for (let k = 0; k < 100; k++) {
      await a.execute('INSERT INTO t (k, v) VALUES (?, ?) IF NOT EXISTS', [k, ''])
      await a.execute('UPDATE t SET v = ? WHERE k = ?', ['old', k])
      await b.execute('UPDATE t SET v = ? WHERE k = ?', ['new', k])
    }
    const rows = (await a.execute<{ v: string }>('SELECT v FROM t')).rows()
    expect(rows.filter(({ v }) => v !== 'new')).toEqual([])
    await Promise.all([a.close(), b.close()])
    await listener.close()
    await db.close()
  })

  test('share the cache of Next.js', async () => {
    const db = await esm.embedded.embedded()
    const { address } = await db.listen({ port: 0 })
    const connect = { nodes: [address], keyspace: 'app', createKeyspace: true }
    const [one, other] = [esmNext, require('tsylla/adapters/next') as typeof esmNext].map(
      ({ nextCacheHandler }) => nextCacheHandler({ connect, createTables: true }),
    )
    const times = { stale: 1, revalidate: 1, expire: 60, timestamp: Date.now() }
    const entry = { ...times, tags: [], value: new Blob(['made']).stream() }
    const set = one!.set('key', new Promise((resolve) => setTimeout(resolve, 50, entry)))
    // It waits for what is in progress.
    expect(await other!.get('key', [])).toMatchObject({ expire: 60 })
    await set
    await db.close()
  })

  test('accept each other’s embedded databases as contact points', async () => {
    const db = await esm.embedded.embedded()
    const session = await new cjs.core.SessionBuilder().knownNode(db).build()
    await session.close()
    await db.close()
  })
})

describe('a session of one build', () => {
  let session: esmCore.Session

  beforeAll(async () => {
    const options = { keyspace: 'app', createKeyspace: true }
    session = await cjs.core.Session.connect(['embedded:'], options)
    await session.execute('CREATE TABLE t (id int PRIMARY KEY, v text)')
  })

  afterAll(() => session.close())

  test('accepts statements and batches of the other build', async () => {
    const { Statement, Batch, cql } = esm.core
    const insert = new Statement('INSERT INTO t (id, v) VALUES (?, ?)')
    const prepared = await session.prepare(insert)
    await session.execute(insert, [1, 'a'])
    await session.execute(cql`INSERT INTO ${cql.id('t')} (id, v) VALUES (${2}, ${'b'})`)
    await session.executePrepared(prepared, [3, 'c'])
    const batch = new Batch('unlogged').appendPrepared(prepared).appendStatement(insert)
    await session.batch(batch, [
      [4, 'd'],
      [5, 'e'],
    ])
    expect((await session.execute('SELECT id FROM t')).length).toBe(5)
    expect(prepared).toBeInstanceOf(esm.core.PreparedStatement)
    expect(prepared).toBeInstanceOf(cjs.core.PreparedStatement)
    expect(prepared).not.toBeInstanceOf(esm.core.Statement)
    class Mine extends Statement {}
    expect(insert).not.toBeInstanceOf(Mine)
    expect(new Mine('x')).toBeInstanceOf(cjs.core.Statement)
  })

  test('accepts values of the other build', async () => {
    const { Uuid, TimeUuid, Decimal, Duration, LocalDate, LocalTime, Inet } = esm.core
    const values = {
      uuid: Uuid.random(),
      timeuuid: TimeUuid.parse('6ba7b810-9dad-11d1-80b4-00c04fd430c8'),
      decimal: Decimal.parse('1.50'),
      duration: Duration.parse('1h30m'),
      date: LocalDate.parse('2024-02-29'),
      time: LocalTime.parse('12:30:00'),
      inet: Inet.parse('192.0.2.1'),
    }
    const names = Object.keys(values)
    const columns = names.map((name) => `c_${name} ${name}`).join(', ')
    await session.execute(`CREATE TABLE v (id int PRIMARY KEY, ${columns})`)
    await session.execute(
      `INSERT INTO v (id, ${names.map((name) => `c_${name}`).join(', ')}) VALUES (0${', ?'.repeat(names.length)})`,
      Object.values(values),
    )
    const row = (await session.execute('SELECT * FROM v')).singleRow()
    for (const [name, value] of Object.entries(values)) {
      expect([name, String(row[`c_${name}`])]).toEqual([name, String(value)])
    }
    expect(row['c_decimal']).toBeInstanceOf(Decimal)
    expect(cjs.core.EMPTY).toBe(esm.core.EMPTY)
    expect(new cjs.core.Decimal(10n, 1).equals(new Decimal(1n, 0))).toBe(true)
    expect(Uuid.random()).not.toBeInstanceOf(cjs.core.TimeUuid)
  })

  test('runs the patterns of the other build', async () => {
    const { Cache, EventStore, MetricsStore, RateLimiter, SessionManager, UserRepository } =
      esm.patterns
    const sessions = new SessionManager(session)
    const metrics = new MetricsStore(session)
    const limiter = new RateLimiter(session)
    const cache = new Cache(session)
    const events = new EventStore(session)
    const users = new UserRepository(session)
    const patterns = [sessions, metrics, limiter, cache, events, users]
    for (const pattern of patterns) await pattern.createTables()
    const token = await sessions.createSession('u', '192.0.2.1')
    expect(await sessions.validateSession(token)).toBe('u')
    await sessions.destroySession(token)
    expect(await sessions.validateSession(token)).toBe(null)
    await metrics.record('m', 1)
    const now = Date.now()
    const points = metrics.query('m', new Date(now - 60_000), new Date(now + 60_000))
    expect(await points.toArray()).toHaveLength(1)
    expect([await limiter.check('k', 1), await limiter.check('k', 1)]).toEqual([true, false])
    expect(await cache.getOrSet('k', () => Promise.resolve(7))).toBe(7)
    expect(await events.append('s', 'made', {}, { expectedVersion: 0 })).toBe(1)
    await expect(events.append('s', 'made', {}, { expectedVersion: 0 })).rejects.toMatchObject({
      code: 'TSYLLA_CONCURRENCY_CONFLICT',
    })
    await users.create({ id: 1, name: 'Ada', email: 'a@example.org', createdAt: new Date() })
    await expect(
      users.create({ id: 1, name: 'Bob', email: 'b@example.org', createdAt: new Date() }),
    ).rejects.toMatchObject({ code: 'TSYLLA_ROW_EXISTS' })
  })

  test('accepts a password in a Secret of the other build', async () => {
    const password = new esm.core.Secret('open sesame')
    const db = await cjs.embedded.embedded({ user: 'u', password: password })
    const other = await db.session({ user: 'u', password })
    await other.execute('SELECT key FROM system.local')
    await other.close()
    await db.close()
  })
})

describe('one path and two builds', () => {
  test('share the engine: what one writes the other reads', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsylla-builds-'))
    const open = async (core: Pick<Core, 'SessionBuilder'>): Promise<esmCore.Session> =>
      await new core.SessionBuilder().knownNode(`embedded:${folder}`).build()
    try {
      const [first, second] = [await open(esm.core), await open(cjs.core)]
      await first.execute(
        `CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
      )
      await first.execute('CREATE TABLE k.t (id int PRIMARY KEY)')
      await first.execute('INSERT INTO k.t (id) VALUES (7)')
      await first.close()
      expect((await second.execute('SELECT id FROM k.t')).rows()).toMatchObject([{ id: 7 }])
      await second.close()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('the package', () => {
  test('contains the built files, the sources and the documents, and nothing else', () => {
    const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--loglevel=error'], {
      cwd: root,
      encoding: 'utf8',
    })
    const [pack] = JSON.parse(listed) as [{ files: { path: string }[]; unpackedSize: number }]
    const others = pack.files
      .map(({ path }) => path)
      .filter(
        (path) =>
          !/^dist\/(adapters\/)?[\w.-]+\.(mjs|cjs|mjs\.map|cjs\.map|d\.mts|d\.cts)$/.test(path),
      )
      .filter((path) => !/^src\/[\w/-]+\.ts$/.test(path))
    expect(others.sort()).toEqual(
      ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'].sort(),
    )
    expect(pack.unpackedSize).toBeLessThan(9_500_000)
  })

  test('has source maps to sources that it contains', () => {
    const dist = join(root, 'dist')
    const maps = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.map'),
    )
    expect(maps.length).toBeGreaterThan(0)
    for (const name of maps) {
      const { sources } = JSON.parse(readFileSync(join(dist, name), 'utf8')) as {
        sources: string[]
      }
      const paths = sources.map((source) => relative(root, join(dist, dirname(name), source)))
      expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
      expect(paths.filter((path) => !path.startsWith('src/'))).toEqual([])
    }
  })

  test('has one dependency and no install script', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
      scripts: Record<string, string>
      version: string
    }
    expect(Object.keys(manifest.dependencies)).toEqual(['sorted-btree'])
    expect(Object.keys(manifest.scripts).filter((name) => /install|prepare/.test(name))).toEqual([])
    const version = readFileSync(join(root, 'src/session/version.ts'), 'utf8')
    expect(version).toContain(`'${manifest.version}'`)
  })

  test('the command line answers --version and --help', () => {
    const cli = join(root, 'dist/cli.mjs')
    expect(execFileSync(process.execPath, [cli, '--version'], { encoding: 'utf8' })).toMatch(
      /\d+\.\d+\.\d+/,
    )
    expect(execFileSync(process.execPath, [cli, '--help'], { encoding: 'utf8' })).toMatch(/serve/)
  })
})
