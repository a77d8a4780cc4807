import { ConfigError } from '../../errors/index.ts'
import type { LwtMachine, LwtStep } from '../../kernel/index.ts'
import { algorithms, type Counts, type Look, mergedArrival } from './algorithms.ts'
import { type CheckedRule, isEarlierIdOf, partsOfId } from './rules.ts'

/** What is counted of one key. */
export interface LimitState {
  /** Counts by the id of their rule. */
  readonly counts: ReadonlyMap<string, Counts>
  /** The key is refused until then, in milliseconds since the epoch; 0 for never. */
  readonly blockedUntilMs: number
  /** When nothing of this matters any more, in milliseconds since the epoch. */
  readonly pastMs: number
}

export type LimitAsk =
  | {
      readonly kind: 'take' | 'look'
      readonly rules: readonly CheckedRule[]
      readonly cost: number
      readonly nowMs: number
      /** Whether units are counted although they do not fit. */
      readonly isForced: boolean
    }
  | {
      readonly kind: 'refund'
      readonly rules: readonly CheckedRule[]
      readonly cost: number
      readonly takenMs: number
      /** For each rule, when all of its units were to be available again after the request. */
      readonly resetMs: readonly number[]
      readonly nowMs: number
    }
  | { readonly kind: 'block'; readonly untilMs: number; readonly nowMs: number }
  | { readonly kind: 'reset'; readonly nowMs: number }

export interface LimitAnswer {
  readonly ok: boolean
  readonly blockedUntilMs: number
  /** For each rule, after the units were taken if they were. */
  readonly looks: readonly Look[]
}

const none: LimitState = { counts: new Map(), blockedUntilMs: 0, pastMs: 0 }
const noLooks: readonly Look[] = []
/**
 * A key that is exhausted or blocked is refused without asking the server for this long, which is
 * how late a reset, a refund or the end of a block by another process is noticed.
 */
export const refusedFromMemoryMs = 1_000
/** What is past is kept for this long, for callers whose clocks are behind. */
export const slackMs = 60_000
/** Different rules, by algorithm and window, whose counts one row holds. */
const ruleCountMax = 64

/** The rules of a limiter, all of one key together: units are taken from all rules or from none. */
export const limitMachine: LwtMachine<LimitState, LimitAsk, LimitAnswer> = {
  step(state, ask, isRepeated): LwtStep<LimitState, LimitAnswer> {
    const before = state ?? none
    switch (ask.kind) {
      case 'take':
      case 'look':
        return take(state, before, ask)
      case 'refund':
        return refund(state, before, ask, isRepeated)
      case 'block': {
        // Nothing is blocked when this ends a block that is not there.
        const isEnd = ask.untilMs <= ask.nowMs && before.blockedUntilMs === 0
        if (isEnd) return { ...unchanged(state), maxAgeMs: 0 }
        return changed(stateOf(before.counts, ask.untilMs, ask.nowMs, before.pastMs))
      }
      case 'reset': {
        if (isEmpty(before)) return { ...unchanged(state), maxAgeMs: 0 }
        // It lives as long as what it replaces: a node that missed it cannot revive that.
        return changed({ ...none, pastMs: before.pastMs })
      }
    }
  },
  isPast: ({ pastMs }, nowMs) => pastMs <= nowMs,
}

function take(
  state: LimitState | undefined,
  before: LimitState,
  ask: LimitAsk & { readonly kind: 'take' | 'look' },
): LwtStep<LimitState, LimitAnswer> {
  const { rules, cost, nowMs, isForced } = ask
  const { blockedUntilMs } = before
  const isBlocked = blockedUntilMs > nowMs
  const looks = rules.map((rule) => lookAt(before.counts, rule, cost, nowMs))
  const ok = !isBlocked && looks.every(({ fits }) => fits)
  if (ask.kind === 'look') return { state, answer: { ok, blockedUntilMs, looks }, maxAgeMs: 0 }
  if (!ok && !isForced) {
    const isExhausted = isBlocked || looks.some(({ remaining }) => remaining === 0)
    const maxAgeMs = isExhausted ? refusedFromMemoryMs : 0
    return { state, answer: { ok, blockedUntilMs, looks }, maxAgeMs }
  }
  const taken = currentCounts(before, nowMs)
  for (const rule of rules) {
    const counts = countsOf(taken, rule, nowMs)
    // A limit of 0 counts nothing of gcra, so that nothing is merged either.
    if (rule.limit > 0) {
      for (const id of taken.keys()) if (isEarlierIdOf(rule, id)) taken.delete(id)
    }
    taken.set(rule.id, algorithms[rule.algorithm].add(counts, rule, cost, nowMs))
  }
  checkCount(taken, before.counts)
  const pastMs = rules.reduce(
    (latest, rule) => Math.max(latest, lookAt(taken, rule, 0, nowMs).resetMs),
    before.pastMs,
  )
  const after = stateOf(taken, blockedUntilMs, nowMs, pastMs)
  const afterwards = rules.map((rule) => lookAt(taken, rule, cost, nowMs))
  return { state: after, answer: { ok, blockedUntilMs, looks: afterwards } }
}

