import express from 'express'
import expressSession from 'express-session'
import { beforeAll, expect, test } from 'vitest'
import { expressSessionStore } from '../../src/adapters/express.ts'
import { describeOnServers } from '../support/targets.ts'
import { withServer } from './http.ts'

declare module 'express-session' {
  interface SessionData {
    views: number
    user: string
  }
}

const Store = expressSessionStore(expressSession.Store)
type Stored = InstanceType<typeof Store>

describeOnServers('express-session', (target) => {
  let store: Stored
  beforeAll(async () => {
    store = new Store(target.session)
    await store.createTables()
  })

  /** A call of the store as a promise. */
  const call = (
    work: (done: (error: unknown, value?: unknown) => void) => void,
  ): Promise<unknown> =>
    new Promise((resolve, reject) => {
      work((error, value) => (error === null ? resolve(value) : reject(error)))
    })
  const sessionOf = (views: number, expires?: Date): expressSession.SessionData => ({
    ...{ views, user: 'ada' },
    cookie: { originalMaxAge: null, ...(expires && { expires }) },
  })
  const get = (sid: string): Promise<unknown> => call((done) => store.get(sid, done))

  test('what is set comes back, until it is destroyed', async () => {
    expect(await get('one')).toBeNull()
    await call((done) => store.set('one', sessionOf(1), done))
    expect(await get('one')).toMatchObject({ views: 1, user: 'ada' })
    await call((done) => store.set('one', sessionOf(2), done))
    expect(await get('one')).toMatchObject({ views: 2 })
    await call((done) => store.destroy('one', done))
    expect(await get('one')).toBeNull()
  })

  test('a save after the destruction does not revive a session', async () => {
    await call((done) => store.set('ended', sessionOf(1), done))
    const other = new Store(await target.open())
    await call((done) => other.destroy('ended', done))
    await call((done) => store.set('ended', sessionOf(2), done))
    await call((done) => store.touch('ended', sessionOf(2), done))
    expect(await get('ended')).toBeNull()
    for (let i = 0; i < 5; i++) {
      const sid = `race ${i}`
      await call((done) => store.set(sid, sessionOf(0), done))
      await Promise.all([
        ...[1, 2, 3].map((views) => call((done) => store.set(sid, sessionOf(views), done))),
        call((done) => other.destroy(sid, done)),
        call((done) => store.touch(sid, sessionOf(9), done)),
      ])
      expect(await get(sid)).toBeNull()
    }
  })

  test('a touch prolongs the life, and does not undo what another request has saved', async () => {
    const ttlOf = async (): Promise<number> => {
      const text = 'SELECT TTL(data) AS ttl FROM web_sessions'
      const rows = (await target.session.execute<{ ttl: number | null }>(text)).rows()
      return Math.max(...rows.map(({ ttl }) => ttl ?? 0))
    }
    await call((done) => store.clear(done))
    const soon = new Date(Date.now() + 60_000)
    await call((done) => store.set('touched', sessionOf(5, soon), done))
    expect(await ttlOf()).toBeLessThanOrEqual(61)
    await call((done) =>
      store.touch('touched', sessionOf(4, new Date(Date.now() + 7_200_000)), done),
    )
    expect(await ttlOf()).toBeGreaterThan(7_000)
    expect(await get('touched')).toMatchObject({ views: 5 })
  })

  test('a session whose cookie is over is destroyed', async () => {
    await call((done) => store.set('over', sessionOf(1, new Date(Date.now() - 1)), done))
    expect(await get('over')).toBeNull()
  })

  test('a session whose cookie ends after the last expiration of servers is kept until then', async () => {
    await call((done) => store.set('far', sessionOf(1, new Date('2199-01-01')), done))
    await call((done) => store.touch('far', sessionOf(1, new Date('2299-01-01')), done))
    expect(await get('far')).toMatchObject({ views: 1 })
  })

  test('the table may have the name of a reserved word', async () => {
    const reserved = new Store(target.session, { table: 'order', ttl: '2h', destroyedTtl: 60_000 })
    await reserved.createTables()
    await call((done) => reserved.set('one', sessionOf(1), done))
    const found = 'SELECT TTL(data) AS ttl FROM "order"'
    expect((await target.session.execute(found)).singleRow()).toEqual({ ttl: 7_200 })
    await call((done) => reserved.destroy('one', done))
    await call((done) => reserved.set('one', sessionOf(1), done))
    expect(await call((done) => reserved.length(done))).toBe(0)
  })

  test.each([
    [{ ttl: 0 }, 'ttl must be a time span from 1s'],
    [{ ttl: Number.NaN }, 'ttl must be a time span'],
    [{ ttl: '30 minutes' }, 'ttl must be a time span'],
    [{ ttl: '9999w' }, 'ttl must be a time span'],
    [{ destroyedTtl: -1 }, 'destroyedTtl must be a time span'],
    [{ table: 'x; DROP TABLE y' }, 'A table name is'],
    [{ ttlSeconds: 60 }, 'ttlSeconds'],
  ])('the options %j are refused', (options, message) => {
    expect(() => new Store(target.session, options as object)).toThrow(message)
  })

  test('all, length and clear', async () => {
    await call((done) => store.clear(done))
    for (let i = 0; i < 3; i++) await call((done) => store.set(`listed ${i}`, sessionOf(i), done))
    expect(await call((done) => store.length(done))).toBe(3)
    expect(await call((done) => store.all(done))).toHaveLength(3)
    await call((done) => store.clear(done))
    expect(await call((done) => store.length(done))).toBe(0)
  })

  test('the table has no id that a request could use', async () => {
    await call((done) => store.set('the secret id', sessionOf(1), done))
    const rows = (await target.session.execute('SELECT * FROM web_sessions')).rows()
    expect(JSON.stringify(rows.map((row) => ({ ...row })))).not.toContain('the secret id')
  })

  test('an application counts views over two processes, and logs out', async () => {
    const appOn = async (): Promise<express.Express> => {
      const app = express()
      const own = new Store(await target.open())
      app.use(expressSession({ store: own, secret: 's', resave: false, saveUninitialized: false }))
      app.get('/', (request, response) => {
        request.session.views = (request.session.views ?? 0) + 1
        response.send(String(request.session.views))
      })
      app.get('/logout', (request, response, next) => {
        request.session.destroy((error) => (error ? next(error) : void response.send('bye')))
      })
      return app
    }
    const [first, second] = [await appOn(), await appOn()]
    await withServer(first, async (one) => {
      await withServer(second, async (other) => {
        const start = await fetch(one)
        const cookie = start.headers.getSetCookie()[0]!.split(';')[0]!
        const get = async (url: string): Promise<string> =>
          await (await fetch(url, { headers: { cookie } })).text()
        expect(await start.text()).toBe('1')
        expect([await get(other), await get(one)]).toEqual(['2', '3'])
        expect(await get(`${other}/logout`)).toBe('bye')
        expect(await get(one)).toBe('1')
      })
    })
  })

  test('a failure goes to the callback', async () => {
    const session = await target.open()
    const failing = new Store(session)
    await session.close()
    await expect(call((done) => failing.get('x', done))).rejects.toMatchObject({
      code: 'TSYLLA_CLOSED',
    })
  })
})
