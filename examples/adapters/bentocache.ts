/** The second layer of Bentocache: npx tsx examples/adapters/bentocache.ts */
import { BentoCache, bentostore } from 'bentocache'
import { Session } from 'tsylla'
import { bentocacheDriver } from 'tsylla/adapters/bentocache'

const session = await Session.connect(['embedded:'], { keyspace: 'app', createKeyspace: true })
const driver = bentocacheDriver(session)
await driver.createTables()

const bento = new BentoCache({
  default: 'main',
  stores: { main: bentostore().useL2Layer(driver) },
})
const factory = (): { born: number } => ({ born: 1815 })
console.log('ada:', await bento.getOrSet({ key: 'ada', ttl: '10m', tags: ['people'], factory }))
await bento.deleteByTag({ tags: ['people'] })
console.log('after deleteByTag:', await bento.get({ key: 'ada' }))
await session.close()
