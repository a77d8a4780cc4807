import { ConfigError } from '../errors/index.ts'
import { type TimeSpan, toMilliseconds } from '../kernel/index.ts'
import { type Clock, systemRuntime, type Timer } from '../util/index.ts'
import { TimerQueue } from './timer-queue.ts'

/** 2023-11-14T22:13:20Z. */
const defaultNowMs = 1_700_000_000_000
const advanceMsMax = 100 * 366 * 86_400_000

/** Turns of the event loop in which what a timer has caused happens. */
const settleTurns = 20

/**
 * Time that moves only when told. As the `clock` of an embedded engine it is also that of its
 * sessions and patterns: rows expire, windows end and leases run out by a call. It does not use the
 * timers of the process, so that fake timers of test runners do not matter.
 *
 * @example
 * const clock = new ManualClock()
 * const db = await embedded({ clock })
 * clock.advance('1h')
 */
export class ManualClock implements Clock {
  #nowMs: number
  readonly #timers = new TimerQueue()

  /**
   * @param now date at which it begins, in milliseconds since the epoch or as a `Date`
   * @throws ConfigError when that is no date
   */
  constructor(now: number | Date = defaultNowMs) {
    this.#nowMs = now instanceof Date ? now.getTime() : now
    if (Number.isFinite(this.#nowMs)) return
    throw new ConfigError('now must be a valid Date, or a number of milliseconds since the epoch')
  }

  nowMs(): number {
    return Math.floor(this.#nowMs)
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  /** Timers that are not due yet. */
  get pendingCount(): number {
    return this.#timers.size
  }

  schedule(delayMs: number, callback: () => void): Timer {
    return this.#timers.add(this.#nowMs + delayMs, callback)
  }

  /**
   * Moves time on, and calls the timers that are due on the way, in their order. What they cause
   * later, by promises, happens after this call, at the new time. Time that a timer moves further
   * itself stays there.
   *
   * @throws ConfigError when `span` is no time span
   * @throws what a timer throws, after time has moved and the other timers were called; an
   *   `AggregateError` when several do
   */
  advance(span: TimeSpan): void {
    const endMs = this.#endOf(span)
    const errors: unknown[] = []
    while (this.#runNext(endMs, errors));
    this.#nowMs = Math.max(this.#nowMs, endMs)
    throwAll(errors)
  }

  /**
   * Moves time on, and lets everything that a timer causes happen at its time, before the next
   * timer: requests to an engine in this process, for example.
   *
   * @throws ConfigError when `span` is no time span
   * @throws what a timer throws, as `advance` does
   */
  async run(span: TimeSpan): Promise<void> {
    const endMs = this.#endOf(span)
    const errors: unknown[] = []
    await settle()
    while (this.#runNext(endMs, errors)) await settle()
    this.#nowMs = Math.max(this.#nowMs, endMs)
    await settle()
    throwAll(errors)
  }

  #endOf(span: TimeSpan): number {
    return this.#nowMs + toMilliseconds('span', span, 0, advanceMsMax)
  }

  /** Moves time to the timer that is due first, if it is due until then, and calls it. */
  #runNext(endMs: number, errors: unknown[]): boolean {
    const next = this.#timers.take(endMs)
    if (next === undefined) return false
    this.#nowMs = Math.max(this.#nowMs, next.atMs)
    try {
      next.callback()
    } catch (error) {
      errors.push(error)
    }
    return true
  }
}

function throwAll(errors: readonly unknown[]): void {
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} timers have thrown`)
  if (errors.length === 1) throw errors[0]
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < settleTurns; turn++) {
    await new Promise<void>((resolve) => systemRuntime.nextTurn(resolve))
  }
}
