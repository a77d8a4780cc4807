import { type Context, Hono } from 'hono'
import { beforeAll, expect, test } from 'vitest'
import { honoSession, type HonoSessionVariables } from '../../src/adapters/hono.ts'
import { NoNodeAvailableError } from '../../src/index.ts'
import { SessionManager, type SessionManagerOptions } from '../../src/patterns.ts'
import { FaultyExecutor } from '../patterns/support.ts'
import { describeOnServers, type Target } from '../support/targets.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { Browser, rotateAmongRequests } from './browser.ts'

interface Data {
  cart?: number[]
  theme?: string
}

type Env = { Variables: HonoSessionVariables<Data> }

const cookie = { secrets: ['a secret of at least thirty-two characters'] }

function appOn(sessions: SessionManager<Data>): Hono<Env> {
  const app = new Hono<Env>()
  app.use(honoSession(sessions, { cookie, ipAddress: (c: Context) => c.req.header('x-real-ip') }))
  app.get('/', (c) => {
    const { userId, data, revision, reason } = c.get('session')
    return c.json({ userId, data, revision, reason })
  })
  app.post('/login/:user', async (c) => {
    const session = c.get('session')
    await session.create(c.req.param('user'), { label: 'laptop', data: session.data })
    return c.json(session.data)
  })
  app.post('/theme/:theme', async (c) =>
    c.json(await c.var.session.update({ theme: c.req.param('theme') })),
  )
  app.post('/rotate', async (c) => c.body(await c.var.session.rotate().then(() => null)))
  app.post('/logout', async (c) => c.body(await c.var.session.destroy().then(() => null)))
  app.post('/login-and-fail', async (c) => {
    await c.var.session.create('ada')
    throw new Error('after the login')
  })
  app.onError((error, c) => c.text((error as { code?: string }).code ?? error.message, 500))
  return app
}

