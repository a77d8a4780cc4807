import type { Clock, Runtime, Timer } from '../util/index.ts'

/** Receives the ticks of a {@link DeadlineTimer}. */
export interface TickListener {
  /** @param nowMs time of {@link DeadlineTimer.nowMs} */
  onTick(nowMs: number): void
}

/** Interval of ticks while requests have deadlines. */
const busyTickMs = 25
/** Longest time between two moments that a signed 32-bit integer of microseconds tells. */
const exactMsMax = Math.floor((2 ** 31 - 1) / 1_000) - 1
/** Interval of ticks while only heartbeats are due. */
const idleTickMs = 500

/**
 * One timer for all deadlines and heartbeats of a session: a `setTimeout` per request would cost
 * more than encoding it. Times are whole milliseconds since the timer was made, which may exceed
 * the range of an int32 (24 days).
 */
export class DeadlineTimer {
  readonly runtime: Runtime
  readonly #clock: Clock
  readonly #originMs: number
  readonly #listeners = new Set<TickListener>()
  #timer: Timer | undefined
  #isBusy = false
  #latestMs = 0
  #latestUs = 0

  /** @param runtime of the session: time, randomness and scheduling of everything that it does */
  constructor(runtime: Runtime) {
    this.runtime = runtime
    this.#clock = runtime.clock
    this.#originMs = runtime.clock.monotonicMs()
  }

  get clock(): Clock {
    return this.#clock
  }

  /** Returns milliseconds since the timer was made; they never go backwards. */
  nowMs(): number {
    const elapsedMs = this.#clock.monotonicMs() - this.#originMs
    // A signed 32-bit integer, which wraps around after 71 minutes: that needs no heap object.
    this.#latestUs = (elapsedMs * 1_000) | 0
    this.#latestMs = Math.floor(elapsedMs)
    return this.#latestMs
  }

  /**
   * Returns the microseconds from a moment to the latest call of {@link nowMs}: beyond 35 minutes
   * to the millisecond.
   *
   * @param ms time of {@link nowMs} at that moment
   * @param us what {@link usOf} returned for it then
   */
  usSince(ms: number, us: number): number {
    const elapsedMs = this.#latestMs - ms
    return elapsedMs < exactMsMax ? (this.#latestUs - us) | 0 : elapsedMs * 1_000
  }

  /**
   * Returns the microseconds of a time of {@link nowMs}, exact ones if it is the latest, as a
   * signed 32-bit integer that wraps around: for {@link usSince}.
   */
  usOf(ms: number): number {
    return ms === this.#latestMs ? this.#latestUs : (ms * 1_000) | 0
  }

  addListener(listener: TickListener): void {
    this.#listeners.add(listener)
    if (this.#timer === undefined) this.#schedule(this.#isBusy ? busyTickMs : idleTickMs)
  }

  removeListener(listener: TickListener): void {
    this.#listeners.delete(listener)
    if (this.#listeners.size === 0) {
      this.#timer?.cancel()
      this.#timer = undefined
      this.#isBusy = false
    }
  }

  /** Ticks finely up to the next tick. Listeners with deadlines call this again in `onTick`. */
  tickFinely(): void {
    if (this.#isBusy) return
    this.#isBusy = true
    this.#timer?.cancel()
    this.#schedule(busyTickMs)
  }

  #schedule(delayMs: number): void {
    // A request that is awaited must fail at its deadline, even when no socket keeps Node alive.
    this.#timer = this.#clock.schedule(delayMs, () => this.#tick(), this.#isBusy)
  }

  #tick(): void {
    this.#timer = undefined
    // A listener that still has deadlines calls tickFinely() again in its onTick.
    this.#isBusy = false
    const nowMs = this.nowMs()
    for (const listener of this.#listeners) listener.onTick(nowMs)
    if (this.#listeners.size > 0 && this.#timer === undefined) {
      this.#schedule(this.#isBusy ? busyTickMs : idleTickMs)
    }
  }
}
