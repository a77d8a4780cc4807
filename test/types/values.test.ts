import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ValueError } from '../../src/errors/index.ts'
import {
  Decimal,
  Duration,
  Inet,
  LocalDate,
  LocalTime,
  TimeUuid,
  TimeUuidGenerator,
  Uuid,
} from '../../src/types/index.ts'

describe('Uuid', () => {
  test('any 16 bytes survive their text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const text = new Uuid(bytes).toString()
        expect(Uuid.parse(text).toBytes()).toEqual(bytes)
        expect(Uuid.parse(text.toUpperCase()).toString()).toBe(text)
      }),
    )
  })
  test.each([
    '',
    '12345678-1234-1234-1234-123456789ab',
    '12345678-1234-1234-1234-123456789abg',
    '12345678x1234-1234-1234-123456789abc',
    '123456781234123412341234567890abcdef',
    '12345678-1234-1234-1234-12345678é9ab',
    '{2345678-1234-1234-1234-123456789abc',
  ])('refuses %j', (text) => {
    expect(() => Uuid.parse(text)).toThrow(ValueError)
    expect(Uuid.isUuidText(text)).toBe(false)
  })
  test('a random one is of version 4', () => {
    expect(Uuid.random().version).toBe(4)
    expect(Uuid.random().equals(Uuid.random())).toBe(false)
  })
})

describe('TimeUuid', () => {
  test('rises strictly although the clock stands still or goes back', () => {
    let now = 1_700_000_000_000
    const clock = {
      nowMs: () => now,
      monotonicMs: () => 0,
      schedule: () => ({ cancel: () => {} }),
    }
    const generator = new TimeUuidGenerator(clock)
    const first = generator.next()
    now -= 3_600_000
    const second = generator.next()
    expect(first.timestampMs).toBe(1_700_000_000_000)
    expect(second.ticks - first.ticks).toBe(1n)
    expect(second.version).toBe(1)
  })
  test('min and max enclose the millisecond', () => {
    const date = new Date('2024-02-29T12:00:00.123Z')
    expect(TimeUuid.min(date).toDate()).toEqual(date)
    expect(TimeUuid.max(date).toDate()).toEqual(date)
    expect(TimeUuid.max(date).ticks - TimeUuid.min(date).ticks).toBe(9_999n)
    expect(TimeUuid.min(new Date(-1)).timestampMs).toBe(-1)
  })
  test('is of version 1 and within its years', () => {
    expect(() => TimeUuid.parse(Uuid.random().toString())).toThrow(ValueError)
    expect(() => TimeUuid.min(new Date('1500-01-01'))).toThrow(ValueError)
    expect(() => TimeUuid.min(new Date(Number.NaN))).toThrow(ValueError)
  })
})

describe('Decimal', () => {
  test('any number survives its text', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.integer(), (unscaled, scale) => {
        const back = Decimal.parse(new Decimal(unscaled, scale).toString())
        expect(back.equals(new Decimal(unscaled, scale))).toBe(true)
      }),
    )
  })
  test.each([
    [123n, 2, '1.23'],
    [-5n, 3, '-0.005'],
    [0n, 2, '0.00'],
    [1n, 7, '1E-7'],
    [123n, 9, '1.23E-7'],
    [123n, -2, '1.23E+4'],
    [0n, -3, '0E+3'],
    [7n, 2 ** 31 - 1, '7E-2147483647'],
  ] as const)('%d with scale %d is %s', (unscaled, scale, text) => {
    expect(new Decimal(unscaled, scale).toString()).toBe(text)
    expect(Decimal.parse(text)).toEqual(new Decimal(unscaled, scale))
  })
  test('is equal by number and keeps its scale', () => {
    expect(Decimal.parse('1.0').equals(Decimal.parse('1.00'))).toBe(true)
    expect(Decimal.parse('0.0').equals(Decimal.parse('0'))).toBe(true)
    expect(Decimal.parse('10').equals(Decimal.parse('1'))).toBe(false)
    expect(Decimal.fromNumber(0.1).toString()).toBe('0.1')
    expect(Decimal.fromNumber(1e21).toNumber()).toBe(1e21)
  })
  test.each(['', '.', '1e', 'abc', '1.2.3', ' 1', '1e99999999999', 'NaN'])('refuses %j', (text) => {
    expect(() => Decimal.parse(text)).toThrow(ValueError)
  })
  test('refuses what is not finite or no scale', () => {
    expect(() => Decimal.fromNumber(Number.NaN)).toThrow(ValueError)
    expect(() => new Decimal(1n, 2 ** 31)).toThrow(ValueError)
  })
})

