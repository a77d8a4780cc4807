import { ConfigError } from '../../errors/index.ts'
import type { ExecutionProfile } from '../../policies/index.ts'
import type { SpeculativeExecutionPolicy } from '../../types/index.ts'
import { ignoreRejection } from '../../util/index.ts'

/** Passes the time of an attempt to the policy, which only watches here. */
export function reportLatency(policy: SpeculativeExecutionPolicy, latencyMs: number): void {
  try {
    ignoreRejection(policy.onLatency?.(latencyMs))
  } catch {
    // The attempt has ended whatever the policy does.
  }
}

/** @throws ConfigError when the policy fails, or returns no delay */
export function speculationDelayMs(
  { speculation, timeoutMs }: ExecutionProfile,
  attemptCount: number,
): number | undefined {
  let delayMs: number | undefined
  try {
    delayMs = speculation.delayMs(attemptCount, timeoutMs)
  } catch (cause) {
    throw new ConfigError('speculativeExecutionPolicy has failed', 'not_applied', { cause })
  }
  ignoreRejection(delayMs)
  if (delayMs === undefined || (Number.isFinite(delayMs) && delayMs >= 0)) return delayMs
  throw new ConfigError(
    `speculativeExecutionPolicy has returned ${String(delayMs)}, which is no number of milliseconds`,
  )
}
