import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codecOf, type CodecOptions, ColumnSet, RowCells, RowShape } from '../../src/codec/index.ts'
import { WireReader, WireWriter } from '../../src/protocol/index.ts'
import {
  type ColumnarRows,
  type ColumnSpec,
  type CqlType,
  EMPTY,
  nativeTypes,
} from '../../src/types/index.ts'

const t = nativeTypes
const spec = (name: string, type: CqlType): ColumnSpec => ({
  keyspace: 'k',
  table: 't',
  name,
  type,
})

/** The rows of a page by column: from their bytes, and from decoded rows. */
function bothWays(
  columns: readonly ColumnSpec[],
  rows: readonly (readonly unknown[])[],
  options: CodecOptions = {},
): readonly ColumnarRows[] {
  const writer = new WireWriter(64)
  const codecs = columns.map((column) => codecOf(column.type))
  for (const row of rows) row.forEach((value, i) => codecs[i]!.writeCell(writer, value))
  // The cells of a page begin behind its metadata.
  const bytes = Buffer.concat([Buffer.alloc(5, 0xff), writer.copyFrom(0)])
  const shape = new RowShape(columns, options)
  const open = (): WireReader => new WireReader(bytes, 5)
  return [
    new ColumnSet(columns, shape.findCells(open(), rows.length)),
    new ColumnSet(columns, new RowCells(shape.decodeRows(open(), rows.length), columns)),
  ]
}

const types: readonly [CqlType, fc.Arbitrary<unknown>][] = [
  [t.double, fc.double()],
  [t.float, fc.float()],
  [t.int, fc.integer()],
  [t.smallint, fc.integer({ min: -32_768, max: 32_767 })],
  [t.tinyint, fc.integer({ min: -128, max: 127 })],
  [t.boolean, fc.boolean()],
  [t.bigint, fc.oneof(fc.bigInt(-(2n ** 53n) + 1n, 2n ** 53n - 1n))],
  [t.timestamp, fc.date({ noInvalidDate: true })],
  [t.text, fc.oneof(fc.constantFrom('', 'a', 'é'), fc.string({ unit: 'binary' }))],
  [t.uuid, fc.uuid()],
  [t.varint, fc.bigInt()],
  [t.blob, fc.uint8Array({ maxLength: 4 })],
  [
    { kind: 'set', element: t.int, frozen: true },
    fc.uniqueArray(fc.integer({ min: 0, max: 3 })).map((a) => new Set(a)),
  ],
]

