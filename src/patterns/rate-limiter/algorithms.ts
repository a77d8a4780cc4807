/** How one rule counts. Times are in milliseconds since the epoch, unless they say otherwise. */
export interface Algorithm {
  /** Counts units, whether they fit or not. */
  readonly add: (state: Counts, rule: CountedRule, cost: number, nowMs: number) => Counts
  /** Gives back units. */
  readonly refund: (state: Counts, rule: CountedRule, cost: number, taken: TakenUnits) => Counts
  /** What a request for units would find. */
  readonly look: (state: Counts, rule: CountedRule, cost: number, nowMs: number) => Look
}

/** When units were taken that are given back. */
export interface TakenUnits {
  readonly takenMs: number
  /** How long it still takes, from now on, until the units that were taken then are all free. */
  readonly remainingMs: number
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
  refund(state, { windowMs }, cost, { takenMs }) {
    const [window, used = 0] = state
    return window === Math.floor(takenMs / windowMs) ? [window, Math.max(0, used - cost)] : state
  },
  look(state, rule, cost, nowMs) {
    const [window, used] = windowAt(state, rule, nowMs)
    const resetMs = (window + 1) * rule.windowMs
    const remaining = Math.max(0, rule.limit - used)
    return { fits: cost <= remaining, remaining, resetMs, retryMs: resetMs }
  },
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
  refund(state, rule, cost, { takenMs }) {
    const [last = -1, ...counts] = state
    const at = last - Math.floor(takenMs / partMs(rule))
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
}

function partMs({ windowMs }: CountedRule): number {
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
 * The state is the theoretical arrival time: when all units will be available, as an exact time.
 */
const gcra: Algorithm = {
  add(state, rule, cost, nowMs) {
    // A limit of 0 admits nothing, whatever is counted.
    if (rule.limit === 0) return state
    return plus(laterOf(state, atMs(nowMs)), durationOf(rule, cost), rule)
  },
  refund(state, rule, cost, { remainingMs }) {
    if (rule.limit === 0) return state
    // Units that have returned by themselves do not return again.
    const remaining = atMs(Math.max(0, remainingMs))
    const duration = durationOf(rule, cost)
    return minus(state, isLater(duration, remaining) ? remaining : duration, rule)
  },
  look(state, rule, cost, nowMs) {
    const now = atMs(nowMs)
    const start = laterOf(state, now)
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
  { limit }: CountedRule,
): ExactTime {
  const parts = partsOfA - partsOfB
  return parts < 0 ? [a - b - 1, parts + limit] : [a - b, parts]
}

/** How long it takes until as many units have returned. */
function durationOf({ limit, windowMs }: CountedRule, cost: number): ExactTime {
  const product = cost * windowMs * 1_000
  if (product <= countMax) {
    const parts = product % limit
    return [(product - parts) / limit, parts]
  }
  const exact = BigInt(cost) * BigInt(windowMs * 1_000)
  const us = Number(exact / BigInt(limit))
  return us > countMax ? [countMax, 0] : [us, Number(exact % BigInt(limit))]
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
