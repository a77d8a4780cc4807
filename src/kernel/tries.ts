import { type AnyTsyllaError, RequestTimeoutError, TsyllaError } from '../errors/index.ts'
import type { Backoff } from './backoff.ts'

/** What may be gone the next time: nodes, connections and replicas come back. */
const passingCodes: ReadonlySet<AnyTsyllaError['code']> = new Set([
  'TSYLLA_CONNECTION',
  'TSYLLA_OVERLOADED',
  'TSYLLA_PROTOCOL',
  'TSYLLA_REQUEST_TIMEOUT',
  'TSYLLA_SERVER',
  'TSYLLA_SERVER_BOOTSTRAPPING',
  'TSYLLA_SERVER_CAS_WRITE_UNKNOWN',
  'TSYLLA_SERVER_CDC_WRITE_FAILURE',
  'TSYLLA_SERVER_OVERLOADED',
  'TSYLLA_SERVER_READ_FAILURE',
  'TSYLLA_SERVER_READ_TIMEOUT',
  'TSYLLA_SERVER_TRUNCATE',
  'TSYLLA_SERVER_UNAVAILABLE',
  'TSYLLA_SERVER_UNPREPARED',
  'TSYLLA_SERVER_WRITE_FAILURE',
  'TSYLLA_SERVER_WRITE_TIMEOUT',
])

/**
 * Whether another try can mend what failed. It cannot where the session is closed, the caller or
 * the statement is at fault, or access is refused; nor is it assumed of what is not known.
 */
function isPassing(error: unknown): boolean {
  if (!TsyllaError.is(error)) return false
  if (error.code !== 'TSYLLA_NO_NODE_AVAILABLE') return passingCodes.has(error.code)
  return error.errors.size === 0 || [...error.errors.values()].some(isPassing)
}

/** The tries of one conditional write, from its first until it is known what became of it. */
export class Tries {
  readonly #backoff: Backoff
  /** The first error that left open whether the write was applied. */
  #lost: TsyllaError | undefined

  constructor(backoff: Backoff) {
    this.#backoff = backoff
  }

  /** Whether a write went out of which nobody knows what became. */
  get wasLost(): boolean {
    return this.#lost !== undefined
  }

  /**
   * Waits for the next try after one that failed.
   *
   * @throws what it failed with when nothing was lost, so that the caller may decide; when another
   *   try cannot mend it; and when the time is over
   */
  async next(error: unknown): Promise<void> {
    if (TsyllaError.is(error) && error.outcome === 'unknown') this.#lost ??= error
    if (!this.wasLost || this.#backoff.isExpired || !isPassing(error)) throw this.failure(error)
    await this.#backoff.pause()
  }

  /** What the caller is told: that the last try came to nothing tells nothing of a lost one. */
  failure(error: unknown): unknown {
    if (this.#lost === undefined) return error
    if (!TsyllaError.is(error)) return this.#lost
    // Not the error itself: others may have been given it too.
    const copy = error.copy()
    copy.outcome = 'unknown'
    return copy
  }

  timeout(): unknown {
    return this.failure(new RequestTimeoutError(this.#backoff.timeoutMs, 'not_applied'))
  }
}
