import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { embedded } from '../../src/embedded.ts'
import { Session, SessionBuilder } from '../../src/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const options = { keyspace: 'k', createKeyspace: true } as const

async function count(session: Session): Promise<bigint> {
  const result = await session.execute<{ count: bigint }>('SELECT count(*) FROM t')
  return result.singleRow().count
}

const replication = `{'class': 'SimpleStrategy', 'replication_factor': 1}`
const createTable = 'CREATE TABLE IF NOT EXISTS t (p int PRIMARY KEY, v text)'

describe('embedded:', () => {
  test('opens a private engine that ends with its session', async () => {
    const first = await Session.connect(['embedded:'], options)
    const second = await Session.connect(['embedded:'], options)
    await first.execute(createTable)
    await expect(second.execute('SELECT * FROM t')).rejects.toMatchObject({
      code: 'TSYLLA_SERVER_INVALID',
    })
    await Promise.all([first.close(), second.close()])
    await expect(first.execute('SELECT * FROM t')).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
  })

  test('stands alone, and its addresses are never dialled', async () => {
    await expect(Session.connect(['embedded:', '127.0.0.1:9042'])).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
    })
    const session = await Session.connect(['embedded:'], options)
    const nodes = session.getClusterData().nodes
    expect(nodes.map(({ address }) => address)).toEqual(['embedded:'])
    await session.close()
  })

  test('takes the options of a cluster: compression, pool and credentials', async () => {
    const session = await new SessionBuilder({ ...options, contactPoints: ['embedded:'] })
      .compression('lz4')
      .poolSize(3)
      .user('ada', 'lovelace')
      .build()
    await session.execute(createTable)
    expect(await count(session)).toBe(0n)
    await session.close()
  })
})

describe('embedded:PATH', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tsylla-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  test('is one engine for the process, whatever the path is called, until its last session ends', async () => {
    const path = join(folder, 'data')
    const first = await Session.connect([`embedded:${path}`], options)
    await first.execute(createTable)
    symlinkSync(path, join(folder, 'alias'))
    const [second, third] = await Promise.all([
      Session.connect([`embedded:${folder}/./data/`], options),
      Session.connect([`embedded:${folder}/alias`], options),
    ])
    await first.execute(`INSERT INTO t (p, v) VALUES (1, 'a')`)
    expect([await count(second), await count(third)]).toEqual([1n, 1n])
    await Promise.all([first.close(), third.close()])
    await second.execute(`INSERT INTO t (p, v) VALUES (2, 'b')`)
    await second.close()
    const again = await Session.connect([`embedded:${path}`], options)
    expect(await count(again)).toBe(2n)
    await again.close()
  })

  test('sessions opened while the last one closes wait for the path', async () => {
    const connect = (): Promise<Session> => Session.connect([`embedded:${folder}`], options)
    const first = await connect()
    await first.execute(createTable)
    for (let round = 0; round < 5; round++) {
      const session = await connect()
      const [next] = await Promise.all([connect(), session.close(), first.close()])
      expect(await count(next)).toBe(0n)
      await next.close()
    }
  })

  test('a failed open leaves the path free for the next', async () => {
    const session = Session.connect(['embedded:/dev/null/x'], options)
    await expect(session).rejects.toMatchObject({ code: 'TSYLLA_ENGINE_STORAGE' })
    const db = await embedded({ path: folder })
    await db.close()
    const next = await Session.connect([`embedded:${folder}`], options)
    await next.close()
  })
})

