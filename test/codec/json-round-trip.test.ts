import { describe, expect, test } from 'vitest'
import { decodeValue, encodeValue, codecOf, RowShape } from '../../src/codec/index.ts'
import { WireReader, WireWriter } from '../../src/protocol/index.ts'
import { type CqlType, cqlTypeText, nativeTypes } from '../../src/types/index.ts'

const t = nativeTypes
const map = (key: CqlType, value: CqlType): CqlType => ({ kind: 'map', key, value, frozen: true })
const uuid = '5bd95c1a-6b4d-11ee-8c99-0242ac120002'

const values: [type: CqlType, value: unknown][] = [
  [t.int, -5],
  [t.bigint, 2n ** 60n],
  [t.varint, -(2n ** 90n)],
  [t.decimal, '1.50'],
  [t.double, 1.5],
  [t.text, 'é'],
  [t.blob, Uint8Array.of(0, 255)],
  [t.boolean, true],
  [t.uuid, uuid],
  [t.timeuuid, uuid],
  [t.timestamp, new Date('2024-01-31T12:00:00.123Z')],
  [t.date, '2024-02-29'],
  [t.time, '12:34:56.789'],
  [t.duration, '1mo2d3h'],
  [t.inet, '::1'],
  [{ kind: 'list', element: t.bigint, frozen: true }, [1n, 2n]],
  [{ kind: 'set', element: t.timestamp, frozen: true }, [new Date(0), new Date(1)]],
  [
    map(t.text, t.int),
    new Map([
      ['a', 1],
      ['', 2],
    ]),
  ],
  [map(t.text, t.int), new Map()],
  [
    map(t.int, t.text),
    new Map([
      [1, 'a'],
      [-1, 'b'],
    ]),
  ],
  [map(t.timestamp, t.blob), new Map([[new Date(5), Uint8Array.of(1)]])],
  [map(t.text, map(t.bigint, t.decimal)), new Map([['a', new Map([[5n, '1.0']])]])],
  [map({ kind: 'tuple', elements: [t.int, t.text] }, t.int), new Map([[[1, 'a'], 2]])],
  [{ kind: 'list', element: map(t.text, t.int), frozen: true }, [new Map([['a', 1]]), new Map()]],
  [{ kind: 'tuple', elements: [t.int, map(t.int, t.int)] }, [null, new Map([[1, 2]])]],
  [{ kind: 'vector', element: t.float, dimension: 2 }, [0.5, -1]],
]

describe('the JSON of a row binds again, to the same bytes', () => {
  test.each(values.map(([type, value]) => [cqlTypeText(type), type, value] as const))(
    '%s (%#)',
    (_name, type, value) => {
      const writer = new WireWriter(64)
      codecOf(type).writeCell(writer, value)
      const shape = new RowShape([{ keyspace: 'k', table: 't', name: 'v', type }], {})
      const [row] = shape.decodeRows(new WireReader(writer.copyFrom(0)), 1)
      const { v } = JSON.parse(JSON.stringify(row)) as { v: unknown }
      expect(encodeValue(type, v)).toEqual(encodeValue(type, value))
    },
  )
})

describe('an Array is a map when it holds pairs', () => {
  const counts = map(t.text, t.int)
  test('of a key and a value each', () => {
    const bytes = encodeValue(counts, [
      ['a', 1],
      ['b', 2],
    ])
    expect(decodeValue(counts, bytes)).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    )
  })

  test.each<[string, unknown]>([
    ['values alone', [1, 2]],
    ['a key without a value', [['a']]],
    ['three of a kind', [['a', 1, 2]]],
    ['a text of two characters', ['ab']],
    ['null', [null]],
    ['a hole', new Array(1)],
  ])('and not %s', (_what, value) => {
    expect(() => encodeValue(counts, value)).toThrow('must be a pair [key, value]')
  })
})
