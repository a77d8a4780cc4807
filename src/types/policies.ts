import type { Consistency, TsyllaError } from '../errors/index.ts'

/** A failed attempt of a request, as a retry policy sees it. */
export interface FailedAttempt {
  readonly error: TsyllaError
  /** Whether the statement may be repeated although it may have been applied. */
  readonly isIdempotent: boolean
  /** Whether it is a conditional statement (LWT). */
  readonly isConditional: boolean
  /** Consistency of the attempt. */
  readonly consistency: Consistency
  /** Attempts made so far, this one included. */
  readonly attemptCount: number
}

/**
 * What to do with a failed attempt: `same_node` and `next_node` try again, also with another
 * consistency; `rethrow` reports the error.
 */
export type RetryDecision =
  | 'same_node'
  | 'next_node'
  | 'rethrow'
  | { readonly retry: 'same_node' | 'next_node'; readonly consistency: Consistency }

/** Decides what follows a failed attempt. */
export interface RetryPolicy {
  /**
   * Called once per failed attempt, of which a request has at most 100. What it throws, or returns
   * that is no decision, fails the request with a `ConfigError`.
   */
  decide(failed: FailedAttempt): RetryDecision
}

/**
 * Decides whether an idempotent request is sent to one more node while earlier attempts are still
 * without an answer. The first answer wins.
 */
export interface SpeculativeExecutionPolicy {
  /**
   * Called for every attempt that is sent. What it throws, or returns that is no delay, fails the
   * request with a `ConfigError`; when attempts are in flight already, no other one is sent.
   *
   * @param attemptCount attempts in flight, the one that is sent now included
   * @param timeoutMs deadline of the whole request
   * @returns milliseconds that the latest attempt may take before another one starts; `undefined`
   *   for never
   */
  delayMs(attemptCount: number, timeoutMs: number): number | undefined
}

/** How long to wait before the n-th try to reach a node again. */
export interface ReconnectionPolicy {
  /**
   * What it throws, or returns that is no delay, counts as ten seconds.
   *
   * @param attempt 0 for the first try after a failure
   * @returns milliseconds
   */
  delayMs(attempt: number): number
}
