import { faultOf, RequestTimeoutError, TsyllaError } from '../errors/index.ts'
import type { Backoff } from './backoff.ts'

/**
 * The attempts of one conditional write, from the first until its outcome is known. An attempt that
 * exceeds its own timeout is always repeated: the deadline is that of all attempts together.
 */
export class LwtRetry {
  readonly #backoff: Backoff
  /** The first error that left open whether the write was applied. */
  #unknown: TsyllaError | undefined

  constructor(backoff: Backoff) {
    this.#backoff = backoff
  }

  /** Whether an attempt failed without its outcome being known. */
  get isOutcomeUnknown(): boolean {
    return this.#unknown !== undefined
  }

  /**
   * Waits until the next attempt may start, after one that failed with `error`.
   *
   * @throws the failure when another attempt cannot succeed, when the deadline has passed, and when
   *   no attempt timed out or left its outcome open, so that the caller may decide
   */
  async retryOrThrow(error: unknown): Promise<void> {
    if (TsyllaError.is(error) && error.outcome === 'unknown') this.#unknown ??= error
    if (this.#backoff.isExpired || faultOf(error) !== 'transient') throw this.#failure(error)
    if (!this.isOutcomeUnknown && !isAttemptTimeout(error)) throw error
    await this.#backoff.pause()
  }

  /** The error of an operation whose time is over. */
  timeout(): TsyllaError {
    const outcome = this.isOutcomeUnknown ? 'unknown' : 'not_applied'
    return new RequestTimeoutError(this.#backoff.timeoutMs, outcome)
  }

  /** The last failure says nothing about an earlier attempt whose outcome is unknown. */
  #failure(error: unknown): unknown {
    if (isAttemptTimeout(error)) return this.timeout()
    if (this.#unknown === undefined) return error
    if (!TsyllaError.is(error)) return this.#unknown
    // A copy, because other callers may have been given the same error.
    const copy = error.copy()
    copy.outcome = 'unknown'
    return copy
  }
}

function isAttemptTimeout(error: unknown): boolean {
  return TsyllaError.is(error) && error.code === 'TSYLLA_REQUEST_TIMEOUT'
}
