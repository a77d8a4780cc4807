/** A store for Keyv: npx tsx examples/adapters/keyv.ts */
import { Keyv } from 'keyv'
import { Session } from 'tsylla'
import { KeyvCacheStore } from 'tsylla/adapters/keyv'

const session = await Session.connect(['embedded:'], { keyspace: 'app', createKeyspace: true })
const store = new KeyvCacheStore(session)
await store.createTables()

const cache = new Keyv({ store, namespace: 'people' })
await cache.set('ada', { born: 1815 }, 60_000)
console.log('ada:', await cache.get('ada'))
await cache.clear()
console.log('after clear:', await cache.get('ada'))
await session.close()
