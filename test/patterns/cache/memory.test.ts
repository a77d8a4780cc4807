import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { isDeepStrictEqual } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { RequestTimeoutError, wrapExecutor } from '../../../src/index.ts'
import { Cache, type CacheEvent, type CacheOptions } from '../../../src/patterns.ts'
import { MemoryTier } from '../../../src/patterns/cache/memory-tier.ts'
import { createDeferred } from '../../../src/util/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { describePattern, FaultyExecutor } from '../support.ts'

describePattern('Cache: memory of processes', (target) => {
  beforeAll(() => new Cache(target.session, { memory: {} }).createTables())

  /** Caches of processes of their own, with one clock. */
  function open(options: CacheOptions = {}, clock = new VirtualClock(Date.now())) {
    const executor = new FaultyExecutor(target.session)
    const common = { clock, jitter: 0, earlyRefresh: 0, memory: { ttl: '10m' } } as const
    return { clock, executor, cache: new Cache(executor, { ...common, ...options }) }
  }

  /** Lets the clock that processes share run until what is read is what is waited for. */
  async function untilRead(
    processes: readonly Pick<ReturnType<typeof open>, 'clock' | 'executor'>[],
    read: () => unknown,
    value: unknown,
  ) {
    const advanceAndRead = async (): Promise<unknown> => {
      if (processes.every(({ executor }) => executor.isIdle)) processes[0]!.clock.advance(100)
      return await read()
    }
    await expect.poll(advanceAndRead, { interval: 2, timeout: 10_000 }).toEqual(value)
  }

  /** Waits until a process has sent its messages. */
  async function untilSent({ clock, executor }: ReturnType<typeof open>): Promise<void> {
    const before = executor.requests.length
    clock.advance(20)
    const isSent = () =>
      executor.requests.slice(before).some(({ text }) => /INTO \S*_bus/.test(text))
    await expect.poll(isSent).toBe(true)
  }

  test('messages of all slots since the last poll are read', async () => {
    const memory = { ttl: '10m', syncInterval: '30s' } as const
    const a = open({ memory })
    const b = open({ memory }, a.clock)
    await a.cache.set('slots', 'old')
    await b.cache.get('slots')
    a.clock.advance(2_000)
    await a.cache.set('slots', 'new')
    await untilSent(a)
    a.clock.advance(20_000)
    await untilRead([a, b], () => b.cache.get('slots'), 'new')
    expect(a.clock.nowMs()).toBeLessThan(Date.now() + 120_000)
  })

  test('polls that fail for a while lose no message', async () => {
    const a = open()
    const b = open({}, a.clock)
    await a.cache.set('failing poll', 'old')
    await b.cache.get('failing poll')
    await a.cache.set('failing poll', 'new')
    await untilSent(a)
    let failures = 0
    b.executor.onRequest = (text) => {
      if (!text.includes('_bus') || !text.startsWith('SELECT') || failures++ > 30) return
      b.executor.readFaults.push(new RequestTimeoutError(1, 'not_applied'))
    }
    a.clock.advance(40_000)
    await untilRead([a, b], () => b.cache.get('failing poll'), 'new')
  })

  test('a process that could not ask for longer than messages are kept drops everything', async () => {
    const a = open({ memory: { ttl: '1h' } })
    await a.cache.set('too long', 1)
    await a.cache.get('too long')
    expect(a.cache.stats().memoryEntries).toBe(1)
    // The machine stands still for six minutes.
    a.clock.advance(360_000)
    await untilRead([a], () => a.cache.stats().memoryEntries, 0)
  })

  test('what left memory because of its tag does not come back by what was known of the tag', async () => {
    const memory = { ttl: '10m', syncInterval: '100ms' } as const
    const a = open({ memory })
    const b = open({ memory, invalidationMaxAge: '1m' }, a.clock)
    await a.cache.set('known', 'old', { tags: ['known'] })
    expect(await b.cache.get('known')).toBe('old')
    await a.cache.invalidateTags(['known'])
    await untilRead([a, b], () => b.cache.stats().memoryEntries, 0)
    expect(await b.cache.get('known')).toBeUndefined()
  })

  test('caches of one process tell each other at once, also one without memory', async () => {
    const { executor, cache: a, clock } = open({ namespace: 'told' })
    const common = { clock, jitter: 0, earlyRefresh: 0, namespace: 'told' } as const
    const b = new Cache(executor, { ...common, memory: { ttl: '10m' } })
    const without = new Cache(executor, common)
    for (const [i, changing] of [a, without].entries()) {
      const tagged = { tags: ['told'] }
      const expectRead = async (value: unknown): Promise<void> => {
        expect([await a.get('told'), await b.get('told')]).toEqual([value, value])
      }
      await changing.set('told', `old ${i}`, tagged)
      await expectRead(`old ${i}`)
      await changing.delete('told')
      await expectRead(undefined)
      await changing.set('told', `new ${i}`, tagged)
      await expectRead(`new ${i}`)
      await changing.invalidateTags(['told'])
      await expectRead(undefined)
      await changing.set('told', `newer ${i}`, tagged)
      await expectRead(`newer ${i}`)
      expect(await changing.expire('told', '1h')).toBe(true)
      await changing.clear()
      await expectRead(undefined)
    }
    // A cache with memory sends the messages of the one without.
    const reading = open({ namespace: 'told' }, clock)
    const other = reading.cache
    await without.set('told', 'old')
    await other.get('told')
    clock.advance(10)
    await without.set('told', 'the newest')
    await untilRead([{ clock, executor }, reading], () => other.get('told'), 'the newest')
  })

  test('an invalidation leaves entries in memory that it does not concern', async () => {
    const a = open()
    const b = open({ invalidationMaxAge: 0 }, a.clock)
    const names = ['kept', 'tagged'] as const
    await a.cache.set('kept', 1, { tags: ['k'] })
    await a.cache.set('tagged', 1, { tags: ['i'] })
    await a.cache.namespace('n').set('cleared', 1)
    await untilSent(a)
    // What was sent now is not asked for any more.
    a.clock.advance(15_000)
    for (const { cache } of [a, b]) {
      await cache.getMany(names)
      await cache.namespace('n').get('cleared')
      expect(cache.stats().memoryEntries).toBe(3)
    }
    await a.cache.invalidateTags(['i'])
    await a.cache.namespace('n').clear()
    expect(a.cache.stats().memoryEntries).toBe(1)
    await untilRead([a, b], () => b.cache.stats().memoryEntries, 1)
    for (const { cache, executor } of [a, b]) {
      executor.requests.length = 0
      expect(await cache.get('kept')).toBe(1)
      expect(executor.requests.filter(({ text }) => !text.includes('_bus'))).toEqual([])
    }
  })

  test('what is read while its tag is invalidated is not kept, anything else is', async () => {
    const { cache, executor, clock } = open()
    await cache.set('read tagged', 1, { tags: ['r'] })
    await cache.set('read other', 1)
    const started = createDeferred<void>()
    const release = createDeferred<void>()
    const slow = wrapExecutor(executor, async (call, next) => {
      const text = call.verb === 'executePrepared' ? call.prepared.getStatement() : ''
      const answer = await next(call)
      if (!text.includes('FROM cache WHERE')) return answer
      started.resolve()
      await release.promise
      return answer
    })
    const reading = new Cache(slow, { clock, memory: { ttl: '10m' } })
    const values = Promise.all([reading.get('read tagged'), reading.get('read other')])
    await started.promise
    await cache.invalidateTags(['r'])
    release.resolve()
    await values
    expect(reading.stats().memoryEntries).toBe(1)
  })

  test('each caller has a value of its own, of every kind and length', async () => {
    const { cache } = open()
    const values = [
      { a: 1, list: [{ b: null }, 'c'], ['$']: 1 },
      JSON.parse('{"__proto__":{"polluted":{}},"constructor":[{}]}'),
      { date: new Date(0), map: new Map([[1, { d: 1 }]]), nothing: undefined },
      Object.assign(Object.create(null), { e: [] }),
      [['x'.repeat(2_000)], { f: 1n }],
    ]
    for (const [i, value] of values.entries()) {
      await cache.set(`own ${i}`, value)
      const read = (): Promise<unknown> => cache.get(`own ${i}`)
      const found = [await read(), await read(), await read()]
      for (const one of found) expect(isDeepStrictEqual(one, value)).toBe(true)
      const objects = new Set(found.flatMap((one) => [...objectsIn(one)]))
      expect(objects.size).toBe(3 * objectsIn(value).size)
    }
    expect(cache.stats().memoryHits).toBe(2 * values.length)
  })

  test('a codec that returns its argument hands no caller the memory of the others', async () => {
    const codec = {
      encode: (value: unknown) => value as Uint8Array,
      decode: (bytes: Uint8Array) => bytes,
    }
    const { cache } = open({ codec })
    const value = Buffer.from('abc')
    const made = await cache.getOrSet('argument', () => value)
    await expect.poll(() => cache.stats().memoryEntries).toBe(1)
    value.fill('x')
    ;(await cache.get<Buffer>('argument'))!.fill('y')
    made.fill('z')
    expect(Buffer.from((await cache.get<Uint8Array>('argument'))!).toString()).toBe('abc')
    await cache.delete('argument')
  })

  test('a codec that reads no value of its own gives no caller undefined', async () => {
    const codec = {
      encode: (value: unknown) => Buffer.from(String(value)),
      decode: (): never => {
        throw new Error('broken')
      },
    }
    const { cache } = open({ codec })
    let calls = 0
    const factory = async (): Promise<number> => ++calls
    const values = await Promise.all([1, 2, 3].map(() => cache.getOrSet('broken codec', factory)))
    expect(values.toSorted((a, b) => a - b)).toEqual([1, 2, 3])
    await cache.delete('broken codec')
  })

  test('with invalidationMaxAge 0 a hit asks for the entry and each of its epochs once', async () => {
    const { cache, executor } = open({ invalidationMaxAge: 0, memory: undefined })
    const inner = cache.namespace('asked')
    await inner.set('k', 1, { tags: ['asked'] })
    executor.requests.length = 0
    expect(await inner.get('k')).toBe(1)
    expect(executor.requests).toHaveLength(4)
  })

  test('stored values are counted and published, a stale answer is no miss', async () => {
    const seen: CacheEvent[] = []
    const listener = (event: unknown): void => void seen.push(event as CacheEvent)
    const { cache, clock } = open({ memory: undefined, grace: '1h' })
    const inner = cache.namespace('a').namespace('b')
    subscribe('tsylla:cache', listener)
    expect(await inner.setIfAbsent('k', 1)).toBe(true)
    expect(await inner.setIfAbsent('k', 1)).toBe(false)
    expect(await inner.compareAndSet('k', 1, 2)).toBe(true)
    expect(await inner.expire('k', '5m')).toBe(true)
    clock.advance(300_000)
    expect(await inner.getOrSet('k', () => 3)).toBe(2)
    await expect.poll(() => inner.get('k')).toBe(3)
    await inner.clear()
    await inner.invalidateTags(['t'])
    unsubscribe('tsylla:cache', listener)
    const key = 'a\u001fb\u001fk'
    const kinds = seen.filter(({ type }) => type !== 'miss')
    const set = { type: 'set', key }
    expect(kinds.slice(0, 3)).toEqual([set, set, set])
    expect(kinds).toContainEqual({ type: 'stale', key, tier: 'database' })
    expect(kinds.at(-2)).toEqual({ type: 'clear', key: undefined, namespace: ['a', 'b'] })
    expect(kinds.at(-1)).toEqual({ type: 'invalidate', key: undefined, tags: ['t'] })
    expect(cache.stats()).toMatchObject({ sets: 4, stale: 1, factories: 1 })
  })

  test('expire refuses a number, whose unit could be taken for another', async () => {
    const { cache } = open()
    await cache.set('unit', 1, 60)
    const expiring = cache.expire('unit', 60 as never)
    await expect(expiring).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
      message: expect.stringMatching(/ttl .*'60s' .*'60ms'/),
    })
  })

  test('knowledge of an epoch is as old as the read before its own invalidation', async () => {
    const clock = new VirtualClock(Date.now())
    const options = { clockError: 0, invalidationMaxAge: '1s', memory: undefined } as const
    const [a, b] = [open(options, clock), open(options, clock)]
    const tags = ['dated']
    let isBetween = false
    const slow = wrapExecutor(
      a.executor,
      async (call, next) => {
        const text = call.verb === 'executePrepared' ? call.prepared.getStatement() : ''
        const answer = await next(call)
        if (text.startsWith('INSERT INTO cache_epochs') && !isBetween) {
          isBetween = true
          await b.cache.set('dated', 'dead', { tags })
          clock.advance(10)
          await b.cache.invalidateTags(tags)
          // The answer of the first invalidation is late.
          clock.advance(2_000)
        }
        return answer
      },
      { isolated: true },
    )
    const late = new Cache(slow, { clock, ...options })
    await late.invalidateTags(tags)
    expect(isBetween).toBe(true)
    expect(await late.lookup('dated')).toEqual({ hit: false })
  })
})

