/** Sessions of an application of Fastify: npx tsx examples/adapters/fastify-session.ts */
import cookie from '@fastify/cookie'
import session from '@fastify/session'
import Fastify from 'fastify'
import { Session } from 'tsylla'
import { FastifySessionStore } from 'tsylla/adapters/fastify'

declare module 'fastify' {
  interface Session {
    views?: number
  }
}

const database = await Session.connect(['embedded:'], { keyspace: 'app', createKeyspace: true })
const store = new FastifySessionStore(database)
await store.createTables()

const app = Fastify()
await app.register(cookie)
await app.register(session, {
  secret: 'a secret of at least thirty-two characters',
  cookie: { secure: false },
  store,
})
app.get('/', (request) => {
  request.session.views = (request.session.views ?? 0) + 1
  return `${request.session.views} views`
})

const first = await app.inject('/')
const cookies = Object.fromEntries(first.cookies.map(({ name, value }) => [name, value]))
console.log(first.body, '·', (await app.inject({ url: '/', cookies })).body)
await app.close()
await database.close()
