/** A rate limit for an application of Hono: npx tsx examples/adapters/hono.ts */
import { type Context, Hono } from 'hono'
import { Session } from 'tsylla'
import { honoRateLimit } from 'tsylla/adapters/hono'
import { RateLimiter } from 'tsylla/patterns'

const session = await Session.connect(['embedded:'], { keyspace: 'app', createKeyspace: true })
const limiter = new RateLimiter(session, { limit: 3, per: '1m' })
await limiter.createTables()

const app = new Hono()
app.use(honoRateLimit({ limiter, key: (c: Context) => c.req.header('x-api-key') ?? 'anonymous' }))
app.get('/', (c) => c.text('hello'))

for (let i = 1; i <= 4; i++) {
  const { status, headers } = await app.request('/', { headers: { 'x-api-key': 'ada' } })
  console.log(`request ${i}: ${status}, ${headers.get('RateLimit')}`)
}
await session.close()
