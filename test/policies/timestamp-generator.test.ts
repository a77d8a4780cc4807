import { describe, expect, test } from 'vitest'
import { MonotonicTimestampGenerator, sharedTimestampGenerator } from '../../src/policies/index.ts'
import { type Clock, systemClock } from '../../src/util/index.ts'

/** A clock whose two readings are set by hand. */
class HandClock implements Clock {
  wallMs = 1_700_000_000_000
  monotonic = 0
  nowMs(): number {
    return Math.floor(this.wallMs)
  }
  monotonicMs(): number {
    return this.monotonic
  }
  schedule(): never {
    throw new Error('nothing is scheduled here')
  }
}

describe('client timestamps', () => {
  test('increase strictly, also when the clock stands still or goes back an hour', () => {
    const clock = new HandClock()
    const timestamps = new MonotonicTimestampGenerator(clock)
    let last = 0
    for (let i = 0; i < 100_000; i++) {
      if (i === 50_000) clock.wallMs -= 3_600_000
      if (i % 3 === 0) clock.monotonic += 0.7
      const next = timestamps.next()
      expect(next).toBeGreaterThan(last)
      last = next
    }
  })

  test('stay within the millisecond of the wall clock, whatever the monotonic clock does', () => {
    const clock = new HandClock()
    const timestamps = new MonotonicTimestampGenerator(clock)
    for (let i = 0; i < 10_000; i++) {
      // One clock runs a thousandth faster than the other.
      clock.wallMs += 1.3
      clock.monotonic += 1.3013
      const stamp = timestamps.next()
      expect(Math.floor(stamp / 1000)).toBe(clock.nowMs())
    }
  })

  test('tell the microseconds between two milliseconds apart', () => {
    const clock = new HandClock()
    const timestamps = new MonotonicTimestampGenerator(clock)
    const first = timestamps.next()
    clock.monotonic += 0.25
    clock.wallMs += 0.25
    expect(timestamps.next() - first).toBe(250)
  })

  test('come from one generator per clock, the clock of the machine included', () => {
    const clock = new HandClock()
    expect(sharedTimestampGenerator(clock)).toBe(sharedTimestampGenerator(clock))
    expect(sharedTimestampGenerator(new HandClock())).not.toBe(sharedTimestampGenerator(clock))
    expect(sharedTimestampGenerator(systemClock)).toBe(sharedTimestampGenerator(systemClock))
  })
})