describe('Duration', () => {
  const part = (max: bigint) => fc.bigInt({ min: 0n, max })
  test('any duration survives its text', () => {
    const arbitrary = fc.tuple(
      part(2n ** 31n - 1n),
      part(2n ** 31n - 1n),
      part(2n ** 63n - 1n),
      fc.constantFrom(1n, -1n),
    )
    fc.assert(
      fc.property(arbitrary, ([months, days, nanoseconds, sign]) => {
        const duration = new Duration(
          Number(sign * months),
          Number(sign * days),
          sign * nanoseconds,
        )
        expect(Duration.parse(duration.toString()).equals(duration)).toBe(true)
      }),
    )
  })
  test.each([
    ['1y2mo3w4d5h6m7s8ms9us10ns', '1y2mo25d5h6m7s8ms9us10ns'],
    ['-2d', '-2d'],
    ['P1Y2M3DT4H5M6S', '1y2mo3d4h5m6s'],
    ['P2W', '14d'],
    ['PT90M', '1h30m'],
    ['P0001-02-03T04:05:06', '1y2mo3d4h5m6s'],
    ['0s', '0s'],
    ['1µs', '1us'],
  ])('%s is %s', (text, standard) => {
    expect(Duration.parse(text).toString()).toBe(standard)
  })
  test.each(['', '-', 'P', '1', '1x', '1d1d', '1y-2mo', 'P1Y2', '99999999999d', '1d 2h'])(
    'refuses %j',
    (text) => {
      expect(() => Duration.parse(text)).toThrow(ValueError)
    },
  )
  test('all parts have one sign', () => {
    expect(() => new Duration(1, -1, 0n)).toThrow(ValueError)
    expect(() => new Duration(0, -1, 1n)).toThrow(ValueError)
    expect(new Duration(-1, 0, -1n).toString()).toBe('-1mo1ns')
  })
})

describe('LocalDate', () => {
  test.each([
    [0, '1970-01-01'],
    [-1, '1969-12-31'],
    [19_782, '2024-02-29'],
    [-719_528, '0000-01-01'],
    [-719_529, '-0001-12-31'],
    [-(2 ** 31), '-5877641-06-23'],
    [2 ** 31 - 1, '+5881580-07-11'],
  ])('%d days after the epoch is %s', (days, text) => {
    expect(LocalDate.fromDays(days).toString()).toBe(text)
    expect(LocalDate.parse(text).daysSinceEpoch).toBe(days)
  })
  test('every day of its range survives its parts', () => {
    fc.assert(
      fc.property(fc.integer(), (days) => {
        const date = LocalDate.fromDays(days)
        expect(LocalDate.of(date.year, date.month, date.day).daysSinceEpoch).toBe(days)
      }),
    )
  })
  test('agrees with Date where Date reaches', () => {
    fc.assert(
      fc.property(fc.integer({ min: -700_000, max: 2_900_000 }), (days) => {
        const iso = new Date(days * 86_400_000).toISOString().slice(0, 10)
        expect(LocalDate.fromDays(days).toString()).toBe(iso)
      }),
    )
  })
  test.each(['2023-02-29', '2024-13-01', '2024-00-01', '2024-1-1', '24-01-01', '5881580-07-12'])(
    'refuses %j',
    (text) => {
      expect(() => LocalDate.parse(text)).toThrow(ValueError)
    },
  )
})

describe('LocalTime', () => {
  test('every nanosecond of the day survives its text', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_399_999_999_999 }), (nanoseconds) => {
        const time = LocalTime.fromNanoseconds(nanoseconds)
        expect(LocalTime.parse(time.toString()).equals(time)).toBe(true)
      }),
    )
  })
  test('reads shorter forms', () => {
    expect(LocalTime.parse('08:05').toString()).toBe('08:05:00.000000000')
    expect(LocalTime.parse('08:05:01.5').nanosecond).toBe(500_000_000)
  })
  test.each(['24:00', '12:60', '12:00:60', '12', '12:00:00.1234567890', '-1:00'])(
    'refuses %j',
    (text) => {
      expect(() => LocalTime.parse(text)).toThrow(ValueError)
    },
  )
  test('refuses what is outside the day', () => {
    expect(() => LocalTime.fromNanoseconds(86_400_000_000_000n)).toThrow(ValueError)
    expect(() => LocalTime.fromNanoseconds(-1)).toThrow(ValueError)
  })
})

describe('Inet', () => {
  test('any address survives its text', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.array(fc.constantFrom(0, 0, 0, 1), { minLength: 16, maxLength: 16 }),
    )
    fc.assert(
      fc.property(bytes, (address) => {
        const inet = Inet.fromBytes(Uint8Array.from(address))
        expect([...Inet.parse(inet.toString()).toBytes()]).toEqual([...address])
      }),
    )
  })
  test.each([
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::', '::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['1:2:3:4:5:6:0:8', '1:2:3:4:5:6:0:8'],
    ['127.0.0.1', '127.0.0.1'],
  ])('%s is %s', (text, canonical) => {
    expect(Inet.parse(text).toString()).toBe(canonical)
  })
  test.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '::1%eth0',
    '12345::',
    '1:2:3:4:5:6:7::8:9',
    '::/0',
  ])('refuses %j', (text) => {
    expect(() => Inet.parse(text)).toThrow(ValueError)
  })
  test('has 4 or 16 bytes', () => {
    expect(() => Inet.fromBytes(new Uint8Array(5))).toThrow(ValueError)
  })
})
