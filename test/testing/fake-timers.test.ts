import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { runJest } from '../support/jest.ts'
import { liveOnManualTime, openFixture } from './support/manual-time.ts'

const fixture = openFixture()
afterAll(() => fixture.close())
afterEach(() => {
  vi.useRealTimers()
})

test.each([
  ['by default', undefined],
  ['with their time going on', { shouldAdvanceTime: true, now: 0 }],
])('time moves by a call under the fake timers of vitest, %s', async (_, options) => {
  vi.useFakeTimers(options)
  const moveFakeTime = (): unknown => vi.advanceTimersByTime(3_600_000)
  expect(await liveOnManualTime(fixture, moveFakeTime)).toEqual([])
})

test('time moves by a call under the fake timers of Jest', { timeout: 60_000 }, async () => {
  expect(await runJest('test/testing/support/manual-time.jest.ts', 'esm')).toMatch(
    /^Tests: +2 passed, 2 total$/m,
  )
})
