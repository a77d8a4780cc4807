import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CqlType, nativeTypes } from '../../src/types/index.ts'
import {
  ByteWriter,
  collectionBytes,
  compareValues,
  concatCells,
  fixedLength,
  hasPart,
  int32Bytes,
  mapEntry,
  setElement,
  sliceOf,
  sortedCollection,
  sortedMap,
  sortedSet,
  splitCollection,
  splitFields,
  splitVector,
  textBytes,
  ValueSet,
  vectorBytes,
} from '../../src/values/index.ts'

const int = nativeTypes.int
const blob = fc.uint8Array({ maxLength: 200 })
const ints = fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 30 })
const cells = (numbers: readonly number[]): Uint8Array[] => numbers.map(int32Bytes)
const numbersOf = (collection: Uint8Array | null): number[] =>
  splitCollection(collection!).map((each) => Buffer.from(each!).readInt32BE())
const plain = (parts: readonly (Uint8Array | undefined | null)[]): unknown[] =>
  parts.map((part) => part && [...part])

test('parts put together are the parts they are split into', () => {
  fc.assert(
    fc.property(fc.array(fc.option(blob)), (parts) => {
      const nulls = parts.map((part) => part ?? undefined)
      expect(plain(splitFields(concatCells(parts)))).toEqual(plain(nulls))
      expect(plain(splitCollection(collectionBytes(parts, 3)))).toEqual(plain(nulls))
    }),
  )
})

test('a part that does not fit ends the parts', () => {
  const bytes = concatCells([textBytes('ab'), textBytes('cd')])
  expect(plain(splitFields(bytes.subarray(0, 11)))).toEqual([[97, 98]])
  expect(splitFields(Buffer.from('7fffffff', 'hex'))).toEqual([])
})

test('a vector is split into its elements, of fixed length or not', () => {
  fc.assert(
    fc.property(fc.array(blob, { minLength: 1 }), (elements) => {
      const bytes = vectorBytes(elements, nativeTypes.text)
      expect(plain(splitVector(bytes, nativeTypes.text))).toEqual(plain(elements))
      const fixed = cells(elements.map((each) => each.length))
      expect(plain(splitVector(vectorBytes(fixed, int), int))).toEqual(plain(fixed))
    }),
  )
  const long = [new Uint8Array(0x4000_000), new Uint8Array(3)]
  const lengths = splitVector(vectorBytes(long, nativeTypes.blob), nativeTypes.blob)
  expect(lengths.map((each) => each.length)).toEqual([0x4000_000, 3])
})

test('a vector of vectors is fixed when its innermost elements are', () => {
  const vector = (element: CqlType): CqlType => ({ kind: 'vector', element, dimension: 3 })
  expect(fixedLength(vector(vector(nativeTypes.uuid)))).toBe(144)
  expect(fixedLength(vector(vector(nativeTypes.smallint)))).toBeUndefined()
})

