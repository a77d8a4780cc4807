import { RequestTimeoutError } from '../errors/index.ts'
import type { Clock, Timer } from '../util/index.ts'

/** How long a caller waits. */
export interface CallerLimit {
  readonly clock: Clock
  /** The caller's own timeout, for the error. */
  readonly timeoutMs: number
  /** By the monotonic clock. */
  readonly deadlineMs: number
}

/** A caller that shares a request with others, and waits for its answer until its own deadline. */
export class WaitingCaller<Answer> {
  /** By the monotonic clock. */
  readonly deadlineMs: number
  /** Whether a write in progress, or one whose answer was lost, contains the effect of this. */
  isMaybeApplied = false
  isSettled = false
  readonly #timeoutMs: number
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: unknown) => void
  readonly #timer: Timer

  constructor(
    { clock, timeoutMs, deadlineMs }: CallerLimit,
    resolve: (answer: Answer) => void,
    reject: (error: unknown) => void,
  ) {
    this.deadlineMs = deadlineMs
    this.#timeoutMs = timeoutMs
    this.#resolve = resolve
    this.#reject = reject
    const leftMs = Math.max(0, deadlineMs - clock.monotonicMs())
    this.#timer = clock.schedule(leftMs, () => this.#onDeadline(), true)
  }

  resolve(answer: Answer): void {
    if (this.#settle()) this.#resolve(answer)
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error)
  }

  #onDeadline(): void {
    const outcome = this.isMaybeApplied ? 'unknown' : 'not_applied'
    this.reject(new RequestTimeoutError(this.#timeoutMs, outcome))
  }

  /** @returns whether this was the first time */
  #settle(): boolean {
    if (this.isSettled) return false
    this.isSettled = true
    this.#timer.cancel()
    return true
  }
}
