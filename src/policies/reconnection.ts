import type { RandomSource } from '../util/index.ts'

/** How long to wait before the n-th try to reach a node again. */
export interface ReconnectionPolicy {
  /** @param attempt 0 for the first try after a failure */
  delayMs(attempt: number): number
}

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
