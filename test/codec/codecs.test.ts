import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError, EncodeError, ProtocolError } from '../../src/errors/index.ts'
import { codecOf, decodeValue, encodeValue } from '../../src/codec/index.ts'
import { WireReader, WireWriter } from '../../src/protocol/index.ts'
import {
  type CqlType,
  Decimal,
  Duration,
  EMPTY,
  Inet,
  LocalDate,
  LocalTime,
  nativeTypes,
  TimeUuid,
  Uuid,
} from '../../src/types/index.ts'

const t = nativeTypes
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
const list = (element: CqlType): CqlType => ({ kind: 'list', element, frozen: false })
const set = (element: CqlType): CqlType => ({ kind: 'set', element, frozen: false })
const map = (key: CqlType, value: CqlType): CqlType => ({ kind: 'map', key, value, frozen: false })
const tuple = (...elements: CqlType[]): CqlType => ({ kind: 'tuple', elements })
const vector = (element: CqlType, dimension: number): CqlType => ({
  kind: 'vector',
  element,
  dimension,
})
const udt = (fields: Record<string, CqlType> | [string, CqlType][]): CqlType => ({
  kind: 'udt',
  keyspace: 'k',
  name: 'u',
  fields: (Array.isArray(fields) ? fields : Object.entries(fields)).map(([name, type]) => ({
    name,
    type,
  })),
  frozen: false,
})

const uuid = '12345678-1234-1234-1234-123456789abc'
const timeuuid = '12345678-1234-1234-8234-123456789abc'

describe('known bytes', () => {
  const cases: [CqlType, unknown, string][] = [
    [t.tinyint, -1, 'ff'],
    [t.smallint, -2, 'fffe'],
    [t.int, 1, '00000001'],
    [t.bigint, -1n, 'ffffffffffffffff'],
    [t.counter, 5n, '0000000000000005'],
    [t.varint, 0n, '00'],
    [t.varint, 127n, '7f'],
    [t.varint, 128n, '0080'],
    [t.varint, -128n, '80'],
    [t.varint, -129n, 'ff7f'],
    [t.varint, 2n ** 64n, '010000000000000000'],
    [t.varint, -(2n ** 63n), '8000000000000000'],
    [t.decimal, new Decimal(123n, 2), '000000027b'],
    [t.decimal, new Decimal(-1n, -2), 'fffffffeff'],
    [t.double, 1.5, '3ff8000000000000'],
    [t.float, -1.5, 'bfc00000'],
    [t.boolean, true, '01'],
    [t.text, 'é', 'c3a9'],
    [t.ascii, 'a', '61'],
    [t.text, '', ''],
    [t.blob, Uint8Array.of(1, 255), '01ff'],
    [t.uuid, uuid, '12345678123412341234123456789abc'],
    [t.inet, Inet.parse('127.0.0.1'), '7f000001'],
    [t.timestamp, new Date(1), '0000000000000001'],
    [t.timestamp, new Date(-1), 'ffffffffffffffff'],
    [t.date, LocalDate.parse('1970-01-01'), '80000000'],
    [t.date, LocalDate.fromDays(-(2 ** 31)), '00000000'],
    [t.date, LocalDate.fromDays(2 ** 31 - 1), 'ffffffff'],
    [t.time, LocalTime.of(0, 0, 1), '000000003b9aca00'],
    [t.duration, new Duration(1, 2, 3n), '020406'],
    [t.duration, new Duration(-1, -2, -3n), '010305'],
    [t.duration, new Duration(0, 0, 2n ** 63n - 1n), '0000fffffffffffffffffe'],
    [list(t.int), [1], '000000010000000400000001'],
    [set(t.text), new Set(['a']), '000000010000000161'],
    [map(t.text, t.int), new Map([['a', 1]]), '0000000100000001610000000400000001'],
    [tuple(t.int, t.text), [1, null], '0000000400000001ffffffff'],
    [udt({ a: t.int, b: t.text }), { a: 1, b: null }, '0000000400000001ffffffff'],
    [vector(t.float, 2), Float32Array.of(1, 2), '3f80000040000000'],
    [vector(t.text, 2), ['a', 'bc'], '0161026263'],
    [vector(t.smallint, 2), [1, 2], '020001020002'],
    [vector(t.varint, 2), [EMPTY, 1n], '000101'],
    [vector(vector(t.int, 1), 2), [[1], [2]], '0000000100000002'],
  ]
  test.each(cases)('%o %o', (type, value, bytes) => {
    expect(hex(encodeValue(type, value))).toBe(bytes)
    expect(decodeValue(type, bytesOf(bytes))).toEqual(value)
  })
})

