import { describe, expect, test } from 'vitest'
import { DeadlineTimer } from '../../src/transport/deadline-timer.ts'
import { runtimeWithClock } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

describe('the deadline timer', () => {
  test('ticks twice a second while idle, forty times while something has a deadline', () => {
    const clock = new VirtualClock()
    const deadlineTimer = new DeadlineTimer(runtimeWithClock(clock))
    let isBusy = false
    const ticks: number[] = []
    deadlineTimer.addListener({
      onTick: (nowMs) => {
        ticks.push(nowMs)
        if (isBusy) deadlineTimer.tickFinely()
      },
    })
    clock.advance(2_000)
    expect(ticks).toEqual([500, 1_000, 1_500, 2_000])
    ticks.length = 0
    isBusy = true
    deadlineTimer.tickFinely()
    clock.advance(100)
    expect(ticks).toEqual([2_025, 2_050, 2_075, 2_100])
    isBusy = false
    ticks.length = 0
    clock.advance(1_025)
    expect(ticks).toEqual([2_125, 2_625, 3_125])
  })

  test('sleeps without listeners, and a listener may leave from its own tick', () => {
    const clock = new VirtualClock()
    const deadlineTimer = new DeadlineTimer(runtimeWithClock(clock))
    const listener = { onTick: () => deadlineTimer.removeListener(listener) }
    deadlineTimer.addListener(listener)
    expect(clock.pendingCount).toBe(1)
    clock.advance(500)
    expect(clock.pendingCount).toBe(0)
    deadlineTimer.addListener(listener)
    deadlineTimer.removeListener(listener)
    expect(clock.pendingCount).toBe(0)
  })

  test('counts whole milliseconds from its start', () => {
    const clock = new VirtualClock(1_700_000_000_000)
    const deadlineTimer = new DeadlineTimer(runtimeWithClock(clock))
    clock.advance(1.5)
    expect(deadlineTimer.nowMs()).toBe(1)
  })

  test.each([
    0,
    0.5,
    1,
    999.25,
    60_000,
    2_147_000,
    2_147_482,
    2_147_483,
    2_147_484,
    4_294_967,
    10 ** 9,
  ])('tells %d milliseconds between two moments, whenever they are', (elapsedMs) => {
    for (const startMs of [0, 1_000_000.125, 2_147_483.5, 4_294_967, 2 ** 33]) {
      const clock = new VirtualClock(0)
      const deadlineTimer = new DeadlineTimer(runtimeWithClock(clock))
      clock.advance(startMs)
      const ms = deadlineTimer.nowMs()
      const us = deadlineTimer.usOf(ms)
      clock.advance(elapsedMs)
      deadlineTimer.nowMs()
      const told = deadlineTimer.usSince(ms, us)
      // Up to 35 minutes to the microsecond, then to the millisecond.
      const allowedUs = elapsedMs < 2_147_000 ? 1 : 1_000
      expect(Math.abs(told - elapsedMs * 1_000)).toBeLessThanOrEqual(allowedUs)
    }
  })

  test('goes on counting after 2³¹ milliseconds, which are 24 days', () => {
    const clock = new VirtualClock()
    const deadlineTimer = new DeadlineTimer(runtimeWithClock(clock))
    clock.advance(2 ** 31 + 7)
    expect(deadlineTimer.nowMs()).toBe(2 ** 31 + 7)
  })
})
