import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ColumnSchema, createTableSchema } from '../../../src/engine/catalog/table-schema.ts'
import {
  partitionComponents,
  partitionEnd,
  partitionKeyOf,
  partitionOfPrefix,
  prefixLength,
  tableRange,
  tokenPlace,
} from '../../../src/engine/keys/index.ts'
import { nativeTypes } from '../../../src/types/index.ts'

function column(position: number): ColumnSchema {
  return {
    id: position,
    name: `p${position}`,
    type: nativeTypes.blob,
    kind: 'partition_key',
    position,
    descending: false,
    isComplex: false,
  }
}

function tableOf(count: number): ReturnType<typeof createTableSchema> {
  return createTableSchema({
    keyspace: 'k',
    name: 't',
    id: '',
    generation: 0xfffffffe,
    columns: Array.from({ length: count }, (_, i) => column(i)),
  })
}

const component = fc
  .array(fc.constantFrom(0, 1, 0x61, 0xfe, 0xff), { minLength: 1, maxLength: 5 })
  .map((bytes) => Uint8Array.from(bytes))

describe('partition keys', () => {
  test('can be read back from the key of any of their entries', () => {
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 3 }), (components) => {
        const table = tableOf(components.length)
        const key = partitionKeyOf(table, components)
        for (const kind of ['\x01', '\x02', '\x38', '\x3e', '\x40x\0\x38']) {
          expect(prefixLength(key.prefix + kind)).toBe(key.prefix.length)
        }
        const found = partitionOfPrefix(key.prefix)
        expect({ ...found, bytes: [...found.bytes] }).toEqual({ ...key, bytes: [...key.bytes] })
        const values = partitionComponents(table, found)
        expect(values.map((value) => [...value])).toEqual(components.map((value) => [...value]))
      }),
    )
  })

  test('lie one after the other in the order of their tokens, nothing of one inside another', () => {
    fc.assert(
      fc.property(component, component, (a, b) => {
        const table = tableOf(1)
        const [left, right] = [partitionKeyOf(table, [a]), partitionKeyOf(table, [b])]
        if (left.prefix === right.prefix) return
        const isBefore = left.prefix < right.prefix
        const token = (key: typeof left): bigint =>
          (BigInt(key.tokenHi) << 32n) | BigInt(key.tokenLo >>> 0)
        if (token(left) !== token(right)) expect(token(left) < token(right)).toBe(isBefore)
        const [first, second] = isBefore ? [left, right] : [right, left]
        expect(partitionEnd(first.prefix) <= `${second.prefix}\x01`).toBe(true)
        const { gte, lt } = tableRange(table.generation)
        expect([first.prefix >= gte, partitionEnd(second.prefix) < lt!]).toEqual([true, true])
        const place = (isAfter: boolean): string =>
          tokenPlace(table.generation, left.tokenHi, left.tokenLo, isAfter)
        expect(place(false) <= left.prefix && partitionEnd(left.prefix) <= place(true)).toBe(true)
      }),
    )
  })

  test('have the same token as in Cassandra', () => {
    const { tokenHi, tokenLo } = partitionKeyOf(tableOf(1), [Uint8Array.of(0, 0, 0, 1)])
    expect((BigInt(tokenHi) << 32n) | BigInt(tokenLo >>> 0)).toBe(-4069959284402364209n)
  })
})