describe('sets and maps', () => {
  test('are sorted, each element once, of equal keys the last value', () => {
    fc.assert(
      fc.property(ints, (numbers) => {
        const set = sortedSet(cells(numbers), int)
        expect(numbersOf(set)).toEqual([...new Set(numbers)].sort((a, b) => a - b))
        const entries = numbers.map((key, i) => [key, i] as const)
        const model = [...new Map(entries)].sort(([a], [b]) => a - b)
        expect(numbersOf(sortedMap(cells(entries.flat()), int))).toEqual(model.flat())
      }),
    )
  })

  test('are searched and cut as a scan would', () => {
    const type: CqlType = { kind: 'map', key: int, value: int, frozen: true }
    fc.assert(
      fc.property(
        ints,
        fc.integer({ min: -21, max: 21 }),
        fc.integer({ min: -21, max: 21 }),
        (keys, a, b) => {
          const model = new Map(keys.map((key) => [key, key * 2]))
          const map = sortedMap(cells([...model].flat()), int)
          const set = sortedSet(cells(keys), int)
          const wanted = int32Bytes(a)
          const found = mapEntry(map, type, wanted)
          expect(found && Buffer.from(found).readInt32BE()).toBe(model.get(a) ?? null)
          expect(setElement(set, int, wanted) !== null).toBe(model.has(a))
          expect(hasPart(map, int, wanted, 0, 2)).toBe(model.has(a))
          expect(new ValueSet(int, cells(keys)).has(wanted)).toBe(model.has(a))
          const slice = numbersOf(sliceOf(map, type, int, wanted, int32Bytes(b)))
          const inside = [...model]
            .filter(([key]) => key >= a && key <= b)
            .sort(([x], [y]) => x - y)
          expect(slice).toEqual(inside.flat())
        },
      ),
    )
  })

  test('inside a list keep their own order, and its nulls stay', () => {
    const type: CqlType = {
      kind: 'list',
      element: { kind: 'set', element: int, frozen: true },
      frozen: true,
    }
    const list = collectionBytes([collectionBytes(cells([2, 1, 2]), 3), null], 2)
    const [set, none] = splitCollection(sortedCollection(type, list))
    expect([numbersOf(set!), none]).toEqual([[1, 2], undefined])
  })

  // Looking for every key among all others takes minutes for so many.
  test('of 200,000 entries are sorted and searched without looking at all pairs', () => {
    const numbers = Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 199_999)
    const pairs = cells(numbers.flatMap((each, i) => [each, i]))
    expect(splitCollection(sortedMap(pairs, int))).toHaveLength(2 * 199_999)
    expect(splitCollection(sortedSet(cells(numbers), int))).toHaveLength(199_999)
    const set = new ValueSet(int, cells(numbers))
    expect(numbers.every((each) => set.has(int32Bytes(each)))).toBe(true)
  }, 120_000)
})

test('a writer holds what was written, however much it grows', () => {
  fc.assert(
    fc.property(fc.array(blob), (parts) => {
      const writer = new ByteWriter(4)
      for (const part of parts) {
        writer.writeInt(part.length)
        writer.write(part)
        writer.writeByte(7)
        writer.writeLatin1('é')
      }
      const expected = parts.map((part) => [int32Bytes(part.length), part, [7], [0xe9]])
      expect([...writer.bytes.subarray(0, writer.length)]).toEqual(
        expected.flat().flatMap((each) => [...each]),
      )
    }),
  )
})

describe('decimals are compared', () => {
  const decimal = (unscaled: bigint, scale: number): Uint8Array => {
    const digits = BigInt.asUintN(4_096, unscaled).toString(16).padStart(1_024, '0')
    return Buffer.concat([int32Bytes(scale), Buffer.from(digits, 'hex')])
  }

  test('as numbers, whatever their scales', () => {
    const part = fc.tuple(fc.bigInt({ min: -2000n, max: 2000n }), fc.integer({ min: -40, max: 40 }))
    fc.assert(
      fc.property(part, part, ([a, scaleA], [b, scaleB]) => {
        const left = a * 10n ** BigInt(80 - scaleA)
        const right = b * 10n ** BigInt(80 - scaleB)
        const order = compareValues(nativeTypes.decimal, decimal(a, scaleA), decimal(b, scaleB))
        expect(Math.sign(order)).toBe(left < right ? -1 : left > right ? 1 : 0)
      }),
    )
  })

  test('without writing out the digits between scales that are far apart', () => {
    const compare = (a: Uint8Array, b: Uint8Array): number =>
      Math.sign(compareValues(nativeTypes.decimal, a, b))
    const [low, high] = [-(2 ** 31), 2 ** 31 - 1]
    expect(compare(decimal(1n, high), decimal(1n, low))).toBe(-1)
    expect(compare(decimal(-1n, high), decimal(-1n, low))).toBe(1)
    expect(compare(decimal(0n, high), decimal(0n, low))).toBe(0)
    expect(compare(decimal(10n, high), decimal(1n, high - 1))).toBe(0)
  })
})
