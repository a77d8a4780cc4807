import { abortRegistry } from './abort-registry.ts'
import type { Clock } from './clock.ts'

export interface WorkLimits {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** What the promise rejects with when the work takes longer than `timeoutMs`. */
  readonly timeoutError: () => Error
  /** What the promise rejects with when the signal aborts, or has aborted already. */
  readonly abortError: (reason: unknown) => Error
  /** Whether the process stays alive until `timeoutMs`. Default `false`. */
  readonly keepAlive?: boolean
}

/**
 * Waits for work for a limited time. The timer and the listener of the signal end with the promise,
 * however long the work itself goes on.
 *
 * @param work not called when the signal has aborted already
 * @param onLate receives what the work returns after it was given up
 */
export function runLimited<T>(
  work: () => T | PromiseLike<T>,
  { clock, timeoutMs, signal, timeoutError, abortError, keepAlive = false }: WorkLimits,
  onLate: (value: T) => void = () => {},
): Promise<T> {
  if (signal?.aborted === true) return Promise.reject(abortError(signal.reason))
  return new Promise((resolve, reject) => {
    let isOver = false
    const end = (): void => {
      isOver = true
      timer.cancel()
      if (signal !== undefined) abortRegistry.remove(signal, abortable)
    }
    const giveUp = (error: Error): void => {
      end()
      reject(error)
    }
    const abortable = { onAborted: (reason: unknown): void => giveUp(abortError(reason)) }
    const timer = clock.schedule(timeoutMs, () => giveUp(timeoutError()), keepAlive)
    if (signal !== undefined) abortRegistry.add(signal, abortable)
    const run = async (): Promise<T> => await work()
    run().then(
      (value) => {
        if (isOver) {
          onLate(value)
          return
        }
        end()
        resolve(value)
      },
      (error: unknown) => {
        if (isOver) return
        end()
        reject(error)
      },
    )
  })
}

/** Runs work with a signal that aborts when either of two signals does. */
export async function withEitherSignal<T>(
  one: AbortSignal | undefined,
  other: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Something else than a signal is refused by what it is passed on to.
  if (typeof one?.addEventListener !== 'function') return await work(one ?? other)
  const controller = new AbortController()
  const abortable = { onAborted: (reason: unknown): void => controller.abort(reason) }
  const both = [one, other]
  for (const signal of both) {
    if (signal.aborted) controller.abort(signal.reason)
    else abortRegistry.add(signal, abortable)
  }
  try {
    return await work(controller.signal)
  } finally {
    for (const signal of both) abortRegistry.remove(signal, abortable)
  }
}
