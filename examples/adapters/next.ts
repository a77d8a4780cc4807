/**
 * The cache of two processes of Next.js, called as Next.js calls it: npx tsx
 * examples/adapters/next.ts. A whole application is in test/bundlers/next-project.
 */
import { embedded } from 'tsylla/embedded'
import { nextCacheHandler } from 'tsylla/adapters/next'

const db = await embedded()
const open = async (): Promise<ReturnType<typeof nextCacheHandler>> => {
  const session = await db.session({ keyspace: 'app', createKeyspace: true })
  return nextCacheHandler({ session, createTables: true, tagsMaxAge: 0 })
}
const [One, Two] = [await open(), await open()]

const page = { kind: 'APP_PAGE', html: '<p>Ada', headers: { 'x-next-cache-tags': 'people' } }
const cacheControl = { revalidate: 60, expire: 3_600 }
await new One({}).set('/people', page, { cacheControl })
console.log('the other process:', await new Two({}).get('/people', { kind: 'APP_PAGE' }))

const times = { timestamp: Date.now(), stale: 300, revalidate: 900, expire: 3_600 }
const result = { ...times, tags: ['people'], value: new Blob(['Ada']).stream() }
await Two.set('["a call"]', Promise.resolve(result))
console.log('the result of a call:', await One.get('["a call"]', []))

await Two.updateTags(['people'])
console.log('after revalidation:', await new One({}).get('/people', { kind: 'APP_PAGE' }))
await db.close()
