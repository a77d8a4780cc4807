/**
 * Decides whether an idempotent request is sent to one more node while earlier attempts are still
 * without an answer. The first answer wins.
 */
export interface SpeculativeExecutionPolicy {
  /**
   * @param attemptCount attempts in flight
   * @param timeoutMs deadline of the whole request
   * @returns how long the latest attempt may take before another one starts; `undefined` for never
   */
  delayMs(attemptCount: number, timeoutMs: number): number | undefined
}

/** Longest time that one attempt is waited for before another node is asked too. */
const stalledAfterMsMax = 2_000
/** Share of the deadline of a request after which its attempt counts as stalled. */
const stalledAfterShare = 0.25

/**
 * Starts one more attempt when the first has stalled: after a quarter of the deadline, at the
 * latest after two seconds. It bounds what a hung node or a lost answer costs; it does not aim at
 * tail latency, so a healthy cluster sees no additional requests.
 */
export const stalledAttemptPolicy: SpeculativeExecutionPolicy = Object.freeze({
  delayMs: (attemptCount: number, timeoutMs: number) =>
    attemptCount > 1
      ? undefined
      : Math.max(1, Math.min(stalledAfterMsMax, Math.floor(timeoutMs * stalledAfterShare))),
})
