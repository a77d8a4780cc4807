import type { Clock, Timer } from '../util/index.ts'

/** Called on every tick with the time of {@link Ticker.nowMs}. */
export interface TickListener {
  onTick(nowMs: number): void
}

/** Grain of request deadlines while requests are in flight. */
const busyTickMs = 25
/** Grain of heartbeats while nothing is. */
const idleTickMs = 500

/**
 * One timer for all deadlines and heartbeats of a session: a `setTimeout` per request would cost
 * more than encoding it. Times are whole milliseconds since the ticker was made; after 24 days they
 * no longer fit an int32.
 */
export class Ticker {
  readonly #clock: Clock
  readonly #originMs: number
  readonly #listeners = new Set<TickListener>()
  #timer: Timer | undefined
  #isBusy = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#originMs = clock.monotonicMs()
  }

  get clock(): Clock {
    return this.#clock
  }

  /** Milliseconds since the ticker was made, never going backwards. */
  nowMs(): number {
    return Math.floor(this.#clock.monotonicMs() - this.#originMs)
  }

  add(listener: TickListener): void {
    this.#listeners.add(listener)
    if (this.#timer === undefined) this.#schedule(this.#isBusy ? busyTickMs : idleTickMs)
  }

  remove(listener: TickListener): void {
    this.#listeners.delete(listener)
    if (this.#listeners.size === 0) {
      this.#timer?.cancel()
      this.#timer = undefined
      this.#isBusy = false
    }
  }

  /** Something now has a deadline: tick finely until nothing has one any more. */
  armFine(): void {
    if (this.#isBusy) return
    this.#isBusy = true
    this.#timer?.cancel()
    this.#schedule(busyTickMs)
  }

  #schedule(delayMs: number): void {
    // A request that is awaited must fail at its deadline, even when no socket is left.
    this.#timer = this.#clock.schedule(delayMs, () => this.#tick(), this.#isBusy)
  }

  #tick(): void {
    this.#timer = undefined
    // A listener that still has deadlines calls armFine() again from its onTick.
    this.#isBusy = false
    const nowMs = this.nowMs()
    for (const listener of this.#listeners) listener.onTick(nowMs)
    if (this.#listeners.size > 0 && this.#timer === undefined) {
      this.#schedule(this.#isBusy ? busyTickMs : idleTickMs)
    }
  }
}
