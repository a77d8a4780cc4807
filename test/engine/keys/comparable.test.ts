import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ColumnSchema,
  createTableSchema,
  type TableSchema,
} from '../../../src/engine/catalog/table-schema.ts'
import {
  boundAfter,
  boundBefore,
  clusteringKeyOf,
  comparableKey,
  ComparableReader,
  isRecoverable,
} from '../../../src/engine/keys/index.ts'
import { type CqlType, cqlTypeText, nativeTypes } from '../../../src/types/index.ts'
import { int32, keyTypes, varintBytes, wireValue } from '../../values/wire-values.ts'
import { ByteWriter, compareValues } from '../../../src/values/index.ts'

function table(clustering: readonly (readonly [CqlType, boolean])[]): TableSchema {
  const pk: ColumnSchema = {
    id: 0,
    name: 'pk',
    type: nativeTypes.int,
    kind: 'partition_key',
    position: 0,
    descending: false,
    isComplex: false,
  }
  const columns = clustering.map(
    ([type, descending], i): ColumnSchema => ({
      ...pk,
      id: i + 1,
      name: `c${i}`,
      type,
      kind: 'clustering',
      position: i,
      descending,
    }),
  )
  return createTableSchema({
    keyspace: 'k',
    name: 't',
    id: '',
    generation: 1,
    columns: [pk, ...columns],
  })
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

const named = keyTypes.map((type) => [cqlTypeText(type), type] as const)
const byName = new Map(named)
const anyType = fc.constantFrom(...byName.keys()).map((name) => byName.get(name)!)

describe('byte-comparable encodings', () => {
  test.each(named)('%s sorts as bytes as it does as a value, in both directions', (_name, type) => {
    const ascending = table([[type, false]])
    const descending = table([[type, true]])
    fc.assert(
      fc.property(wireValue(type), wireValue(type), (a, b) => {
        const expected = Math.sign(compareValues(type, a, b))
        expect(order(comparableKey(type, a), comparableKey(type, b))).toBe(expected)
        const key = (schema: TableSchema, value: Uint8Array): string =>
          clusteringKeyOf(schema, [value]).key
        expect(order(key(ascending, a), key(ascending, b))).toBe(expected)
        expect(order(key(descending, a), key(descending, b)) + expected).toBe(0)
      }),
      { numRuns: 150 },
    )
  })

  test.each(named)('comparing %s is a total order', (_name, type) => {
    const value = wireValue(type)
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        expect(Math.sign(compareValues(type, a, b)) + Math.sign(compareValues(type, b, a))).toBe(0)
        const sorted = [a, b, c].sort((x, y) => compareValues(type, x, y))
        expect(compareValues(type, sorted[0]!, sorted[2]!)).toBeLessThanOrEqual(0)
        expect(compareValues(type, a, a)).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  test('keys of three components sort component by component, bounds around their prefix', () => {
    fc.assert(
      fc.property(
        fc
          .array(fc.tuple(anyType, fc.boolean()), { minLength: 3, maxLength: 3 })
          .chain((columns) =>
            fc.tuple(
              fc.constant(columns),
              fc.tuple(...columns.map(([type]) => wireValue(type))),
              fc.tuple(...columns.map(([type]) => wireValue(type))),
              fc.nat(3),
            ),
          ),
        ([columns, left, right, shared]) => {
          const schema = table(columns)
          const mixed = [...left.slice(0, shared), ...right.slice(shared)]
          const compared = columns
            .map(([type, isReversed], i) => {
              const sign = Math.sign(compareValues(type, left[i]!, mixed[i]!))
              return isReversed ? -sign : sign
            })
            .find((sign) => sign !== 0)
          const a = clusteringKeyOf(schema, left).key
          const b = clusteringKeyOf(schema, mixed).key
          expect(order(a, b)).toBe(compared ?? 0)
          for (let count = 0; count <= 3; count++) {
            const prefix = left.slice(0, count)
            const isInside = order(clusteringKeyOf(schema, mixed).key, a) === 0 || count <= shared
            if (!isInside) continue
            expect(boundBefore(schema, prefix).key < b).toBe(true)
            expect(boundAfter(schema, prefix).key > b).toBe(true)
          }
        },
      ),
      { numRuns: 600 },
    )
  })

  test.each(named.filter(([, type]) => isRecoverable(type)))(
    '%s can be read back from its key',
    (_name, type) => {
      fc.assert(
        fc.property(wireValue(type), fc.boolean(), wireValue(type), (value, isReversed, next) => {
          const { key } = clusteringKeyOf(
            table([
              [type, isReversed],
              [type, !isReversed],
            ]),
            [value, next],
          )
          const reader = new ComparableReader(Buffer.from(key, 'latin1'))
          const first = new ByteWriter()
          reader.readComponent(type, isReversed, first)
          const second = new ByteWriter()
          reader.readComponent(type, !isReversed, second)
          const read = (sink: ByteWriter): string => sink.bytes.toString('hex', 0, sink.length)
          expect([read(first), read(second)]).toEqual([
            Buffer.from(value).toString('hex'),
            Buffer.from(next).toString('hex'),
          ])
          expect(reader.offset).toBe(key.length - 1)
        }),
        { numRuns: 80 },
      )
    },
  )

  /** Examples from the comments of Cassandra's ByteSource and DecimalType. */
  test('returns the bytes that Cassandra documents', () => {
    const hex = (type: CqlType, bytes: Uint8Array): string =>
      Buffer.from(comparableKey(type, bytes), 'latin1').toString('hex').slice(2)
    const { varint, decimal, blob } = nativeTypes
    const integers: [bigint, string][] = [
      [0n, '80'],
      [1n, '81'],
      [-1n, '7f'],
      [63n, 'bf'],
      [64n, 'c040'],
      [-64n, '40'],
      [-65n, '3fbf'],
      [(1n << 20n) - 1n, 'efffff'],
      [1n << 20n, 'f0100000'],
      [-(1n << 20n), '100000'],
    ]
    for (const [value, bytes] of integers) expect(hex(varint, varintBytes(value))).toBe(bytes)
    const decimals: [number, bigint, string][] = [
      [1, 11n, 'c101818a00'],
      [0, -1n, '3fff7f00'],
      [1, -999n, '3fff1c8a00'],
      [5, 0n, '80'],
    ]
    for (const [scale, unscaled, bytes] of decimals) {
      expect(hex(decimal, Buffer.concat([int32(scale), varintBytes(unscaled)]))).toBe(bytes)
    }
    const blobs: [string, string][] = [
      ['A\0\0B', '4100feff4200'],
      ['A\0B\0', '4100ff4200fe'],
      ['A\0', '4100fe'],
      ['AB', '414200'],
    ]
    for (const [text, bytes] of blobs) expect(hex(blob, Buffer.from(text))).toBe(bytes)
  })
})
