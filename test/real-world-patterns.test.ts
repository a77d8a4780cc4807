import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { Batch } from '../src/index.ts'
import { describeOnServers } from './support/targets.ts'

// "Real-World Patterns" of rsylla, transliterated: its CQL and its bind objects, statement for
// statement. The classes of tsylla/patterns do better; this is proof that the page runs as it is.

const dayMs = 86_400_000

describeOnServers('the page', (target) => {
  beforeAll(async () => {
    for (const table of [
      'CREATE TABLE sessions (id text PRIMARY KEY, user_id int, ip text, created_at bigint)',
      'CREATE TABLE metrics (name text, bucket int, ts bigint, value double, tags map<text, text>, PRIMARY KEY ((name, bucket), ts))',
      'CREATE TABLE rate_limits (key text, window bigint, count counter, PRIMARY KEY (key, window))',
      'CREATE TABLE cache (key text PRIMARY KEY, value blob)',
      'CREATE TABLE events (stream_id text, version int, type text, data text, ts bigint, PRIMARY KEY (stream_id, version))',
      'CREATE TABLE users (id int PRIMARY KEY, name text, email text, created_at bigint)',
    ]) {
      await target.session.execute(table)
    }
  })

  test('User Session Management: create, validate, destroy', async () => {
    const { session } = target
    const id = randomUUID()
    await session.execute(
      `INSERT INTO sessions (id, user_id, ip, created_at)
               VALUES (?, ?, ?, ?) USING TTL ?`,
      { id, user_id: 42, ip: '192.0.2.1', created_at: Date.now(), ttl: 3600 },
    )
    const validate = async (): Promise<unknown> => {
      const result = await session.execute('SELECT user_id FROM sessions WHERE id = ?', { id })
      const row = result.firstRow()
      return row ? row[0] : null
    }
    expect(await validate()).toBe(42)
    const ttl = await session.execute('SELECT TTL(user_id) FROM sessions WHERE id = ?', { id })
    expect(ttl.firstRow()?.[0]).toBeGreaterThan(3500)
    await session.execute('DELETE FROM sessions WHERE id = ?', { id })
    expect(await validate()).toBeNull()
  })

  test('Time Series Metrics: record, query a range over two buckets', async () => {
    const { session } = target
    const start = Math.floor(Date.now() / dayMs) * dayMs
    const points = [start - 1000, start, start + 5]
    for (const [i, ts] of points.entries()) {
      await session.execute(
        `INSERT INTO metrics (name, bucket, ts, value, tags)
               VALUES (?, ?, ?, ?, ?) USING TTL 604800`,
        {
          name: 'cpu',
          bucket: Math.floor(ts / dayMs),
          ts,
          value: i / 2,
          tags: i === 0 ? {} : { host: 'a' },
        },
      )
    }
    const results: unknown[] = []
    for (let bucket = start / dayMs - 1; bucket <= start / dayMs; bucket++) {
      const result = await session.execute(
        `SELECT ts, value FROM metrics
                   WHERE name = ? AND bucket = ?
                   AND ts >= ? AND ts <= ?`,
        { name: 'cpu', bucket, ts_start: points[0], ts_end: points[2] },
      )
      results.push(...result.rows().map((row) => [row[0], row[1]]))
    }
    expect(results).toEqual(points.map((ts, i) => [BigInt(ts), i / 2]))
  })

  test('Rate Limiter: read the counter, increment it', async () => {
    const { session } = target
    const window = Math.floor(Date.now() / 1000 / 60)
    const check = async (limit: number): Promise<boolean> => {
      const result = await session.execute(
        'SELECT count FROM rate_limits WHERE key = ? AND window = ?',
        { key: 'k', window },
      )
      const row = result.firstRow()
      const current = row ? (row[0] as bigint) : 0n
      if (current >= limit) return false
      await session.execute(
        `UPDATE rate_limits SET count = count + 1
               WHERE key = ? AND window = ?`,
        { key: 'k', window },
      )
      return true
    }
    expect([await check(2), await check(2), await check(2)]).toEqual([true, true, false])
  })

  test('Cache Layer: get, set with a life, delete', async () => {
    const { session } = target
    const get = async (key: string): Promise<string | null> => {
      const result = await session.execute('SELECT value FROM cache WHERE key = ?', { key })
      const row = result.firstRow()
      return row ? Buffer.from(row[0] as Uint8Array).toString() : null
    }
    expect(await get('a')).toBeNull()
    await session.execute('INSERT INTO cache (key, value) VALUES (?, ?) USING TTL ?', {
      key: 'a',
      value: Buffer.from('{"x":1}'),
      ttl: 60,
    })
    expect(await get('a')).toBe('{"x":1}')
    await session.execute('DELETE FROM cache WHERE key = ?', { key: 'a' })
    expect(await get('a')).toBeNull()
  })

  test('Event Sourcing: append, read after a version', async () => {
    const { session } = target
    const append = async (type: string, data: unknown): Promise<number> => {
      const result = await session.execute('SELECT MAX(version) FROM events WHERE stream_id = ?', {
        stream_id: 's',
      })
      const version = Number(result.firstRow()?.[0] ?? 0) + 1
      await session.execute(
        `INSERT INTO events (stream_id, version, type, data, ts)
               VALUES (?, ?, ?, ?, ?)`,
        { stream_id: 's', version, type, data: JSON.stringify(data), ts: Date.now() },
      )
      return version
    }
    expect([await append('a', { n: 1 }), await append('b', { n: 2 })]).toEqual([1, 2])
    expect(await append('c', { n: 3 })).toBe(3)
    const result = await session.execute(
      `SELECT version, type, data FROM events
               WHERE stream_id = ? AND version > ?
               ORDER BY version`,
      { stream_id: 's', version: 1 },
    )
    const events = [...result].map((row) => [row[0], row[1], JSON.parse(row[2] as string)])
    expect(events).toEqual([
      [2, 'b', { n: 2 }],
      [3, 'c', { n: 3 }],
    ])
  })

  test('Repository Pattern: prepared insert, get, update, delete', async () => {
    const { session } = target
    const insert = await session.prepare(
      'INSERT INTO users (id, name, email, created_at) VALUES (?, ?, ?, ?)',
    )
    const get = await session.prepare('SELECT * FROM users WHERE id = ?')
    const update = await session.prepare('UPDATE users SET name = ?, email = ? WHERE id = ?')
    const remove = await session.prepare('DELETE FROM users WHERE id = ?')
    await session.executePrepared(insert, { id: 1, name: 'Ada', email: 'a@x', created_at: 5 })
    const row = (await session.executePrepared(get, { id: 1 })).firstRow()
    // The page maps by position, which mixes the columns up: by name they are right.
    expect(row?.columns()).toEqual([1, 5n, 'a@x', 'Ada'])
    expect(row).toMatchObject({ id: 1, name: 'Ada', email: 'a@x', created_at: 5n })
    await session.executePrepared(update, { name: 'Ada L.', email: 'l@x', id: 1 })
    const updated = await session.executePrepared(get, { id: 1 })
    expect(updated.firstRow()?.['name']).toBe('Ada L.')
    await session.executePrepared(remove, { id: 1 })
    expect((await session.executePrepared(get, { id: 1 })).firstRow()).toBeUndefined()
  })

  test('Database Connection Manager: a builder with pool and keyspace, then a query', async () => {
    const session = await target.open((builder) => builder.poolSize(2))
    await session.useKeyspace(target.keyspace, false)
    const result = await session.execute('SELECT * FROM users')
    expect(result.rows()).toEqual([])
    const batch = new Batch('logged').appendStatement('INSERT INTO users (id, name) VALUES (?, ?)')
    await session.batch(batch, [{ id: 7, name: 'Bob' }])
    expect((await session.execute('SELECT * FROM users')).length).toBe(1)
  })
})
