import { beforeAll, describe, expect, test } from 'vitest'
import { CacheValueError } from '../../../src/index.ts'
import { Cache, type CacheOptions } from '../../../src/patterns.ts'
import { decodeCacheValue } from '../../../src/patterns/cache/cache-value.ts'
import { describeOnServers } from '../../support/targets.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { describePattern } from '../support.ts'
import { openCache } from './support.ts'

describe('cache values of other programs', () => {
  const decode = (json: string): unknown => decodeCacheValue(Buffer.from(`\u0001${json}`))

  test.each([
    ...['bytes', 'buffer', 'float32', 'bigint', 'number', 'Duration', 'Inet', 'Uuid', 'TimeUuid'],
    ...['LocalDate', 'LocalTime', 'Decimal', 'date', 'set', 'map', 'object', 'null-prototype'],
    ...['undefined', 'EmptyValue'],
  ])('a tag with a value of another type is a miss: %s', (tag) => {
    for (const value of ['{"length":200000000}', 'true', '[[]]', '[5,5]', '["1","1"]', '["1"]']) {
      if (['object', 'null-prototype'].includes(tag) && value.startsWith('{')) continue
      if (tag === 'set' && value.startsWith('[')) continue
      expect(decode(`{"$":["${tag}",${value}]}`), value).toBeUndefined()
    }
    expect(decode(`{"$":{"0":"${tag}","1":""}}`)).toBeUndefined()
    expect(decode(`{"$":"${tag}"}`)).toBeUndefined()
  })

  test('40 bytes allocate no hundreds of megabytes', () => {
    const before = process.memoryUsage().arrayBuffers
    expect(decode('{"$":["bytes",{"length":200000000}]}')).toBeUndefined()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
  })
})

const stampMax = 9_223_372_036_854_775_807n

describePattern('Cache: rows of other programs', (target) => {
  beforeAll(() => new Cache(target.session).createTables())

  const open = (options?: CacheOptions): Cache => openCache(target, options)

  test('what a clock that was ahead for a moment has written concerns its own key only', async () => {
    const clock = new VirtualClock(Date.now() + 3_600_000)
    const wrong = open({ clock })
    const now = new VirtualClock(Date.now())
    const [a, b] = [open({ clock: now }), open({ clock: now })]
    await wrong.set('hour ahead', 1)
    await a.delete('hour ahead')
    await a.set('hour ahead', 'after')
    expect(await b.get('hour ahead')).toBe('after')
    await a.set('beside', 'old')
    now.advance(1)
    await b.set('beside', 'new')
    expect(await b.get('beside')).toBe('new')
  })

  test('what is over, or invalid, and was stamped ahead is replaced', async () => {
    const cache = open()
    await target.session.execute(
      "INSERT INTO cache (key, value, soft_at, hard_at) VALUES ('over', 0x0131, 1, 2) USING TIMESTAMP ?",
      [BigInt(Date.now() + 3_600_000) * 1_000n],
    )
    expect(await cache.setIfAbsent('over', 'set')).toBe(true)
    expect(await cache.get('over')).toBe('set')
  })

  test('a row that cannot be read is a miss', async () => {
    const cache = open()
    const cells: [key: string, column: string, value: unknown][] = [
      ['soft_at', 'soft_at', stampMax],
      ['hard_at', 'hard_at', -stampMax],
      ['long tag', 'tags', new Set(['x'.repeat(60_000)])],
      ['empty tag', 'tags', new Set([''])],
      ['many tags', 'tags', new Set(Array.from({ length: 2_000 }, (_, i) => `t${i}`))],
    ]
    for (const [key, column, value] of cells) {
      const literal = typeof value === 'bigint' ? String(value) : '?'
      await target.session.execute(
        `INSERT INTO cache (key, value, ${column}) VALUES ('${key}', 0x0131, ${literal})`,
        typeof value === 'bigint' ? [] : [value as Set<string>],
      )
    }
    const keys = cells.map(([key]) => key)
    expect(await cache.getMany([...keys, 'nothing'])).toEqual(new Map())
    const seen: string[] = []
    for await (const key of cache.keys()) seen.push(key)
    expect(seen.filter((key) => keys.includes(key))).toEqual([])
    for (const key of keys) {
      expect(await cache.lookup(key)).toEqual({ hit: false })
      expect(await cache.getOrSet(key, () => 'made')).toBe('made')
      expect(await cache.get(key)).toBe('made')
    }
  })

  test('keys: what is over, or was cleared, is left out', async () => {
    const clock = new VirtualClock(Date.now())
    const cache = open({ clock }).namespace('keys')
    await cache.set('over', 1, { ttl: '1m' })
    await cache.set('kept', 1)
    clock.advance(60_000)
    const keys = async (): Promise<string[]> => {
      const found: string[] = []
      for await (const key of cache.keys()) found.push(key)
      return found
    }
    expect(await keys()).toEqual(['kept'])
    await cache.clear()
    expect(await keys()).toEqual([])
  })
})

