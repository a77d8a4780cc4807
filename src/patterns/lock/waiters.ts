import type { Clock } from '../../util/index.ts'

/**
 * The callers of this process that wait for locks, in the order in which they came. Only the first
 * of a name asks the server; the others wait until it is their turn, without requests of their own.
 */
export class LockWaiters {
  readonly #queues = new Map<string, Waiter[]>()

  /** Joins the callers that wait for `name`. Call `leave` in any case. */
  join(name: string): Waiter {
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

  leave(name: string, waiter: Waiter): void {
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
export class Waiter {
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
