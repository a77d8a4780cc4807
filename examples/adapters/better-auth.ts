/** Sessions and rate limits of Better Auth: npx tsx examples/adapters/better-auth.ts */
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { Session } from 'tsylla'
import { betterAuthStorage } from 'tsylla/adapters/better-auth'

const session = await Session.connect(['embedded:'], { keyspace: 'app', createKeyspace: true })
const secondaryStorage = betterAuthStorage(session)
await secondaryStorage.createTables()

const auth = betterAuth({
  baseURL: 'http://localhost',
  secret: 'a secret of at least thirty-two characters',
  database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
  secondaryStorage,
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: true, storage: 'secondary-storage' },
})
const { headers } = await auth.api.signUpEmail({
  body: { name: 'Ada', email: 'ada@example.org', password: 'open sesame' },
  returnHeaders: true,
})
const cookies = headers.getSetCookie().map((text) => text.split(';')[0])
const request = { headers: new Headers({ cookie: cookies.join('; ') }) }
console.log('signed up:', (await auth.api.getSession(request))?.user.name)
await auth.api.signOut(request)
console.log('signed out:', await auth.api.getSession(request))
await session.close()
