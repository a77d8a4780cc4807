import { TimerQueue } from '../../src/testing/timer-queue.ts'
import type { Clock, Timer } from '../../src/util/index.ts'

/** Time that moves only when told: timers run in order, during {@link VirtualClock.advance}. */
export class VirtualClock implements Clock {
  #nowMs: number
  #jumpedMs = 0
  readonly #timers = new TimerQueue()

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return Math.floor(this.#nowMs + this.#jumpedMs)
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  /** Sets the date by so much, as an operator or NTP does; intervals and timers do not notice. */
  jump(byMs: number): void {
    this.#jumpedMs += byMs
  }

  get pendingCount(): number {
    return this.#timers.size
  }

  schedule(delayMs: number, callback: () => void): Timer {
    return this.#timers.add(this.#nowMs + delayMs, callback)
  }

  /**
   * Moves time on to the next timer that is due until then, and runs it.
   *
   * @returns whether there was one
   */
  runNext(endMs: number = Number.POSITIVE_INFINITY): boolean {
    const next = this.#timers.take(endMs)
    if (next === undefined) return false
    this.#nowMs = Math.max(this.#nowMs, next.atMs)
    next.callback()
    return true
  }

  /** Moves time on and runs what is due on the way. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs
    while (this.runNext(endMs));
    this.#nowMs = endMs
  }
}
