import fc from 'fast-check'
import { expect, test } from 'vitest'
import { algorithms, type Counts } from '../../../src/patterns/rate-limiter/algorithms.ts'
import { checkRule, type RateLimitRule } from '../../../src/patterns/rate-limiter/rules.ts'

const startMs = 1_700_000_000_123

interface Request {
  readonly afterMs: number
  readonly cost: number
}
interface Admitted {
  readonly atMs: number
  readonly cost: number
}

/** What an algorithm admits of requests that come one after another. */
function replay(options: RateLimitRule, requests: readonly Request[]): readonly Admitted[] {
  const rule = checkRule('test', options)
  const algorithm = algorithms[rule.algorithm]
  const admitted: Admitted[] = []
  let counts: Counts = []
  let nowMs = startMs
  for (const { afterMs, cost } of requests) {
    nowMs += afterMs
    const look = algorithm.look(counts, rule, cost, nowMs)
    if (!look.fits) continue
    counts = algorithm.add(counts, rule, cost, nowMs)
    admitted.push({ atMs: nowMs, cost })
  }
  return admitted
}

/** The most units that are admitted in any half-open interval of that length. */
function mostWithin(admitted: readonly Admitted[], lengthMs: number): number {
  let most = 0
  for (const [i, first] of admitted.entries()) {
    let sum = 0
    for (const { atMs, cost } of admitted.slice(i)) {
      if (atMs >= first.atMs + lengthMs) break
      sum += cost
    }
    most = Math.max(most, sum)
  }
  return most
}

const requests = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 700 })),
    cost: fc.integer({ min: 1, max: 6 }),
  }),
  { maxLength: 120 },
)
const limits = fc.integer({ min: 1, max: 30 })

test('sliding: no window of the length holds more than the limit', () => {
  fc.assert(
    fc.property(requests, limits, fc.integer({ min: 1_000, max: 4_000 }), (all, limit, per) => {
      const admitted = replay({ limit, per, algorithm: 'sliding' }, all)
      expect(mostWithin(admitted, per + 1)).toBeLessThanOrEqual(limit)
    }),
  )
})

test('gcra: every interval holds at most the burst and what returns in it', () => {
  fc.assert(
    fc.property(requests, limits, limits, (all, limit, burst) => {
      const admitted = replay({ limit, burst, per: '2s', algorithm: 'gcra' }, all)
      for (const lengthMs of [0, 1, 500, 2_000, 7_000]) {
        const most = mostWithin(admitted, lengthMs + 1)
        expect(most).toBeLessThanOrEqual(burst + (lengthMs * limit) / 2_000)
      }
    }),
  )
})

test('fixed: every window holds at most the limit, and exactly it when more is asked for', () => {
  fc.assert(
    fc.property(requests, limits, (all, limit) => {
      const asked = new Map<number, number>()
      const used = new Map<number, number>()
      let nowMs = startMs
      for (const { afterMs } of all) {
        nowMs += afterMs
        const window = Math.floor(nowMs / 2_000)
        asked.set(window, (asked.get(window) ?? 0) + 1)
      }
      const single = all.map((one) => ({ ...one, cost: 1 }))
      for (const { atMs } of replay({ limit, per: '2s' }, single)) {
        const window = Math.floor(atMs / 2_000)
        used.set(window, (used.get(window) ?? 0) + 1)
      }
      for (const [window, count] of asked) expect(used.get(window)).toBe(Math.min(count, limit))
    }),
  )
})

test.each(['fixed', 'sliding', 'gcra'] as const)(
  '%s: the units that are left can be taken, one more cannot, and at the time of retry they fit',
  (algorithm) => {
    fc.assert(
      fc.property(requests, limits, (all, limit) => {
        const rule = checkRule('test', { limit, per: '2s', algorithm })
        const { add, look } = algorithms[algorithm]
        let counts: Counts = []
        let nowMs = startMs
        for (const { afterMs, cost } of all) {
          nowMs += afterMs
          const found = look(counts, rule, cost, nowMs)
          const { remaining, resetMs, retryMs } = found
          if (remaining > 0) expect(look(counts, rule, remaining, nowMs).fits).toBe(true)
          expect(look(counts, rule, remaining + 1, nowMs).fits).toBe(false)
          expect(look(counts, rule, 1, resetMs).remaining).toBe(limit)
          expect(retryMs).toBeLessThanOrEqual(Math.max(resetMs, nowMs))
          if (cost <= limit) expect(look(counts, rule, cost, retryMs).fits).toBe(true)
          if (found.fits) counts = add(counts, rule, cost, nowMs)
        }
      }),
    )
  },
)

test.each(['fixed', 'sliding', 'gcra'] as const)(
  '%s: a refund undoes what was taken',
  (algorithm) => {
    fc.assert(
      fc.property(requests, fc.integer({ min: 0, max: 1_500 }), (all, laterMs) => {
        const rule = checkRule('test', { limit: 1_000, per: '2s', algorithm })
        const { add, look, refund } = algorithms[algorithm]
        let counts: Counts = []
        for (const { afterMs, cost } of all) counts = add(counts, rule, cost, startMs + afterMs)
        const takenMs = startMs + 701
        const before = look(counts, rule, 1, takenMs + laterMs)
        const more = add(counts, rule, 7, takenMs)
        const { resetMs } = look(more, rule, 1, takenMs)
        const after = refund(more, rule, 7, { takenMs, resetMs, nowMs: takenMs })
        const { remaining } = look(after, rule, 1, takenMs + laterMs)
        expect(remaining).toBe(before.remaining)
      }),
    )
  },
)

