import {
  AbortedError,
  type Outcome,
  RequestTimeoutError,
  type TsyllaError,
} from '../../errors/index.ts'
import { type Clock, runLimited } from '../../util/index.ts'

export interface WithinOptions {
  readonly clock: Clock
  /** What the caller allowed in all, and what is left of it. */
  readonly timeoutMs: number
  readonly leftMs: number
  readonly signal: AbortSignal | undefined
  /** Outcome to report when the caller gives up; the work itself goes on. */
  readonly outcome: Outcome
  /** Error to report at the deadline instead of a timeout, if there is one. */
  readonly timeoutError: () => TsyllaError | undefined
}

/** Waits for shared work, but no longer than one caller wants to; the work itself goes on. */
export function awaitWithin<T>(work: () => Promise<T>, options: WithinOptions): Promise<T> {
  const { clock, signal, timeoutMs, leftMs, outcome, timeoutError } = options
  if (signal?.aborted) return Promise.reject(new AbortedError('not_applied', signal.reason))
  return runLimited(work, {
    ...{ clock, signal, timeoutMs: leftMs, keepAlive: true },
    timeoutError: () => timeoutError() ?? new RequestTimeoutError(timeoutMs, outcome),
    abortError: (reason) => new AbortedError(outcome, reason),
  })
}
