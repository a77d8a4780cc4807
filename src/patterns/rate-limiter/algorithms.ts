/** How one rule counts. Times are in milliseconds since the epoch, unless they say otherwise. */
export interface Algorithm {
  /** Counts units, whether they fit or not. */
  readonly add: (state: Counts, rule: CountedRule, cost: number, nowMs: number) => Counts
  /** Gives back units. */
  readonly refund: (state: Counts, rule: CountedRule, cost: number, taken: TakenUnits) => Counts
  /** What a request for units would find. */
  readonly look: (state: Counts, rule: CountedRule, cost: number, nowMs: number) => Look
  /** When all units of a state are free again, whatever the limit is. */
  readonly endMs: (state: Counts, windowMs: number) => number
}

/** When units were taken that are given back, and when they were to be free by themselves. */
export interface TakenUnits {
  readonly takenMs: number
  /** `resetMs` of the look that followed when they were taken. */
  readonly resetMs: number
  readonly nowMs: number
}

/** What an algorithm needs to know of a rule. */
export interface CountedRule {
  readonly limit: number
  readonly windowMs: number
  /** Units that may be taken at once; `gcra` only. */
  readonly burst: number
}

/** Numbers that an algorithm keeps for a key; none when nothing was counted. */
export type Counts = readonly number[]

/** Numbers do not grow beyond it: servers store integers. */
const countMax = Number.MAX_SAFE_INTEGER

export interface Look {
  readonly fits: boolean
  /** Units that can be taken now. */
  readonly remaining: number
  /** When all units are available again, if none is taken. */
  readonly resetMs: number
  /** When the units that are asked for fit, if none is taken meanwhile; `resetMs` at the latest. */
  readonly retryMs: number
}

/**
 * Windows between fixed points in time: `[window, used]`. Around the end of a window twice the
 * limit can be admitted within the length of one.
 */
const fixed: Algorithm = {
  add(state, rule, cost, nowMs) {
    const [window, used] = windowAt(state, rule, nowMs)
    return [window, Math.min(countMax, used + cost)]
  },
  refund(state, { windowMs }, cost, { resetMs }) {
    const [window, used = 0] = state
    const taken = Math.round(resetMs / windowMs) - 1
    return window === taken ? [window, Math.max(0, used - cost)] : state
  },
  look(state, rule, cost, nowMs) {
    const [window, used] = windowAt(state, rule, nowMs)
    const resetMs = (window + 1) * rule.windowMs
    const remaining = Math.max(0, rule.limit - used)
    return { fits: cost <= remaining, remaining, resetMs, retryMs: resetMs }
  },
  endMs: ([window = -1], windowMs) => (window + 1) * windowMs,
}

/** The window of the state, when a process with a clock ahead has begun it, else that of now. */
function windowAt(
  [window = -1, used = 0]: Counts,
  { windowMs }: CountedRule,
  nowMs: number,
): readonly [window: number, used: number] {
  const current = Math.floor(nowMs / windowMs)
  return window >= current ? [window, used] : [current, 0]
}

/** A sliding window is counted in this many parts. */
const partCount = 20

/**
 * Every window of the length holds at most the limit, whenever it begins. Units are counted by
 * twentieths of the window: `[last part, units of it, units of the part before, …]`. All units of
 * the oldest part count until the whole part is outside, so units return up to a twentieth late.
 */
