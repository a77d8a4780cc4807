import type { Look } from './algorithms.ts'
import type { LimitAnswer } from './limit-machine.ts'
import type { CheckedRule } from './rules.ts'

/** What one rule says about a request. */
export interface RuleDecision {
  /** Whether the units fit the rule. */
  readonly ok: boolean
  readonly limit: number
  /** Length of the window, in milliseconds. */
  readonly windowMs: number
  /** Units left after the decision. */
  readonly remaining: number
  /** When all units are available again; for `fixed` the end of the window. */
  readonly resetAt: Date
  /** Milliseconds until {@link resetAt}. */
  readonly resetAfterMs: number
}

/**
 * What a limiter decided about one request. Limit, window and what is left are those of the rule
 * that decides: the one that refuses longest, else the one with the least left.
 */
export interface RateLimitDecision extends RuleDecision {
  /** Milliseconds until the same request can be admitted, at the earliest; 0 when admitted. */
  readonly retryAfterMs: number
  /** Whether the key is blocked, by `block`. */
  readonly blocked: boolean
  /**
   * Whether the database failed and `onError` decided: for `local` by the units that this process
   * has admitted, otherwise without counting.
   */
  readonly degraded: boolean
  /** One for each rule, when there are several. */
  readonly rules?: readonly RuleDecision[]
}

/** @param nowMs when the request came */
export function decisionOf(
  { ok, blockedUntilMs, looks }: LimitAnswer,
  rules: readonly CheckedRule[],
  nowMs: number,
  degraded = false,
): RateLimitDecision {
  const parts = rules.map((rule, i) => ruleDecisionOf(rule, looks[i]!, nowMs, ok))
  const at = decidingRule(looks, ok)
  const decision: RateLimitDecision = {
    ...parts[at]!,
    ...{ ok, degraded },
    retryAfterMs: ok || looks[at]!.fits ? 0 : Math.max(0, looks[at]!.retryMs - nowMs),
    blocked: false,
    ...(parts.length > 1 && { rules: parts }),
  }
  return blockedUntilMs > nowMs ? blockedDecision(decision, blockedUntilMs, nowMs) : decision
}

/** A key that is blocked has nothing left, and is free again when the block ends or later. */
function blockedDecision(
  decision: RateLimitDecision,
  untilMs: number,
  nowMs: number,
): RateLimitDecision {
  const resetMs = Math.max(decision.resetAt.getTime(), untilMs)
  return {
    ...decision,
    ...{ blocked: true, remaining: 0, resetAt: new Date(resetMs), resetAfterMs: resetMs - nowMs },
    retryAfterMs: Math.max(decision.retryAfterMs, untilMs - nowMs),
  }
}

/** The index of the rule that refuses longest, or of the one with the least left when all fit. */
function decidingRule(looks: readonly Look[], ok: boolean): number {
  let deciding = 0
  for (const [i, look] of looks.entries()) {
    const best = looks[deciding]!
    const isStricter = ok
      ? look.remaining < best.remaining
      : !look.fits && (best.fits || look.retryMs > best.retryMs)
    if (isStricter) deciding = i
  }
  return deciding
}

function ruleDecisionOf(
  { limit, windowMs }: CheckedRule,
  { remaining, resetMs, fits }: Look,
  nowMs: number,
  isTaken: boolean,
): RuleDecision {
  const resetAfterMs = Math.max(0, resetMs - nowMs)
  return {
    ok: isTaken || fits,
    limit,
    windowMs,
    remaining,
    resetAt: new Date(resetMs),
    resetAfterMs,
  }
}
