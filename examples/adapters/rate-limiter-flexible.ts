/** A limiter of rate-limiter-flexible: npx tsx examples/adapters/rate-limiter-flexible.ts */
import * as flexible from 'rate-limiter-flexible'
import { Session } from 'tsylla'
import { flexibleRateLimiter } from 'tsylla/adapters/rate-limiter-flexible'

const session = await Session.connect(['embedded:'], { keyspace: 'app', createKeyspace: true })
const RateLimiterTsylla = flexibleRateLimiter(flexible)
const limiter = new RateLimiterTsylla({ storeClient: session, points: 3, duration: 60 })
await limiter.createTables()

for (let i = 1; i <= 4; i++) {
  try {
    const { remainingPoints } = await limiter.consume('ada')
    console.log(`request ${i}: ${remainingPoints} points are left`)
  } catch (error) {
    if (!(error instanceof flexible.RateLimiterRes)) throw error
    console.log(`request ${i}: refused`)
  }
}
await limiter.reward('ada', 2)
console.log('after a reward:', (await limiter.get('ada'))?.consumedPoints, 'points are consumed')
await session.close()