const sliding: Algorithm = {
  add(state, rule, cost, nowMs) {
    const [last, counts] = partsAt(state, rule, nowMs)
    const [newest = 0, ...older] = counts
    return trimmed(last, [Math.min(countMax, newest + cost), ...older])
  },
  refund(state, rule, cost, { resetMs }) {
    const [last = -1, ...counts] = state
    // A part that units were just added to is the newest one with units: that of the reset.
    const at = last - (Math.round(resetMs / partMs(rule)) - partCount - 1)
    const found = counts[at]
    if (found === undefined) return state
    return trimmed(last, counts.with(at, Math.max(0, found - cost)))
  },
  look(state, rule, cost, nowMs) {
    const [last, counts] = partsAt(state, rule, nowMs)
    const used = sum(counts)
    const remaining = Math.max(0, rule.limit - used)
    // When the part with this age has left the window.
    const leavesMs = (age: number): number => Math.ceil((last - age + partCount + 1) * partMs(rule))
    const newest = counts.findIndex((count) => count > 0)
    const resetMs = newest === -1 ? nowMs : leavesMs(newest)
    let left = used
    let retryMs = cost <= remaining ? nowMs : resetMs
    for (let age = counts.length - 1; age >= 0 && cost > rule.limit - left; age--) {
      left -= counts[age]!
      retryMs = Math.min(resetMs, leavesMs(age))
    }
    return { fits: cost <= remaining, remaining, resetMs, retryMs }
  },
  endMs: ([last = -1], windowMs) => Math.ceil((last + partCount + 1) * partMs({ windowMs })),
}

function partMs({ windowMs }: Pick<CountedRule, 'windowMs'>): number {
  return windowMs / partCount
}

/** The parts that are within the window now, the newest first. */
function partsAt(
  [last = -1, ...counts]: Counts,
  rule: CountedRule,
  nowMs: number,
): readonly [last: number, counts: readonly number[]] {
  const current = Math.floor(nowMs / partMs(rule))
  if (last >= current) return [last, counts]
  const passed = Math.min(current - last, partCount + 1)
  const moved = [...Array.from({ length: passed }, () => 0), ...counts]
  return [current, moved.slice(0, partCount + 1)]
}

