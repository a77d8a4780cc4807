import { beforeAll, expect, test } from 'vitest'
import { wrapExecutor } from '../../../src/index.ts'
import { Cache, type CacheOptions } from '../../../src/patterns.ts'
import { createDeferred } from '../../../src/util/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { describePattern, FaultyExecutor } from '../support.ts'

describePattern('Cache: races', (target) => {
  beforeAll(() => new Cache(target.session).createTables())

  /** A cache of another process, whose clock is so far ahead. */
  function open(aheadMs = 0, options: CacheOptions = {}): Cache {
    const clock = new VirtualClock(Date.now() + aheadMs)
    const common = { clock, jitter: 0, earlyRefresh: 0, invalidationMaxAge: 0 } as const
    return new Cache(new FaultyExecutor(target.session), { ...common, ...options })
  }

  test.each(['set', 'getOrSet'] as const)(
    'what is made after an invalidation by a clock that is ahead does not survive another one: %s',
    async (method) => {
      const [ahead, cache, behind] = [open(400), open(), open(-50)]
      const [a, b] = [`${method} a`, `${method} b`]
      const make = async (): Promise<void> => {
        await (method === 'set'
          ? cache.set('born', 1, { tags: [a, b] })
          : cache.getOrSet('born', () => 1, { tags: [a, b], forceRefresh: true }))
      }
      await ahead.invalidateTags([a])
      await make()
      expect(await cache.get('born')).toBe(1)
      await behind.invalidateTags([b])
      expect(await cache.lookup('born')).toEqual({ hit: false })
      await make()
      expect(await ahead.get('born')).toBe(1)
      await behind.clear()
      expect(await cache.lookup('born')).toEqual({ hit: false })
      await make()
      expect(await behind.get('born')).toBe(1)
      await behind.invalidateTags([a])
      expect(await cache.lookup('born')).toEqual({ hit: false })
    },
  )

  test('of two entries that are written in the same microsecond no parts are mixed', async () => {
    const clock = new VirtualClock(Date.now())
    const same = { clock, random: () => 0 } as const
    const [a, b] = [open(0, same), open(0, same)]
    const tags = ['mixed']
    for (let i = 0; i < 8; i++) {
      const key = `mixed ${i}`
      const [isFirst, isLarger] = [i % 2 === 0, i < 4]
      const withTags = (): Promise<void> => a.set(key, isLarger ? 'z' : 'a', { tags, ttl: '5m' })
      if (isFirst) await withTags()
      await b.set(key, 'm', { ttl: `${i + 1}m` })
      if (!isFirst) await withTags()
    }
    await a.invalidateTags(tags)
    const seen = new Set(
      (await b.getMany(Array.from({ length: 8 }, (_, i) => `mixed ${i}`))).values(),
    )
    seen.delete('m')
    expect([...seen]).toEqual([])
  })

  test('process: a deletion between the read and the write of expire wins', async () => {
    const clock = new VirtualClock(Date.now())
    const options: CacheOptions = { stampede: 'process', clock, random: () => 0 }
    // The value has a later timestamp, of the same millisecond.
    const other = open(0, { ...options, random: () => 0.5 })
    await other.set('expiring', 'old')
    let isDeleted = false
    const slow = wrapExecutor(
      target.session,
      async (call, next) => {
        const answer = await next(call)
        const text = call.verb === 'executePrepared' ? call.prepared.getStatement() : ''
        if (text.startsWith('SELECT value') && !isDeleted) {
          isDeleted = true
          clock.advance(1)
          await new Cache(new FaultyExecutor(target.session), { ...options, clock }).delete(
            'expiring',
          )
          clock.advance(1)
        }
        return answer
      },
      { isolated: true },
    )
    await new Cache(slow, options).expire('expiring', '2h')
    expect(isDeleted).toBe(true)
    expect(await other.lookup('expiring')).toEqual({ hit: false })
  })

  test.each(['cluster', 'process'] as const)(
    '%s: what this process sets before or while expire runs stays',
    async (stampede) => {
      for (const isBefore of [true, false]) {
        const key = `set ${isBefore} ${stampede}`
        const executor = new FaultyExecutor(target.session)
        const started = createDeferred<void>()
        const release = createDeferred<void>()
        let kept: string | undefined
        // The write of the set, or the read of expire, takes long.
        const slow = wrapExecutor(executor, async (call, next) => {
          const text = call.verb === 'executePrepared' ? call.prepared.getStatement() : ''
          if (kept === undefined || !text.startsWith(kept)) return await next(call)
          kept = undefined
          const answer = isBefore ? undefined : await next(call)
          started.resolve()
          await release.promise
          return answer ?? (await next(call))
        })
        const cache = new Cache(slow, { stampede, jitter: 0 })
        await cache.set(key, 'old')
        kept = isBefore ? 'INSERT INTO cache ' : 'SELECT value'
        const first = isBefore ? cache.set(key, 'new') : cache.expire(key, '2h')
        await started.promise
        const second = isBefore ? cache.expire(key, '2h') : cache.set(key, 'new')
        // The second one does what it can before the first one ends.
        await cache.get('another')
        await new Promise((resolve) => setImmediate(resolve))
        await expect.poll(() => executor.isIdle).toBe(true)
        release.resolve()
        await Promise.all([first, second])
        expect(await cache.get(key)).toBe('new')
      }
    },
  )

  test('process: a caller whose read was answered after a run had ended calls no factory', async () => {
    const read = createDeferred<void>()
    const release = createDeferred<void>()
    let readCount = 0
    const slow = wrapExecutor(
      target.session,
      async (call, next) => {
        const answer = await next(call)
        const text = call.verb === 'executePrepared' ? call.prepared.getStatement() : ''
        if (!text.startsWith('SELECT value') || ++readCount !== 2) return answer
        read.resolve()
        await release.promise
        return answer
      },
      { isolated: true },
    )
    const cache = new Cache(slow, { stampede: 'process' })
    const made = createDeferred<string>()
    const started = createDeferred<void>()
    const first = cache.getOrSet('overtaken', () => {
      started.resolve()
      return made.promise
    })
    await started.promise
    const second = cache.getOrSet('overtaken', () => 'made again')
    await read.promise
    made.resolve('made')
    expect(await first).toBe('made')
    release.resolve()
    expect(await second).toBe('made')
  })

  test.each(['cluster', 'process'] as const)(
    '%s: a factory that returns nothing, which is not stored, leaves no earlier value',
    async (stampede) => {
      const clock = new VirtualClock(Date.now())
      const cache = open(0, { stampede, clock, grace: '1h', ttl: '1m' })
      const key = `nothing ${stampede}`
      const refresh = { negativeTtl: 0, forceRefresh: true } as const
      await cache.set(key, 'old')
      clock.advance(1)
      expect(await cache.getOrSet(key, () => null, refresh)).toBeNull()
      expect(await cache.lookup(key)).toEqual({ hit: false })
      await cache.set(key, 'old')
      clock.advance(60_000)
      expect(await cache.getOrSet(key, () => null, { negativeTtl: 0, timeout: '5s' })).toBeNull()
      expect(await cache.lookup(key, { allowStale: true })).toEqual({ hit: false })
    },
  )
})
