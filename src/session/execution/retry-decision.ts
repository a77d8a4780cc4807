import { ConsistencyCode } from '../../errors/index.ts'
import type { FailedAttempt, RetryPolicy } from '../../types/index.ts'
import { ignoreRejection } from '../../util/index.ts'
import { checkConsistency } from '../options.ts'

/** Longest time that a retry policy may let a request wait. */
export const retryDelayMsMax = 60_000

/** What a retry policy has decided, checked. */
export interface CheckedDecision {
  readonly retry: 'same_node' | 'next_node' | 'rethrow'
  /** Number of the consistency of the next attempt; `undefined` for that of the failed one. */
  readonly consistency: number | undefined
  /** Time to wait before the next attempt. */
  readonly afterMs: number
}

export const noRetry: CheckedDecision = {
  retry: 'rethrow',
  consistency: undefined,
  afterMs: 0,
}

/**
 * Asks a retry policy.
 *
 * @throws whatever the policy throws, and TypeError when it returns no decision
 */
export function askRetryPolicy(policy: RetryPolicy, failed: FailedAttempt): CheckedDecision {
  const decision: unknown = policy.decide(failed)
  if (isKind(decision)) return { retry: decision, consistency: undefined, afterMs: 0 }
  // An async policy returns a promise.
  ignoreRejection(decision)
  if (typeof decision !== 'object' || decision === null || !('retry' in decision)) {
    throw noDecision(decision)
  }
  const { retry, consistency, afterMs = 0 } = decision as Record<string, unknown>
  if (!isKind(retry) || retry === 'rethrow') throw noDecision(decision)
  if (typeof afterMs !== 'number' || !(afterMs >= 0 && afterMs <= retryDelayMsMax)) {
    throw new TypeError(`afterMs must be from 0 to ${retryDelayMsMax}, not ${String(afterMs)}`)
  }
  const code =
    consistency === undefined ? undefined : ConsistencyCode[checkConsistency(consistency as string)]
  return { retry, consistency: code, afterMs }
}

function isKind(value: unknown): value is CheckedDecision['retry'] {
  return value === 'same_node' || value === 'next_node' || value === 'rethrow'
}

function noDecision(decision: unknown): TypeError {
  return new TypeError(`it returned ${JSON.stringify(decision)}, which is no decision`)
}
