import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  Decimal,
  Duration,
  EMPTY,
  type Executor,
  Inet,
  LocalDate,
  LocalTime,
  NoNodeAvailableError,
  type Session,
  TimeUuid,
  Uuid,
  wrapExecutor,
} from '../../../src/index.ts'
import { Cache } from '../../../src/patterns.ts'
import { decodeCacheValue, encodeCacheValue } from '../../../src/patterns/cache/cache-value.ts'
import { createDeferred } from '../../../src/util/index.ts'
import { describePattern, FaultyExecutor } from '../support.ts'

const mebibyte = 1 << 20

function bare(properties: object): object {
  return Object.assign(Object.create(null) as object, properties)
}

function copyOf(value: object): object {
  return Buffer.isBuffer(value) ? Buffer.from(value) : structuredClone(value)
}

describe('cache values', () => {
  const leaf = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.bigInt(),
    fc.boolean(),
    fc.constant(null),
    fc.constant(undefined),
    // Node says of an invalid date that it equals no other.
    fc.date({ noInvalidDate: true }),
    fc.uint8Array(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
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

  test('of CQL types come back as such, a row as its columns', () => {
    const values = [
      Decimal.parse('12.50'),
      Decimal.parse('-1e30'),
      Duration.parse('-1mo2d3h'),
      EMPTY,
      Inet.parse('2001:db8::1'),
      LocalDate.parse('+12024-02-29'),
      LocalTime.parse('12:30:00.000000001'),
      TimeUuid.parse('6ba7b810-9dad-11d1-80b4-00c04fd430c8'),
      Uuid.parse('6ba7b810-9dad-41d1-80b4-00c04fd430c8'),
      Float32Array.of(1.5, -0, Number.NaN),
    ]
    const decoded = decodeCacheValue(encodeCacheValue(values, mebibyte))?.value
    expect(isDeepStrictEqual(decoded, values)).toBe(true)
  })

  test('are written and read in linear time: large integers have no decimal digits', () => {
    for (const value of [2n ** 3_000_000n, -(2n ** 3_000_000n), new Decimal(-(2n ** 99_999n), 5)]) {
      const bytes = encodeCacheValue([value], mebibyte)
      expect(Buffer.from(bytes).toString('latin1', 1)).toMatch(
        /^\[\{"\$":\["(bigint|Decimal)",\[?"-?0x/,
      )
      expect(isDeepStrictEqual(decodeCacheValue(bytes), { value: [value] })).toBe(true)
    }
    const encoded = (json: string): Uint8Array => Buffer.from(`\x01${json}`)
    const digits = '7'.repeat(900_000)
    expect(decodeCacheValue(encoded(`{"$":["bigint","${digits}"]}`))).toBeUndefined()
    expect(decodeCacheValue(encoded(`{"$":["bigint","-12345678901234567890123"]}`))).toEqual({
      value: -12345678901234567890123n,
    })
  })

  test('that are nested deeper than any encoded value are a miss', () => {
    const nested = (depth: number, open: string, close: string): Uint8Array =>
      Buffer.from(`\x01${open.repeat(depth)}1${close.repeat(depth)}`)
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
      ['{"$":["set",[', ']]}'],
      ['{"$":["map",[[1,', ']]]}'],
      ['{"$":["object",{"a":', '}]}'],
    ] as const) {
      expect(decodeCacheValue(nested(100, open, close))).toBeDefined()
      expect(decodeCacheValue(nested(102, open, close))).toBeUndefined()
      expect(decodeCacheValue(nested(20_000, open, close))).toBeUndefined()
    }
  })

  test('an invalid date, a Buffer and an object without a prototype come back as such', () => {
    const date = decodeCacheValue(encodeCacheValue(new Date(Number.NaN), mebibyte))?.value
    expect(date).toBeInstanceOf(Date)
    expect((date as Date).getTime()).toBeNaN()
    const buffer = Buffer.from('text').subarray(1)
    const decoded = decodeCacheValue(encodeCacheValue([buffer, bare({ a: 1 })], mebibyte))?.value
    expect(isDeepStrictEqual(decoded, [buffer, bare({ a: 1 })])).toBe(true)
    expect(Buffer.isBuffer((decoded as unknown[])[0])).toBe(true)
  })

  test('of subclasses, or with properties besides their contents, are refused', () => {
    const holed: unknown[] = []
    holed[1] = 2
    const accessor = Object.defineProperty([1], 0, { get: () => 1, enumerable: true })
    const refused: [unknown, RegExp][] = [
      ...[Array, Date, Map, Set, Uint8Array, Object].map((Base): [unknown, RegExp] => {
        class Sub extends (Base as ObjectConstructor) {}
        return [new Sub(), /it is an instance of Sub/]
      }),
      ...[[1], new Date(), new Map(), new Set(), new Uint8Array(1), Buffer.from('x')].flatMap(
        (value): [unknown, RegExp][] => [
          [Object.assign(copyOf(value), { x: 2 }), /properties/],
          [Object.assign(copyOf(value), { [Symbol('x')]: 2 }), /properties/],
        ],
      ),
      [Object.assign(holed, { x: 2 }), /holes, properties/],
      [accessor, /accessors/],
      [Object.defineProperty({}, 'hidden', { value: 1 }), /hidden properties/],
      [{ [Symbol('x')]: 1 }, /symbols/],
      [Object.create(Date.prototype), /instance of Date/],
      [Object.setPrototypeOf(new Map(), null), /no known class/],
      [new Float64Array(1), /instance of Float64Array/],
      [Object.assign(new Float32Array(1), { x: 1 }), /properties/],
      [new (class Sub extends Decimal {})(1n, 0), /instance of Sub/],
    ]
    for (const [value, message] of refused) {
      expect(() => encodeCacheValue({ part: value }, mebibyte)).toThrow(message)
    }
  })

  test('that would not come back are refused, by path', () => {
    class Point {
      x = 1
    }
    const circle: { self?: unknown } = {}
    circle.self = circle
    let deep: unknown = 1
    for (let i = 0; i < 101; i++) deep = [deep]
    const cases: [unknown, string, RegExp][] = [
      [() => 1, 'value', /a function is not data/],
      [{ secret: [Symbol('x')] }, 'value.secret[0]', /a symbol is not data/],
      [{ p: new Point() }, 'value.p', /instance of Point/],
      [new Map([['k', { f: () => 1 }]]), 'value.entry(0)[1].f', /a function/],
      [circle, 'value.self', /contains itself/],
      [deep, `value${'[0]'.repeat(100)}`, /nested more than 100 deep/],
      [Object.assign([1], { length: 3 }), 'value', /holes/],
      [
        {
          get x() {
            return 1
          },
        },
        'value',
        /accessors/,
      ],
      [/x/, 'value', /instance of RegExp/],
      ['x'.repeat(mebibyte), 'value', /bytes/],
    ]
    for (const [value, path, message] of cases) {
      const encode = (): unknown => encodeCacheValue(value, mebibyte)
      expect(encode).toThrow(message)
      // Names in a value are the caller's data: the message does not tell them.
      expect(encode).toThrow(
        expect.objectContaining({ path, message: expect.not.stringContaining('secret') }),
      )
    }
  })

  test('that are no encoded values are a miss, never code', () => {
    const texts = [
      '\x01{',
      '\x01{"$":["constructor","x"]}',
      ...['\x01{"$":["map",5]}', '\x01{"$":["map",[5]]}', '\x01{"$":["map",[[1]]]}'],
      ...['\x01{"$":["set","abc"]}', '\x01{"$":["set",null]}', '\x01{"$":["object",5]}'],
      ...['\x01{"$":["object",[1]]}', '\x01{"$":["null-prototype","x"]}', '\x01{"$":5}'],
      '\x02{}',
      'cos\nsystem\n',
      '',
    ]
    for (const text of texts) expect(decodeCacheValue(Buffer.from(text))).toBeUndefined()
    const polluting = decodeCacheValue(Buffer.from('\x01{"__proto__":{"polluted":1}}'))
    expect(Object.getPrototypeOf(polluting?.value)).toBe(Object.prototype)
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
    const restored = decodeCacheValue(Buffer.from('\x01{"__proto__":{"$":["date",0]},"a":1}'))
    expect(Object.getPrototypeOf(restored?.value)).toBe(Object.prototype)
    expect(Object.entries(restored?.value as object)).toEqual([
      ['__proto__', new Date(0)],
      ['a', 1],
    ])
  })
})

describePattern('Cache', (target) => {
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

  test('caches over wrapped sessions share one call of the factory, unless they are isolated', async () => {
    const wrapped = [1, 2].map(() => wrapExecutor(target.session, (call, next) => next(call)))
    const twice = wrapExecutor(wrapped[0]!, (call, next) => next(call))
    const isolated = wrapExecutor(target.session, (call, next) => next(call), { isolated: true })
    let calls = 0
    const factory = async (): Promise<number> => ++calls
    const getAll = (executors: readonly Executor[], key: string): Promise<number[]> =>
      Promise.all(
        executors.map((executor) =>
          new Cache(executor, { stampede: 'process' }).getOrSet(key, factory),
        ),
      )
    expect(await getAll([target.session, ...wrapped, twice], 'wrapped')).toEqual([1, 1, 1, 1])
    await getAll([target.session, isolated], 'isolated')
    expect(calls).toBe(3)
  })

  test('rows of the driver can be cached', async () => {
    const cache = new Cache(target.session)
    const result = await target.session.execute('SELECT key, host_id FROM system.local')
    const [row] = result.rows()
    await cache.set('row', { rows: result.rows(), first: row })
    const columns = row!.asDict()
    expect(await cache.get('row')).toStrictEqual({ rows: [columns], first: columns })
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

  test('what is set or deleted before a factory is asked for is what it finds', async () => {
    const cache = new Cache(target.session)
    for (let i = 0; i < 20; i++) {
      const setting = cache.set(`before-${i}`, 'set')
      const getting = cache.getOrSet(`before-${i}`, () => 'factory')
      expect([await getting, await setting, await cache.get(`before-${i}`)]).toEqual([
        'set',
        undefined,
        'set',
      ])
      const deleting = cache.delete(`before-${i}`)
      expect(await cache.getOrSet(`before-${i}`, () => 'factory')).toBe('factory')
      await deleting
      expect(await cache.get(`before-${i}`)).toBe('factory')
    }
  })

  test('what is set while a factory waits for an earlier write stays', async () => {
    const cache = new Cache(target.session)
    await cache.set('chain', 'old')
    const deleting = cache.delete('chain')
    const getting = cache.getOrSet('chain', () => 'factory')
    const setting = cache.set('chain', 'new')
    await Promise.all([deleting, getting, setting])
    expect(await cache.get('chain')).toBe('new')
  })

  test('a write that fails is waited for, and then forgotten', async () => {
    const faulty = new FaultyExecutor(target.session)
    const cache = new Cache(faulty)
    faulty.writeFaults.push(new NoNodeAvailableError(new Map()))
    const failing = expect(cache.set('failing', 1)).rejects.toMatchObject({
      code: 'TSYLLA_NO_NODE_AVAILABLE',
    })
    expect(await cache.getOrSet('failing', () => 2)).toBe(2)
    await failing
    expect(await cache.get('failing')).toBe(2)
  })

  test('a deletion wins over what a clock that is ahead has set', async () => {
    const cache = new Cache(target.session)
    const inAnHourUs = BigInt(Date.now() + 3_600_000) * 1000n
    await target.session.execute('INSERT INTO cache (key, value) VALUES (?, ?) USING TIMESTAMP ?', [
      'ahead',
      encodeCacheValue('stale', mebibyte),
      inAnHourUs,
    ])
    expect(await cache.get('ahead')).toBe('stale')
    await cache.delete('ahead')
    expect(await cache.lookup('ahead')).toEqual({ hit: false })
  })

  test('caches of one process on one table share the calls of factories', async () => {
    const caches = Array.from({ length: 4 }, () => new Cache(target.session))
    let calls = 0
    const values = await Promise.all(
      caches.map((cache) => cache.getOrSet('shared', async () => ++calls)),
    )
    expect([calls, new Set(values).size]).toEqual([1, 1])
    const other = new Cache(target.session, { table: 'other' })
    await other.createTables()
    expect(await other.getOrSet('shared', () => 9)).toBe(9)
  })

  test('a factory that asks for its own key is refused, as far as that is seen', async () => {
    const cache = new Cache(target.session)
    const own = cache.getOrSet('own', (): Promise<number> => cache.getOrSet('own', () => 1))
    await expect(own).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
      message: expect.stringContaining('own key'),
    })
    expect(await cache.getOrSet('own', () => cache.getOrSet('other', () => 2))).toBe(2)
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
    await expect(cache.getOrSet('k', () => 1, null as never)).rejects.toThrow(/are an object/)
  })
})
