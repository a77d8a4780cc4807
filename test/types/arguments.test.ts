import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ValueError } from '../../src/errors/index.ts'
import {
  Batch,
  Decimal,
  Duration,
  Inet,
  LocalDate,
  LocalTime,
  TimeUuid,
  TimeUuidGenerator,
  Uuid,
} from '../../src/types/index.ts'
import { anyValue } from '../codec/any-value.ts'

/** A factory called with arguments its types forbid, as JavaScript does. */
type Factory = (...args: unknown[]) => unknown

const make = (create: (...args: never[]) => unknown): Factory => create as Factory

const decimal = make((unscaled: bigint, scale: number) => new Decimal(unscaled, scale))
const duration = make((m: number, d: number, n: bigint) => new Duration(m, d, n))
const uuid = make((bytes: Uint8Array) => new Uuid(bytes))
const timeUuid = make((bytes: Uint8Array) => new TimeUuid(bytes))

const bytes16 = Array.from({ length: 16 }, (_, i) => (i === 6 ? 0x10 : i))

describe('an argument of the wrong kind is refused where the value is made', () => {
  test.each<[string, Factory, unknown[], string]>([
    ['new Decimal', decimal, [1.5, 0], 'The unscaled value of a decimal is a bigint'],
    ['new Decimal', decimal, [12_345, 0], 'The unscaled value of a decimal is a bigint'],
    ['new Decimal', decimal, ['1', 0], 'The unscaled value of a decimal is a bigint'],
    ['new Decimal', decimal, [1n, '0'], 'The scale of a decimal is a 32-bit integer'],
    ['new Decimal', decimal, [1n, 0n], 'The scale of a decimal is a 32-bit integer'],
    ['new Decimal', decimal, [1n, 0.5], 'The scale of a decimal is a 32-bit integer'],
    ['new Decimal', decimal, [1n], 'The scale of a decimal is a 32-bit integer'],
    ['Decimal.parse', make(Decimal.parse), [1.5], 'A decimal is read from a text'],
    ['Decimal.parse', make(Decimal.parse), [['1.5']], 'A decimal is read from a text'],
    ['Decimal.fromNumber', make(Decimal.fromNumber), ['1'], 'expected a finite number'],
    ['Decimal.fromNumber', make(Decimal.fromNumber), [1n], 'expected a finite number'],
    ['new Duration', duration, [1, 2, 3], 'The nanoseconds of a duration are a 64-bit bigint'],
    ['new Duration', duration, [1, 2, '3'], 'The nanoseconds of a duration are a 64-bit bigint'],
    ['new Duration', duration, [1, 2], 'The nanoseconds of a duration are a 64-bit bigint'],
    ['new Duration', duration, [1n, 2, 3n], 'Months and days of a duration are 32-bit integers'],
    ['new Duration', duration, [1, 1.5, 3n], 'Months and days of a duration are 32-bit integers'],
    ['new Duration', duration, [1, NaN, 3n], 'Months and days of a duration are 32-bit integers'],
    ['Duration.parse', make(Duration.parse), [5], 'A duration is read from a text'],
    ['LocalDate.fromDays', make(LocalDate.fromDays), ['1'], 'whole number of days'],
    ['LocalDate.fromDays', make(LocalDate.fromDays), [1n], 'whole number of days'],
    ['LocalDate.fromDays', make(LocalDate.fromDays), [0.5], 'whole number of days'],
    ['LocalDate.fromDays', make(LocalDate.fromDays), [NaN], 'whole number of days'],
    ['LocalDate.of', make(LocalDate.of), [2024n, 1, 1], 'year, month and day are integers'],
    ['LocalDate.of', make(LocalDate.of), ['2024', 1, 1], 'year, month and day are integers'],
    ['LocalDate.of', make(LocalDate.of), [2024, 1.5, 1], 'year, month and day are integers'],
    ['LocalDate.of', make(LocalDate.of), [2024, 1], 'year, month and day are integers'],
    ['LocalDate.of', make(LocalDate.of), [2024, 2, 30], 'no such day'],
    ['LocalDate.fromDate', make(LocalDate.fromDate), ['2024-01-01'], 'expected a valid Date'],
    ['LocalDate.fromDate', make(LocalDate.fromDate), [0], 'expected a valid Date'],
    ['LocalDate.fromDate', make(LocalDate.fromDate), [new Date(NaN)], 'expected a valid Date'],
    ['LocalDate.parse', make(LocalDate.parse), [['2024-01-01']], 'expected YYYY-MM-DD'],
    ['LocalTime.fromNanoseconds', make(LocalTime.fromNanoseconds), [null], 'nanoseconds'],
    ['LocalTime.fromNanoseconds', make(LocalTime.fromNanoseconds), ['5'], 'nanoseconds'],
    ['LocalTime.fromNanoseconds', make(LocalTime.fromNanoseconds), [true], 'nanoseconds'],
    ['LocalTime.fromNanoseconds', make(LocalTime.fromNanoseconds), [[]], 'nanoseconds'],
    ['LocalTime.fromNanoseconds', make(LocalTime.fromNanoseconds), [0.5], 'nanoseconds'],
    ['LocalTime.of', make(LocalTime.of), [1n, 0], 'no such time'],
    ['LocalTime.of', make(LocalTime.of), ['1', 0], 'no such time'],
    ['LocalTime.of', make(LocalTime.of), [1, 0, 0.5], 'no such time'],
    ['LocalTime.of', make(LocalTime.of), [1], 'no such time'],
    ['LocalTime.parse', make(LocalTime.parse), [['12:00']], 'expected HH:MM:SS'],
    ['Inet.fromBytes', make(Inet.fromBytes), ['1234'], 'a Uint8Array of 4 or 16 bytes'],
    ['Inet.fromBytes', make(Inet.fromBytes), [[1, 2, 3, 256]], 'a Uint8Array of 4 or 16 bytes'],
    ['Inet.fromBytes', make(Inet.fromBytes), [null], 'a Uint8Array of 4 or 16 bytes'],
    ['Inet.fromBytes', make(Inet.fromBytes), [Uint16Array.of(1, 2, 3, 256)], 'a Uint8Array of'],
    ['Inet.parse', make(Inet.parse), [5], 'Not an IPv4 or IPv6 address'],
    ['Inet.parse', make(Inet.parse), [['::1']], 'Not an IPv4 or IPv6 address'],
    ['new Uuid', uuid, ['0123456789abcdef'], 'a Uint8Array of 16 bytes'],
    ['new Uuid', uuid, [bytes16.map((byte) => byte + 256)], 'a Uint8Array of 16 bytes'],
    ['new Uuid', uuid, [undefined], 'a Uint8Array of 16 bytes'],
    ['new Uuid', uuid, [new Uint8Array(15)], 'a Uint8Array of 16 bytes'],
    ['Uuid.parse', make(Uuid.parse), [undefined], '32 hexadecimal digits as 8-4-4-4-12'],
    ['Uuid.parse', make(Uuid.parse), [Array(36).fill('a')], '32 hexadecimal digits'],
    ['new TimeUuid', timeUuid, [bytes16], 'a Uint8Array of 16 bytes'],
    ['TimeUuid.parse', make((text: string) => TimeUuid.parse(text)), [5], '32 hexadecimal digits'],
    ['TimeUuid.min', make(TimeUuid.min), [5], 'expected a valid Date'],
    ['TimeUuid.max', make(TimeUuid.max), ['2024-01-01'], 'expected a valid Date'],
    ['TimeUuid.max', make(TimeUuid.max), [new Date(NaN)], 'expected a valid Date'],
  ])('%s of %o', (_, factory, args, reason) => {
    expect(() => factory(...args)).toThrow(ValueError)
    expect(() => factory(...args)).toThrow(reason)
  })

  test('a predicate answers for any value', () => {
    expect(make(Uuid.isUuidText)(Symbol('x'))).toBe(false)
    expect(make(Uuid.isUuidText)([Uuid.random().toString()])).toBe(false)
  })

  test('a clock without whole milliseconds makes no timeuuid', () => {
    const generator = (nowMs: unknown): TimeUuidGenerator =>
      new TimeUuidGenerator({
        nowMs: () => nowMs as number,
        monotonicMs: () => 0,
        schedule: () => ({ cancel: () => {} }),
      })
    for (const nowMs of [1.5, NaN, '5', null]) {
      expect(() => generator(nowMs).next()).toThrow(ValueError)
    }
    expect(() => new TimeUuidGenerator({} as never).next()).toThrow(ValueError)
  })

  test('a seed of fewer than eight bytes makes no generator of timeuuids', () => {
    for (const seed of [new Uint8Array(7), 'a seed of bytes', null]) {
      expect(() => new TimeUuidGenerator(undefined, seed as never)).toThrow(ValueError)
    }
  })

  test('a clock that once was beyond 5236 does not spoil a generator of timeuuids', () => {
    let nowMs = Date.UTC(9999, 0)
    const generator = new TimeUuidGenerator({
      nowMs: () => nowMs,
      monotonicMs: () => 0,
      schedule: () => ({ cancel: () => {} }),
    })
    expect(() => generator.next()).toThrow('before 1582 or after 5236')
    nowMs = Date.UTC(2026, 0)
    expect(generator.next().timestampMs).toBe(nowMs)
  })

  test('a batch of no known type names the three', () => {
    for (const type of [5n, Symbol('x'), Object.create(null), 'LOGGED']) {
      expect(() => new Batch(type as never)).toThrow("A batch is 'logged', 'unlogged' or 'counter'")
    }
  })
})

