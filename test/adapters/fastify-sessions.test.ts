import cookiePlugin from '@fastify/cookie'
import fastifySession from '@fastify/session'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { afterEach, beforeAll, expect, test } from 'vitest'
import {
  FastifySessionStore,
  fastifyTsylla,
  type FastifySessionsOptions,
  type FastifyTsyllaOptions,
  type WebSession,
} from '../../src/adapters/fastify.ts'
import { NoNodeAvailableError, type Session } from '../../src/index.ts'
import { SessionManager } from '../../src/patterns.ts'
import { FaultyExecutor } from '../patterns/support.ts'
import { describeOnServers } from '../support/targets.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { Browser, rotateAmongRequests } from './browser.ts'

interface Data {
  cart?: number[]
  theme?: string
}

/** As the declarations of an application have it: they are those of the example here. */
function sessionOf(request: unknown): WebSession<Data> {
  return (request as { readonly tsyllaSession: WebSession<Data> }).tsyllaSession
}

const cookie = { secrets: ['a secret of at least thirty-two characters'] }

const apps: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

/** @param prepare registers what stands before the plugin */
async function appWith(
  options: FastifyTsyllaOptions,
  prepare?: (app: FastifyInstance) => Promise<void>,
): Promise<FastifyInstance> {
  const app = Fastify({ trustProxy: true })
  apps.push(app)
  await prepare?.(app)
  await app.register(fastifyTsylla, options)
  app.get('/', (request) => {
    const { userId, data, revision, reason } = sessionOf(request)
    return { userId, data, revision, reason }
  })
  app.post<{ Params: { user: string } }>('/login/:user', (request) => {
    const session = sessionOf(request)
    return session.create(request.params.user).then(() => session.info)
  })
  app.post<{ Params: { theme: string } }>('/theme/:theme', (request) =>
    sessionOf(request).update({ theme: request.params.theme }),
  )
  app.post('/rotate', (request) => sessionOf(request).rotate())
  app.post('/logout', (request) => sessionOf(request).destroy())
  app.post('/login-and-fail', async (request, reply) => {
    await sessionOf(request).create('ada')
    reply.header('Set-Cookie', 'theme=dark').header('Cache-Control', 'public')
    throw new Error('after the login')
  })
  return app
}

function browserOf(app: FastifyInstance): Browser {
  return new Browser(async (method, url, headers) => {
    const answer = await app.inject({ method: method as 'GET' | 'POST', url, headers })
    const fields = Object.entries(answer.headers).flatMap(([name, value]) =>
      [value].flat().map((one): [string, string] => [name, String(one)]),
    )
    const body = answer.body === '' ? null : answer.body
    return new Response(body, { status: answer.statusCode, headers: fields })
  })
}

