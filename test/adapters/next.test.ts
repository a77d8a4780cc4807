import { beforeAll, describe, expect, test } from 'vitest'
import {
  nextCacheHandler,
  type NextCacheHandlerClass,
  type NextCacheOptions,
  type NextUseCacheEntry,
  type NextValue,
} from '../../src/adapters/next.ts'
import { type Executor, wrapExecutor } from '../../src/index.ts'
import { ManualClock } from '../../src/testing.ts'
import { createDeferred } from '../../src/util/index.ts'
import { describeOnServers, type Target } from '../support/targets.ts'

type Context = Parameters<InstanceType<NextCacheHandlerClass>['get']>[1]

/** As one process of Next.js has it, which reads its tags whenever it reads an entry. */
function handlerOn(session: Executor, options: NextCacheOptions = {}): NextCacheHandlerClass {
  const onError = (error: unknown): never => {
    throw error
  }
  return nextCacheHandler({ session, buildId: 'one', tagsMaxAge: 0, onError, ...options })
}

/** A handler of a clock of its own, and what moves it. */
async function timed(
  target: Target,
  nowMs = Date.now(),
): Promise<{ readonly Handler: NextCacheHandlerClass; readonly clock: ManualClock }> {
  const clock = new ManualClock(nowMs)
  return { Handler: handlerOn(await target.open(), { clock }), clock }
}

const page: Context = { kind: 'APP_PAGE' }

function pageOf(html: string, ...tags: readonly string[]): NextValue & { readonly html: string } {
  return { kind: 'APP_PAGE', html, headers: { 'x-next-cache-tags': tags.join(',') } }
}

/** What a page is for Next.js: its text, and how long it is fresh. */
async function readPage(
  Handler: NextCacheHandlerClass,
  key: string,
): Promise<readonly [html: unknown, revalidate: unknown] | null> {
  const found = await new Handler({}).get(key, page)
  if (found === null) return null
  const { html } = found.value as unknown as { readonly html: string }
  return [html, found.cacheControl?.revalidate]
}

function call(
  text: string,
  options: Partial<NextUseCacheEntry<never>> = {},
): NextUseCacheEntry<ReadableStream<Uint8Array>> {
  const times = { stale: 300, revalidate: 900, expire: 3_600, timestamp: Date.now() }
  return { tags: [], ...times, ...options, value: new Blob([text]).stream() }
}

async function readCall(
  Handler: NextCacheHandlerClass,
  key: string,
  ...softTags: string[]
): Promise<readonly [text: string, revalidate: number] | undefined> {
  const found = await Handler.get(key, softTags)
  if (found === undefined) return undefined
  return [await new Response(found.value as BodyInit).text(), found.revalidate]
}