const instantMax = 8_640_000_000_000_000
const natives: { [K in keyof typeof nativeTypes]: fc.Arbitrary<unknown> } = {
  ascii: fc.string({ unit: 'binary-ascii' }),
  bigint: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  blob: fc.uint8Array(),
  boolean: fc.boolean(),
  counter: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  date: fc.integer().map((days) => LocalDate.fromDays(days)),
  decimal: fc.tuple(fc.bigInt(), fc.integer()).map(([u, s]) => new Decimal(u, s)),
  double: fc.double(),
  duration: fc
    .tuple(fc.nat(), fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), fc.boolean())
    .map(([m, d, n, negative]) =>
      negative ? new Duration(0 - m, 0 - d, -n) : new Duration(m, d, n),
    ),
  float: fc.float(),
  inet: fc
    .oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    )
    .map((bytes) => Inet.fromBytes(bytes)),
  int: fc.integer(),
  smallint: fc.integer({ min: -32_768, max: 32_767 }),
  text: fc.string({ unit: 'grapheme' }),
  time: fc.integer({ min: 0, max: 86_399_999_999_999 }).map((n) => LocalTime.fromNanoseconds(n)),
  timestamp: fc.integer({ min: -instantMax, max: instantMax }).map((ms) => new Date(ms)),
  timeuuid: fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((bytes) => new Uuid(bytes.with(6, (bytes[6]! & 0x0f) | 0x10)).toString()),
  tinyint: fc.integer({ min: -128, max: 127 }),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => new Uuid(bytes).toString()),
  varint: fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
}

interface Typed {
  type: CqlType
  value: fc.Arbitrary<unknown>
}

function typedArbitrary(depth: number): fc.Arbitrary<Typed> {
  const native = fc
    .constantFrom(...(Object.keys(natives) as (keyof typeof natives)[]))
    .map((kind): Typed => ({ type: nativeTypes[kind], value: natives[kind] }))
  if (depth === 0) return native
  const inner = typedArbitrary(depth - 1)
  const nullable = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.option(value)
  return fc.oneof(
    native,
    inner.map(({ type, value }) => ({
      type: list(type),
      value: fc.array(value, { maxLength: 4 }),
    })),
    inner.map(({ type, value }) => ({
      type: set(type),
      value: fc.array(value, { maxLength: 4 }).map((items) => new Set(items)),
    })),
    fc.tuple(inner, inner).map(([key, item]) => ({
      type: map(key.type, item.type),
      value: fc
        .array(fc.tuple(key.value, item.value), { maxLength: 3 })
        .map((entries) => new Map(entries)),
    })),
    fc.tuple(inner, inner).map(([a, b]) => ({
      type: tuple(a.type, b.type),
      value: fc.tuple(nullable(a.value), nullable(b.value)),
    })),
    fc.tuple(inner, inner).map(([a, b]) => ({
      type: udt([
        ['a', a.type],
        ['__proto__', b.type],
      ]),
      value: fc.tuple(nullable(a.value), nullable(b.value)).map(([x, y]) =>
        Object.fromEntries([
          ['a', x],
          ['__proto__', y],
        ]),
      ),
    })),
    inner
      .filter(({ type }) => type.kind !== 'float')
      .map(({ type, value }) => ({
        type: vector(type, 2),
        value: fc.tuple(value, value),
      })),
    fc.constant({
      type: vector(t.float, 3),
      value: fc.tuple(fc.float(), fc.float(), fc.float()).map((f) => Float32Array.from(f)),
    }),
  )
}

