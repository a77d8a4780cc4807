/** A rate limit for an application of Express: npx tsx examples/adapters/express.ts */
import type { AddressInfo } from 'node:net'
import express from 'express'
import { Session } from 'tsylla'
import { expressRateLimit } from 'tsylla/adapters/express'
import { RateLimiter } from 'tsylla/patterns'

const session = await Session.connect(['embedded:'], { keyspace: 'app', createKeyspace: true })
const limiter = new RateLimiter(session, { limit: 3, per: '1m' })
await limiter.createTables()

const app = express()
app.use(expressRateLimit({ limiter }))
app.get('/', (_request, response) => void response.send('hello'))

const server = app.listen(0)
const { port } = server.address() as AddressInfo
for (let i = 1; i <= 4; i++) {
  const { status, headers } = await fetch(`http://127.0.0.1:${port}/`)
  console.log(`request ${i}: ${status}, ${headers.get('RateLimit')}`)
}
server.close()
await session.close()