test.each(['fixed', 'sliding'] as const)(
  '%s: a process whose clock is behind counts on in the newest window',
  (algorithm) => {
    const rule = checkRule('test', { limit: 5, per: '2s', algorithm })
    const { add, look } = algorithms[algorithm]
    const counts = add([], rule, 4, startMs + 5_000)
    expect(look(counts, rule, 2, startMs).fits).toBe(false)
    expect(look(add(counts, rule, 1, startMs), rule, 1, startMs + 5_000).remaining).toBe(0)
  },
)

test.each(['fixed', 'sliding'] as const)(
  '%s: units that were counted in the window of a clock ahead are given back',
  (algorithm) => {
    for (const per of [1_000, 2_000, 3_601_007]) {
      const rule = checkRule('test', { limit: 10, per, algorithm })
      const { add, look, refund } = algorithms[algorithm]
      const ahead = add([], rule, 1, startMs + per + 1)
      const counts = add(ahead, rule, 3, startMs)
      const { resetMs } = look(counts, rule, 1, startMs)
      const taken = { takenMs: startMs, resetMs, nowMs: startMs }
      expect(look(refund(counts, rule, 3, taken), rule, 1, startMs).remaining).toBe(9)
    }
  },
)

test('gcra: units that are used stay used, exactly, when the limit changes', () => {
  const changes = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(changes, fc.integer({ min: 1, max: 1_000 }), (limits, cost) => {
      const { add, look } = algorithms.gcra
      const burst = 1_000_000
      const rules = limits.map((limit) =>
        checkRule('test', { limit, burst, per: '1h', algorithm: 'gcra' }),
      )
      let counts: Counts = []
      let used = 0
      for (const rule of rules) {
        expect(look(counts, rule, 1, startMs).remaining).toBe(burst - used)
        counts = add(counts, rule, cost, startMs)
        used += cost
      }
      expect(counts.every(Number.isSafeInteger)).toBe(true)
    }),
  )
})

test('gcra: units that a larger limit has returned are not given back', () => {
  const { add, look, refund } = algorithms.gcra
  const slow = checkRule('test', { limit: 10, burst: 100, per: '10s', algorithm: 'gcra' })
  const fast = checkRule('test', { limit: 100, per: '10s', algorithm: 'gcra' })
  const first = add([], slow, 10, startMs)
  const { resetMs } = look(first, slow, 1, startMs)
  const second = add(first, fast, 1, startMs)
  const laterMs = startMs + 2_000
  const third = add(second, fast, 50, laterMs)
  const taken = { takenMs: startMs, resetMs, nowMs: laterMs }
  expect(look(refund(third, slow, 10, taken), fast, 1, laterMs).remaining).toBe(50)
})

test('gcra: the burst can be taken at once unit by unit, whatever the time of a unit is', () => {
  const pers = fc.integer({ min: 1_000, max: 366 * 86_400_000 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), limits, pers, (limit, burst, per) => {
      const all = Array.from({ length: burst + 1 }, () => ({ afterMs: 0, cost: 1 }))
      const rule = { limit, burst, per, algorithm: 'gcra' } as const
      expect(replay(rule, all)).toHaveLength(burst)
    }),
  )
})

test('gcra: units that have returned by themselves are not given back', () => {
  const rule = checkRule('test', { limit: 10, per: '10s', algorithm: 'gcra' })
  const { add, look, refund } = algorithms.gcra
  const first = add([], rule, 10, startMs)
  const laterMs = startMs + 10_000
  const second = add(first, rule, 10, laterMs)
  const { resetMs } = look(first, rule, 1, startMs)
  const taken = { takenMs: startMs, resetMs, nowMs: laterMs }
  expect(look(refund(second, rule, 10, taken), rule, 1, laterMs).remaining).toBe(0)
  // Half of the time has passed: half of the units return by the refund.
  const halfMs = startMs + 5_000
  const half = { takenMs: startMs, resetMs, nowMs: halfMs }
  const loaded = add(first, rule, 5, halfMs)
  expect(look(refund(loaded, rule, 10, half), rule, 1, halfMs).remaining).toBe(5)
})

test.each(['fixed', 'sliding', 'gcra'] as const)('%s: counts stay integers', (algorithm) => {
  const { add, look } = algorithms[algorithm]
  for (const limit of [0, 1, 1_000_000]) {
    const rule = checkRule('test', { limit, per: '366d', algorithm })
    let counts: Counts = []
    for (let i = 0; i < 3; i++) counts = add(counts, rule, Number.MAX_SAFE_INTEGER, startMs)
    expect(counts.every(Number.isSafeInteger)).toBe(true)
    if (limit > 0)
      expect(look(counts, rule, 1, startMs)).toMatchObject({ fits: false, remaining: 0 })
  }
})