describe('columns', () => {
  test('are those of the rows, for every type, null and empty values', () => {
    const arbitrary = fc
      .array(
        fc.constantFrom(...types).map(([type, value]) => {
          const isTextual = type.kind === 'text' || type.kind === 'blob' || type.kind === 'set'
          const cell = isTextual ? fc.option(value) : fc.option(fc.oneof(value, fc.constant(EMPTY)))
          return { type, cell }
        }),
        { minLength: 1, maxLength: 4 },
      )
      .chain((columns) =>
        fc
          .array(fc.tuple(...columns.map(({ cell }) => cell)), { maxLength: 12 })
          .map((rows) => ({ columns: columns.map(({ type }, i) => spec(`c${i}`, type)), rows })),
      )
    fc.assert(
      fc.property(arbitrary, ({ columns, rows }) => {
        const [encoded, decoded] = bothWays(columns, rows) as [ColumnarRows, ColumnarRows]
        expect([encoded.length, decoded.length]).toEqual([rows.length, rows.length])
        columns.forEach(({ name, type }, i) => {
          const values = decoded.values(name)
          expect(encoded.values(name)).toEqual(values)
          const nulls = Uint8Array.from(rows, (row) => (row[i] === null ? 1 : 0))
          for (const set of [encoded, decoded]) {
            expect(set.nulls(name)).toEqual(nulls)
            const { codes, values: distinct } = set.dictionary(name)
            expect(Array.from(codes, (code) => (code < 0 ? null : distinct[code]))).toEqual(values)
          }
          expect(encoded.dictionary(name)).toEqual(decoded.dictionary(name))
          for (const method of methodsOf(type)) {
            expect(encoded[method](name)).toEqual(decoded[method](name))
          }
        })
      }),
      { numRuns: 300 },
    )
  })

  test('have numbers as they are, and NaN or 0 where there is none', () => {
    const columns = [
      spec('d', t.double),
      spec('i', t.int),
      spec('b', t.bigint),
      spec('at', t.timestamp),
      spec('is', t.boolean),
    ]
    const rows = [
      [1.5, -7, 2n ** 40n, new Date(1234), true],
      [null, null, null, null, null],
      [EMPTY, EMPTY, EMPTY, EMPTY, EMPTY],
    ]
    for (const set of bothWays(columns, rows)) {
      expect([...set.float64('d')]).toEqual([1.5, Number.NaN, Number.NaN])
      expect([...set.float64('i')]).toEqual([-7, Number.NaN, Number.NaN])
      expect([...set.float64('at')]).toEqual([1234, Number.NaN, Number.NaN])
      expect([...set.float64('b')]).toEqual([2 ** 40, Number.NaN, Number.NaN])
      expect([...set.int32('i')]).toEqual([-7, 0, 0])
      expect([...set.int32('is')]).toEqual([1, 0, 0])
      expect([...set.bigInt64('b')]).toEqual([2n ** 40n, 0n, 0n])
      expect([...set.bigInt64('at')]).toEqual([1234n, 0n, 0n])
      expect([...set.nulls('d')]).toEqual([0, 1, 0])
    }
  })

  test('of bigints are exact, and refuse what float64 cannot hold', () => {
    const values = [2n ** 63n - 1n, -(2n ** 63n), -1n, 0n]
    const sets = [
      ...bothWays(
        [spec('b', t.bigint)],
        values.map((value) => [value]),
      ),
      ...bothWays(
        [spec('b', t.bigint)],
        values.map((value) => [value]),
        { int64: 'string' },
      ),
    ]
    for (const set of sets) {
      expect([...set.bigInt64('b')]).toEqual(values)
      expect(() => set.float64('b')).toThrow(/beyond ±\(2\^53-1\).*bigInt64/)
    }
  })

  test('a dictionary has each value once, in the order of its first row', () => {
    const count = 5_000
    const rows = Array.from({ length: count }, (_, i) => [`city ${(i * 7) % 1_000}`])
    for (const set of bothWays([spec('city', t.text)], rows)) {
      const { codes, values } = set.dictionary('city')
      expect(values).toHaveLength(1_000)
      expect(values.slice(0, 3)).toEqual(['city 0', 'city 7', 'city 14'])
      expect(Array.from(codes, (code) => values[code])).toEqual(rows.flat())
    }
  })

  test('of the same name are one: the last', () => {
    const columns = [spec('a', t.int), spec('a', t.text)]
    for (const set of bothWays(columns, [[1, 'x']])) {
      expect(set.names).toEqual(['a', 'a'])
      expect(set.values('a')).toEqual(['x'])
    }
  })

  test.each<[string, (set: ColumnarRows) => unknown, RegExp]>([
    ['another name', (set) => set.values('B'), /no column "B", only "b", "s"/],
    ['__proto__', (set) => set.float64('__proto__'), /no column "__proto__"/],
    ['float64 of a text', (set) => set.float64('s'), /float64: the column "s" is of type text/],
    ['int32 of a bigint', (set) => set.int32('b'), /is of type bigint, not int, smallint/],
    ['bigInt64 of a text', (set) => set.bigInt64('s'), /not bigint, counter, timestamp/],
  ])('%s is refused', (_, call, message) => {
    for (const set of bothWays([spec('b', t.bigint), spec('s', t.text)], [[1n, 'x']])) {
      expect(() => call(set)).toThrow(message)
    }
  })

  test.each([
    ['ends inside a length', [0, 0]],
    ['ends inside a cell', [0, 0, 0, 8, 1, 2]],
  ])('a page that %s is malformed', (_, bytes) => {
    const shape = new RowShape([spec('d', t.double)])
    expect(() => shape.findCells(new WireReader(Uint8Array.from(bytes)), 1)).toThrow(
      /ends inside a cell/,
    )
  })

  test.each([[[0, 0, 0, 3, 1, 2, 3]], [[0xff, 0xff, 0xff, 0xfe]]])(
    'a cell of the wrong length is malformed: %j',
    (bytes) => {
      const columns = [spec('d', t.double)]
      const cells = new RowShape(columns).findCells(new WireReader(Uint8Array.from(bytes)), 1)
      const set = new ColumnSet(columns, cells)
      expect(() => set.float64('d')).toThrow(/Malformed frame/)
      expect(() => set.values('d')).toThrow(/Malformed frame/)
      expect(() => set.dictionary('d')).toThrow(/Malformed frame/)
    },
  )
})

function methodsOf({ kind }: CqlType): ('float64' | 'int32' | 'bigInt64')[] {
  switch (kind) {
    case 'double':
    case 'float':
      return ['float64']
    case 'int':
    case 'smallint':
    case 'tinyint':
      return ['float64', 'int32']
    case 'boolean':
      return ['int32']
    case 'bigint':
    case 'timestamp':
      return ['float64', 'bigInt64']
    default:
      return []
  }
}
