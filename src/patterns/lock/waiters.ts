import { AbortedError, LockHeldError } from '../../errors/index.ts'
import { orAborted, type TimeSpan, toMilliseconds } from '../../kernel/index.ts'
import { abortRegistry, type Clock, type RandomSource } from '../../util/index.ts'
import type { Holding } from './holding.ts'

/** How long a caller waits. */
interface WaitLimit {
  readonly waitMs: number
  readonly signal: AbortSignal | undefined
}

/** What waiting needs of the process. */
interface WaitRuntime {
  readonly clock: Clock
  readonly random: RandomSource
}

/** What an attempt has acquired, or until when others hold it, in milliseconds since the epoch. */
export type Acquired<H extends Holding> = H | number

const waitMsMax = 7 * 86_400_000
/** Delays between attempts of the first caller that waits, in milliseconds, with jitter. */
const pollMsMin = 20
const pollMsMax = 250

/** Callers of locks and of semaphores wait for 10 seconds, unless they say otherwise. */
export function waitLimitOf(options: {
  readonly wait?: TimeSpan | undefined
  readonly signal?: AbortSignal | undefined
}): WaitLimit {
  const waitMs = toMilliseconds('wait', options.wait ?? '10s', 0, waitMsMax)
  return { waitMs, signal: options.signal }
}

/**
 * The callers of this process that wait for names of one table, in the order in which they came.
 * Only the first of a name asks the server; the others wait until it is their turn, without
 * requests of their own.
 */
export class LockWaiters {
  readonly #queues = new Map<string, Waiter[]>()

  /**
   * Waits for its turn among the callers of `name`, and then attempts again and again.
   *
   * @param attempt is called at least once
   * @throws LockHeldError when it has acquired nothing in time
   * @throws AbortedError when the signal aborts
   */
  async acquire<H extends Holding>(
    name: string,
    { waitMs, signal }: WaitLimit,
    { clock, random }: WaitRuntime,
    attempt: () => Promise<Acquired<H>>,
  ): Promise<H> {
    const deadlineMs = clock.monotonicMs() + waitMs
    const waiter = this.#join(name)
    let pollMs = 0
    try {
      for (;;) {
        const leftMs = Math.max(0, deadlineMs - clock.monotonicMs())
        await waiter.sleep(clock, Math.min(pollMs || leftMs, leftMs), signal)
        if (signal?.aborted === true) throw new AbortedError('not_applied', signal.reason)
        const result = await orReleased(attempt(), signal)
        if (typeof result !== 'number') return result
        if (clock.monotonicMs() >= deadlineMs) throw new LockHeldError(name, new Date(result))
        pollMs = pollMsMin + random() * Math.min(pollMsMax, pollMs * 3)
      }
    } finally {
      this.#leave(name, waiter)
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

/**
 * Waits for one attempt, and no longer than until the signal aborts: what the attempt acquires
 * after that is released.
 *
 * @throws AbortedError when the signal aborts
 */
export async function orReleased<H extends Holding>(
  attempt: Promise<Acquired<H>>,
  signal: AbortSignal | undefined,
): Promise<Acquired<H>> {
  try {
    return await orAborted(attempt, signal)
  } catch (error) {
    if (signal?.aborted === true) {
      const late = attempt.then((result) => typeof result !== 'number' && result.release())
      late.catch(() => {})
    }
    throw error
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
          if (signal !== undefined) abortRegistry.remove(signal, waiting)
          this.#resume = () => {}
          resolve()
        }
        const waiting = { onAborted: resume }
        const timer = clock.schedule(delayMs, resume, true)
        this.#resume = resume
        if (signal !== undefined) abortRegistry.add(signal, waiting)
      })
    }
    this.#isAwake = false
  }
}
