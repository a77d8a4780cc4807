import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import {
  nextCacheHandler,
  type NextCacheOptions,
  type NextUseCacheEntry,
} from '../../src/adapters/next.ts'
import { embedded, type EmbeddedDatabase } from '../../src/embedded.ts'
import { createDeferred } from '../../src/util/index.ts'

const opened: EmbeddedDatabase[] = []
afterEach(() => Promise.all(opened.splice(0).map((db) => db.close())))

async function openEngine(): Promise<EmbeddedDatabase> {
  const db = await embedded()
  opened.push(db)
  return db
}

function connectTo(address: string): NextCacheOptions {
  const connect = { nodes: [address], keyspace: 'app', createKeyspace: true }
  return { connect, createTables: true, tagsMaxAge: 0 }
}

test('Next.js starts without a database, and finds it when it is there', async () => {
  const first = await (await embedded()).listen({ port: 0 })
  await first.close()
  const Handler = nextCacheHandler(connectTo(first.address))
  const page = { kind: 'PAGES', html: 'page' }
  const set = (): Promise<void> => new Handler({}).set('/page', page, {})

  const warned = once(process, 'warning')
  await set()
  expect(await new Handler({}).get('/page', { kind: 'PAGES' })).toBeNull()
  const [warning] = (await warned) as [Error]
  expect(warning.name).toBe('TsyllaNextCacheWarning')
  expect(warning.message).toMatch(/^Next.js goes on without its cache: set: ./)

  const db = await openEngine()
  await db.listen({ port: Number(first.address.split(':').at(-1)) })
  await expect
    .poll(
      async () => {
        await set()
        return await new Handler({}).get('/page', { kind: 'PAGES' })
      },
      { timeout: 20_000 },
    )
    .toMatchObject({ value: page })
})

test('modules of a process that name the same table share a cache', async () => {
  const { address } = await (await openEngine()).listen({ port: 0 })
  const [one, same] = [connectTo(address), connectTo(address)].map((options) =>
    nextCacheHandler(options),
  )
  const other = nextCacheHandler({ ...connectTo(address), table: 'another' })
  const made = createDeferred<NextUseCacheEntry<ReadableStream<Uint8Array>>>()
  const set = one!.set('key', made.promise)
  const found = same!.get('key', [])
  expect(await other.get('key', [])).toBeUndefined()
  const times = { stale: 300, revalidate: 900, expire: 3_600, timestamp: Date.now() }
  made.resolve({ ...times, tags: ['tag'], value: new Blob(['made']).stream() })
  expect(await found).toMatchObject({ tags: ['tag'] })
  await set
})

test.each<[name: string, options: NextCacheOptions, message: RegExp]>([
  ['no database', {}, /either connect or session/],
  ['a life that is too long', { ...connectTo('x'), ttl: '400d' }, /ttl must be/],
  ['an option it does not have', { ...connectTo('x'), ttlSeconds: 5 } as never, /"ttlSeconds"/],
  ['a negative age', { ...connectTo('x'), tagsMaxAge: -1 }, /tagsMaxAge must be/],
])('is refused with %s', (_, options, message) => {
  expect(() => nextCacheHandler(options)).toThrow(message)
})
