import { type Clock, systemClock } from '../util/index.ts'

/** Source of the write timestamps that a session sends with plain writes. */
export interface TimestampGenerator {
  /** Returns the next timestamp in microseconds since the epoch, exact up to 2⁵³. */
  next(): number
  /**
   * Reports that a conditional write was answered. The server has stamped it somewhere within the
   * current millisecond or directly after the last timestamp of this generator, so the next
   * timestamp must be later than both.
   */
  onLwtResult(): void
}

/**
 * Strictly increasing microseconds: two writes in one microsecond never tie, and a clock that is
 * set back does not undo later writes.
 *
 * The wall clock has a grain of one millisecond. The microseconds in between come from the
 * monotonic clock, corrected so that the estimate always lies within the millisecond that the wall
 * clock shows: it follows clock corrections and is never ahead of real time by a full millisecond.
 */
export class MonotonicTimestampGenerator implements TimestampGenerator {
  readonly #clock: Clock
  /** Estimated difference of wall clock and monotonic clock. */
  #offsetUs: number
  /** Monotonic milliseconds at which the offset was last compared with the wall clock. */
  #comparedMs = Number.NEGATIVE_INFINITY
  #lastUs = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#offsetUs = 0
  }

  next(): number {
    const nowUs = this.#nowUs()
    this.#lastUs = nowUs > this.#lastUs ? nowUs : this.#lastUs + 1
    return this.#lastUs
  }

  onLwtResult(): void {
    const endUs = this.#clock.nowMs() * 1000 + 999
    this.#lastUs = endUs > this.#lastUs ? endUs : this.#lastUs + 1
  }

  #nowUs(): number {
    const monotonicMs = this.#clock.monotonicMs()
    if (monotonicMs - this.#comparedMs >= 1) this.#compare(monotonicMs)
    return Math.floor(monotonicMs * 1000 + this.#offsetUs)
  }

  #compare(monotonicMs: number): void {
    this.#comparedMs = monotonicMs
    const wallUs = this.#clock.nowMs() * 1000
    const monotonicUs = monotonicMs * 1000
    const estimatedUs = monotonicUs + this.#offsetUs
    if (estimatedUs < wallUs) this.#offsetUs = wallUs - monotonicUs
    else if (estimatedUs > wallUs + 999) this.#offsetUs = wallUs + 999 - monotonicUs
  }
}

/** One generator per clock, shared by the ESM and the CJS copy of the package. */
interface Registry {
  readonly system: TimestampGenerator
  readonly others: WeakMap<Clock, TimestampGenerator>
}

const registryKey: unique symbol = Symbol.for('tsylla.timestamps/1')

/**
 * Returns the generator that all sessions of the process use on a clock: what one session writes
 * after it has awaited the write of another session is stamped later.
 */
export function sharedTimestampGenerator(clock: Clock): TimestampGenerator {
  const holder = globalThis as { [registryKey]?: Registry }
  const registry = (holder[registryKey] ??= {
    system: new MonotonicTimestampGenerator(systemClock),
    others: new WeakMap(),
  })
  if (clock === systemClock) return registry.system
  let generator = registry.others.get(clock)
  if (generator === undefined) {
    generator = new MonotonicTimestampGenerator(clock)
    registry.others.set(clock, generator)
  }
  return generator
}
