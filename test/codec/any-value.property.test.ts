import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeValue, encodeValue } from '../../src/codec/index.ts'
import { DecodeError, EncodeError } from '../../src/errors/index.ts'
import { type CqlType, cqlTypeText, nativeTypes } from '../../src/types/index.ts'
import { anyValue } from './any-value.ts'

const t = nativeTypes
const types: readonly CqlType[] = [
  ...Object.values(nativeTypes),
  ...[t.int, t.text, t.timestamp, t.double, t.blob].flatMap((element): CqlType[] => [
    { kind: 'list', element, frozen: false },
    { kind: 'set', element, frozen: true },
    { kind: 'map', key: t.text, value: element, frozen: false },
    { kind: 'map', key: element, value: t.boolean, frozen: false },
    { kind: 'tuple', elements: [element, t.varint] },
    { kind: 'vector', element, dimension: 2 },
  ]),
  { kind: 'vector', element: t.float, dimension: 2 },
  ...[t.int, t.text, t.inet].map(
    (type): CqlType => ({
      kind: 'udt',
      keyspace: 'k',
      name: 'u',
      fields: [
        { name: 'a', type },
        { name: 'b', type: { kind: 'list', element: t.uuid, frozen: true } },
        { name: '__proto__', type: t.text },
      ],
      frozen: true,
    }),
  ),
  { kind: 'custom', className: 'org.example.Type' },
]

describe('any value becomes bytes that are read again, or an EncodeError', () => {
  test.each(types.map((type) => [cqlTypeText(type), type] as const))('as %s', (_, type) => {
    fc.assert(
      fc.property(anyValue, (value) => {
        let bytes: Uint8Array
        try {
          bytes = encodeValue(type, value)
        } catch (error) {
          if (error instanceof EncodeError) return
          throw error
        }
        if (value === null) return
        let read: unknown
        try {
          read = decodeValue(type, bytes)
        } catch (error) {
          if (error instanceof DecodeError && bytes.length > 0) return
          throw error
        }
        const again = encodeValue(type, read)
        // Sets and maps lose repeated items; a tuple of no bytes is one of nulls.
        if (bytes.length > 0) expect(again.length).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 400 },
    )
  })
})
