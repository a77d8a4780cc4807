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
  /** Calls `callback` once after `delayMs`. A pending timer does not keep the process alive. */
  schedule(delayMs: number, callback: () => void): Timer
}

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout
  constructor(delayMs: number, callback: () => void) {
    this.#handle = setTimeout(callback, delayMs)
    this.#handle.unref()
  }
  cancel(): void {
    clearTimeout(this.#handle)
  }
}

/** The clock of the machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule: (delayMs, callback) => new SystemTimer(delayMs, callback),
}
