import { ttlSecondsMaxAt } from '../../kernel/index.ts'
import type { Clock } from '../../util/index.ts'

/**
 * Rows of sessions that have ended stay this long, so that `inspectSession` can tell why, and for
 * clocks that differ. TTL never decides whether a session is valid.
 */
export const graceSeconds = 3_600

const ttlSecondsMin = 60

/** TTL of a row that matters until `untilMs`, in seconds. */
export function rowTtlSeconds(untilMs: number, clock: Clock): number {
  const seconds = Math.ceil((untilMs - clock.nowMs()) / 1_000) + graceSeconds
  return Math.min(Math.max(ttlSecondsMin, seconds), ttlSecondsMaxAt(clock))
}