function trimmed(last: number, counts: readonly number[]): Counts {
  const count = counts.findLastIndex((units) => units > 0) + 1
  return [last, ...counts.slice(0, count)]
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

/**
 * The generic cell rate algorithm, also known as token bucket: units return one by one, evenly, up
 * to `burst`. In every interval of t at most burst + t × limit / window units are admitted.
 *
 * The state is the theoretical arrival time, when all units will be available, as an exact time
 * followed by the limit that it was counted by. By another limit the same units take another time
 * to return: units that are used stay used when the limit of a window changes, and those that have
 * not returned yet return at the speed of the limit of the last request that was counted.
 */
const gcra: Algorithm = {
  add(state, rule, cost, nowMs) {
    // A limit of 0 admits nothing, whatever is counted.
    if (rule.limit === 0) return state
    const start = laterOf(arrivalOf(state, rule, nowMs), atMs(nowMs))
    return [...plus(start, durationOf(rule, cost), rule), rule.limit]
  },
  refund(state, rule, cost, { takenMs, resetMs, nowMs }) {
    if (rule.limit === 0) return state
    const limit = limitOf(state, rule)
    // Units that have returned by themselves, which a larger limit makes faster, do not return
    // again.
    const passed = atMs(Math.max(0, nowMs - takenMs))
    const returned = rescaled(passed, Math.max(limit, rule.limit), rule.limit)
    const remaining = laterOf(minus(atMs(resetMs - takenMs), returned, rule), atMs(0))
    const duration = durationOf(rule, cost)
    const given = rescaled(isLater(duration, remaining) ? remaining : duration, rule.limit, limit)
    return [...minus(state, given, { limit }), limit]
  },
  look(state, rule, cost, nowMs) {
    const now = atMs(nowMs)
    const start = laterOf(arrivalOf(state, rule, nowMs), now)
    const tolerance = durationOf(rule, rule.burst)
    const fitsAt = minus(plus(start, durationOf(rule, cost), rule), tolerance, rule)
    const fits = !isLater(fitsAt, now)
    const resetMs = toMs(start)
    return {
      fits,
      remaining: unitsWithin(minus(plus(tolerance, now, rule), start, rule), rule),
      resetMs,
      retryMs: cost > rule.burst ? resetMs : Math.min(resetMs, toMs(fitsAt)),
    }
  },
  endMs: (state) => toMs(state),
}

/** The limit that a state was counted by. */
function limitOf([, , limit]: Counts, rule: CountedRule): number {
  return limit ?? rule.limit
}

/** The arrival time of a state by the limit of a rule: as many units are used as before. */
function arrivalOf(state: Counts, rule: CountedRule, nowMs: number): ExactTime {
  const limit = limitOf(state, rule)
  const now = atMs(nowMs)
  if (limit === rule.limit || !isLater(state, now)) return state
  return plus(now, rescaled(minus(state, now, { limit }), limit, rule.limit), rule)
}

/** The time that units take by one limit as the time that they take by another, exactly. */
function rescaled([us = 0, parts = 0]: ExactTime, from: number, to: number): ExactTime {
  return from === to ? [us, parts] : quotientOf(us, from, parts, to)
}

/**
 * The state that has as many units in use as several together. Rows of earlier versions hold one
 * arrival time per limit.
 */
export function mergedArrival(states: readonly Counts[], rule: CountedRule, nowMs: number): Counts {
  const [first = [], ...others] = states
  if (others.length === 0 || rule.limit === 0) return first
  const now = atMs(nowMs)
  let sum = now
  for (const state of states) {
    const arrival = laterOf(arrivalOf(state, rule, nowMs), now)
    sum = plus(sum, minus(arrival, now, rule), rule)
  }
  return [...sum, rule.limit]
}

/**
 * Microseconds, and parts of the next one, of which there are `limit`: as many units as are allowed
 * at once last exactly as long as all of them together.
 */
type ExactTime = Counts

function atMs(ms: number): ExactTime {
  return [ms * 1_000, 0]
}

/** The first millisecond that is not before a time. */
function toMs([us = 0, parts = 0]: ExactTime): number {
  return Math.ceil((parts > 0 ? us + 1 : us) / 1_000)
}

function isLater([a = 0, partsOfA = 0]: ExactTime, [b = 0, partsOfB = 0]: ExactTime): boolean {
  return a === b ? partsOfA > partsOfB : a > b
}

function laterOf(a: ExactTime, b: ExactTime): ExactTime {
  return isLater(a, b) ? a : b
}

function plus(
  [a = 0, partsOfA = 0]: ExactTime,
  [b = 0, partsOfB = 0]: ExactTime,
  { limit }: CountedRule,
): ExactTime {
  const parts = partsOfA + partsOfB
  const [us, rest] = parts >= limit ? [a + b + 1, parts - limit] : [a + b, parts]
  return us > countMax ? [countMax, 0] : [us, rest]
}

function minus(
  [a = 0, partsOfA = 0]: ExactTime,
  [b = 0, partsOfB = 0]: ExactTime,
  { limit }: Pick<CountedRule, 'limit'>,
): ExactTime {
  const parts = partsOfA - partsOfB
  return parts < 0 ? [a - b - 1, parts + limit] : [a - b, parts]
}

/** How long it takes until as many units have returned. */
function durationOf({ limit, windowMs }: CountedRule, cost: number): ExactTime {
  return quotientOf(cost, windowMs * 1_000, 0, limit)
}

/** (a × b + c) / divisor, in whole numbers and without a rounded step. */
function quotientOf(a: number, b: number, c: number, divisor: number): ExactTime {
  const dividend = a * b + c
  if (dividend <= countMax) {
    const parts = dividend % divisor
    return [(dividend - parts) / divisor, parts]
  }
  const exact = BigInt(a) * BigInt(b) + BigInt(c)
  const us = Number(exact / BigInt(divisor))
  return us > countMax ? [countMax, 0] : [us, Number(exact % BigInt(divisor))]
}

/** Units that return within a time. */
function unitsWithin([us = 0, parts = 0]: ExactTime, { limit, windowMs }: CountedRule): number {
  if (us < 0) return 0
  const product = us * limit + parts
  if (product <= countMax) return Math.floor(product / (windowMs * 1_000))
  return Number((BigInt(us) * BigInt(limit) + BigInt(parts)) / BigInt(windowMs * 1_000))
}

export type AlgorithmName = 'fixed' | 'sliding' | 'gcra'

export const algorithms: { readonly [Name in AlgorithmName]: Algorithm } = {
  ...{ fixed, sliding, gcra },
}