describe('what is encoded is decoded', () => {
  test.each([0, 1, 2, 3])('every type, nested %i deep', (depth) => {
    const arbitrary = typedArbitrary(depth).chain(({ type, value }) =>
      value.map((v) => [type, v] as const),
    )
    fc.assert(
      fc.property(arbitrary, ([type, value]) => {
        const codec = codecOf(type)
        const writer = new WireWriter(1)
        codec.writeCell(writer, value)
        const reader = new WireReader(writer.copyFrom(0))
        expect(codec.readNextCell(reader)).toEqual(value)
        expect(reader.remaining).toBe(0)
      }),
      { numRuns: 400 },
    )
  })

  test('random bytes give a value or a typed error for any type', () => {
    const arbitrary = fc.tuple(typedArbitrary(2), fc.uint8Array({ maxLength: 40 }))
    fc.assert(
      fc.property(arbitrary, ([{ type }, bytes]) => {
        try {
          decodeValue(type, bytes)
        } catch (error) {
          if (!(error instanceof ProtocolError || error instanceof DecodeError)) throw error
        }
      }),
      { numRuns: 3000 },
    )
  })
})

describe('null, empty and absent', () => {
  const codecCell = (type: CqlType, value: unknown): string => {
    const writer = new WireWriter(16)
    codecOf(type).writeCell(writer, value)
    return hex(writer.copyFrom(0))
  }
  test('null is a length of -1, EMPTY a length of 0', () => {
    expect(codecCell(t.int, null)).toBe('ffffffff')
    expect(codecCell(t.int, EMPTY)).toBe('00000000')
    expect(decodeValue(t.int, new Uint8Array(0))).toBe(EMPTY)
    expect(decodeValue(list(t.int), new Uint8Array(0))).toBe(EMPTY)
    expect(decodeValue(t.text, new Uint8Array(0))).toBe('')
    expect(decodeValue(t.blob, new Uint8Array(0))).toEqual(new Uint8Array(0))
    expect(JSON.stringify({ e: EMPTY })).toBe('{"e":""}')
  })
  test('fields the value does not have are null', () => {
    const type = udt({ a: t.int, b: t.text })
    expect(decodeValue(type, bytesOf('0000000400000001'))).toEqual({ a: 1, b: null })
    expect(decodeValue(type, new Uint8Array(0))).toEqual({ a: null, b: null })
    expect(decodeValue(tuple(t.int, t.int), bytesOf('0000000400000001'))).toEqual([1, null])
    expect(hex(encodeValue(type, { b: 'x' }))).toBe('ffffffff0000000178')
  })
})

describe('decoding', () => {
  test('a field called __proto__ is an own property and no prototype', () => {
    const type = udt([['__proto__', t.text]])
    const value = decodeValue(type, bytesOf('0000000161')) as object
    expect(Object.hasOwn(value, '__proto__')).toBe(true)
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })
  test('a blob is a copy of its own', () => {
    const bytes = Uint8Array.of(1, 2)
    const value = decodeValue(t.blob, bytes) as Uint8Array
    bytes[0] = 9
    expect([...value]).toEqual([1, 2])
    expect(value.buffer.byteLength).toBe(2)
    expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype)
  })
  test('int64 comes as asked, and never rounded', () => {
    const big = bytesOf('0020000000000000')
    const small = bytesOf('001fffffffffffff')
    expect(decodeValue(t.bigint, small, { int64: 'number' })).toBe(Number.MAX_SAFE_INTEGER)
    expect(() => decodeValue(t.bigint, big, { int64: 'number' })).toThrow(DecodeError)
    expect(decodeValue(t.counter, big, { int64: 'string' })).toBe('9007199254740992')
  })
  test('a timestamp beyond Date is an error, or a bigint when asked', () => {
    const far = encodeValue(t.timestamp, 8_640_000_000_000_001n)
    expect(() => decodeValue(t.timestamp, far)).toThrow(DecodeError)
    expect(decodeValue(t.timestamp, far, { timestamp: 'bigint' })).toBe(8_640_000_000_000_001n)
  })
  test('a varint may be longer than needed', () => {
    expect(decodeValue(t.varint, bytesOf('ffffffffffffffffffff'))).toBe(-1n)
    expect(decodeValue(t.varint, bytesOf('00000000000001'))).toBe(1n)
    expect(() => decodeValue(t.varint, new Uint8Array(2 ** 20 + 1))).toThrow(DecodeError)
  })
  const malformed: [CqlType, string][] = [
    [t.int, '00'],
    [t.int, '0000000000'],
    [t.bigint, '00000000'],
    [t.smallint, '00'],
    [t.tinyint, '0000'],
    [t.uuid, '00'],
    [t.inet, '0000000000'],
    [t.boolean, '0000'],
    [t.double, '00'],
    [t.float, '00'],
    [t.date, '00'],
    [t.time, '00'],
    [t.time, '00004e94914f0000'],
    [t.timestamp, '00'],
    [t.decimal, '00000001'],
    [t.duration, '0204'],
    [t.duration, '02040600'],
    [t.duration, '020306'],
    [t.duration, 'ffffffffffffffffff0000'],
    [list(t.int), '000000'],
    [list(t.int), 'ffffffff'],
    [list(t.int), '7fffffff00000000'],
    [list(t.int), '00000001000000050000000000'],
    [list(t.int), '00000001000000040000000100'],
    [list(t.int), '000000017fffffff00000000'],
    [list(t.int), '00000001fffffffe'],
    [map(t.int, t.int), '00000001000000040000000100'],
    [tuple(t.int), '000000'],
    [tuple(t.int), '0000000500000000'],
    [tuple(t.int), '0000000400000001ffffffff'],
    [vector(t.float, 2), '00000000'],
    [vector(t.text, 2), '0161'],
    [vector(t.text, 2), '01610561'],
    [vector(t.text, 1), '01610161'],
  ]
  test.each(malformed)('%o of %s is a protocol error', (type, bytes) => {
    expect(() => decodeValue(type, bytesOf(bytes))).toThrow(ProtocolError)
  })
})

