import { type Clock, type RandomSource, sleep } from '../util/index.ts'

export interface BackoffOptions {
  readonly clock: Clock
  readonly random: RandomSource
  /** Time over all tries, in milliseconds. */
  readonly timeoutMs: number
}

const delayMsMin = 2
const delayMsMax = 250

/**
 * Waits between tries of a contended conditional write, each time between the shortest delay and
 * three times the last one (decorrelated jitter), until a deadline.
 */
export class Backoff {
  readonly #options: BackoffOptions
  readonly #deadlineMs: number
  #delayMs = delayMsMin

  constructor(options: BackoffOptions) {
    this.#options = options
    this.#deadlineMs = options.clock.monotonicMs() + options.timeoutMs
  }

  get timeoutMs(): number {
    return this.#options.timeoutMs
  }

  /** Milliseconds that are left, at least 1: a valid `timeout` of a request. */
  get remainingMs(): number {
    return Math.max(1, Math.ceil(this.#deadlineMs - this.#options.clock.monotonicMs()))
  }

  get isExpired(): boolean {
    return this.#options.clock.monotonicMs() >= this.#deadlineMs
  }

  async pause(): Promise<void> {
    const { clock, random } = this.#options
    const ceiling = Math.min(delayMsMax, this.#delayMs * 3)
    this.#delayMs = delayMsMin + random() * (ceiling - delayMsMin)
    await sleep(clock, Math.min(this.#delayMs, this.remainingMs))
  }
}
