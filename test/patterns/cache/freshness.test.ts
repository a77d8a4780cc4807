import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { beforeAll, expect, test } from 'vitest'
import { Cache, type CacheEvent, type CacheOptions } from '../../../src/patterns.ts'
import { MemoryTier } from '../../../src/patterns/cache/memory-tier.ts'
import { createDeferred } from '../../../src/util/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { describePattern, FaultyExecutor } from '../support.ts'

describePattern('Cache: freshness', (target) => {
  const tables = (): Cache => new Cache(target.session, { memory: {} })
  beforeAll(() => tables().createTables())

  function open(options: CacheOptions = {}): {
    cache: Cache
    clock: VirtualClock
    counting: FaultyExecutor
  } {
    const clock = new VirtualClock(Date.now())
    const counting = new FaultyExecutor(target.session)
    const cache = new Cache(counting, { clock, jitter: 0, earlyRefresh: 0, ...options })
    return { cache, clock, counting }
  }

  test('a value in its grace is returned at once, and made anew in the background', async () => {
    const { cache, clock } = open({ ttl: '1m', grace: '1h' })
    let calls = 0
    const made = createDeferred<void>()
    const factory = async (): Promise<number> => {
      if (calls > 0) await made.promise
      return ++calls
    }
    expect(await cache.getOrSet('swr', factory)).toBe(1)
    clock.advance(60_000)
    expect(await cache.lookup('swr')).toEqual({ hit: false })
    expect(await cache.lookup('swr', { allowStale: true })).toEqual({
      ...{ hit: true, value: 1, stale: true },
    })
    const stale = await Promise.all(Array.from({ length: 5 }, () => cache.getOrSet('swr', factory)))
    expect(stale).toEqual([1, 1, 1, 1, 1])
    made.resolve()
    await expect.poll(() => cache.get('swr')).toBe(2)
    expect(calls).toBe(2)
    clock.advance(3_660_000)
    expect(await cache.lookup('swr', { allowStale: true })).toEqual({ hit: false })
  })

  test('a value in its grace stands in for a factory that fails', async () => {
    const { cache, clock } = open({ ttl: '1m', grace: '1h', timeout: '5s' })
    await cache.set('fails', 'old')
    clock.advance(60_000)
    const failing = (): never => {
      throw new Error('no source')
    }
    expect(await cache.getOrSet('fails', failing)).toBe('old')
    clock.advance(3_600_000)
    await expect(cache.getOrSet('fails', failing)).rejects.toThrow('no source')
    expect(cache.stats()).toMatchObject({ factories: 2, factoryErrors: 2, stale: 1 })
  })

  test('the soft timeout returns the old value, the hard one an error; the value is stored all the same', async () => {
    const { cache, clock } = open({ ttl: '1m', grace: '1h', timeout: '100ms', hardTimeout: '1s' })
    const gate = createDeferred<string>()
    const signals: AbortSignal[] = []
    const slow = ({ signal }: { signal: AbortSignal }): Promise<string> => {
      signals.push(signal)
      return gate.promise
    }
    await cache.set('slow', 'old')
    clock.advance(60_000)
    let found: unknown
    void cache.getOrSet('slow', slow).then((value) => (found = value))
    await expect.poll(() => signals.length).toBe(1)
    expect(found).toBeUndefined()
    clock.advance(100)
    await expect.poll(() => found).toBe('old')
    const nothing = expect(cache.getOrSet('slow nothing', slow)).rejects.toMatchObject({
      ...{ code: 'TSYLLA_FACTORY_TIMEOUT', timeoutMs: 1_000 },
    })
    await expect.poll(() => signals.length).toBe(2)
    clock.advance(1_000)
    await nothing
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true])
    gate.resolve('new')
    await expect.poll(() => cache.get('slow')).toBe('new')
    await expect.poll(() => cache.get('slow nothing')).toBe('new')
  })

  test('a factory that never ends keeps no other from making the value after the hard timeout', async () => {
    const { cache, clock } = open({ hardTimeout: '1s' })
    const started = createDeferred<void>()
    const hanging = cache.getOrSet('hanging', () => {
      started.resolve()
      return new Promise<never>(() => {})
    })
    await started.promise
    const failure = expect(hanging).rejects.toMatchObject({ code: 'TSYLLA_FACTORY_TIMEOUT' })
    clock.advance(1_000)
    await failure
    // The end of the lease is on its way.
    const other = open()
    let made: string | undefined
    void other.cache.getOrSet('hanging', () => 'made').then((value) => (made = value))
    await expect
      .poll(() => (other.counting.isIdle && other.clock.advance(50), made), { interval: 5 })
      .toBe('made')
    const again = open({ hardTimeout: '1s' })
    expect(await again.cache.getOrSet('hanging', () => 'not called')).toBe('made')
    expect(await cache.getOrSet('hanging', () => 'not called')).toBe('made')
  })

  test('a factory receives the value that is not fresh any more', async () => {
    const { cache, clock } = open({ ttl: '1m', grace: '1h', timeout: '10s' })
    const factory = ({ stale }: { stale: { value: unknown } | undefined }): string =>
      `after ${String(stale?.value)}`
    expect(await cache.getOrSet('context', factory)).toBe('after undefined')
    clock.advance(60_000)
    expect(await cache.getOrSet('context', factory)).toBe('after after undefined')
  })

  test('values are made anew early, the sooner the more they cost', async () => {
    const { cache, clock } = open({ ttl: '1h', earlyRefresh: 1, random: () => Math.exp(-2) })
    let calls = 0
    const factory = async (): Promise<number> => {
      clock.advance(5_000)
      return ++calls
    }
    expect(await cache.getOrSet('early', factory)).toBe(1)
    // Twice the cost of 5 s before its end, for this random number.
    clock.advance(3_589_000)
    expect(await cache.getOrSet('early', factory)).toBe(1)
    expect(calls).toBe(1)
    clock.advance(1_000)
    expect(await cache.getOrSet('early', factory)).toBe(1)
    await expect.poll(() => cache.get('early')).toBe(2)
  })

  test('lives are shortened by a random part', async () => {
    const { cache, clock } = open({ ttl: '100s', jitter: 0.2, random: () => 0.5 })
    await cache.set('jitter', 1)
    clock.advance(89_999)
    expect(await cache.has('jitter')).toBe(true)
    clock.advance(1)
    expect(await cache.has('jitter')).toBe(false)
  })

  test('nothing is stored for its own time, or not at all', async () => {
    const { cache, clock } = open({ negativeTtl: '10s' })
    let calls = 0
    const nothing = (): null => (calls++, null)
    for (let i = 0; i < 3; i++) expect(await cache.getOrSet('nothing', nothing)).toBeNull()
    expect(calls).toBe(1)
    clock.advance(10_000)
    await cache.getOrSet('nothing', nothing)
    expect(calls).toBe(2)
    for (let i = 0; i < 2; i++) await cache.getOrSet('never', nothing, { negativeTtl: 0 })
    expect(calls).toBe(4)
  })

  test('tags invalidate what has them, also what was made by a clock that is ahead', async () => {
    const { cache, clock } = open({ invalidationMaxAge: 0 })
    const ahead = open({ clock: new VirtualClock(Date.now() + 400) }).cache
    await cache.set('a', 1, { tags: ['user:1', 'all'] })
    await ahead.set('b', 2, { tags: ['user:2', 'all'] })
    await cache.set('c', 3)
    await cache.invalidateTags(['user:1'])
    expect([...(await cache.getMany(['a', 'b', 'c'])).keys()]).toEqual(['b', 'c'])
    await cache.invalidateTags(['all', 'unused'])
    expect([...(await cache.getMany(['a', 'b', 'c'])).keys()]).toEqual(['c'])
    // What follows in this process is not invalid, although its time is within the clock error.
    await cache.set('a', 4, { tags: ['all'] })
    expect(await cache.get('a')).toBe(4)
    clock.advance(1_000)
  })

  test('an invalidation by a clock that is behind is not lost after one by a clock that is ahead', async () => {
    const { cache, clock } = open({ invalidationMaxAge: 0 })
    const behind = open({
      ...{ clock: new VirtualClock(clock.nowMs() - 200), invalidationMaxAge: 0 },
    }).cache
    await cache.invalidateTags(['often'])
    await cache.set('often', 'old', { tags: ['often'] })
    await behind.invalidateTags(['often'])
    expect(await cache.get('often')).toBeUndefined()
    await behind.set('next', 'new', { tags: ['often'] })
    expect(await cache.get('next')).toBe('new')
  })

  test('a factory that began before an invalidation of its tag is not found after it', async () => {
    const { cache } = open({ invalidationMaxAge: 0 })
    const other = open({ invalidationMaxAge: 0 }).cache
    const started = createDeferred<void>()
    const release = createDeferred<number>()
    const slow = cache.getOrSet(
      'tagged',
      () => {
        started.resolve()
        return release.promise
      },
      { tags: ['t'] },
    )
    await started.promise
    await other.invalidateTags(['t'])
    release.resolve(1)
    await slow
    expect(await other.get('tagged')).toBeUndefined()
  })

  test('a caller that comes after an invalidation by another process waits for no factory of before', async () => {
    const { cache } = open({ invalidationMaxAge: 0, memory: {} })
    const started = createDeferred<void>()
    const release = createDeferred<string>()
    const slow = cache.getOrSet(
      'joined',
      () => {
        started.resolve()
        return release.promise
      },
      { tags: ['j'] },
    )
    await started.promise
    await open().cache.invalidateTags(['j'])
    const late = cache.getOrSet('joined', () => 'new', { tags: ['j'] })
    release.resolve('old')
    expect(await slow).toBe('old')
    expect(await late).toBe('new')
    expect(await cache.get('joined')).toBe('new')
  })

  test('no key reaches into a namespace', async () => {
    const { cache } = open()
    await cache.namespace('inner').set('k', 'secret')
    await expect(cache.get('inner\u001fk')).rejects.toThrow(/without the character U\+001F/)
  })

  test('namespaces are apart, and clear empties one with what is in it', async () => {
    const { cache, counting } = open({ invalidationMaxAge: 0 })
    const [users, orders] = [cache.namespace('users'), cache.namespace('orders')]
    const eu = users.namespace('eu')
    for (const [i, one] of [cache, users, orders, eu].entries()) await one.set('k', i)
    const values = async (): Promise<unknown[]> =>
      await Promise.all([cache, users, orders, eu].map((one) => one.get('k')))
    expect(await values()).toEqual([0, 1, 2, 3])
    const before = counting.writeCount
    await users.clear()
    expect(counting.writeCount).toBe(before + 1)
    expect(await values()).toEqual([0, undefined, 2, undefined])
    await eu.set('k', 4)
    await cache.namespace('users').namespace('eu').set('l', 5)
    expect(await eu.getMany(['k', 'l'])).toEqual(
      new Map([
        ['k', 4],
        ['l', 5],
      ]),
    )
    const keys: string[] = []
    for await (const key of eu.keys()) keys.push(key)
    expect(keys.toSorted()).toEqual(['k', 'l'])
    await cache.clear()
    expect(await values()).toEqual([undefined, undefined, undefined, undefined])
  })

  test('expire gives a value another life', async () => {
    const { cache, clock } = open({ ttl: '1m' })
    expect(await cache.expire('life', '1h')).toBe(false)
    await cache.set('life', { a: 1 })
    expect(await cache.expire('life', '1h')).toBe(true)
    clock.advance(3_599_000)
    expect(await cache.get('life')).toEqual({ a: 1 })
    clock.advance(1_000)
    expect(await cache.has('life')).toBe(false)
  })

  test('C5: a long value is read whole or not at all', async () => {
    const { cache, counting } = open({ valueBytesMax: 8 * 1_048_576 })
    const long = Buffer.alloc(1_500_000, 'x')
    await cache.set('long', long)
    const isWhole = async (): Promise<boolean> =>
      long.equals((await cache.get<Buffer>('long')) ?? Buffer.alloc(0))
    expect(await isWhole()).toBe(true)
    // The process dies between the parts of another value.
    for (let i = 0; i < 3; i++) {
      counting.onRequest = (text) => {
        if (text.includes('INTO cache_chunks')) counting.writeFaults.push(new Error('killed'))
      }
      await expect(cache.set('long', Buffer.alloc(1_500_000, 'y'))).rejects.toThrow('killed')
      counting.onRequest = () => {}
      counting.writeFaults.length = 0
      expect(await isWhole()).toBe(true)
    }
    await target.session.execute(
      'DELETE FROM cache_chunks WHERE key = ? AND generation = ? AND part = 3',
      [
        'long',
        (
          await target.session.execute("SELECT generation FROM cache WHERE key = 'long'")
        ).singleRow()['generation'],
      ],
    )
    expect(await cache.lookup('long')).toEqual({ hit: false })
    // Another program has written a part without bytes.
    await cache.set('long', long)
    await target.session.execute(
      'INSERT INTO cache_chunks (key, generation, part, bytes) VALUES (?, ?, ?, null)',
      [
        'long',
        (
          await target.session.execute("SELECT generation FROM cache WHERE key = 'long'")
        ).singleRow()['generation'],
        3,
      ],
    )
    expect(await cache.lookup('long')).toEqual({ hit: false })
    await expect(cache.set('too long', Buffer.alloc(7_000_000))).rejects.toMatchObject({
      code: 'TSYLLA_CACHE_VALUE',
    })
  })

  test('a hit costs one read, a miss four requests besides', async () => {
    const { cache, counting } = open()
    await cache.set('warm', 1)
    await cache.get('warm')
    counting.requests.length = 0
    await cache.getOrSet('warm', () => 2)
    expect(counting.requests).toHaveLength(1)
    await cache.getOrSet('cold', () => 2)
    await expect.poll(() => counting.requests.length).toBe(6)
    // Two reads, the lease, the value, and the end of the lease.
    expect([counting.conditionalWriteCount, counting.writeCount]).toEqual([2, 3])
  })

  test('memory: a hit asks nobody, until its time is over', async () => {
    const { cache, clock, counting } = open({ memory: { ttl: '2s' } })
    const value = { list: [1] }
    await cache.set('memory', value)
    expect(await cache.get('memory')).toEqual(value)
    counting.requests.length = 0
    const first = await cache.get<typeof value>('memory')
    first!.list.push(2)
    expect(await cache.get('memory')).toEqual({ list: [1] })
    expect(counting.requests).toHaveLength(0)
    await target.session.execute("DELETE FROM cache WHERE key = 'memory'")
    expect(await cache.get('memory')).toEqual({ list: [1] })
    clock.advance(2_000)
    expect(await cache.get('memory')).toBeUndefined()
    expect(cache.stats()).toMatchObject({ memoryHits: 3, memoryEntries: 0, memoryBytes: 0 })
  })

  test('memory: what this process changes leaves it at once, what others change soon', async () => {
    const { cache, clock, counting } = open({ memory: { ttl: '1m', syncInterval: '1s' } })
    const sending = new FaultyExecutor(target.session)
    const other = new Cache(sending, { clock, memory: { ttl: '1m' } })
    const read = async (): Promise<unknown> => {
      if (counting.isIdle && sending.isIdle) clock.advance(100)
      return await cache.get('shared')
    }
    await cache.set('shared', 1)
    expect(await cache.get('shared')).toBe(1)
    await cache.set('shared', 2)
    expect(await cache.get('shared')).toBe(2)
    clock.advance(1)
    await other.set('shared', 3)
    await expect.poll(read, { interval: 2 }).toBe(3)
    await other.delete('shared')
    await expect.poll(read, { interval: 2 }).toBeUndefined()
  })

  test('memory: what is made by a factory that began before a deletion is not kept', async () => {
    const { cache } = open({ memory: { ttl: '1m' } })
    const started = createDeferred<void>()
    const release = createDeferred<string>()
    const slow = cache.getOrSet('kept', () => {
      started.resolve()
      return release.promise
    })
    await started.promise
    await open().cache.delete('kept')
    release.resolve('old')
    expect(await slow).toBe('old')
    expect(await cache.get('kept')).toBeUndefined()
    expect(await cache.getOrSet('kept', () => 'new')).toBe('new')
    await expect.poll(() => cache.stats().memoryEntries).toBe(1)
  })

  test('C6: what is set while a factory runs is found when the time in memory is over', async () => {
    const { cache, clock } = open({ memory: { ttl: '4s', syncInterval: '1h' } })
    const started = createDeferred<void>()
    const release = createDeferred<string>()
    const slow = cache.getOrSet('replaced', () => {
      started.resolve()
      return release.promise
    })
    await started.promise
    clock.advance(1)
    const other = new Cache(new FaultyExecutor(target.session), { clock })
    await other.set('replaced', 'new')
    clock.advance(3_000)
    release.resolve('old')
    expect(await slow).toBe('old')
    await expect.poll(() => cache.stats().memoryEntries).toBe(1)
    clock.advance(1_000)
    expect(await cache.get('replaced')).toBe('new')
  })

  test('memory: nobody is asked for messages when all of it is over', () => {
    const clock = new VirtualClock(Date.now())
    const memory = new MemoryTier({ entryCountMax: 10, bytesMax: 10_000, ttlMs: 2_000 }, clock)
    const times = {
      softMs: 0,
      hardMs: 0,
      bornUs: 0n,
      bornAfter: new Map(),
      writtenUs: 0n,
      costMs: 0,
    }
    const entry = { ...times, bytes: new Uint8Array(1), tags: new Set<string>() }
    expect(memory.isInUse).toBe(false)
    memory.put('a', entry, undefined, clock.monotonicMs())
    expect(memory.isInUse).toBe(true)
    clock.advance(2_000)
    expect([memory.size, memory.bytes, memory.isInUse]).toEqual([0, 0, false])
  })

  test('memory: limits of entries and bytes hold', async () => {
    // A text is counted as it is encoded, and twice that as it is decoded.
    const { cache } = open({ memory: { max: 3, bytesMax: 5_500 } })
    for (let i = 0; i < 10; i++) {
      await cache.set(`limit ${i}`, 'x'.repeat(10))
      await cache.get(`limit ${i}`)
    }
    expect(cache.stats().memoryEntries).toBe(3)
    await cache.set('big', 'x'.repeat(1_700))
    await cache.get('big')
    expect(cache.stats()).toMatchObject({ memoryEntries: 1 })
    expect(cache.stats().memoryBytes).toBeLessThanOrEqual(5_500)
    await cache.set('bigger', 'x'.repeat(1_800))
    await cache.get('bigger')
    expect(cache.stats()).toMatchObject({ memoryEntries: 1 })
    expect(cache.stats().memoryBytes).toBeLessThan(5_400)
  })

  test('callers have objects of their own, unless they share them', async () => {
    const own = open().cache
    const values = await Promise.all([1, 2, 3].map(() => own.getOrSet('own', () => ({ a: 1 }))))
    expect(new Set(values).size).toBe(3)
    const shared = open({ share: true, memory: {} }).cache
    const made = await shared.getOrSet('shared object', () => ({ a: 1 }))
    // Once its lease is released, and the key was not deleted until then.
    await expect.poll(() => shared.stats().memoryEntries).toBe(1)
    expect(await shared.get('shared object')).toBe(made)
  })

  test('a codec of the application replaces that of the cache', async () => {
    const codec = {
      encode: (value: unknown) => Buffer.from(JSON.stringify(value)),
      decode: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as unknown,
    }
    const { cache } = open({ codec })
    await cache.set('codec', { a: 1 })
    expect(await cache.get('codec')).toEqual({ a: 1 })
    await open({ clock: new VirtualClock(Date.now() + 1_000) }).cache.set('codec', 1n)
    expect(await cache.lookup('codec')).toEqual({ hit: false })
  })

  test('a table of version 0.1 is upgraded, and its values are found', async () => {
    await target.session.execute('CREATE TABLE old_cache (key text PRIMARY KEY, value blob)')
    await target.session.execute('INSERT INTO old_cache (key, value) VALUES (?, ?) USING TTL 100', [
      'old',
      Buffer.from('\u0001"from 0.1"'),
    ])
    const cache = new Cache(target.session, { table: 'old_cache' })
    await expect(cache.get('old')).rejects.toThrow(/createTables\(\)/)
    await cache.createTables()
    expect(await cache.get('old')).toBe('from 0.1')
    expect(await cache.getOrSet('old', () => 'new')).toBe('from 0.1')
  })

  test('events are published to subscribers of tsylla:cache', async () => {
    const seen: string[] = []
    const listener = (event: unknown): void => {
      const { type, key } = event as CacheEvent
      seen.push(`${type} ${key}`)
    }
    subscribe('tsylla:cache', listener)
    const { cache } = open()
    await cache.getOrSet('event', () => 1)
    await cache.get('event')
    await cache.delete('event')
    await cache.clear()
    unsubscribe('tsylla:cache', listener)
    expect(seen).toEqual([
      'miss event',
      'factory event',
      'set event',
      'hit event',
      'delete event',
      'clear undefined',
    ])
  })

  test.each([
    [{ ttl: '0s' }, /ttl must be a time span/],
    [{ ttl: '30d', grace: '30y' }, /grace must be a time span/],
    [{ ttl: '300d', grace: '100d' }, /together must be at most 366d/],
    [{ ttl: '1m', ttlSeconds: 60 }, /pass one of them/],
    [{ jitter: 2 }, /jitter must be a number from 0 to 1/],
    [{ earlyRefresh: Number.NaN }, /earlyRefresh must be a number/],
    [{ stampede: 'off' }, /stampede must be one of cluster, process/],
    [{ leaseTtl: '500ms' }, /leaseTtl must be more than twice clockError/],
    [{ memory: { size: 5 } }, /memory has no option "size"/],
    [{ codec: {} }, /codec needs the functions encode and decode/],
    [{ namespace: '' }, /A namespace must be/],
    [{ table: 'x'.repeat(42) }, /at most 41 characters/],
    [{ valueBytesMax: 0 }, /valueBytesMax/],
  ])('a wrong option is refused: %j', (options, message) => {
    expect(() => new Cache(target.session, options as CacheOptions)).toThrow(message)
  })

  test.each([
    ['', undefined],
    ['x'.repeat(65_534), undefined],
    [5, undefined],
    ['k', { tags: [''] }],
    ['k', { tags: Array.from({ length: 33 }, String) }],
    ['k', { ttl: '1x' }],
    ['k', { tll: '1m' }],
  ])('a wrong argument is refused: %.20s %j', async (key, options) => {
    const { cache } = open()
    const refused = { code: 'TSYLLA_CONFIG' }
    await expect(cache.set(key as string, 1, options as never)).rejects.toMatchObject(refused)
    const factory = (): number => 1
    const getting = cache.getOrSet(key as string, factory, options as never)
    await expect(getting).rejects.toMatchObject(refused)
  })
})