describeOnServers('sessions in Fastify', (target) => {
  beforeAll(() => new SessionManager(target.session).createTables())

  async function open(options: Partial<FastifySessionsOptions> = {}): Promise<Browser> {
    const sessions = { cookie, ...options }
    return browserOf(await appWith({ session: target.session, sessions }))
  }

  test('a user logs in, data is kept over processes, and logs out', async () => {
    const browser = await open()
    expect(await (await browser.get('/')).json()).toEqual({})
    const login = await browser.post('/login/ada', {
      'user-agent': 'Lynx',
      'x-forwarded-for': '2001:db8::1',
    })
    expect(await login.json()).toMatchObject({ ipAddress: '2001:db8::1', userAgent: 'Lynx' })
    expect(login.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^__Host-session=[\w-]{64}\.[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      ),
    ])
    expect(login.headers.get('Cache-Control')).toBe('no-store')
    expect(await (await browser.post('/theme/dark')).json()).toEqual({ theme: 'dark' })

    const other = browserOf(await appWith({ session: await target.open(), sessions: { cookie } }))
    other.cookies = browser.cookies
    const page = await other.get('/')
    expect(await page.json()).toEqual({ userId: 'ada', data: { theme: 'dark' }, revision: 1 })
    expect([page.headers.getSetCookie(), page.headers.get('Cache-Control')]).toEqual([[], null])

    const stolen = browser.cookies
    expect((await browser.post('/logout')).headers.getSetCookie()).toEqual([
      '__Host-session=; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=0',
    ])
    expect(browser.cookies).toBe('')
    browser.cookies = stolen
    expect(await (await browser.get('/')).json()).toEqual({ reason: 'revoked' })
  })

  test('requests at the same time as a rotation stay logged in during the grace', async () => {
    const clock = new VirtualClock(Date.now())
    const browser = await open({ rotateGrace: '30s', clock })
    await browser.post('/login/carol')
    const { old } = await rotateAmongRequests(browser)

    // A client that missed the answer with the successor gets it with the next one.
    const late = await browser.send('GET', '/', old)
    expect(late.headers.getSetCookie()).toHaveLength(1)
    clock.advance(30_000)
    expect(await (await browser.send('GET', '/', old)).json()).toEqual({ reason: 'rotated' })
    expect(await (await browser.get('/')).json()).toMatchObject({ userId: 'carol' })
  })

  test('the answer to an error has the cookie too, and other cookies stay', async () => {
    const browser = await open()
    const failed = await browser.post('/login-and-fail')
    expect(failed.status).toBe(500)
    expect(failed.headers.getSetCookie()).toEqual([
      'theme=dark',
      expect.stringMatching(/^__Host-session=/),
    ])
    expect(failed.headers.get('Cache-Control')).toBe('no-store')
    expect(await (await browser.get('/')).json()).toMatchObject({ userId: 'ada' })
  })

  test('it works in one application with @fastify/session and @fastify/cookie', async () => {
    const store = new FastifySessionStore(target.session)
    await store.createTables()
    const options = { session: target.session, sessions: { cookie } }
    const app = await appWith(options, async (one) => {
      await one.register(cookiePlugin)
      const secret = 'another secret of at least thirty-two characters'
      await one.register(fastifySession, { store, secret, cookie: { secure: false } })
      one.addHook('onRequest', async ({ session }, reply) => {
        Object.assign(session, { seen: true })
        reply.setCookie('theme', 'dark')
      })
    })
    const login = await browserOf(app).post('/login/ada')
    const names = login.headers.getSetCookie().map((field) => field.split('=')[0])
    expect(new Set(names)).toEqual(new Set(['__Host-session', 'sessionId', 'theme']))
    expect(names).toHaveLength(3)
  })

  test('the key of a limit can be the user of the session', async () => {
    const options: FastifyTsyllaOptions = {
      session: target.session,
      sessions: { cookie },
      rateLimit: {
        limit: 1,
        per: '1h',
        hook: 'preHandler',
        createTables: true,
        key: (request: FastifyRequest) => sessionOf(request).userId,
      },
    }
    const app = await appWith(options)
    const [one, other] = [browserOf(app), browserOf(app)]
    await one.post('/login/hal')
    await other.post('/login/hal')
    expect([(await one.get('/')).status, (await other.get('/')).status]).toEqual([200, 429])
  })

  test('a request that a limit refuses has no session', async () => {
    const rateLimit = { limit: 0, per: '1h', createTables: true } as const
    const app = await appWith({ session: target.session, sessions: { cookie }, rateLimit })
    expect((await browserOf(app).post('/login/ivy')).status).toBe(429)
  })

  test('errors of the database end the request', async () => {
    const browser = await open()
    await browser.post('/login/gil')
    const failing = new FaultyExecutor(target.session)
    for (let i = 0; i < 9; i++) failing.prepareFaults.push(new NoNodeAvailableError(new Map()))
    const app = await appWith({ session: failing as unknown as Session, sessions: { cookie } })
    const other = browserOf(app)
    expect((await other.get('/')).status).toBe(200)
    const answer = await other.send('GET', '/', browser.cookies)
    expect(await answer.json()).toMatchObject({ code: 'TSYLLA_NO_NODE_AVAILABLE' })
  })
})

test('the plugin creates the tables of sessions, and has their manager', async () => {
  const app = await appWith({
    connect: { nodes: ['embedded:'], keyspace: 'app', createKeyspace: true },
    sessions: { cookie, idle: '30m', table: 'logins', createTables: true },
  })
  const browser = browserOf(app)
  await browser.post('/login/ada')
  expect(await app.tsylla.sessions?.listSessions('ada').toArray()).toHaveLength(1)
  await app.tsylla.sessions?.revokeAll('ada')
  expect(await (await browser.get('/')).json()).toEqual({ reason: 'revoked' })
})

test.each([
  [{ cookie: { secrets: ['short'] } }, '32'],
  [{ cookie, idles: '1m' }, 'idles'],
  [{ cookie, idle: '1 fortnight' }, 'idle'],
])('the plugin refuses wrong options: %o', async (sessions, text) => {
  const app = Fastify()
  apps.push(app)
  const options = { connect: { nodes: ['embedded:'] }, sessions } as FastifyTsyllaOptions
  await expect(app.register(fastifyTsylla, options).ready()).rejects.toThrow(text)
})
