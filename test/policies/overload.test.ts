import { describe, expect, test } from 'vitest'
import { percentileSpeculativeExecution, type RetryBudgetOptions } from '../../src/index.ts'
import { checkRetryBudget, RetryBudget } from '../../src/policies/index.ts'
import { latencySampleCount, RecentLatencies } from '../../src/policies/recent-latencies.ts'
import { budgetAttemptsInitially, budgetAttemptsMax } from '../../src/policies/retry-budget.ts'
import { latencyCountMin } from '../../src/policies/speculative-execution.ts'
import {
  ConcurrencyLimit,
  concurrencyMin,
  cutPauseMs,
  growthPerSecond,
} from '../../src/transport/concurrency-limit.ts'
import { createRandom } from '../../src/util/index.ts'

/** Attempts that the budget gives at one time. */
function takeAll(budget: RetryBudget, nowMs: number): number {
  let count = 0
  while (budget.take(nowMs)) count++
  return count
}

describe('a retry budget', () => {
  test('gives a share of the requests, and some per second', () => {
    const budget = new RetryBudget()
    expect(takeAll(budget, 0)).toBe(budgetAttemptsInitially)
    expect(takeAll(budget, 0)).toBe(0)
    for (let i = 0; i < 1_000; i++) budget.add()
    expect(Math.abs(takeAll(budget, 0) - 200)).toBeLessThanOrEqual(1)
    expect(takeAll(budget, 5_000)).toBe(50)
    expect(takeAll(budget, 5_050)).toBeLessThanOrEqual(1)
  })

  test('saves up a bounded number', () => {
    const budget = new RetryBudget({ share: 1, perSecond: 1_000_000 })
    for (let i = 0; i < 100_000; i++) budget.add()
    expect(takeAll(budget, 0)).toBe(budgetAttemptsMax)
    expect(takeAll(budget, 1e9)).toBe(budgetAttemptsMax)
  })

  test('may be nothing at all', () => {
    const budget = new RetryBudget({ share: 0, perSecond: 0 })
    for (let i = 0; i < 100_000; i++) budget.add()
    expect(takeAll(budget, 0)).toBe(0)
    expect(takeAll(budget, 1e9)).toBe(0)
  })

  test.each<[unknown, RegExp]>([
    [3, /must be an object such as/],
    [null, /must be an object such as/],
    [{ share: 2 }, /share of retryBudget must be a number from 0 to 1/],
    [{ share: Number.NaN }, /share of retryBudget must be/],
    [{ perSecond: -1 }, /perSecond of retryBudget must be/],
  ])('cannot be %j', (options, message) => {
    expect(() => checkRetryBudget(options as RetryBudgetOptions)).toThrow(message)
  })

  test('can be turned off', () => {
    expect(checkRetryBudget(false)).toBe(undefined)
    expect(checkRetryBudget(true)).toEqual({})
    expect(checkRetryBudget(undefined)).toEqual({})
  })
})

describe('recent latencies', () => {
  test('have a percentile of the last ones, whatever came before', () => {
    const random = createRandom(7)
    const recent = new RecentLatencies(99)
    expect(recent.value).toBe(0)
    for (let i = 0; i < 5_000; i++) recent.record(1_000 + random())
    expect(recent.value).toBeGreaterThan(1_000)
    const last = Array.from({ length: latencySampleCount }, () => random() * 10)
    for (const latency of last) recent.record(latency)
    const sorted = [...last].sort((a, b) => a - b)
    expect(recent.value).toBe(sorted[Math.ceil(0.99 * latencySampleCount) - 1])
    expect(recent.count).toBe(5_000 + latencySampleCount)
  })
})

describe('percentileSpeculativeExecution', () => {
  test('waits as without a policy at first, and then for the percentile', () => {
    const policy = percentileSpeculativeExecution({ percentile: 90, attemptCountMax: 3 })
    expect(policy.delayMs(1, 12_000)).toBe(2_000)
    for (let i = 1; i < latencyCountMin; i++) policy.onLatency!(i)
    expect(policy.delayMs(1, 12_000)).toBe(2_000)
    policy.onLatency!(100)
    expect(policy.delayMs(1, 12_000)).toBe(90)
    expect(policy.delayMs(2, 12_000)).toBe(90)
    expect(policy.delayMs(3, 12_000)).toBe(undefined)
  })

  test('waits at least as long as it is told', () => {
    const policy = percentileSpeculativeExecution({ percentile: 99, delayMsMin: 5 })
    for (let i = 0; i < latencyCountMin; i++) policy.onLatency!(0.1)
    expect(policy.delayMs(1, 12_000)).toBe(5)
  })

  test.each<[unknown, RegExp]>([
    [99, /takes an object/],
    [{ percentile: 100 }, /percentile of a speculative execution must be from 50 to 99.99/],
    [{}, /percentile of a speculative execution must be/],
    [{ percentile: 99, attemptCountMax: 17 }, /attemptCountMax .* from 1 to 16/],
    [{ percentile: 99, delayMsMin: 0 }, /delayMsMin .* at least 1/],
  ])('refuses %j', (options, message) => {
    expect(() => percentileSpeculativeExecution(options as never)).toThrow(message)
  })
})

describe('the limit of requests in flight to a node', () => {
  test('is none until the node is overloaded, falls by half and grows until it is none', () => {
    const limit = new ConcurrencyLimit()
    expect(limit.isActive).toBe(false)
    limit.onOverloaded(800, 0)
    expect([limit.allows(399, 0), limit.allows(400, 0)]).toEqual([true, false])
    // What was sent before is refused too, which says nothing new.
    limit.onOverloaded(700, cutPauseMs - 1)
    expect(limit.allows(399, cutPauseMs - 1)).toBe(true)
    limit.onOverloaded(400, cutPauseMs)
    expect([limit.allows(199, cutPauseMs), limit.allows(200, cutPauseMs)]).toEqual([true, false])
    const laterMs = cutPauseMs + 1_000
    expect(limit.allows(199 + growthPerSecond, laterMs)).toBe(true)
    expect(limit.allows(200 + growthPerSecond, laterMs)).toBe(false)
    expect(limit.isActive).toBe(true)
    expect(limit.allows(5_000, cutPauseMs + (600 / growthPerSecond) * 1_000)).toBe(true)
    expect(limit.isActive).toBe(false)
  })

  test('never falls below a few requests', () => {
    const limit = new ConcurrencyLimit()
    for (let i = 0; i < 100; i++) limit.onOverloaded(concurrencyMin, i * cutPauseMs)
    expect(limit.allows(concurrencyMin - 1, 99 * cutPauseMs)).toBe(true)
    expect(limit.allows(concurrencyMin, 99 * cutPauseMs)).toBe(false)
    // A node that refuses the only request is not kept from its next one.
    const other = new ConcurrencyLimit()
    other.onOverloaded(0, 0)
    expect(other.allows(0, 0)).toBe(true)
  })
})