describe('whatever the arguments are', () => {
  const factories: readonly [string, Factory][] = [
    ['new Decimal', decimal],
    ['Decimal.parse', make(Decimal.parse)],
    ['Decimal.fromNumber', make(Decimal.fromNumber)],
    ['new Duration', duration],
    ['Duration.parse', make(Duration.parse)],
    ['LocalDate.fromDays', make(LocalDate.fromDays)],
    ['LocalDate.of', make(LocalDate.of)],
    ['LocalDate.fromDate', make(LocalDate.fromDate)],
    ['LocalDate.parse', make(LocalDate.parse)],
    ['LocalTime.fromNanoseconds', make(LocalTime.fromNanoseconds)],
    ['LocalTime.of', make(LocalTime.of)],
    ['LocalTime.parse', make(LocalTime.parse)],
    ['Inet.fromBytes', make(Inet.fromBytes)],
    ['Inet.parse', make(Inet.parse)],
    ['new Uuid', uuid],
    ['Uuid.parse', make(Uuid.parse)],
    ['new TimeUuid', timeUuid],
    ['TimeUuid.parse', make((text: string) => TimeUuid.parse(text))],
    ['TimeUuid.min', make(TimeUuid.min)],
    ['TimeUuid.max', make(TimeUuid.max)],
  ]
  test.each(factories)('%s returns a value that prints, or a ValueError', (_, factory) => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 4 }), (args) => {
        try {
          expect(typeof String(factory(...args))).toBe('string')
        } catch (error) {
          if (!(error instanceof ValueError)) throw error
        }
      }),
      { numRuns: 300 },
    )
  })
})
