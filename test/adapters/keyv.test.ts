import { Keyv } from 'keyv'
import { beforeAll, expect, test } from 'vitest'
import { KeyvCacheStore } from '../../src/adapters/keyv.ts'
import type { CacheOptions } from '../../src/patterns.ts'
import { ManualClock } from '../../src/testing.ts'
import { describeOnServers } from '../support/targets.ts'

describeOnServers('Keyv', (target) => {
  beforeAll(() => new KeyvCacheStore(target.session).createTables())

  const keyv = (namespace: string): Keyv =>
    new Keyv({ store: new KeyvCacheStore(target.session), namespace })

  test.each([
    ...[0, 1.5, '', 'text', false, null],
    ...[{ a: [1, { b: null }] }, Buffer.from('bytes')],
  ])('values come back: %j', async (value) => {
    const cache = keyv('values')
    expect(await cache.set('key', value)).toBe(true)
    expect(await cache.get('key')).toEqual(value)
    expect(await cache.has('key')).toBe(true)
  })

  test('several keys are read, written and deleted', async () => {
    const cache = keyv('several')
    await cache.setMany([
      { key: 'a', value: 1 },
      { key: 'b', value: 2, ttl: 60_000 },
    ])
    expect(await cache.getMany(['a', 'x', 'b'])).toEqual([1, undefined, 2])
    expect(await cache.hasMany(['a', 'x', 'b'])).toEqual([true, false, true])
    expect(await cache.deleteMany(['a', 'x'])).toBe(true)
    expect(await cache.deleteMany(['a', 'x'])).toBe(false)
    expect([await cache.delete('b'), await cache.delete('b')]).toEqual([true, false])
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined])
  })

  test('a value lives exactly as long as it is told', async () => {
    const clock = new ManualClock(Date.now())
    // Caches of one session share their write timestamps: a clock ahead needs one of its own.
    const store = new KeyvCacheStore(await target.open(), { clock })
    await store.set('short', 1, 1_500)
    clock.advance(1_499)
    expect(await store.get('short')).toBe(1)
    clock.advance(1)
    expect(await store.get('short')).toBeUndefined()
    await store.set('gone', 1)
    await store.set('gone', 2, 0)
    expect(await store.has('gone')).toBe(false)
  })

  test('namespaces are apart, and are cleared alone', async () => {
    const [one, two] = [keyv('one'), keyv('two')]
    await Promise.all([one.set('k', 1), two.set('k', 2), two.set('other', 3)])
    await one.clear()
    expect([await one.get('k'), await two.get('k')]).toEqual([undefined, 2])
    await one.set('k', 4)
    expect([await one.get('k'), await two.get('other')]).toEqual([4, 3])
    expect(await two.delete('k')).toBe(true)
    expect([await one.get('k'), await two.get('k')]).toEqual([4, undefined])
  })

  test('another process finds the value, and no longer after its deletion', async () => {
    const other = new Keyv({ store: new KeyvCacheStore(await target.open()), namespace: 'shared' })
    const cache = keyv('shared')
    await cache.set('k', 'v')
    expect(await other.get('k')).toBe('v')
    await other.delete('k')
    expect(await cache.get('k')).toBeUndefined()
  })

  test('iterates over the values of the namespace', async () => {
    const [cache, other] = [keyv('iterated'), keyv('not iterated')]
    const keys = Array.from({ length: 230 }, (_, i) => `key ${i}`)
    await other.set('key', 1)
    await cache.setMany(keys.map((key, i) => ({ key, value: i })))
    await cache.delete('key 7')
    const found = new Map<string, number>()
    for await (const [key, value] of cache.iterator!(undefined)) found.set(key, value)
    expect(found).toEqual(
      new Map(keys.map((key, i) => [key, i] as const).filter(([, i]) => i !== 7)),
    )
  })

  test('an option that is undefined has its default', async () => {
    const names = (options: CacheOptions): string[] =>
      new KeyvCacheStore(target.session, options).tableDefinitions().map(({ name }) => name)
    expect(names({ table: undefined, stampede: undefined })).toEqual(names({}))
    expect(names({})[0]).toBe('keyv')
    const store = new KeyvCacheStore(target.session, { jitter: undefined, random: () => 0.99 })
    await store.set('exact', 1, 60_000)
    const select = "SELECT soft_at, born_us FROM keyv WHERE key = 'exact'"
    const row = (
      await target.session.execute<{ soft_at: Date; born_us: bigint }>(select)
    ).singleRow()
    expect(row.soft_at.getTime() - Number(row.born_us) / 1_000).toBeGreaterThanOrEqual(60_000)
  })

  test('a failure rejects', async () => {
    const session = await target.open()
    const cache = new Keyv({ store: new KeyvCacheStore(session), throwOnErrors: true })
    await session.close()
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
  })
})
