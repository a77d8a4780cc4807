import { ConfigError } from '../errors/index.ts'
import type { SpeculativeExecutionPolicy } from '../types/index.ts'

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

/** Options of {@link constantSpeculativeExecution}. */
export interface ConstantSpeculativeExecutionOptions {
  /** Milliseconds without an answer after which one more attempt starts. */
  readonly delayMs: number
  /** Most attempts in flight, the first included, 1 … 16. Default 2. */
  readonly attemptCountMax?: number | undefined
}

const speculativeAttemptsMax = 16

/**
 * Starts one more attempt of an idempotent request, on another node, whenever the latest has taken
 * so long. It shortens the tail of latencies at the price of more requests: choose a delay that few
 * requests reach.
 *
 * @throws ConfigError
 */
export function constantSpeculativeExecution(
  options: ConstantSpeculativeExecutionOptions,
): SpeculativeExecutionPolicy {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigError('constantSpeculativeExecution takes an object, such as { delayMs: 50 }')
  }
  const { delayMs, attemptCountMax = 2 } = options
  if (!Number.isFinite(delayMs) || delayMs < 1) {
    throw new ConfigError('delayMs of a speculative execution must be a number of at least 1')
  }
  const isCount = Number.isInteger(attemptCountMax) && attemptCountMax >= 1
  if (!isCount || attemptCountMax > speculativeAttemptsMax) {
    throw new ConfigError(
      `attemptCountMax of a speculative execution must be an integer from 1 to ${speculativeAttemptsMax}`,
    )
  }
  return Object.freeze({
    delayMs: (attemptCount: number) => (attemptCount < attemptCountMax ? delayMs : undefined),
  })
}

/** Starts no attempt while another one is without an answer, however long it takes. */
export const noSpeculativeExecution: SpeculativeExecutionPolicy = Object.freeze({
  delayMs: (): undefined => undefined,
})
