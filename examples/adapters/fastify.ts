/** A rate limit for an application of Fastify: npx tsx examples/adapters/fastify.ts */
import Fastify from 'fastify'
import { fastifyTsylla } from 'tsylla/adapters/fastify'

const app = Fastify()
await app.register(fastifyTsylla, {
  // Closes with the application. `session` takes one that is open already.
  connect: { nodes: ['embedded:'], keyspace: 'app', createKeyspace: true },
  rateLimit: { limit: 100, per: '1m', createTables: true },
})
app.get('/', () => 'hello')
app.post('/login', { config: { rateLimit: { limit: 3, per: '15m' } } }, () => 'welcome')

for (let i = 1; i <= 4; i++) {
  const { statusCode, headers } = await app.inject({ method: 'POST', url: '/login' })
  console.log(`login ${i}: ${statusCode}, ${String(headers['ratelimit'])}`)
}
console.log('home:', (await app.inject('/')).statusCode)
await app.close()
