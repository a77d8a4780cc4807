import { expect, test } from 'vitest'
import { checkTtl, ttlSecondsMaxAt } from '../../src/kernel/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const lastExpirationMs = Date.parse('2038-01-19T03:14:06Z')

test('a TTL may last twenty years, but not beyond the last expiration that servers store', () => {
  expect(ttlSecondsMaxAt(new VirtualClock(0))).toBe(630_720_000)
  const clock = new VirtualClock(lastExpirationMs - 10_000)
  expect(checkTtl('ttlSeconds', 10, clock)).toBe(10)
  for (const wrong of [11, 0, -1, 1.5, Number.NaN, '5' as never]) {
    expect(() => checkTtl('ttlSeconds', wrong, clock)).toThrow(
      /ttlSeconds must be an integer number of seconds from 1 to 10: a TTL ends by 2038-01-19/,
    )
  }
})
