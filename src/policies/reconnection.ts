import type { ReconnectionPolicy } from '../types/index.ts'
import { ignoreRejection, type RandomSource } from '../util/index.ts'

export interface ExponentialReconnectionOptions {
  readonly delayMsMin?: number
  readonly delayMsMax?: number
  readonly random: RandomSource
}

/**
 * Doubles from `delayMsMin` to `delayMsMax`, each time with full jitter above half: many clients of
 * one restarted node must not come back in step.
 */
export class ExponentialReconnectionPolicy implements ReconnectionPolicy {
  readonly #delayMsMin: number
  readonly #delayMsMax: number
  readonly #random: RandomSource

  constructor(options: ExponentialReconnectionOptions) {
    this.#delayMsMin = options.delayMsMin ?? 50
    this.#delayMsMax = options.delayMsMax ?? 10_000
    this.#random = options.random
  }

  delayMs(attempt: number): number {
    const ceiling = Math.min(this.#delayMsMax, this.#delayMsMin * 2 ** Math.min(attempt, 30))
    return ceiling / 2 + (this.#random() * ceiling) / 2
  }
}

/** Delay in place of one that a policy of the user does not have, in milliseconds. */
const delayMsOfBroken = 10_000

/** A policy whose delays are delays, whatever the one of the user throws or returns. */
export function guardReconnection(policy: ReconnectionPolicy): ReconnectionPolicy {
  return {
    delayMs(attempt) {
      try {
        const delayMs: unknown = policy.delayMs(attempt)
        const isDelay = typeof delayMs === 'number' && delayMs >= 0 && delayMs < 2 ** 31
        ignoreRejection(delayMs)
        return isDelay ? delayMs : delayMsOfBroken
      } catch {
        return delayMsOfBroken
      }
    },
  }
}
