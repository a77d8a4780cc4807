/** Sessions of an application of Express: npx tsx examples/adapters/express-session.ts */
import type { AddressInfo } from 'node:net'
import express from 'express'
import session from 'express-session'
import { Session } from 'tsylla'
import { expressSessionStore } from 'tsylla/adapters/express'

declare module 'express-session' {
  interface SessionData {
    views: number
  }
}

const database = await Session.connect(['embedded:'], { keyspace: 'app', createKeyspace: true })
const Store = expressSessionStore(session.Store)
const store = new Store(database)
await store.createTables()

const app = express()
app.use(session({ store, secret: 'a secret', resave: false, saveUninitialized: false }))
app.get('/', (request, response) => {
  request.session.views = (request.session.views ?? 0) + 1
  response.send(`${request.session.views} views`)
})

const server = app.listen(0)
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
const first = await fetch(url)
const cookie = first.headers.getSetCookie().join('; ')
console.log(await first.text(), '·', await (await fetch(url, { headers: { cookie } })).text())
server.close()
await database.close()
