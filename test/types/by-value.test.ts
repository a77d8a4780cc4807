import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import {
  Decimal,
  Duration,
  Inet,
  LocalDate,
  LocalTime,
  TimeUuid,
  Uuid,
} from '../../src/types/index.ts'

interface Sample {
  readonly name: string
  /** Makes the value; two calls make two objects. */
  readonly make: () => object
  readonly other: object
  readonly text: string
}

const samples: readonly Sample[] = [
  {
    name: 'Uuid',
    make: () => Uuid.parse('6BA7B810-9dad-41d1-80b4-00c04fd430c8'),
    other: Uuid.parse('6ba7b811-9dad-41d1-80b4-00c04fd430c8'),
    text: '6ba7b810-9dad-41d1-80b4-00c04fd430c8',
  },
  {
    name: 'TimeUuid',
    make: () => TimeUuid.parse('6ba7b810-9dad-11d1-80b4-00c04fd430c8'),
    other: TimeUuid.parse('6ba7b811-9dad-11d1-80b4-00c04fd430c8'),
    text: '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
  },
  {
    name: 'Inet',
    make: () => Inet.parse('2001:DB8:0:0::1'),
    other: Inet.parse('2001:db8::2'),
    text: '2001:db8::1',
  },
  {
    name: 'Inet',
    make: () => Inet.fromBytes(Uint8Array.of(10, 0, 0, 1)),
    other: Inet.parse('10.0.0.2'),
    text: '10.0.0.1',
  },
  {
    name: 'Decimal',
    make: () => Decimal.parse('12.50'),
    other: Decimal.parse('12.51'),
    text: '12.50',
  },
  {
    name: 'Duration',
    make: () => Duration.parse('1mo2d3h'),
    other: Duration.parse('1mo2d4h'),
    text: '1mo2d3h',
  },
  {
    name: 'LocalDate',
    make: () => LocalDate.parse('2024-02-29'),
    other: LocalDate.parse('2024-03-01'),
    text: '2024-02-29',
  },
  {
    name: 'LocalTime',
    make: () => LocalTime.parse('12:30'),
    other: LocalTime.parse('12:31'),
    text: '12:30:00.000000000',
  },
]

describe.each(samples)('$name $text', ({ name, make, other, text }) => {
  test('equals a second object of the same value and no other', () => {
    assert.deepStrictEqual(make(), make())
    assert.notDeepStrictEqual(make(), other)
    expect(make()).toEqual(make())
    expect(make()).not.toEqual(other)
  })
  test('keeps its whole value in a structured clone', () => {
    assert.notDeepStrictEqual(structuredClone(make()), structuredClone(other))
    assert.deepStrictEqual({ ...structuredClone(make()) }, { ...make() })
    expect(Object.keys(make())).not.toEqual([])
  })
  test('is printed and serialised by its text', () => {
    expect(inspect(make())).toBe(`${name === 'TimeUuid' ? 'Uuid' : name}(${text})`)
    expect(JSON.parse(JSON.stringify({ value: make() }))).toEqual({ value: text })
    expect(String(make())).toBe(text)
  })
})