// A session with `int64: 'number'` reads no numbers that are so large, in leases and epochs either.
describeOnServers('Cache: timestamps of other programs', (target) => {
  beforeAll(() => new Cache(target.session).createTables())

  const open = (options?: CacheOptions): Cache => openCache(target, options)

  async function write(key: string, stampUs: bigint): Promise<void> {
    await target.session.execute(
      'INSERT INTO cache (key, value) VALUES (?, 0x0131) USING TIMESTAMP ?',
      [key, stampUs],
    )
  }

  test.each(['process', 'cluster'] as const)(
    '%s: a timestamp far ahead concerns its own key only',
    async (stampede) => {
      const clock = new VirtualClock(Date.now())
      const options: CacheOptions = { stampede, clock, clockError: 0, invalidationMaxAge: 0 }
      const [a, b] = [open(options), open(options)]
      for (const stampUs of [BigInt(Date.now()) * 1_000_000n, stampMax]) {
        const key = `ahead ${stampede} ${stampUs}`
        await write(key, stampUs)
        await a.delete(key)
        expect(await a.lookup(key)).toEqual({ hit: false })
        await a.set('price', 'old')
        clock.advance(1)
        await b.set('price', 'new')
        expect(await a.get('price')).toBe('new')
        clock.advance(1)
        await a.getOrSet('price', () => 'made', { forceRefresh: true })
        expect(await b.get('price')).toBe('made')
        await b.delete('price')
        await a.clear()
      }
    },
  )

  test('a key whose row has the last timestamp is never stored, and the process says so', async () => {
    const cache = open()
    await write('last', stampMax)
    await cache.delete('last')
    expect(await cache.getOrSet('last', () => 'made')).toBe('made')
    expect(await cache.getOrSet('last', () => 'again')).toBe('again')
    for (const storing of [cache.set('last', 1), cache.setIfAbsent('last', 1)]) {
      await expect(storing).rejects.toThrow(CacheValueError)
    }
    await write('last, expired', stampMax)
    await target.session.execute(
      "UPDATE cache USING TIMESTAMP ? SET soft_at = 1, hard_at = 2 WHERE key = 'last, expired'",
      [stampMax],
    )
    expect(await cache.getOrSet('last, expired', () => 'made')).toBe('made')
  })

  test('an epoch in the last microsecond fails no call', async () => {
    const cache = open({ invalidationMaxAge: 0 })
    await target.session.execute(
      'INSERT INTO cache_epochs (name, invalid_until_us) VALUES (?, ?)',
      ['tag:hostile', stampMax],
    )
    const tags = ['hostile']
    await cache.set('hostile epoch', 1, { tags })
    expect(await cache.lookup('hostile epoch')).toEqual({ hit: false })
    expect(await cache.getOrSet('hostile epoch', () => 2, { tags })).toBe(2)
    await cache.invalidateTags(tags)
  })
})
