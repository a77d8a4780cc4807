import { type Clock, type RandomSource, sleep } from '../util/index.ts'

export interface BackoffOptions {
  readonly clock: Clock
  readonly random: RandomSource
  /** Time over all attempts, in milliseconds. */
  readonly timeoutMs: number
}

const delayMsMin = 2
const delayMsMax = 250
/** The first attempt may take this part of the time: a lost answer leaves time to look it up. */
const firstAttemptShare = 1 / 4
/** Each later attempt may take this part of the time that is left. */
const laterAttemptShare = 1 / 2
/** No attempt is given less, unless less is left. */
const attemptMsMin = 100

/**
 * The deadline of an operation that takes several attempts, the timeout of each attempt, and the
 * pauses between them: decorrelated jitter, between the shortest delay and three times the last.
 */
export class Backoff {
  readonly #options: BackoffOptions
  /** By the monotonic clock. */
  readonly deadlineMs: number
  #delayMs = delayMsMin
  #attemptCount = 0

  constructor(options: BackoffOptions) {
    this.#options = options
    this.deadlineMs = options.clock.monotonicMs() + options.timeoutMs
  }

  get timeoutMs(): number {
    return this.#options.timeoutMs
  }

  get isExpired(): boolean {
    return this.#options.clock.monotonicMs() >= this.deadlineMs
  }

  /** Milliseconds until the deadline, at least 1. */
  get #remainingMs(): number {
    return Math.max(1, Math.ceil(this.deadlineMs - this.#options.clock.monotonicMs()))
  }

  /** Begins an attempt. @returns its timeout in milliseconds, at least 1 */
  startAttempt(): number {
    const { timeoutMs } = this.#options
    const isFirst = this.#attemptCount++ === 0
    const share = isFirst ? timeoutMs * firstAttemptShare : this.#remainingMs * laterAttemptShare
    return Math.min(this.#remainingMs, Math.max(attemptMsMin, Math.ceil(share)))
  }

  async pause(): Promise<void> {
    const { clock, random } = this.#options
    const ceiling = Math.min(delayMsMax, this.#delayMs * 3)
    this.#delayMs = delayMsMin + random() * (ceiling - delayMsMin)
    await sleep(clock, Math.min(this.#delayMs, this.#remainingMs))
  }
}
