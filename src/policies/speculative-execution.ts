import { ConfigError } from '../errors/index.ts'
import type { SpeculativeExecutionPolicy } from '../types/index.ts'
import { RecentLatencies } from './recent-latencies.ts'

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
  /**
   * Milliseconds without an answer after which one more attempt starts. Attempts are looked at
   * every 25 ms, so it starts up to 25 ms later.
   */
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
  checkAttemptCount(attemptCountMax)
  return Object.freeze({
    delayMs: (attemptCount: number) => (attemptCount < attemptCountMax ? delayMs : undefined),
  })
}

function checkAttemptCount(attemptCountMax: number): void {
  const isCount = Number.isInteger(attemptCountMax) && attemptCountMax >= 1
  if (isCount && attemptCountMax <= speculativeAttemptsMax) return
  throw new ConfigError(
    `attemptCountMax of a speculative execution must be an integer from 1 to ${speculativeAttemptsMax}`,
  )
}

/** Options of {@link percentileSpeculativeExecution}. */
export interface PercentileSpeculativeExecutionOptions {
  /** Share of the attempts that are faster, 50 … 99.99 percent: the others are doubled. */
  readonly percentile: number
  /** Most attempts in flight, the first included, 1 … 16. Default 2. */
  readonly attemptCountMax?: number | undefined
  /**
   * Shortest delay in milliseconds. Default 1. Attempts are looked at every 25 ms, so another one
   * starts up to 25 ms later.
   */
  readonly delayMsMin?: number | undefined
}

/** Latencies without which their percentile says too little. */
export const latencyCountMin = 100

/**
 * Starts one more attempt of an idempotent request, on another node, when the latest has taken
 * longer than a percentile of the last 1,024 attempts that use the policy: with 99 one of a hundred
 * requests is doubled. The first hundred requests are doubled as without a policy. Use one policy
 * per session, and per kind of request when their times differ: an object measures for all that it
 * is given to.
 *
 * @throws ConfigError
 */
export function percentileSpeculativeExecution(
  options: PercentileSpeculativeExecutionOptions,
): SpeculativeExecutionPolicy {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigError(
      'percentileSpeculativeExecution takes an object, such as { percentile: 99 }',
    )
  }
  const { percentile, attemptCountMax = 2, delayMsMin = 1 } = options
  if (!(percentile >= 50 && percentile <= 99.99)) {
    throw new ConfigError('percentile of a speculative execution must be from 50 to 99.99')
  }
  checkAttemptCount(attemptCountMax)
  if (!Number.isFinite(delayMsMin) || delayMsMin < 1) {
    throw new ConfigError('delayMsMin of a speculative execution must be a number of at least 1')
  }
  const latencies = new RecentLatencies(percentile)
  return Object.freeze({
    delayMs(attemptCount: number, timeoutMs: number): number | undefined {
      if (attemptCount >= attemptCountMax) return undefined
      return latencies.count < latencyCountMin
        ? stalledAttemptPolicy.delayMs(attemptCount, timeoutMs)
        : Math.max(delayMsMin, latencies.value)
    },
    onLatency: (latencyMs: number) => latencies.record(latencyMs),
  })
}

/** Starts no attempt while another one is without an answer, however long it takes. */
export const noSpeculativeExecution: SpeculativeExecutionPolicy = Object.freeze({
  delayMs: (): undefined => undefined,
})
