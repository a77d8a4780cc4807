import { type Clock, systemClock, type Timer } from '../util/index.ts'

/**
 * A clock whose date is wrong by `offsetMs`, which may change at any time. Intervals are right, as
 * they are on a machine whose date is wrong.
 */
export class SkewedClock implements Clock {
  /** Milliseconds that the date is ahead; negative when it is behind. */
  offsetMs: number
  readonly #clock: Clock

  /** @param clock that is right. Default: the clock of the machine */
  constructor(offsetMs = 0, clock: Clock = systemClock) {
    this.offsetMs = offsetMs
    this.#clock = clock
  }

  nowMs(): number {
    return Math.floor(this.#clock.nowMs() + this.offsetMs)
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  schedule(delayMs: number, callback: () => void, keepAlive?: boolean): Timer {
    return this.#clock.schedule(delayMs, callback, keepAlive)
  }
}
