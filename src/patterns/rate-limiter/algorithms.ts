/** How one rule counts. Times are in milliseconds since the epoch, unless they say otherwise. */
export interface Algorithm {
  /** Counts units, whether they fit or not. */
  readonly add: (state: Counts, rule: CountedRule, cost: number, nowMs: number) => Counts
  /** Gives back units that were taken at `takenMs`. */
  readonly refund: (state: Counts, rule: CountedRule, cost: number, takenMs: number) => Counts
  /** What a request for units would find. */
  readonly look: (state: Counts, rule: CountedRule, cost: number, nowMs: number) => Look
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
    return [window, used + cost]
  },
  refund(state, { windowMs }, cost, takenMs) {
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
    return trimmed(last, [newest + cost, ...older])
  },
  refund(state, rule, cost, takenMs) {
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
 * The state is the theoretical arrival time, `[time]` in microseconds: when all units will be
 * available. The time per unit is rounded up to microseconds for the units of a request together.
 */
const gcra: Algorithm = {
  add([arrivalUs = 0], rule, cost, nowMs) {
    return [Math.max(arrivalUs, nowMs * 1_000) + durationUs(rule, cost)]
  },
  refund([arrivalUs = 0], rule, cost) {
    return [arrivalUs - durationUs(rule, cost)]
  },
  look([arrivalUs = 0], rule, cost, nowMs) {
    const nowUs = nowMs * 1_000
    const startUs = Math.max(arrivalUs, nowUs)
    const toleranceUs = durationUs(rule, rule.burst)
    const freeUs = toleranceUs - (startUs - nowUs)
    const remaining = Math.max(0, Math.floor((freeUs * rule.limit) / (rule.windowMs * 1_000)))
    const fitsUs = startUs + durationUs(rule, cost) - toleranceUs
    const resetMs = Math.ceil(startUs / 1_000)
    const retryMs = cost > rule.burst ? resetMs : Math.min(resetMs, Math.ceil(fitsUs / 1_000))
    return { fits: fitsUs <= nowUs, remaining, resetMs, retryMs }
  },
}

function durationUs({ limit, windowMs }: CountedRule, cost: number): number {
  return Math.ceil((cost * windowMs * 1_000) / limit)
}

export type AlgorithmName = 'fixed' | 'sliding' | 'gcra'

export const algorithms: { readonly [Name in AlgorithmName]: Algorithm } = {
  ...{ fixed, sliding, gcra },
}