describeOnServers('sessions in Hono', (target: Target) => {
  beforeAll(() => new SessionManager(target.session).createTables())

  function open(options: SessionManagerOptions<Data> = {}): {
    readonly sessions: SessionManager<Data>
    readonly app: Hono<Env>
    readonly browser: Browser
  } {
    const sessions = new SessionManager<Data>(target.session, options)
    const app = appOn(sessions)
    return { sessions, app, browser: browserOf(app) }
  }

  function browserOf(app: Hono<Env>): Browser {
    return new Browser(
      async (method, path, headers) => await app.request(path, { method, headers }),
    )
  }

  test('a user logs in, data is kept over processes, and logs out', async () => {
    const { browser, sessions } = open({ idle: '30m' })
    expect(await (await browser.get('/')).json()).toEqual({})
    const login = await browser.post('/login/ada', { 'user-agent': 'Lynx', 'x-real-ip': '::1' })
    expect(login.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^__Host-session=[\w-]{64}\.[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      ),
    ])
    expect(login.headers.get('Cache-Control')).toBe('no-store')
    const [device] = await sessions.listSessions('ada').toArray()
    expect(device).toMatchObject({ ipAddress: '::1', userAgent: 'Lynx', label: 'laptop' })

    expect(await (await browser.post('/theme/dark')).json()).toEqual({ theme: 'dark' })
    const other = browserOf(appOn(new SessionManager<Data>(await target.open())))
    other.cookies = browser.cookies
    const page = await other.get('/')
    expect(await page.json()).toEqual({ userId: 'ada', data: { theme: 'dark' }, revision: 1 })
    expect([page.headers.getSetCookie(), page.headers.get('Cache-Control')]).toEqual([[], null])

    const stolen = browser.cookies
    const logout = await browser.post('/logout')
    expect(logout.headers.getSetCookie()).toEqual([
      '__Host-session=; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=0',
    ])
    expect(browser.cookies).toBe('')
    browser.cookies = stolen
    expect(await (await browser.get('/')).json()).toEqual({ reason: 'revoked' })
  })

  test('a token that was known before a login is worth nothing after it; data can stay', async () => {
    const { browser } = open()
    await browser.post('/login/guest')
    await browser.post('/theme/dark')
    const before = browser.cookies
    expect(await (await browser.post('/login/bob')).json()).toEqual({ theme: 'dark' })
    expect(await (await browser.get('/')).json()).toMatchObject({ userId: 'bob' })
    browser.cookies = before
    expect(await (await browser.get('/')).json()).toEqual({ reason: 'revoked' })
  })

  test('requests at the same time as a rotation stay logged in during the grace', async () => {
    const clock = new VirtualClock(Date.now())
    const { browser } = open({ rotateGrace: '30s', clock })
    await browser.post('/login/carol')
    const { old, rotations } = await rotateAmongRequests(browser)
    // Rotations that began at once have one successor, whatever order the answers arrive in.
    const successors = new Set(rotations.flatMap(({ headers }) => headers.getSetCookie()))
    expect(successors.size).toBe(1)

    // A client that missed the answer with the successor gets it with the next one.
    const late = await browser.send('GET', '/', old)
    expect(late.headers.getSetCookie()).toHaveLength(1)
    expect(late.headers.get('Cache-Control')).toBe('no-store')
    clock.advance(30_000)
    expect(await (await browser.send('GET', '/', old)).json()).toEqual({ reason: 'rotated' })
    expect(await (await browser.get('/')).json()).toMatchObject({ userId: 'carol' })
  })

  test('a request that takes longer than the grace logs out all the same', async () => {
    const clock = new VirtualClock(Date.now())
    const { browser, sessions, app } = open({ rotateGrace: '1s', clock })
    let rotated = ''
    app.post('/slow-logout', async (c) => {
      await browser.post('/rotate')
      rotated = browser.cookies
      clock.advance(1_000)
      await c.var.session.destroy()
      return c.body(null)
    })
    await browser.post('/login/dora')
    await browser.send('POST', '/slow-logout', browser.cookies)
    expect(rotated).not.toBe('')
    browser.cookies = rotated
    expect(await (await browser.get('/')).json()).toEqual({ reason: 'revoked' })
    expect(await sessions.listSessions('dora').toArray()).toEqual([])
  })

  test('requests are uses of a session, and one that is not used ends', async () => {
    const clock = new VirtualClock(Date.now())
    const { browser, sessions } = open({ idle: '10m', clock })
    await browser.post('/login/eve')
    for (let minutes = 0; minutes < 30; minutes += 6) {
      clock.advance(6 * 60_000)
      expect(await (await browser.get('/')).json()).toMatchObject({ userId: 'eve' })
    }
    expect(sessions.stats()).toMatchObject({ validated: 5, touched: 5 })
    clock.advance(10 * 60_000)
    const page = await browser.get('/')
    expect(await page.json()).toEqual({ reason: 'idle' })
    // The cookie stays: a late answer must not remove the cookie of a login meanwhile.
    expect(page.headers.getSetCookie()).toEqual([])
    expect((await browser.post('/login/eve')).status).toBe(200)
    expect(await (await browser.get('/')).json()).toMatchObject({ userId: 'eve' })
  })

  test('cookies that were not signed cost no request to the database', async () => {
    const failing = new FaultyExecutor(target.session)
    for (let i = 0; i < 9; i++) failing.prepareFaults.push(new NoNodeAvailableError(new Map()))
    const browser = browserOf(appOn(new SessionManager<Data>(failing)))
    for (const cookies of ['', '__Host-session=', `__Host-session=${'A'.repeat(64)}.x`, ';;=;"']) {
      const page = await browser.send('GET', '/', cookies)
      expect([page.status, await page.json()]).toEqual([200, {}])
    }
    expect(failing.prepareFaults).toHaveLength(9)
  })

  test('without a session there is nothing to change', async () => {
    const { browser } = open()
    for (const path of ['/theme/dark', '/rotate']) {
      const answer = await browser.post(path)
      expect([answer.status, await answer.text()]).toEqual([500, 'TSYLLA_SESSION_INVALID'])
    }
    expect((await browser.post('/logout')).status).toBe(200)
  })

  test('the answer to an error has the cookie too, and one cookie whatever has changed', async () => {
    const { browser, app } = open()
    app.post('/much', async (c) => {
      await c.var.session.rotate()
      await c.var.session.create('frank')
      await c.var.session.rotate()
      c.header('Set-Cookie', 'theme=dark', { append: true })
      return c.body(null, 200, { 'Cache-Control': 'public, max-age=60' })
    })
    const failed = await browser.post('/login-and-fail')
    expect([failed.status, await failed.text()]).toEqual([500, 'after the login'])
    expect(await (await browser.get('/')).json()).toMatchObject({ userId: 'ada' })
    const much = await browser.post('/much')
    expect(much.headers.getSetCookie()).toEqual([
      'theme=dark',
      expect.stringMatching(/^__Host-session=/),
    ])
    expect(much.headers.get('Cache-Control')).toBe('no-store')
    expect(await (await browser.get('/')).json()).toMatchObject({ userId: 'frank' })
  })

  test('a login that fails leaves the client as it was', async () => {
    const { browser } = open()
    await browser.post('/login/kim')
    const before = browser.cookies
    class EndsNone extends SessionManager<Data> {
      override async destroySession(): Promise<void> {
        throw new NoNodeAvailableError(new Map())
      }
    }
    class RevokesAtOnce extends SessionManager<Data> {
      override async createSession(userId: string): Promise<string> {
        const token = await super.createSession(userId)
        await this.revokeAll(userId)
        return token
      }
    }
    const onNone = browserOf(appOn(new EndsNone(target.session)))
    const failed = await onNone.send('POST', '/login/lea', before)
    expect([failed.status, failed.headers.getSetCookie()]).toEqual([500, []])
    const onRevoked = browserOf(appOn(new RevokesAtOnce(target.session)))
    const revoked = await onRevoked.send('POST', '/login/lea', before)
    expect([await revoked.text(), revoked.headers.getSetCookie()]).toEqual([
      'TSYLLA_SESSION_INVALID',
      [],
    ])
    expect(await (await browser.get('/')).json()).toMatchObject({ userId: 'kim' })
  })

  test('the middleware may stand before a route several times', async () => {
    const sessions = new SessionManager<Data>(target.session)
    const middleware = honoSession(sessions, { cookie })
    const app = new Hono<Env>()
    app.use(middleware)
    app.use('/login/*', middleware)
    app.post('/login/:user', async (c) => {
      await c.var.session.create(c.req.param('user'))
      return c.text('welcome')
    })
    app.post('/rotate', async (c) => c.body(await c.var.session.rotate().then(() => null)))
    const browser = browserOf(app)
    await browser.post('/login/mia')
    const old = browser.cookies
    await browser.post('/rotate')
    // Its token was replaced, so each reading of the session would set a cookie.
    const login = await browser.send('POST', '/login/ned', old)
    expect(login.headers.getSetCookie()).toHaveLength(1)
    browser.take(login.headers)
    expect(await sessions.listSessions('ned').toArray()).toHaveLength(1)
    expect(sessions.stats().validated).toBe(2)
  })

  test('errors of the database go to the application', async () => {
    const { browser } = open()
    await browser.post('/login/gil')
    const failing = new FaultyExecutor(target.session)
    for (let i = 0; i < 9; i++) failing.prepareFaults.push(new NoNodeAvailableError(new Map()))
    const other = browserOf(appOn(new SessionManager<Data>(failing)))
    const answer = await other.send('GET', '/', browser.cookies)
    expect([answer.status, await answer.text()]).toEqual([500, 'TSYLLA_NO_NODE_AVAILABLE'])
  })
})
