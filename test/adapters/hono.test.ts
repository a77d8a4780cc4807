import { type Context, Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { beforeAll, expect, test } from 'vitest'
import { honoRateLimit } from '../../src/adapters/hono.ts'
import { NoNodeAvailableError } from '../../src/index.ts'
import { RateLimiter } from '../../src/patterns.ts'
import { FaultyExecutor } from '../patterns/support.ts'
import { describeOnServers } from '../support/targets.ts'

describeOnServers('Hono', (target) => {
  beforeAll(() => new RateLimiter(target.session).createTables())

  test('requests over the limit are refused with 429, and the fields say why', async () => {
    const limiter = new RateLimiter(target.session, { limit: 2, per: '1h' })
    const app = new Hono()
    app.use(honoRateLimit({ limiter, key: (c: Context) => c.req.header('x-user') }))
    app.get('/', (c) => c.text('ok'))
    const get = async (user: string): Promise<Response> =>
      await app.request('/', { headers: { 'x-user': user } })
    const [first, second, third] = [await get('ada'), await get('ada'), await get('ada')]
    expect([first.status, second.status, third.status]).toEqual([200, 200, 429])
    expect(first.headers.get('RateLimit-Policy')).toBe('"default";q=2;w=3600')
    expect(first.headers.get('RateLimit')).toMatch(/^"default";r=1;t=\d+$/)
    expect(first.headers.get('Retry-After')).toBeNull()
    expect(Number(third.headers.get('Retry-After'))).toBeGreaterThan(0)
    expect(await third.text()).toMatch(/^Too many requests\. Retry in \d+ seconds?\.$/)
    expect((await get('bob')).status).toBe(200)
  })

  test('a request without a key is not limited', async () => {
    const limiter = new RateLimiter(target.session, { limit: 0 })
    const app = new Hono().use(honoRateLimit({ limiter, key: () => undefined }))
    app.get('/', (c) => c.text('ok'))
    const response = await app.request('/')
    expect([response.status, response.headers.get('RateLimit')]).toEqual([200, null])
  })

  test('the limit and the cost can depend on the request', async () => {
    const limiter = new RateLimiter(target.session)
    type Env = { Variables: { plan: 'free' | 'paid' } }
    const app = new Hono<Env>()
    app.use(async (c, next) => {
      c.set('plan', c.req.header('x-plan') === 'paid' ? 'paid' : 'free')
      await next()
    })
    app.use(
      honoRateLimit({
        limiter,
        key: (c: Context<Env>) => `plan:${c.get('plan')}`,
        take: (c: Context<Env>) => ({
          limit: c.get('plan') === 'paid' ? 10 : 3,
          per: '1h',
          cost: 2,
        }),
      }),
    )
    app.get('/', (c) => c.text('ok'))
    const statusOf = async (plan: string): Promise<number> =>
      (await app.request('/', { headers: { 'x-plan': plan } })).status
    expect([await statusOf('free'), await statusOf('free')]).toEqual([200, 429])
    for (let i = 0; i < 5; i++) expect(await statusOf('paid')).toBe(200)
    expect(await statusOf('paid')).toBe(429)
  })

  test('the application can answer refused requests itself', async () => {
    const limiter = new RateLimiter(target.session, { limit: 0, per: '1h' })
    const app = new Hono()
    app.use(
      honoRateLimit({
        limiter,
        key: () => 'own answer',
        onRefused: (c: Context, { retryAfterMs }) => c.json({ retryAfterMs }, 429),
      }),
    )
    const response = await app.request('/')
    expect(response.status).toBe(429)
    expect(response.headers.get('Retry-After')).not.toBeNull()
    expect(await response.json()).toEqual({ retryAfterMs: expect.any(Number) })
  })

  test('it may throw instead', async () => {
    const limiter = new RateLimiter(target.session, { limit: 0, per: '1h' })
    const app = new Hono()
    app.use(
      honoRateLimit({
        limiter,
        key: () => 'thrown',
        onRefused: () => {
          throw new HTTPException(429, { message: 'slow down' })
        },
      }),
    )
    expect(await (await app.request('/')).text()).toBe('slow down')
  })

  test('errors of the database go to the application', async () => {
    const failing = new FaultyExecutor(target.session)
    failing.prepareFaults.push(
      ...Array.from({ length: 9 }, () => new NoNodeAvailableError(new Map())),
    )
    const app = new Hono()
    app.use(honoRateLimit({ limiter: new RateLimiter(failing, { limit: 1 }), key: () => 'k' }))
    app.onError((error, c) => c.text(`${(error as { code?: string }).code}`, 503))
    const response = await app.request('/')
    expect([response.status, await response.text()]).toEqual([503, 'TSYLLA_NO_NODE_AVAILABLE'])
  })
})
