import { ConfigError } from '../../errors/index.ts'
import { type TimeSpan, toMilliseconds } from '../../kernel/index.ts'
import type { Clock } from '../../util/index.ts'

/** The longest life of a lease, in milliseconds: a day. */
export const leaseMsMax = 86_400_000
const leaseMsMin = 100

/**
 * The life of a lease in milliseconds.
 *
 * @param name of the option
 * @param clockErrorMs how far the clocks of processes may be apart
 * @throws ConfigError when nothing would be left of a lease
 */
export function checkLeaseTtl(
  name: string,
  ttl: TimeSpan,
  clockErrorMs: number,
  msMax: number = leaseMsMax,
): number {
  const ttlMs = toMilliseconds(name, ttl, leaseMsMin, msMax)
  if (ttlMs > 2 * clockErrorMs) return ttlMs
  throw new ConfigError(
    `${name} must be more than twice clockError: nothing would be left of a lease`,
  )
}

/**
 * A moment on both clocks: the monotonic clock stands still while the machine is suspended, and the
 * date can be set.
 */
export interface Moment {
  /** By the monotonic clock. */
  readonly ms: number
  /** Milliseconds since the epoch. */
  readonly dateMs: number
}

export function momentOf(clock: Clock): Moment {
  return { ms: clock.monotonicMs(), dateMs: clock.nowMs() }
}

/** Whether so many milliseconds have passed since, by either clock. */
export function hasPassed(clock: Clock, since: Moment, ms: number): boolean {
  return clock.monotonicMs() >= since.ms + ms || clock.nowMs() >= since.dateMs + ms
}
