import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Session } from '../../src/index.ts'
import { Cache } from '../../src/patterns.ts'
import { decodeCacheValue, encodeCacheValue } from '../../src/patterns/cache-value.ts'
import { createDeferred } from '../../src/util/index.ts'
import { describeOnServers } from '../support/targets.ts'

const mebibyte = 1 << 20

describe('cache values', () => {
  const leaf = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.bigInt(),
    fc.boolean(),
    fc.constant(null),
    fc.constant(undefined),
    fc.date({ noInvalidDate: false }),
    fc.uint8Array(),
  )
  const { value: anything } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      tie('array'),
      tie('map'),
      tie('set'),
      tie('object'),
    ),
    array: fc.array(tie('value'), { maxLength: 4 }),
    map: fc.array(fc.tuple(leaf, tie('value')), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    set: fc.array(leaf, { maxLength: 4 }).map((items) => new Set(items)),
    object: fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('$', '__proto__', 'constructor')),
      tie('value'),
      {
        maxKeys: 4,
      },
    ),
  }))

  test('come back as they went in', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const decoded = decodeCacheValue(encodeCacheValue(value, mebibyte))
        expect(isDeepStrictEqual(decoded, { value })).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('that would not come back are refused, by path', () => {
    class Point {
      x = 1
    }
    const circle: { self?: unknown } = {}
    circle.self = circle
    const cases: [unknown, RegExp][] = [
      [() => 1, /value cannot be cached: a function/],
      [{ a: [Symbol('x')] }, /value\.a\[0\]/],
      [{ p: new Point() }, /value\.p cannot be cached: a Point/],
      [circle, /contains itself/],
      [Object.assign([1], { length: 3 }), /holes/],
      [
        {
          get x() {
            return 1
          },
        },
        /accessors/,
      ],
      [/x/, /RegExp/],
      ['x'.repeat(mebibyte), /bytes/],
    ]
    for (const [value, message] of cases) {
      expect(() => encodeCacheValue(value, mebibyte)).toThrow(message)
    }
  })

  test('that are no encoded values are a miss, never code', () => {
    const texts = [
      '\x01{',
      '\x01{"$":["constructor","x"]}',
      '\x01{"$":["map",5]}',
      '\x02{}',
      'cos\nsystem\n',
      '',
    ]
    for (const text of texts) expect(decodeCacheValue(Buffer.from(text))).toBeUndefined()
    const polluting = decodeCacheValue(Buffer.from('\x01{"__proto__":{"polluted":1}}'))
    expect(Object.getPrototypeOf(polluting?.value)).toBe(Object.prototype)
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
})

describeOnServers('Cache', (target) => {
  beforeAll(() => new Cache(target.session).createTables())

  test('what is falsy is cached and told from a miss', async () => {
    const cache = new Cache(target.session)
    for (const value of [null, undefined, 0, '', false]) {
      await cache.set('falsy', value)
      expect(await cache.lookup('falsy')).toEqual({ hit: true, value })
    }
    await cache.delete('falsy')
    expect(await cache.lookup('falsy')).toEqual({ hit: false })
    expect(await cache.get('falsy')).toBeUndefined()
  })

  test('callers that miss together share one call of the factory', async () => {
    const cache = new Cache(target.session)
    let calls = 0
    const factory = async (): Promise<{ n: number }> => ({ n: ++calls })
    const values = await Promise.all(
      Array.from({ length: 40 }, () => cache.getOrSet('one', factory)),
    )
    expect([calls, new Set(values.map(({ n }) => n)).size]).toEqual([1, 1])
    expect(await cache.getOrSet('one', factory)).toEqual({ n: 1 })
    let nothing = 0
    for (let i = 0; i < 3; i++) await cache.getOrSet('none', () => void nothing++)
    expect(nothing).toBe(1)
  })

  test('a failed factory is not cached, and the next caller tries again', async () => {
    const cache = new Cache(target.session)
    const failing = (): never => {
      throw new Error('source is down')
    }
    await expect(cache.getOrSet('fails', failing)).rejects.toThrow('source is down')
    expect(await cache.getOrSet('fails', () => 'now it works')).toBe('now it works')
  })

  test('what was set while a factory ran, or its result was being stored, stays', async () => {
    const cache = new Cache(target.session)
    await cache.getOrSet('raced', async () => {
      await cache.set('raced', 'new')
      return 'old'
    })
    expect(await cache.get('raced')).toBe('new')
    let isStored = false
    const slow = Object.assign(Object.create(target.session) as Session, {
      prepare: (text: string) => target.session.prepare(text),
      executePrepared: async (...parameters: Parameters<Session['executePrepared']>) => {
        const isFirstWrite = !isStored && parameters[0].getStatement().startsWith('INSERT')
        if (isFirstWrite) {
          isStored = true
          setting = slowCache.set('stored', 'new')
          await new Promise((resolve) => setImmediate(resolve))
        }
        return await target.session.executePrepared(...parameters)
      },
    })
    let setting: Promise<void> | undefined
    const slowCache = new Cache(slow)
    await slowCache.getOrSet('stored', () => 'old')
    await setting
    expect(await slowCache.get('stored')).toBe('new')
  })

  test('what was deleted while its factory ran is not stored', async () => {
    const cache = new Cache(target.session)
    const started = createDeferred<void>()
    const release = createDeferred<string>()
    const running = cache.getOrSet('stale', () => {
      started.resolve()
      return release.promise
    })
    await started.promise
    await cache.delete('stale')
    release.resolve('old')
    expect(await running).toBe('old')
    expect(await cache.lookup('stale')).toEqual({ hit: false })
  })

  test('a life of 0 or less is an error, and lives are kept', async () => {
    const cache = new Cache(target.session)
    for (const ttl of [0, -1, 1.5, Number.NaN]) {
      await expect(cache.set('k', 1, ttl)).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
      await expect(cache.getOrSet('k', () => 1, ttl)).rejects.toMatchObject({
        code: 'TSYLLA_CONFIG',
      })
    }
    await cache.set('life', 1, 500)
    const row = (
      await target.session.execute(`SELECT ttl(value) AS life FROM cache WHERE key = 'life'`)
    ).singleRow()
    expect(row['life']).toBeGreaterThan(400)
    await expect(cache.get('')).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
  })
})
