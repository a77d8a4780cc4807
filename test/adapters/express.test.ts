import express from 'express'
import { beforeAll, expect, test } from 'vitest'
import { expressRateLimit } from '../../src/adapters/express.ts'
import { NoNodeAvailableError } from '../../src/index.ts'
import { RateLimiter } from '../../src/patterns.ts'
import { FaultyExecutor } from '../patterns/support.ts'
import { describeOnServers } from '../support/targets.ts'
import { withServer } from './http.ts'

describeOnServers('Express', (target) => {
  beforeAll(() => new RateLimiter(target.session).createTables())

  test('requests over the limit are refused with 429, and the fields say why', async () => {
    const limiter = new RateLimiter(target.session, { limit: 2, per: '1h' })
    const app = express()
    app.set('trust proxy', true)
    app.use(expressRateLimit({ limiter }))
    app.get('/', (_request, response) => void response.send('ok'))
    await withServer(app, async (url) => {
      const get = (address: string): Promise<Response> =>
        fetch(url, { headers: { 'x-forwarded-for': address } })
      const answers = [await get('192.0.2.1'), await get('192.0.2.1'), await get('192.0.2.1')]
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 429])
      expect(answers[0]!.headers.get('RateLimit-Policy')).toBe('"default";q=2;w=3600')
      expect(answers[0]!.headers.get('RateLimit')).toMatch(/^"default";r=1;t=\d+$/)
      expect(Number(answers[2]!.headers.get('Retry-After'))).toBeGreaterThan(0)
      expect(await answers[2]!.text()).toMatch(/^Too many requests/)
      expect((await get('192.0.2.2')).status).toBe(200)
    })
  })

  test('a route can have its own key, limit and answer', async () => {
    const limiter = new RateLimiter(target.session)
    const app = express()
    app.use(express.json())
    const perName = expressRateLimit({
      limiter,
      key: (request: express.Request) => `login:${(request.body as { name: string }).name}`,
      take: { limit: 1, per: '1h' },
      onRefused: (_request, response: express.Response, { retryAfterMs }) =>
        void response.status(429).json({ retryAfterMs }),
    })
    app.post('/login', perName, (_request, response) => void response.send('ok'))
    await withServer(app, async (url) => {
      const login = (name: string): Promise<Response> =>
        fetch(`${url}/login`, {
          method: 'POST',
          body: JSON.stringify({ name }),
          headers: { 'content-type': 'application/json' },
        })
      expect((await login('ada')).status).toBe(200)
      const refused = await login('ada')
      expect(refused.status).toBe(429)
      expect(await refused.json()).toEqual({ retryAfterMs: expect.any(Number) })
      expect((await login('bob')).status).toBe(200)
    })
  })

  test('works on node:http without Express', async () => {
    const limit = expressRateLimit({
      limiter: new RateLimiter(target.session, { limit: 1, per: '1d' }),
    })
    await withServer(
      (request, response) => limit(request, response, () => void response.end('ok')),
      async (url) => {
        expect([(await fetch(url)).status, (await fetch(url)).status]).toEqual([200, 429])
      },
    )
  })

  test('errors of the database go to the handler of errors', async () => {
    const failing = new FaultyExecutor(target.session)
    failing.prepareFaults.push(
      ...Array.from({ length: 9 }, () => new NoNodeAvailableError(new Map())),
    )
    const app = express()
    app.use(expressRateLimit({ limiter: new RateLimiter(failing, { limit: 1 }) }))
    app.use(
      (error: { code: string }, _: express.Request, response: express.Response, _next: unknown) =>
        void response.status(503).send(error.code),
    )
    await withServer(app, async (url) => {
      const response = await fetch(url)
      expect([response.status, await response.text()]).toEqual([503, 'TSYLLA_NO_NODE_AVAILABLE'])
    })
  })
})
