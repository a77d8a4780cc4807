import { AbortedError } from '../../errors/index.ts'
import { orAborted } from '../../kernel/index.ts'
import type { Clock, RandomSource } from '../../util/index.ts'

/** How long a caller waits. */
export interface WaitLimit {
  readonly clock: Clock
  readonly random: RandomSource
  readonly waitMs: number
  readonly signal: AbortSignal | undefined
}

/** Delays between attempts of the first caller that waits, in milliseconds, with jitter. */
const pollMsMin = 20
const pollMsMax = 250

/**
 * The callers of this process that wait for locks, in the order in which they came. Only the first
 * of a name asks the server; the others wait until it is their turn, without requests of their own.
 */
export class LockWaiters {
  readonly #queues = new Map<string, Waiter[]>()

  /**
   * Waits for its turn among the callers of `name`, and then attempts again and again.
   *
   * @param attempt is called at least once
   * @param abandon takes what an attempt returns after the signal has aborted
   * @returns what `attempt` has returned, or `undefined` when it has returned nothing in time
   * @throws AbortedError when the signal aborts
   */
  async wait<T>(
    name: string,
    { clock, random, waitMs, signal }: WaitLimit,
    attempt: () => Promise<T | undefined>,
    abandon: (result: T) => void,
  ): Promise<T | undefined> {
    const deadlineMs = clock.monotonicMs() + waitMs
    const waiter = this.#join(name)
    let pollMs = 0
    try {
      for (;;) {
        const leftMs = Math.max(0, deadlineMs - clock.monotonicMs())
        await waiter.sleep(clock, Math.min(pollMs || leftMs, leftMs), signal)
        if (signal?.aborted === true) throw new AbortedError('not_applied', signal.reason)
        const result = await this.#attempt(attempt(), signal, abandon)
        if (result !== undefined || clock.monotonicMs() >= deadlineMs) return result
        pollMs = pollMsMin + random() * Math.min(pollMsMax, pollMs * 3)
      }
    } finally {
      this.#leave(name, waiter)
    }
  }

  async #attempt<T>(
    attempt: Promise<T | undefined>,
    signal: AbortSignal | undefined,
    abandon: (result: T) => void,
  ): Promise<T | undefined> {
    try {
      return await orAborted(attempt, signal)
    } catch (error) {
      // The caller has left: what the attempt acquires later has no holder.
      if (signal?.aborted === true) {
        attempt.then(
          (result) => result !== undefined && abandon(result),
          () => {},
        )
      }
      throw error
    }
  }

  #join(name: string): Waiter {
    const waiter = new Waiter()
    const queue = this.#queues.get(name)
    if (queue === undefined) {
      this.#queues.set(name, [waiter])
      waiter.wake()
    } else {
      queue.push(waiter)
    }
    return waiter
  }

  #leave(name: string, waiter: Waiter): void {
    const queue = this.#queues.get(name)
    if (queue === undefined) return
    const at = queue.indexOf(waiter)
    if (at === -1) return
    queue.splice(at, 1)
    if (queue.length === 0) this.#queues.delete(name)
    if (at === 0) queue[0]?.wake()
  }

  /** A holder of this process has released: the first caller need not wait for its next attempt. */
  onRelease(name: string): void {
    this.#queues.get(name)?.[0]?.wake()
  }
}

/** One caller that waits. */
class Waiter {
  #isAwake = false
  #resume: () => void = () => {}

  wake(): void {
    this.#isAwake = true
    this.#resume()
  }

  /** Resolves when woken, since the last call or from now on, or after `delayMs`. */
  async sleep(clock: Clock, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#isAwake && signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        const resume = (): void => {
          timer.cancel()
          signal?.removeEventListener('abort', resume)
          this.#resume = () => {}
          resolve()
        }
        const timer = clock.schedule(delayMs, resume, true)
        this.#resume = resume
        signal?.addEventListener('abort', resume)
      })
    }
    this.#isAwake = false
  }
}