describeOnServers('Next.js', (target) => {
  beforeAll(async () => {
    const Handler = nextCacheHandler({ session: target.session, createTables: true })
    await Handler.get('key', [])
  })

  describe('cacheHandler', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    test.each<readonly [kind: string, value: NextValue & Record<string, unknown>]>([
      [
        'FETCH',
        {
          kind: 'FETCH',
          data: {
            headers: { a: 'b' },
            body: bytes.toString('base64'),
            url: 'http://x',
            status: 200,
          },
          revalidate: 60,
        },
      ],
      [
        'APP_PAGE',
        {
          kind: 'APP_PAGE',
          html: '<p>ä',
          rscData: bytes,
          status: undefined,
          postponed: undefined,
          headers: { vary: ['a', 'b'], etag: undefined },
          segmentData: new Map([
            ['/_tree', bytes],
            ['/$d$id', Buffer.alloc(0)],
          ]),
        },
      ],
      ['APP_ROUTE', { kind: 'APP_ROUTE', body: bytes, status: 201, headers: {} }],
      ['PAGES', { kind: 'PAGES', html: '', pageData: { pageProps: { n: null } }, status: 200 }],
      ['PAGES', { kind: 'REDIRECT', props: { pageProps: { __N_REDIRECT: '/' } } }],
      ['IMAGE', { kind: 'IMAGE', etag: 'e', upstreamEtag: 'u', buffer: bytes, extension: 'webp' }],
    ])('a value of the kind %s comes back as it is', async (kind, value) => {
      const Handler = handlerOn(target.session)
      const cacheControl = kind === 'FETCH' ? undefined : { revalidate: 5, expire: 60 }
      await new Handler({}).set('kind', value, { fetchCache: kind === 'FETCH', kind, cacheControl })
      const found = await new Handler({}).get('kind', { kind })
      expect(found?.value).toStrictEqual(value)
      expect(found?.cacheControl).toEqual(cacheControl)
      expect(Math.abs(Date.now() - (found?.lastModified ?? 0))).toBeLessThan(60_000)
    })

    test('that there is no page is kept, too', async () => {
      const handler = new (handlerOn(target.session))({})
      expect(await handler.get('/gone', page)).toBeNull()
      await handler.set('/gone', null, { cacheControl: { revalidate: 5, expire: undefined } })
      expect(await handler.get('/gone', page)).toMatchObject({ value: null })
    })

    test('builds have pages of their own, and share the results of fetch', async () => {
      const [one, other] = ['one', 'other'].map((buildId) => handlerOn(target.session, { buildId }))
      await new one!({}).set('/build', pageOf('one'), {})
      const value: NextValue = { kind: 'FETCH', revalidate: 60 }
      await new one!({}).set('hash', value, { fetchCache: true })
      expect(await readPage(one!, '/build')).toEqual(['one', undefined])
      expect(await readPage(other!, '/build')).toBeNull()
      expect(await new other!({}).get('hash', { kind: 'FETCH' })).toMatchObject({ value })
    })

    test('a page lives until it expires, and at most as long as the cache keeps entries', async () => {
      const { Handler, clock } = await timed(target)
      const handler = new Handler({})
      await handler.set('/short', pageOf('s'), { cacheControl: { revalidate: 1, expire: 60 } })
      await handler.set('/long', pageOf('l'), { cacheControl: { revalidate: 1, expire: 1e9 } })
      await handler.set('/ever', pageOf('e'), {
        cacheControl: { revalidate: false, expire: undefined },
      })
      clock.advance(60_000)
      expect(await readPage(Handler, '/short')).toBeNull()
      expect(await readPage(Handler, '/long')).toEqual(['l', 1])
      expect(await readPage(Handler, '/ever')).toEqual(['e', false])
      clock.advance(30 * 86_400_000)
      expect(await readPage(Handler, '/long')).toBeNull()
      expect(await readPage(Handler, '/ever')).toBeNull()
    })

    test('revalidateTag reaches the pages of other processes', async () => {
      const [one, other] = [handlerOn(target.session), handlerOn(await target.open())]
      await new one({}).set('/tagged', pageOf('old', 'posts', '_N_T_/tagged'), {})
      await new one({}).set('/untagged', pageOf('kept', '_N_T_/untagged'), {})
      expect(await readPage(other, '/tagged')).toEqual(['old', undefined])
      await new other({}).revalidateTag('posts')
      expect(await readPage(one, '/tagged')).toBeNull()
      expect(await readPage(one, '/untagged')).toEqual(['kept', undefined])
      // It knows of the revalidation when it begins, so that the page is good at once.
      await new one({}).set('/tagged', pageOf('new', 'posts'), {})
      expect(await readPage(other, '/tagged')).toEqual(['new', undefined])
    })

    test('a page that begins in the millisecond in which a revalidation is learned is good at once', async () => {
      const nowMs = Date.now()
      const [{ Handler: one }, { Handler: other }] = [
        await timed(target, nowMs),
        await timed(target, nowMs),
      ]
      await new one({}).set('/same', pageOf('old', 'same'), {})
      await new other({}).revalidateTag('same')
      // What the process that has revalidated begins after that is younger too.
      await new other({}).set('/same own', pageOf('own', 'same'), {})
      expect(await readPage(one, '/same')).toBeNull()
      await new one({}).set('/same', pageOf('new', 'same'), {})
      expect(await readPage(other, '/same')).toEqual(['new', undefined])
      expect(await readPage(one, '/same own')).toEqual(['own', undefined])
    })

    test('tags of a request count, also those that the entry does not have', async () => {
      const Handler = handlerOn(target.session)
      const value: NextValue = { kind: 'FETCH', revalidate: 60 }
      const context: Context = { kind: 'FETCH', tags: ['a'], softTags: ['_N_T_/soft'] }
      await new Handler({}).set('fetched', value, { fetchCache: true, tags: ['a', 'b'] })
      expect(await new Handler({}).get('fetched', context)).not.toBeNull()
      const asked = new Handler({ revalidatedTags: ['_N_T_/soft'] })
      expect(await asked.get('fetched', context)).toBeNull()
      await new Handler({}).revalidateTag(['other', '_N_T_/soft'])
      expect(await new Handler({}).get('fetched', context)).toBeNull()
      expect(await new Handler({}).get('fetched', { kind: 'FETCH' })).not.toBeNull()
    })

    test('a page whose making began before a revalidation is not used', async () => {
      const { Handler, clock } = await timed(target)
      const slow = new Handler({})
      expect(await slow.get('/slow', page)).toBeNull()
      clock.advance(1_000)
      await new Handler({}).revalidateTag('slow')
      clock.advance(1_000)
      await slow.set('/slow', pageOf('of old data', 'slow'), {})
      expect(await readPage(Handler, '/slow')).toBeNull()
      // Its age for Next.js begins when it is made: slow pages are fresh, too.
      await slow.get('/other', page)
      clock.advance(1_000)
      await slow.set('/other', pageOf('other'), {})
      expect(await slow.get('/other', page)).toMatchObject({ lastModified: clock.nowMs() })
    })

    test('what a process makes after its own revalidation is used at once', async () => {
      const { Handler, clock } = await timed(target)
      await new Handler({}).revalidateTag('own')
      clock.advance(1)
      const handler = new Handler({})
      expect(await handler.get('/own', page)).toBeNull()
      await handler.set('/own', pageOf('new', 'own'), {})
      expect(await readPage(Handler, '/own')).toEqual(['new', undefined])
      await new Handler({}).revalidateTag('own')
      expect(await readPage(Handler, '/own')).toBeNull()
    })

    test('clocks may be apart by half a second', async () => {
      const nowMs = Date.now()
      const [ahead, behind] = [await timed(target, nowMs), await timed(target, nowMs - 499)]
      await new ahead.Handler({}).set('/clocks', pageOf('old', 'clocks'), {})
      await new behind.Handler({}).revalidateTag('clocks')
      expect(await readPage(ahead.Handler, '/clocks')).toBeNull()
    })

    test('what is made after a revalidation by a clock that is ahead does not survive another one', async () => {
      const nowMs = Date.now()
      const [ahead, { Handler, clock }, behind] = [
        await timed(target, nowMs + 400),
        await timed(target, nowMs),
        await timed(target, nowMs - 50),
      ]
      const context: Context = { kind: 'FETCH', tags: ['first', 'second'] }
      const value: NextValue = { kind: 'FETCH', revalidate: 60 }
      const make = async (): Promise<void> => {
        const handler = new Handler({})
        await handler.get('two tags', context)
        clock.advance(2)
        expect(await handler.get('two tags', context)).toBeNull()
        await handler.set('two tags', value, { fetchCache: true, tags: context.tags })
        expect(await handler.get('two tags', context)).not.toBeNull()
      }
      await new ahead.Handler({}).revalidateTag('first')
      await make()
      await new behind.Handler({}).revalidateTag('second')
      expect(await new Handler({}).get('two tags', context)).toBeNull()
      await make()
      await new behind.Handler({}).revalidateTag('first')
      expect(await new Handler({}).get('two tags', context)).toBeNull()
    })

    test('with a time until it expires, a page is used once more after its tag', async () => {
      const { Handler, clock } = await timed(target)
      const cacheControl = { revalidate: false, expire: undefined } as const
      await new Handler({}).set('/swr', pageOf('old', 'swr'), { cacheControl })
      const value: NextValue = { kind: 'FETCH', revalidate: 900 }
      await new Handler({}).set('swr', value, { fetchCache: true, tags: ['swr'] })
      clock.advance(1_000)
      await new Handler({}).revalidateTag('swr', { expire: 60 })

      const stale = await new Handler({}).get('/swr', page)
      expect(stale).toMatchObject({ value: { html: 'old' }, cacheControl: { revalidate: 1 } })
      expect(stale!.lastModified + 1_000).toBeLessThan(clock.nowMs())
      const fetched = await new Handler({}).get('swr', { kind: 'FETCH', revalidate: 30 })
      expect(fetched!.lastModified + 30_000).toBeLessThan(clock.nowMs())

      const handler = new Handler({})
      clock.advance(1_000)
      await handler.get('/swr', page)
      await handler.set('/swr', pageOf('new', 'swr'), { cacheControl })
      expect(await readPage(Handler, '/swr')).toEqual(['new', false])
      clock.advance(60_000)
      expect(await readPage(Handler, '/swr')).toEqual(['new', false])
      expect(await new Handler({}).get('swr', { kind: 'FETCH', revalidate: 30 })).toBeNull()
    })

    test('a revalidation does not undo one before it', async () => {
      const { Handler, clock } = await timed(target)
      const handler = new Handler({})
      await handler.set('/twice', pageOf('old', 'now', 'soon'), {})
      await handler.revalidateTag('now')
      await handler.revalidateTag('now', { expire: 3_600 })
      expect(await readPage(Handler, '/twice')).toBeNull()
      await handler.set('/soon', pageOf('old', 'soon'), {})
      clock.advance(1_000)
      await handler.revalidateTag('soon', { expire: 10 })
      await handler.revalidateTag('soon', { expire: 3_600 })
      expect(await readPage(Handler, '/soon')).toEqual(['old', 1])
      clock.advance(10_000)
      expect(await readPage(Handler, '/soon')).toBeNull()
      await handler.revalidateTag('soon', { expire: 3_600 })
      expect(await readPage(Handler, '/soon')).toBeNull()
    })
  })

  describe('cacheHandlers', () => {
    test('a result comes back byte for byte, as often as it is asked for', async () => {
      const Handler = handlerOn(target.session)
      const bytes = new Uint8Array(200_000).map((_, i) => i * 7)
      const value = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let at = 0; at < bytes.length; at += 65_536) {
            controller.enqueue(bytes.subarray(at, at + 65_536))
          }
          controller.close()
        },
      })
      const tags = Array.from({ length: 128 }, (_, i) => `tag ${i} ${'x'.repeat(240)}`)
      const entry = { tags, stale: 1, revalidate: 2, expire: 4_294_967_294, timestamp: 1e12 + 0.5 }
      const long = `["build",${'\u001f'.repeat(70_000)}]`
      await Handler.set(long, Promise.resolve({ ...entry, value }))
      for (let round = 0; round < 2; round++) {
        const found = await Handler.get(long, [])
        const { value: stream, ...others } = found!
        expect(others).toEqual(entry)
        expect(Buffer.from(await new Response(stream as BodyInit).arrayBuffer())).toEqual(
          Buffer.from(bytes),
        )
      }
      await Handler.updateTags([tags[127]!])
      expect(await readCall(Handler, long)).toBeUndefined()
    })

    test('an empty result is a result', async () => {
      const Handler = handlerOn(target.session)
      await Handler.set('empty', Promise.resolve(call('')))
      expect(await readCall(Handler, 'empty')).toEqual(['', 900])
    })

    test('get waits for a set of the key', async () => {
      const Handler = handlerOn(target.session)
      const made = createDeferred<ReturnType<typeof call>>()
      const set = Handler.set('pending', made.promise)
      const found = readCall(Handler, 'pending')
      expect(await readCall(Handler, 'another')).toBeUndefined()
      made.resolve(call('made'))
      expect(await found).toEqual(['made', 900])
      await set
    })

    test('what cannot be made is not stored, and nobody waits for it', async () => {
      const Handler = handlerOn(target.session)
      await Handler.set('failed', Promise.reject(new Error('no result')))
      const broken = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.error(new Error('half a result')),
      })
      await Handler.set('failed', Promise.resolve({ ...call(''), value: broken }))
      await Handler.set('failed', Promise.resolve(call('', { expire: 0 })))
      expect(await readCall(Handler, 'failed')).toBeUndefined()
    })

    test('a result lives until it expires', async () => {
      const { Handler, clock } = await timed(target)
      const timestamp = clock.nowMs() - 10_000
      await Handler.set('life', Promise.resolve(call('made', { timestamp, expire: 60 })))
      clock.advance(49_999)
      expect(await readCall(Handler, 'life')).toEqual(['made', 900])
      clock.advance(1)
      expect(await readCall(Handler, 'life')).toBeUndefined()
      await Handler.set('life', Promise.resolve(call('made', { timestamp, expire: 60 })))
      expect(await readCall(Handler, 'life')).toBeUndefined()
    })

    test('tags of the result and of the request count', async () => {
      const { Handler, clock } = await timed(target)
      const set = async (key: string): Promise<void> => {
        const made = call(key, { tags: ['t'], timestamp: clock.nowMs() + 0.5 })
        await Handler.set(key, Promise.resolve(made))
      }
      await set('a')
      clock.advance(1_000)
      await Handler.updateTags(['_N_T_/path'])
      expect(await readCall(Handler, 'a', '_N_T_/path')).toBeUndefined()
      expect(await readCall(Handler, 'a', '_N_T_/other')).toEqual(['a', 900])
      await Handler.updateTags(['t'], { expire: 60 })
      expect(await readCall(Handler, 'a')).toEqual(['a', -1])
      clock.advance(1_000)
      await set('a')
      expect(await readCall(Handler, 'a')).toEqual(['a', 900])
      await Handler.updateTags(['t'])
      expect(await readCall(Handler, 'a')).toBeUndefined()
      clock.advance(1_000)
      await set('a')
      expect(await readCall(Handler, 'a')).toEqual(['a', 900])
      await Handler.expireTags('other', 't')
      expect(await readCall(Handler, 'a')).toBeUndefined()
      expect([await Handler.refreshTags(), await Handler.getExpiration(['t'])]).toEqual([
        undefined,
        Number.POSITIVE_INFINITY,
      ])
    })

    test('one revalidation reaches pages and results', async () => {
      const Handler = handlerOn(target.session)
      await new Handler({}).set('/both', pageOf('old', 'both'), {})
      await Handler.set('both', Promise.resolve(call('old', { tags: ['both'] })))
      await handlerOn(await target.open()).updateTags(['both'])
      expect(await readPage(Handler, '/both')).toBeNull()
      expect(await readCall(Handler, 'both')).toBeUndefined()
    })
  })

  test('tags are remembered for as long as the options say', async () => {
    const clock = new ManualClock(Date.now())
    const Handler = handlerOn(await target.open(), { clock, tagsMaxAge: '5s' })
    await new Handler({}).set('/aged', pageOf('old', 'aged'), {})
    expect(await readPage(Handler, '/aged')).toEqual(['old', undefined])
    await handlerOn(target.session).updateTags(['aged'])
    clock.advance(4_999)
    expect(await readPage(Handler, '/aged')).toEqual(['old', undefined])
    clock.advance(1)
    expect(await readPage(Handler, '/aged')).toBeNull()
  })

  test('without the database Next.js goes on, and asks it again from time to time', async () => {
    const failures: string[] = []
    const clock = new ManualClock(Date.now())
    const session = await target.open()
    const Handler = handlerOn(session, {
      clock,
      onError: (error, { operation, key }) => {
        failures.push(`${operation} ${key}: ${(error as { code?: string }).code}`)
      },
    })
    await session.close()
    const exercise = async (): Promise<void> => {
      expect(await new Handler({}).get('/page', page)).toBeNull()
      await new Handler({}).set('/page', pageOf('page'), {})
      expect(await Handler.get('call', [])).toBeUndefined()
      await Handler.set('call', Promise.resolve(call('made')))
    }
    const expectFailures = (...texts: string[]): void => {
      expect(failures.splice(0)).toEqual(texts.map((text) => `${text}: TSYLLA_CLOSED`))
    }
    await exercise()
    expectFailures('get /page', 'set /page', 'get call')
    clock.advance(4_999)
    await exercise()
    expectFailures()
    clock.advance(1)
    await exercise()
    expectFailures('get /page')
    // That a tag is not revalidated must be known.
    const closed = { code: 'TSYLLA_CLOSED' }
    await expect(Handler.updateTags(['a', 'b'])).rejects.toMatchObject(closed)
    await expect(new Handler({}).revalidateTag('c')).rejects.toMatchObject(closed)
    expectFailures('revalidate a, b', 'revalidate c')
  })

  test('Next.js waits for an entry as long as the options say', async () => {
    const errors: unknown[] = []
    const clock = new ManualClock(Date.now())
    const silent = wrapExecutor(target.session, () => new Promise(() => {}))
    const onError = (error: unknown): unknown => errors.push(error)
    const Handler = handlerOn(silent, { clock, timeout: '3s', onError })
    const found = new Handler({}).get('/page', page)
    await expect.poll(() => clock.pendingCount).toBeGreaterThan(0)
    clock.advance(3_000)
    expect(await found).toBeNull()
    expect(errors).toMatchObject([{ code: 'TSYLLA_REQUEST_TIMEOUT', timeoutMs: 3_000 }])
  })

  test('a value that is too large is dropped, and no other', async () => {
    const errors: unknown[] = []
    const onError = (error: unknown): unknown => errors.push(error)
    const Handler = handlerOn(target.session, { valueBytesMax: 1_000, onError })
    for (let i = 0; i < 5; i++) await new Handler({}).set('/large', pageOf('x'.repeat(1_000)), {})
    await new Handler({}).set('/small', pageOf('x'), {})
    expect(errors.map((error) => (error as { code?: string }).code)).toEqual(
      Array.from({ length: 5 }, () => 'TSYLLA_CACHE_VALUE'),
    )
    expect(await readPage(Handler, '/large')).toBeNull()
    expect(await readPage(Handler, '/small')).toEqual(['x', undefined])
  })
})
