/** A pending callback of a {@link Clock}. */
export interface Timer {
  cancel(): void
}

/**
 * The only source of time in tsylla: everything that waits or stamps takes a clock, so tests run on
 * a virtual one and an engine can be moved through time.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch, an integer. */
  nowMs(): number
  /** Milliseconds that never go backwards, from an arbitrary origin. For measuring intervals. */
  monotonicMs(): number
  /**
   * Calls `callback` once after `delayMs`.
   *
   * @param keepAlive whether the process must not end before; somebody awaits the outcome
   */
  schedule(delayMs: number, callback: () => void, keepAlive?: boolean): Timer
}

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout
  constructor(delayMs: number, callback: () => void, keepAlive: boolean) {
    this.#handle = setTimeout(callback, delayMs)
    if (!keepAlive) this.#handle.unref()
  }
  cancel(): void {
    clearTimeout(this.#handle)
  }
}

/** The clock of the machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule: (delayMs, callback, keepAlive = false) => new SystemTimer(delayMs, callback, keepAlive),
}

/** A promise that resolves after `delayMs` and keeps the process alive until then. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.schedule(delayMs, resolve, true)
  })
}
