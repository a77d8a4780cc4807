import { afterAll, afterEach, expect, jest, test } from '@jest/globals'
import { liveOnManualTime, openFixture } from './manual-time.ts'

const fixture = openFixture()
afterAll(() => fixture.close())
afterEach(() => {
  jest.useRealTimers()
})

test('time moves by a call under fake timers', async () => {
  jest.useFakeTimers()
  const moveFakeTime = (): void => {
    jest.advanceTimersByTime(3_600_000)
  }
  expect(await liveOnManualTime(fixture, moveFakeTime)).toEqual([])
})

test('time moves by a call under fake timers that advance', async () => {
  jest.useFakeTimers({ advanceTimers: true, now: 0 })
  const moveFakeTime = (): Promise<void> => jest.advanceTimersByTimeAsync(3_600_000)
  expect(await liveOnManualTime(fixture, moveFakeTime)).toEqual([])
})