describe('encoding takes what a person would pass', () => {
  const same: [CqlType, unknown, unknown][] = [
    [t.int, '-12', -12],
    [t.int, 12n, 12],
    [t.bigint, 12, 12n],
    [t.bigint, '9223372036854775807', 2n ** 63n - 1n],
    [t.varint, '-123456789012345678901234567890', -123456789012345678901234567890n],
    [t.varint, 5, 5n],
    [t.double, '1.5', 1.5],
    [t.double, 3n, 3],
    [t.float, '1e3', 1000],
    [t.decimal, '1.50', new Decimal(150n, 2)],
    [t.decimal, 0.1, new Decimal(1n, 1)],
    [t.decimal, 7n, new Decimal(7n, 0)],
    [t.uuid, new Uuid(bytesOf('12345678123412341234123456789abc')), uuid],
    [t.uuid, uuid.toUpperCase(), uuid],
    [t.uuid, bytesOf('12345678123412341234123456789abc'), uuid],
    [t.timeuuid, TimeUuid.parse('12345678-1234-1234-8234-123456789abc'), timeuuid],
    [t.inet, '::1', Inet.parse('::1')],
    [t.inet, Uint8Array.of(10, 0, 0, 1), Inet.parse('10.0.0.1')],
    [t.timestamp, 5, new Date(5)],
    [t.timestamp, 5n, new Date(5)],
    [t.timestamp, '2024-01-31T12:00:00.5+02:00', new Date('2024-01-31T10:00:00.500Z')],
    [t.timestamp, '2024-01-31 12:00-0130', new Date('2024-01-31T13:30:00Z')],
    [t.timestamp, '2024-01-31T12:00:00Z', new Date('2024-01-31T12:00:00Z')],
    [t.timestamp, '2024-01-31', new Date('2024-01-31T00:00:00Z')],
    [t.date, '2024-02-29', LocalDate.of(2024, 2, 29)],
    [t.time, '08:05', LocalTime.of(8, 5)],
    [t.time, 1n, LocalTime.fromNanoseconds(1)],
    [t.duration, '1mo2d', new Duration(1, 2, 0n)],
    [t.blob, '0xCAFE', Uint8Array.of(0xca, 0xfe)],
    [t.blob, new Uint8Array([1, 2]).buffer, Uint8Array.of(1, 2)],
    [t.blob, new Uint16Array([1]), Uint8Array.of(1, 0)],
    [list(t.int), new Set([1]), [1]],
    [list(t.double), Float64Array.of(1, 2), [1, 2]],
    [set(t.int), [1, 1], new Set([1])],
    [map(t.text, t.int), { a: 1 }, new Map([['a', 1]])],
    [map(t.text, t.int), Object.create(null), new Map()],
    [vector(t.float, 2), [1, 2], Float32Array.of(1, 2)],
    [vector(t.int, 2), Int32Array.of(1, 2), [1, 2]],
    [udt({ a: t.int }), {}, { a: null }],
    [udt({ a: t.int }), { a: undefined }, { a: null }],
  ]
  test.each(same)('%o from %o', (type, given, value) => {
    expect(decodeValue(type, encodeValue(type, given))).toEqual(value)
  })
})

