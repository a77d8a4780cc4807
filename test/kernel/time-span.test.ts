import { expect, test } from 'vitest'
import { type TimeSpan, timeSpanText, toMilliseconds, toSeconds } from '../../src/kernel/index.ts'

test.each([
  [0, 0],
  [250, 250],
  ['250ms', 250],
  ['30s', 30_000],
  ['1.5s', 1_500],
  ['1.1s', 1_100],
  ['15m', 900_000],
  ['0.5h', 1_800_000],
  ['7d', 604_800_000],
  ['2w', 1_209_600_000],
] as const)('%s is %d ms', (span, ms) => {
  expect(toMilliseconds('ttl', span, 0, 2 ** 40)).toBe(ms)
})

test.each(['', '5', 's', '5 s', '-5s', '5M', '1e3s', '5s5s', '١s', Number.NaN, 1.5, -1, Infinity])(
  '%s is refused with the limits and examples',
  (span) => {
    expect(() => toMilliseconds('ttl', span as TimeSpan, 0, 3_600_000)).toThrow(
      /^ttl must be a time span from 0ms to 1h: .*'15m'.*, not /,
    )
  },
)

test.each([null, undefined, {}, [], true, 5n])('a value of another type is refused: %s', (span) => {
  expect(() => toMilliseconds('ttl', span as never, 0, 10)).toThrow(
    /, not (a value of type (object|bigint)|null|undefined|true)$/,
  )
})

test('what is outside the limits is refused', () => {
  expect(() => toMilliseconds('ttl', '1ms', 2, 10)).toThrow(/from 2ms to 10ms/)
  expect(() => toMilliseconds('ttl', '11ms', 2, 10)).toThrow(/not "11ms"/)
})

test('seconds are rounded up, because TTLs have no fractions', () => {
  expect(toSeconds('ttl', '1500ms', 1, 100)).toBe(2)
  expect(toSeconds('ttl', '2s', 1, 100)).toBe(2)
})

test('the shortest text of a time span reads back as itself', () => {
  for (const ms of [0, 1, 999, 1_000, 90_000, 3_600_000, 86_400_000, 604_800_000, 1_234_567]) {
    const text = timeSpanText(ms)
    expect(toMilliseconds('x', text as TimeSpan, 0, 2 ** 40)).toBe(ms)
  }
})
