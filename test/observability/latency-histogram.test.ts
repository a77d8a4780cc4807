import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LatencyHistogram } from '../../src/observability/index.ts'

const time = fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 2 ** 31 - 1 }))

test('a percentile is at least the exact one, and at most 1/32 more', () => {
  const times = fc.array(time, { minLength: 1, maxLength: 200 })
  const run = fc.property(times, fc.integer({ min: 0, max: 100 }), (all, percentile) => {
    const histogram = new LatencyHistogram()
    for (const us of all) histogram.record(us)
    const snapshot = histogram.snapshot()
    const sorted = [...all].sort((a, b) => a - b)
    const exact = sorted[Math.max(1, Math.ceil((percentile / 100) * all.length)) - 1]!
    const us = snapshot.percentileMs(percentile) * 1_000
    expect(us).toBeGreaterThanOrEqual(exact - 1e-6)
    expect(us).toBeLessThanOrEqual(exact * (1 + 1 / 32) + 1e-6)
    expect(snapshot.count).toBe(all.length)
    expect(snapshot.maxMs).toBe(sorted.at(-1)! / 1_000)
    expect(snapshot.sumMs).toBeCloseTo(all.reduce((sum, one) => sum + one, 0) / 1_000)
    expect(snapshot.countUpToMs(2 ** 31)).toBe(all.length)
  })
  fc.assert(run)
})

test('counts up to a time grow with it, and miss only what is close to it', () => {
  const run = fc.property(fc.array(time), fc.array(time, { minLength: 2 }), (all, bounds) => {
    const histogram = new LatencyHistogram()
    for (const us of all) histogram.record(us)
    const snapshot = histogram.snapshot()
    let before = 0
    for (const bound of [...bounds].sort((a, b) => a - b)) {
      const count = snapshot.countUpToMs(bound / 1_000)
      expect(count).toBeGreaterThanOrEqual(before)
      expect(count).toBeLessThanOrEqual(all.filter((us) => us <= bound).length)
      expect(count).toBeGreaterThanOrEqual(all.filter((us) => us * (1 + 1 / 32) < bound).length)
      before = count
    }
  })
  fc.assert(run)
})

test('a snapshot does not change, and an empty one has zeros', () => {
  const histogram = new LatencyHistogram()
  const empty = histogram.snapshot()
  histogram.record(1_500)
  const one = histogram.snapshot()
  histogram.record(3_000)
  expect(empty).toMatchObject({ count: 0, meanMs: 0, maxMs: 0, p50Ms: 0, p999Ms: 0 })
  expect(one).toMatchObject({ count: 1, sumMs: 1.5, meanMs: 1.5, maxMs: 1.5, p99Ms: 1.5 })
  expect(Object.isFrozen(one)).toBe(true)
})

test('times that have wrapped around count as the longest', () => {
  const histogram = new LatencyHistogram()
  const [sentUs, latestUs] = [2 ** 31 - 1_000, 2 ** 31 + 500 - 2 ** 32]
  histogram.record((latestUs - sentUs) | 0)
  expect(histogram.snapshot().maxMs).toBe(1.5)
  histogram.record(-5)
  expect(histogram.snapshot().maxMs).toBe((2 ** 31 - 1) / 1_000)
})