describe('encoding refuses, naming type and kind of value', () => {
  const bad: [CqlType, unknown][] = [
    [t.tinyint, 128],
    [t.tinyint, -129],
    [t.smallint, 32_768],
    [t.int, 2 ** 31],
    [t.int, -(2 ** 31) - 1],
    [t.int, 1.5],
    [t.int, Number.NaN],
    [t.int, '1.0'],
    [t.int, ''],
    [t.int, true],
    [t.int, {}],
    [t.int, 2n ** 40n],
    [t.bigint, 2n ** 63n],
    [t.bigint, 2 ** 53],
    [t.bigint, 'x'],
    [t.bigint, new Date(0)],
    [t.varint, 1.5],
    [t.varint, 1e20],
    [t.double, 'one'],
    [t.double, 2n ** 53n + 1n],
    [t.float, 1e300],
    [t.float, null],
    [t.decimal, Number.POSITIVE_INFINITY],
    [t.decimal, '1,5'],
    [t.boolean, 1],
    [t.boolean, 'true'],
    [t.text, 5],
    [t.text, 'half \ud800 pair'],
    [t.text, '\udc00'],
    [t.text, ['a']],
    [t.ascii, 'é'],
    [t.ascii, 1],
    [t.blob, 'cafe'],
    [t.blob, '0xabc'],
    [t.blob, [1, 2]],
    [t.uuid, 'not-a-uuid'],
    [t.uuid, 5],
    [t.uuid, new Uint8Array(15)],
    [t.timeuuid, 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6'],
    [t.inet, '1.2.3'],
    [t.inet, new Uint8Array(5)],
    [t.timestamp, '2024-01-31T12:00:00'],
    [t.timestamp, '2024-02-30'],
    [t.timestamp, '2024-01-31T25:00:00Z'],
    [t.timestamp, '2024-01-31T12:00:00.0001Z'],
    [t.timestamp, 'yesterday'],
    [t.timestamp, 1.5],
    [t.timestamp, new Date(Number.NaN)],
    [t.timestamp, 2n ** 63n],
    [t.date, '2023-02-29'],
    [t.date, new Date(0)],
    [t.date, 5],
    [t.time, '24:00:00'],
    [t.time, -1],
    [t.time, new Date(0)],
    [t.duration, '1x'],
    [t.duration, 5],
    [list(t.int), 'abc'],
    [list(t.int), [1, null]],
    [list(t.int), [1, undefined]],
    [list(t.int), ['a']],
    [set(t.int), new Map()],
    [set(t.int), new Set([null])],
    [map(t.text, t.int), ['a', 1]],
    [map(t.text, t.int), { a: null }],
    [map(t.text, t.int), new Map([[null, 1]])],
    [map(t.text, t.int), new Date(0)],
    [tuple(t.int), [1, 2]],
    [tuple(t.int, t.int), [1]],
    [tuple(t.int), [undefined]],
    [tuple(t.int), { 0: 1 }],
    [udt({ a: t.int }), { b: 1 }],
    [udt({ a: t.int }), [1]],
    [udt({ a: t.int }), 'a'],
    [udt({ a: t.int }), { a: 'x' }],
    [vector(t.float, 2), [1]],
    [vector(t.float, 2), [1, null]],
    [vector(t.float, 2), new Set([1, 2])],
    [{ kind: 'custom', className: 'X' }, 'text'],
  ]
  test.each(bad)('%o from %o', (type, value) => {
    let error: unknown
    try {
      const writer = new WireWriter(16)
      codecOf(type).write(writer, value)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(EncodeError)
    expect((error as EncodeError).message).toMatch(/^Cannot encode .+ as .+: /)
  })
})