/** All objects of a value. */
function objectsIn(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null) return found
  found.add(value)
  const parts = value instanceof Map ? [...value.values()] : Object.values(value)
  for (const part of parts) objectsIn(part, found)
  return found
}

test('memory: entries that are over are dropped, and decoded values are counted', () => {
  const clock = new VirtualClock(0)
  const memory = new MemoryTier({ entryCountMax: 100, bytesMax: 100_000, ttlMs: 1_000 }, clock)
  const times = { softMs: 0, hardMs: 0, bornUs: 0n, bornAfter: new Map(), writtenUs: 0n, costMs: 0 }
  const entry = { ...times, bytes: new Uint8Array(1_000), tags: new Set<string>() }
  memory.put('a', entry, undefined, 0)
  const encodedBytes = memory.bytes
  clock.advance(500)
  memory.put('b', entry, () => ({}), 500)
  expect(memory.bytes - encodedBytes).toBe(encodedBytes + 2_000)
  // The one that was used last is over first.
  memory.get('a')
  clock.advance(500)
  expect([memory.size, memory.isInUse]).toEqual([1, true])
  clock.advance(500)
  expect([memory.size, memory.bytes, memory.isInUse]).toEqual([0, 0, false])
  // Entries that are replaced often leave nothing behind.
  for (let i = 0; i < 50_000; i++) memory.put('c', entry, undefined, 1_500)
  expect([memory.size, memory.bytes]).toEqual([1, encodedBytes])
})
