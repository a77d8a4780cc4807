import type { LwtMachine, LwtStep } from '../../kernel/index.ts'
import { algorithms, type Counts, type Look } from './algorithms.ts'
import type { CheckedRule } from './rules.ts'

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
const refusedFromMemoryMs = 1_000

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
        const after = stateOf(before.counts, ask.untilMs, ask.nowMs, before.pastMs)
        return changed(after)
      }
      case 'reset':
        return isEmpty(before) ? { ...unchanged(state), maxAgeMs: 0 } : changed(none)
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
  // When all of it is past, rules that are not used any more are dropped.
  const taken = new Map(before.pastMs > nowMs ? before.counts : [])
  for (const rule of rules) {
    const counts = taken.get(rule.id) ?? []
    taken.set(rule.id, algorithms[rule.algorithm].add(counts, rule, cost, nowMs))
  }
  const pastMs = rules.reduce(
    (latest, rule) => Math.max(latest, lookAt(taken, rule, 0, nowMs).resetMs),
    before.pastMs,
  )
  const after = stateOf(taken, blockedUntilMs, nowMs, pastMs)
  const afterwards = rules.map((rule) => lookAt(taken, rule, cost, nowMs))
  return { state: after, answer: { ok, blockedUntilMs, looks: afterwards } }
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
    const taken = { takenMs, remainingMs: (resetMs[i] ?? nowMs) - nowMs }
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
  if (rule.limit > 0) {
    return algorithms[rule.algorithm].look(counts.get(rule.id) ?? [], rule, cost, nowMs)
  }
  // Nothing is ever admitted, whatever the algorithm is.
  const resetMs = (Math.floor(nowMs / rule.windowMs) + 1) * rule.windowMs
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
