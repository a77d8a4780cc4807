import { TsyllaError } from '../../errors/index.ts'
import type { Clock, Timer } from '../../util/index.ts'
import { hasPassed, type Moment } from './lease-times.ts'

export interface LeaseTimerOptions {
  readonly clock: Clock
  readonly ttlMs: number
  /** How far clocks may be apart: the holder stops this long before others may start. */
  readonly clockErrorMs: number
  /** Extends the lease. @throws LockLostError when it has ended */
  readonly extend: () => Promise<void>
  /** Called once when the lease ends before `end`. */
  readonly onLost: () => void
}

/** A lease is extended when this part of its time has passed. */
const extendFraction = 1 / 3
/** Delay after an extension that failed. */
const extendRetryMs = 250

/** Keeps a lease: extends it until `end`, and reports when that fails for too long. */
export class LeaseTimer {
  readonly #options: LeaseTimerOptions
  /** When the lease was last acquired or extended: when the request for that was sent. */
  #since: Moment
  #isEnded = false
  #endTimer: Timer
  #extendTimer: Timer

  /** @param sent when the acquisition was sent */
  constructor(options: LeaseTimerOptions, sent: Moment) {
    this.#options = options
    this.#since = sent
    this.#endTimer = this.#scheduleEnd()
    this.#extendTimer = this.#scheduleExtend(options.ttlMs * extendFraction)
  }

  /** Whether the lease has ended. Timers of a process that was stopped fire late. */
  get isEnded(): boolean {
    if (!this.#isEnded && hasPassed(this.#options.clock, this.#since, this.#lifeMs)) this.lose()
    return this.#isEnded
  }

  /** The holder must have stopped this long after the last extension. */
  get #lifeMs(): number {
    return this.#options.ttlMs - this.#options.clockErrorMs
  }

  /**
   * The lease was extended by a request that was sent then.
   *
   * @returns whether it has not ended meanwhile
   */
  onExtended(sent: Moment): boolean {
    if (this.isEnded) return false
    this.#since = sent
    this.#endTimer.cancel()
    this.#endTimer = this.#scheduleEnd()
    return true
  }

  /** Another process has the lease, or may have it. */
  lose(): void {
    if (this.end()) this.#options.onLost()
  }

  /** Stops extending. @returns whether this was the first time */
  end(): boolean {
    if (this.#isEnded) return false
    this.#isEnded = true
    this.#endTimer.cancel()
    this.#extendTimer.cancel()
    return true
  }

  #scheduleEnd(): Timer {
    const { clock } = this.#options
    const delayMs = Math.max(0, this.#since.ms + this.#lifeMs - clock.monotonicMs())
    return clock.schedule(delayMs, () => this.lose())
  }

  #scheduleExtend(delayMs: number): Timer {
    return this.#options.clock.schedule(delayMs, () => void this.#keep())
  }

  /** Extends the lease, and again until it has ended. */
  async #keep(): Promise<void> {
    let delayMs = this.#options.ttlMs * extendFraction
    try {
      await this.#options.extend()
    } catch (error) {
      if (TsyllaError.is(error) && error.code === 'TSYLLA_LOCK_LOST') return
      delayMs = Math.min(extendRetryMs, delayMs)
    }
    if (!this.#isEnded) this.#extendTimer = this.#scheduleExtend(delayMs)
  }
}
