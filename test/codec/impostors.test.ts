import { describe, expect, test } from 'vitest'
import { BindPlan, encodeValue } from '../../src/codec/index.ts'
import { BindError, EncodeError } from '../../src/errors/index.ts'
import { WireWriter } from '../../src/protocol/index.ts'
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
const list: CqlType = { kind: 'list', element: t.int, frozen: false }
const set: CqlType = { kind: 'set', element: t.int, frozen: false }
const map: CqlType = { kind: 'map', key: t.text, value: t.int, frozen: false }
const vector: CqlType = { kind: 'vector', element: t.float, dimension: 2 }

/** A clone as some libraries make it: the prototype, without what is private to the original. */
const cloneOf = (made: { prototype: object }): unknown => Object.create(made.prototype)

describe('what only looks like a value is refused', () => {
  test.each<[CqlType, { name: string; prototype: object }]>([
    [t.timestamp, Date],
    [t.blob, Uint8Array],
    [t.blob, ArrayBuffer],
    [t.blob, SharedArrayBuffer],
    [t.blob, DataView],
    [t.uuid, Uint8Array],
    [t.uuid, Uuid],
    [t.timeuuid, TimeUuid],
    [t.inet, Uint8Array],
    [t.inet, Inet],
    [t.decimal, Decimal],
    [t.duration, Duration],
    [t.date, LocalDate],
    [t.time, LocalTime],
    [list, Array],
    [list, Set],
    [list, Int32Array],
    [set, Set],
    [map, Map],
    [vector, Float32Array],
  ])('%o: a clone of %o without its inside', (type, made) => {
    expect(() => encodeValue(type, cloneOf(made))).toThrow(EncodeError)
    expect(() => encodeValue(type, cloneOf(made))).toThrow(`Cannot encode ${made.name} as`)
  })

  test.each<[CqlType, unknown]>([
    [t.decimal, Object.assign(new Decimal(1n, 0), { scale: 2 ** 40 })],
    [t.decimal, Object.assign(new Decimal(1n, 0), { unscaled: 1.5 })],
    [t.duration, Object.assign(new Duration(1, 0, 0n), { months: 1.5 })],
    [t.duration, Object.assign(new Duration(1, 0, 0n), { nanoseconds: 2n ** 64n })],
    [t.date, Object.assign(LocalDate.fromDays(0), { daysSinceEpoch: Number.NaN })],
    [t.time, Object.assign(LocalTime.fromNanoseconds(0), { nanosecondsOfDay: -1 })],
  ])('%o: %o, changed after it was made', (type, value) => {
    expect(() => encodeValue(type, value)).toThrow(EncodeError)
  })

  test('and no value chooses the words of its error', () => {
    const named = { constructor: { name: 'a secret' } }
    expect(() => encodeValue(t.int, named)).toThrow('Cannot encode Object as int')
    const failing = Object.defineProperty({}, 'constructor', {
      get: () => {
        throw new TypeError('a secret')
      },
    })
    expect(() => encodeValue(t.int, failing)).toThrow('Cannot encode Object as int')
  })
})

describe('bytes whose memory was given away', () => {
  const givenAway = (bytes: ArrayBufferView<ArrayBuffer>): unknown => {
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    return bytes
  }
  test('are refused instead of being written as empty', () => {
    for (const bytes of [Uint8Array.of(1), Buffer.alloc(9000), new DataView(new ArrayBuffer(1))]) {
      expect(() => encodeValue(t.blob, givenAway(bytes as Uint8Array<ArrayBuffer>))).toThrow(
        'the memory of the bytes was transferred',
      )
    }
    const buffer = new ArrayBuffer(1)
    structuredClone(buffer, { transfer: [buffer] })
    expect(() => encodeValue(t.blob, buffer)).toThrow('the memory of the bytes was transferred')
    expect(() => encodeValue(list, givenAway(Int32Array.of(1)))).toThrow('transferred')
    expect(() => encodeValue(vector, givenAway(Float32Array.of(1, 2)))).toThrow(EncodeError)
  })
  test('are not confused with bytes that are empty', () => {
    for (const empty of [new Uint8Array(0), Buffer.alloc(0), new ArrayBuffer(0)]) {
      expect(encodeValue(t.blob, empty)).toHaveLength(0)
    }
    expect(encodeValue(list, new Int32Array(0))).toHaveLength(4)
  })
})

test('bytes as hexadecimal text may be long, and come in pairs of digits', () => {
  expect(encodeValue(t.blob, `0x${'ab'.repeat(10_000_000)}`)).toHaveLength(10_000_000)
  for (const text of ['0x1', '0xabc', '0xag', 'ab', '0X01', '0x 1', '']) {
    expect(() => encodeValue(t.blob, text)).toThrow(EncodeError)
  }
})

describe('a value that throws while it is read', () => {
  const marker = { keyspace: 'k', table: 't', name: 'c' }
  const point: CqlType = {
    kind: 'udt',
    keyspace: 'k',
    name: 'point',
    fields: [{ name: 'x', type: t.int }],
    frozen: true,
  }
  const failing = Object.defineProperty({}, 'x', {
    get: () => {
      throw new TypeError('a secret')
    },
  })

  test('is a bind error that names the marker, keeps the cause and shows nothing of it', () => {
    const plan = new BindPlan([{ ...marker, type: point }], [0], undefined)
    const writer = new WireWriter(16)
    for (const write of [
      (): void => plan.write(writer, [failing]),
      (): void => plan.writeRoutingKey(writer, [failing]),
    ]) {
      let error: unknown
      try {
        write()
      } catch (thrown) {
        error = thrown
      }
      expect(error).toBeInstanceOf(BindError)
      expect(error).toMatchObject({
        code: 'TSYLLA_BIND_VALUE',
        column: 'c',
        cqlType: 'frozen<point>',
        valueKind: 'Object',
        cause: new TypeError('a secret'),
      })
      expect(String(error)).not.toContain('a secret')
      expect(writer.offset).toBe(0)
    }
  })

  test('as is one that pretends to be iterable', () => {
    const plan = new BindPlan([{ ...marker, type: list }], [], undefined)
    const strange = Object.assign([1], { [Symbol.iterator]: 5 })
    expect(() => plan.write(new WireWriter(16), [strange])).toThrow(BindError)
  })
})

test('EMPTY takes part in a composite partition key with no bytes', () => {
  const markers = [t.int, t.int].map((type, i) => ({
    keyspace: 'k',
    table: 't',
    name: `p${i}`,
    type,
  }))
  const writer = new WireWriter(16)
  new BindPlan(markers, [0, 1], undefined).writeRoutingKey(writer, [EMPTY, 1])
  expect(Buffer.from(writer.copyFrom(0)).toString('hex')).toBe('00000000040000000100')
})
