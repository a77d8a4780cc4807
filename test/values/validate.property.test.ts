import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeValue } from '../../src/codec/index.ts'
import { type CqlType, cqlTypeText, nativeTypes } from '../../src/types/index.ts'
import { valueFault } from '../../src/values/index.ts'

const { int, text, duration, decimal, timeuuid } = nativeTypes
const list: CqlType = { kind: 'list', element: int, frozen: false }
const set: CqlType = { kind: 'set', element: int, frozen: false }
const map: CqlType = { kind: 'map', key: int, value: int, frozen: false }
const tuple: CqlType = { kind: 'tuple', elements: [int, text] }
const ints: CqlType = { kind: 'vector', element: int, dimension: 2 }
const texts: CqlType = { kind: 'vector', element: text, dimension: 2 }
const lists: CqlType = { kind: 'list', element: list, frozen: true }

const one = '00000004 00000001'

/** Answers of Apache Cassandra 5.0.9; it fails inside where they are marked with a star. */
const cases: [type: CqlType, hex: string, fault?: string][] = [
  [list, `00000002 ${one}`, 'Not enough bytes to read a list'],
  [list, '00000001 00000004 0000', 'Not enough bytes to read a list'],
  [list, `00000001 ${one} 00`, 'Unexpected extraneous bytes after list value'],
  [list, '0000', 'Not enough bytes to read a list'],
  [list, '', 'Not enough bytes to read a list'],
  [list, 'ffffffff', 'The data cannot be deserialized as a list'],
  [list, '00000000 00', 'Unexpected extraneous bytes after list value'],
  [list, `00000001 ${one} ${one}`, 'Unexpected extraneous bytes after list value'],
  [list, '7fffffff', 'Not enough bytes to read a list'],
  [list, '00000001 ffffffff', 'Null value read when not allowed'], // *
  [lists, '00000001 00000008 00000001 ffffffff', 'Null value read when not allowed'],
  [lists, '00000001 00000008 00000002 00000004', 'Not enough bytes to read a list'],
  [lists, '00000001 00000000', 'Not enough bytes to read a list'],
  [set, `00000002 ${one}`, 'Not enough bytes to read a set'],
  [set, `00000001 ${one} 00`, 'Unexpected extraneous bytes after set value'],
  [set, '00000001 00000003 000001', 'Expected 4 or 0 byte int (3)'],
  [set, '00000001 ffffffff', 'Null value read when not allowed'],
  [map, `00000001 ${one}`, 'Not enough bytes to read a map'],
  [map, `00000001 ${one} ${one} 00`, 'Unexpected extraneous bytes after map value'],
  [map, `00000001 ${one} ffffffff`, 'Null value read when not allowed'],
  [map, `00000001 ${one} 00000005 0000000100`, 'Expected 4 or 0 byte int (5)'],
  [tuple, '00000004 0000', 'Not enough bytes to read 0th component'],
  [tuple, '000000', 'Not enough bytes to read size of 0th component'],
  [tuple, `${one} 00000001 61 00`, 'Invalid remaining data after end of tuple value'],
  [tuple, '00000003 000001', 'Expected 4 or 0 byte int (3)'],
  [tuple, ''],
  [tuple, one],
  [tuple, 'ffffffff 00000001 61'],
  [ints, '00000001', 'Not enough bytes to read a vector<int, 2>'],
  [ints, '000000010000000200', 'Unexpected 1 extraneous bytes after vector<int, 2> value'],
  [ints, '', 'Invalid empty vector value'],
  [texts, '0161', 'Not enough bytes to read a vector<text, 2>'],
  [texts, '016101620163', 'Unexpected 2 extraneous bytes after vector<text, 2> value'],
  [texts, '01610562', 'Not enough bytes to read a vector<text, 2>'], // *
  [texts, '0161f8', 'Not enough bytes to read a vector<text, 2>'], // *
  [texts, '01ff', "String didn't validate."],
  [texts, '0000'],
  [decimal, ''],
  [decimal, '00', 'Expected 0 or at least 4 bytes (1)'],
  [decimal, '00000001'],
  [duration, '', 'Expected at least 3 bytes for a duration (0)'],
  [duration, '0000', 'Expected at least 3 bytes for a duration (2)'],
  [duration, '000000'],
  [
    duration,
    '020102',
    'The duration months, days and nanoseconds must be all of the same sign (1, -1, 1)',
  ],
  [timeuuid, '5bd95c1a6b4d41ee8c990242ac120002', 'Invalid version for TimeUUID type: 0x4'],
]

test.each(
  cases.map(([type, hex, fault]) => [cqlTypeText(type), hex, fault ?? 'fine', type] as const),
)('%s of %s: %s', (_name, hex, fault, type) => {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  expect(valueFault(type, bytes) ?? 'fine').toBe(fault)
})

test('the list of an IN may have nulls, and no other fault', () => {
  const nulls = Buffer.from('00000001ffffffff', 'hex')
  expect(valueFault(list, nulls, true)).toBeUndefined()
  expect(valueFault(list, nulls.subarray(0, 6), true)).toBe('Not enough bytes to read a list')
})

describe('a value without a fault is decoded', () => {
  // Of tuples Cassandra takes any negative length for null; the client takes −1 alone.
  const types = [list, set, map, ints, texts, lists, text, int, timeuuid, nativeTypes.inet]
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc
      .array(fc.constantFrom('00000000', '00000001', '00000002', '00000004', '61', 'ffffffff'), {
        maxLength: 6,
      })
      .map((parts) => Uint8Array.from(Buffer.from(parts.join(''), 'hex'))),
  )
  test.each(types.map((type) => [cqlTypeText(type), type] as const))('%s', (_name, type) => {
    fc.assert(
      fc.property(bytes, (value) => {
        if (valueFault(type, value) === undefined) decodeValue(type, value)
      }),
      { numRuns: 500 },
    )
  })
})
