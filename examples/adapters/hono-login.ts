/** Users of an application of Hono who log in: npx tsx examples/adapters/hono-login.ts */
import { Hono } from 'hono'
import { Session } from 'tsylla'
import { honoSession, type HonoSessionVariables } from 'tsylla/adapters/hono'
import { SessionManager } from 'tsylla/patterns'

interface Data {
  cart?: string[]
}

const database = await Session.connect(['embedded:'], { keyspace: 'app', createKeyspace: true })
const sessions = new SessionManager<Data>(database, { idle: '30m', absolute: '30d' })
await sessions.createTables()

const app = new Hono<{ Variables: HonoSessionVariables<Data> }>()
app.use(
  honoSession(sessions, {
    cookie: { secrets: ['a secret of at least 32 characters'], maxAge: '30d' },
  }),
)
app.post('/login/:user', async (c) => {
  await c.var.session.create(c.req.param('user'), { label: 'laptop' })
  return c.text('welcome')
})
app.post('/cart/:item', async (c) => {
  if (c.var.session.userId === undefined) return c.text('log in first', 401)
  const item = c.req.param('item')
  return c.json(await c.var.session.update(({ cart = [] }) => ({ cart: [...cart, item] })))
})
app.post('/logout', async (c) => {
  await c.var.session.destroy()
  return c.text('bye')
})

let cookie = ''
async function post(path: string): Promise<string> {
  const response = await app.request(path, { method: 'POST', headers: { cookie } })
  cookie = response.headers.get('Set-Cookie')?.split(';')[0] ?? cookie
  return `${path}: ${response.status} ${await response.text()}`
}
for (const path of ['/cart/tea', '/login/ada', '/cart/tea', '/cart/milk', '/logout', '/cart/tea'])
  console.log(await post(path))
await database.close()