/** The counts that still matter: those of rules that are not used any more are dropped. */
function currentCounts({ counts, pastMs }: LimitState, nowMs: number): Map<string, Counts> {
  return new Map(
    Array.from(counts).filter(([id, numbers]) => {
      const parts = partsOfId(id)
      const endMs =
        parts === undefined ? pastMs : algorithms[parts.algorithm].endMs(numbers, parts.windowMs)
      return endMs + slackMs > nowMs
    }),
  )
}

/** @throws ConfigError when a row would hold the counts of too many rules */
function checkCount(after: ReadonlyMap<string, Counts>, before: ReadonlyMap<string, Counts>): void {
  if (after.size <= ruleCountMax || after.size <= before.size) return
  throw new ConfigError(
    `A key is counted by at most ${ruleCountMax} different windows at a time: pass fewer different lengths of \`per\` for one key`,
  )
}

/** What is counted by a rule, also by earlier versions, which counted gcra per limit. */
function countsOf(counts: ReadonlyMap<string, Counts>, rule: CheckedRule, nowMs: number): Counts {
  const found = counts.get(rule.id)
  if (rule.algorithm !== 'gcra') return found ?? []
  const states = found === undefined ? [] : [found]
  for (const [id, numbers] of counts) {
    // Their arrival time is followed by no limit: it is in the id.
    if (isEarlierIdOf(rule, id)) states.push([...numbers, Number(id.split('/')[2])])
  }
  return mergedArrival(states, rule, nowMs)
}

function refund(
  state: LimitState | undefined,
  before: LimitState,
  { rules, cost, takenMs, resetMs, nowMs }: LimitAsk & { readonly kind: 'refund' },
  isRepeated: boolean,
): LwtStep<LimitState, LimitAnswer> {
  // Units that may have been returned already are not returned twice.
  if (isRepeated) return unchanged(state)
  const counts = new Map(before.counts)
  for (const [i, rule] of rules.entries()) {
    const found = counts.get(rule.id)
    if (found === undefined) continue
    const taken = { takenMs, resetMs: resetMs[i] ?? nowMs, nowMs }
    counts.set(rule.id, algorithms[rule.algorithm].refund(found, rule, cost, taken))
  }
  // What is not known is read first.
  if (state === undefined) return { ...unchanged(state), maxAgeMs: 0 }
  return changed(stateOf(counts, before.blockedUntilMs, nowMs, before.pastMs))
}

function lookAt(
  counts: ReadonlyMap<string, Counts>,
  rule: CheckedRule,
  cost: number,
  nowMs: number,
): Look {
  const { algorithm, limit, windowMs } = rule
  const counted = countsOf(counts, rule, nowMs)
  if (limit > 0) return algorithms[algorithm].look(counted, rule, cost, nowMs)
  // Nothing is ever admitted, whatever the algorithm is.
  const endMs = algorithm === 'gcra' ? 0 : algorithms[algorithm].endMs(counted, windowMs)
  const resetMs = endMs > nowMs ? endMs : (Math.floor(nowMs / windowMs) + 1) * windowMs
  return { fits: false, remaining: 0, resetMs, retryMs: resetMs }
}

function stateOf(
  counts: ReadonlyMap<string, Counts>,
  blockedUntilMs: number,
  nowMs: number,
  pastMs: number,
): LimitState {
  const isBlocked = blockedUntilMs > nowMs
  return {
    counts,
    blockedUntilMs: isBlocked ? blockedUntilMs : 0,
    pastMs: Math.max(pastMs, isBlocked ? blockedUntilMs : 0),
  }
}

function isEmpty({ counts, blockedUntilMs }: LimitState): boolean {
  return counts.size === 0 && blockedUntilMs === 0
}

function changed(state: LimitState): LwtStep<LimitState, LimitAnswer> {
  const { blockedUntilMs } = state
  return { state, answer: { ok: true, blockedUntilMs, looks: noLooks } }
}

function unchanged(state: LimitState | undefined): LwtStep<LimitState, LimitAnswer> {
  const blockedUntilMs = state?.blockedUntilMs ?? 0
  return { state, answer: { ok: true, blockedUntilMs, looks: noLooks } }
}
