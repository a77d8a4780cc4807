import { describe, expect, test } from 'vitest'
import { decodeValue, encodeValue } from '../../src/codec/index.ts'
import { EncodeError } from '../../src/errors/index.ts'
import { type CqlType, Duration, nativeTypes, Uuid } from '../../src/types/index.ts'

const point: CqlType = {
  kind: 'udt',
  keyspace: 'k',
  name: 'point',
  fields: [
    { name: 'x', type: nativeTypes.int },
    { name: 'y', type: nativeTypes.int },
  ],
  frozen: true,
}

class Point {
  x = 1
  y = 2
}
class HiddenPoint {
  readonly #x = 1
  get x(): number {
    return this.#x
  }
  get y(): number {
    return this.#x
  }
}
class HalfHiddenPoint {
  x = 1
  get y(): number {
    return this.x
  }
}
class Empty {
  clear(): void {}
}

const roundTrip = (value: unknown): unknown => decodeValue(point, encodeValue(point, value))

describe('a UDT is written from', () => {
  test.each([
    ['a plain object', { x: 1, y: 2 }, { x: 1, y: 2 }],
    ['one without prototype', Object.assign(Object.create(null), { x: 1 }), { x: 1, y: null }],
    ['an instance of a class that has the fields', new Point(), { x: 1, y: 2 }],
    ['a copy over a prototype', Object.assign(new Empty(), { y: 2 }), { x: null, y: 2 }],
    ['what it was read as', roundTrip({ x: 1, y: 2 }), { x: 1, y: 2 }],
    ['an object of no property: all fields are null', {}, { x: null, y: null }],
    ['own accessors', Object.defineProperty({}, 'x', { get: () => 5 }), { x: 5, y: null }],
  ])('%s', (_, value, expected) => {
    expect(roundTrip(value)).toEqual(expected)
  })

  test('an object whose prototype is the Object.prototype of another realm', async () => {
    const { runInNewContext } = await import('node:vm')
    expect(roundTrip(runInNewContext('({ x: 1 })'))).toEqual({ x: 1, y: null })
    expect(roundTrip(runInNewContext('({})'))).toEqual({ x: null, y: null })
  })
})

describe('a UDT is not written, let alone as nulls, from', () => {
  test.each<[string, unknown]>([
    ['a Map', new Map([['x', 1]])],
    ['an empty Map', new Map()],
    ['a Set', new Set([1])],
    ['a Date', new Date(0)],
    ['an array', [1, 2]],
    ['an empty array', []],
    ['a typed array', Float64Array.of(1, 2)],
    ['an empty typed array', new Uint8Array(0)],
    ['an ArrayBuffer', new ArrayBuffer(2)],
    ['a RegExp', /x/],
    ['a Promise', Promise.resolve({ x: 1 })],
    ['another CQL value', new Duration(1, 2, 3n)],
    ['a Uuid', Uuid.random()],
    ['a boxed text', new String('')],
    ['a function', () => ({ x: 1 })],
    ['an instance without any field', new Empty()],
    ['an instance with accessors on its prototype only', new HiddenPoint()],
    ['an instance with an accessor on its prototype', new HalfHiddenPoint()],
    ['an heir of an object with the fields', Object.create({ x: 5 })],
    ['an heir that has one of the fields', Object.assign(Object.create({ x: 5 }), { y: 1 })],
    ['an heir of an heir', Object.create(Object.assign(Object.create(null), { x: 5 }))],
    ['a misspelt field', { x: 1, Y: 2 }],
    ['nothing but a misspelt field', { z: 1 }],
  ])('%s', (_, value) => {
    expect(() => encodeValue(point, value)).toThrow(EncodeError)
  })

  test('and the error names the fields it expected', () => {
    expect(() => encodeValue(point, new Map())).toThrow(
      'Cannot encode Map as frozen<point>: expected an object with the fields x, y as own properties',
    )
    expect(() => encodeValue(point, { x: 1, Y: 2 })).toThrow(
      'the type has no field "Y", its fields are x, y',
    )
    expect(() => encodeValue(point, new HalfHiddenPoint())).toThrow(
      'the field y is inherited, only own properties are written',
    )
  })

  test('a type of many fields does not make a long message', () => {
    const fields = Array.from({ length: 100 }, (_, i) => ({
      name: `field_${i}`,
      type: nativeTypes.int,
    }))
    const wide: CqlType = { kind: 'udt', keyspace: 'k', name: 'wide', fields, frozen: true }
    expect(() => encodeValue(wide, [])).toThrow(/field_0, .+, field_9 … as own properties$/)
  })
})

describe('of objects a map is written from plain ones only', () => {
  const counts: CqlType = {
    kind: 'map',
    key: nativeTypes.text,
    value: nativeTypes.int,
    frozen: true,
  }
  test.each<[string, unknown]>([
    ['an instance of a class', new Point()],
    ['an heir', Object.create({ x: 5 })],
    ['an heir of an object without prototype', Object.create(Object.create(null))],
    ['a Set', new Set()],
    ['a boxed text', new String('ab')],
  ])('not from %s', (_, value) => {
    expect(() => encodeValue(counts, value)).toThrow(
      'expected a Map, a plain object or an Array of',
    )
  })
})
