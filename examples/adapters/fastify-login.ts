/** Users of an application of Fastify who log in: npx tsx examples/adapters/fastify-login.ts */
import Fastify from 'fastify'
import { fastifyTsylla, type WebSession } from 'tsylla/adapters/fastify'

declare module 'fastify' {
  interface FastifyRequest {
    tsyllaSession: WebSession<{ theme?: string }>
  }
}

const app = Fastify()
await app.register(fastifyTsylla, {
  connect: { nodes: ['embedded:'], keyspace: 'app', createKeyspace: true },
  sessions: {
    ...{ idle: '30m', absolute: '30d', createTables: true },
    cookie: { secrets: ['a secret of at least 32 characters'], maxAge: '30d' },
  },
})
app.post('/login', async ({ tsyllaSession }) => {
  await tsyllaSession.create('ada', { data: { theme: 'dark' } })
  return 'welcome'
})
app.post('/logout', async ({ tsyllaSession }) => {
  await tsyllaSession.destroy()
  return 'bye'
})
app.get('/', ({ tsyllaSession: { userId, data, reason } }) =>
  userId === undefined
    ? `nobody is logged in (${reason ?? 'no cookie'})`
    : `${userId} likes it ${data?.theme}`,
)

const login = await app.inject({ method: 'POST', url: '/login' })
const cookie = String(login.headers['set-cookie']).split(';')[0] ?? ''
const home = async (): Promise<string> => (await app.inject({ url: '/', headers: { cookie } })).body
console.log((await app.inject('/')).body)
console.log(await home())
await app.inject({ method: 'POST', url: '/logout', headers: { cookie } })
console.log(await home())
await app.close()