describe('embedded()', () => {
  test('belongs to its caller: sessions come and go, close() ends them all', async () => {
    const db = await embedded()
    const first = await db.session(options)
    await first.execute(createTable)
    await first.execute(`INSERT INTO t (p, v) VALUES (1, 'a')`)
    await first.close()
    const second = await new SessionBuilder(options).knownNode(db).build()
    const prepared = await second.prepare('SELECT * FROM t')
    expect(await count(second)).toBe(1n)
    await db.close()
    await expect(second.execute('SELECT * FROM t')).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    await expect(second.executePrepared(prepared)).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    await expect(second.prepare('SELECT v FROM t')).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    await expect(db.session()).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    await expect(db.listen({ port: 0 })).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    await expect(db.fork()).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    await second.close()
    await db.close()
  })

  test('ends with its block', async () => {
    const db = await embedded()
    await db[Symbol.asyncDispose]()
    await expect(db.session()).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
  })

  test('a fork starts with everything and then goes its own way', async () => {
    const db = await embedded()
    const session = await db.session(options)
    await session.execute(createTable)
    await session.execute(`INSERT INTO t (p, v) VALUES (1, 'a')`)
    const fork = await db.fork()
    const forked = await fork.session(options)
    expect(await count(forked)).toBe(1n)
    await forked.execute(`INSERT INTO t (p, v) VALUES (2, 'b')`)
    await session.execute('DELETE FROM t WHERE p = 1')
    await session.execute('CREATE TABLE only_here (p int PRIMARY KEY)')
    expect([await count(session), await count(forked)]).toEqual([0n, 2n])
    await expect(forked.execute('SELECT * FROM only_here')).rejects.toThrow('does not exist')
    await db.close()
    expect(await count(forked)).toBe(2n)
    await Promise.all([session.close(), forked.close()])
    await fork.close()
  })

  test('a fork of a database on disk lives in memory', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsylla-'))
    const db = await embedded({ path: folder })
    const session = await db.session(options)
    await session.execute(createTable)
    await session.execute(`INSERT INTO t (p, v) VALUES (1, 'a')`)
    const fork = await db.fork()
    expect([db.path, fork.path]).toEqual([folder, undefined])
    const forked = await fork.session(options)
    await forked.execute(`INSERT INTO t (p, v) VALUES (2, 'b')`)
    expect([await count(session), await count(forked)]).toEqual([1n, 2n])
    await Promise.all([session.close(), forked.close()])
    await Promise.all([fork.close(), db.close()])
    rmSync(folder, { recursive: true, force: true })
  })

  test('a fork of a database on disk lets others run, and has none of what they write', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsylla-'))
    const db = await embedded({ path: folder, durability: 'none' })
    const session = await db.session(options)
    await session.execute(createTable)
    const insert = await session.prepare('INSERT INTO t (p, v) VALUES (?, ?)')
    const rows = Array.from({ length: 5_000 }, (_, i) => i)
    await Promise.all(rows.map((i) => session.executePrepared(insert, [i, 'a'])))
    let turnCount = 0
    let isDone = false
    const count1 = (): void => {
      turnCount++
      if (!isDone) setImmediate(count1)
    }
    count1()
    const forking = db.fork()
    await session.execute(`INSERT INTO t (p, v) VALUES (-1, 'later')`)
    const fork = await forking
    isDone = true
    expect(turnCount).toBeGreaterThan(4)
    const forked = await fork.session(options)
    expect([await count(session), await count(forked)]).toEqual([5_001n, 5_000n])
    const late = db.fork()
    await Promise.all([session.close(), forked.close()])
    const failed = expect(late).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    await Promise.all([fork.close(), db.close()])
    await failed
    rmSync(folder, { recursive: true, force: true })
  })

  test('shares its path with sessions on it, and ends them too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsylla-'))
    const db = await embedded({ path: folder, durability: 'os' })
    const session = await Session.connect([`embedded:${folder}`], options)
    await session.execute(createTable)
    await expect(embedded({ path: folder })).rejects.toMatchObject({
      code: 'TSYLLA_ENGINE_LOCKED',
      ownerPid: process.pid,
    })
    await session.close()
    const other = await db.session(options)
    expect(await count(other)).toBe(0n)
    await other.close()
    await db.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('sessions live by the clock of the database', async () => {
    const clock = new VirtualClock()
    const db = await embedded({ clock })
    const session = await db.session(options)
    await session.execute(createTable)
    await session.execute(`INSERT INTO t (p, v) VALUES (1, 'a') USING TTL 60`)
    clock.advance(59_000)
    expect(await count(session)).toBe(1n)
    clock.advance(2_000)
    expect(await count(session)).toBe(0n)
    await session.execute(`INSERT INTO t (p, v) VALUES (2, 'b')`)
    const result = await session.execute<{ at: bigint }>('SELECT writetime(v) AS at FROM t')
    expect(result.singleRow().at / 1_000n).toBe(BigInt(clock.nowMs()))
    await session.close()
    await db.close()
  })

  test('time that passes while the session asks the engine closes no connection', async () => {
    const clock = new VirtualClock()
    const db = await embedded({ clock })
    const session = await db.session(options)
    await session.execute(createTable)
    await session.execute(`CREATE KEYSPACE other WITH replication = ${replication}`)
    // After so many steps of the promises of the session, whatever it waits for then.
    for (let stepCount = 0; stepCount < 40; stepCount++) {
      const using = session.useKeyspace(stepCount % 2 === 0 ? 'other' : 'k')
      const preparing = session.prepare(`SELECT p AS step${stepCount} FROM k.t`)
      for (let step = 0; step < stepCount; step++) await Promise.resolve()
      clock.advance(60_000)
      await Promise.allSettled([using, preparing])
      expect(await session.execute('SELECT p FROM k.t')).toHaveLength(0)
    }
    await session.useKeyspace('k')
    await session.execute('ALTER TABLE t ADD x int')
    await session.close()
    await db.close()
  })

  test('asks its user for the password', async () => {
    const db = await embedded({ user: 'ada', password: 'lovelace' })
    const session = await db.session({ ...options, user: 'ada', password: 'lovelace' })
    await session.close()
    for (const wrong of [{}, { user: 'ada', password: 'babbage' }]) {
      await expect(db.session({ ...options, ...wrong })).rejects.toMatchObject({
        code: 'TSYLLA_AUTHENTICATION',
      })
    }
    await db.close()
  })

  test.each([
    [{ path: '' }, 'path is a directory'],
    [{ durability: 'os' }, 'durability needs a path'],
    [{ path: '/tmp', durability: 'maybe' }, "durability is 'fsync', 'os' or 'none'"],
    [{ user: 'ada' }, 'user and password go together'],
    [{ batchLimits: { failBytes: -1 } }, 'batchLimits has numbers'],
    [{ batchLimits: { fail: 1 } }, 'batchLimits has numbers'],
    [{ batchLimits: null }, 'batchLimits has numbers'],
  ])('%o is refused', async (wrong, message) => {
    await expect(embedded(wrong as object)).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
      message: expect.stringContaining(message) as string,
    })
  })
})
