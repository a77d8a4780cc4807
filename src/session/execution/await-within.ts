import {
  AbortedError,
  type Outcome,
  RequestTimeoutError,
  type TsyllaError,
} from '../../errors/index.ts'
import { abortRegistry, type Clock } from '../../util/index.ts'

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
  return new Promise((resolve, reject) => {
    const onAborted = (reason: unknown): void => reject(new AbortedError(outcome, reason))
    const abortable = { onAborted }
    const timer = clock.schedule(
      leftMs,
      () => reject(timeoutError() ?? new RequestTimeoutError(timeoutMs, outcome)),
      true,
    )
    if (signal !== undefined) abortRegistry.add(signal, abortable)
    work()
      .then(resolve, reject)
      .finally(() => {
        timer.cancel()
        if (signal !== undefined) abortRegistry.remove(signal, abortable)
      })
  })
}
