import { CacheValueError } from '../../index.ts'

/** What has failed, for `onError`. */
export interface NextCacheFailure {
  readonly operation: 'get' | 'set' | 'revalidate'
  /** The key of the entry, or the tags. */
  readonly key: string
}

/** After so many failures in a row the database is asked only from time to time. */
const failureCountMax = 3
const pauseMs = 5_000

/** Reports failures, and says whether the database is to be asked. Times are monotonic. */
export class NextFailures {
  readonly #onError: (error: unknown, failure: NextCacheFailure) => void
  /** Failures since the database has last answered. */
  #count = 0
  #retryMs = 0

  constructor(onError: ((error: unknown, failure: NextCacheFailure) => void) | undefined) {
    this.#onError = onError ?? ((error, failure) => this.#warn(error, failure))
  }

  /** @returns `false` for one call when it is time to ask again; others do not wait for it */
  isPaused(nowMs: number): boolean {
    if (this.#count < failureCountMax) return false
    if (nowMs < this.#retryMs) return true
    this.#retryMs = nowMs + pauseMs
    return false
  }

  succeed(): void {
    this.#count = 0
  }

  fail(error: unknown, failure: NextCacheFailure, nowMs: number): void {
    // A value that cannot be stored says nothing about the database.
    if (!(error instanceof CacheValueError)) this.#count++
    this.#retryMs = nowMs + pauseMs
    this.#onError(error, failure)
  }

  #warn(error: unknown, { operation }: NextCacheFailure): void {
    if (this.#count > 1) return
    const reason = error instanceof Error ? error.message : String(error)
    process.emitWarning(`Next.js goes on without its cache: ${operation}: ${reason}`, {
      type: 'TsyllaNextCacheWarning',
    })
  }
}
