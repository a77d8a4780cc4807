/**
 * Strictly increasing write timestamps of one session, in microseconds since the epoch: two writes
 * of one client in one microsecond must not tie, and a clock set back must not undo later writes.
 */
export class MonotonicTimestamps {
  readonly #nowUs: () => number
  #lastUs = 0

  /** @param nowUs wall-clock microseconds, exact up to 2⁵³ */
  constructor(nowUs: () => number) {
    this.#nowUs = nowUs
  }

  next(): number {
    const nowUs = this.#nowUs()
    this.#lastUs = nowUs > this.#lastUs ? nowUs : this.#lastUs + 1
    return this.#lastUs
  }
}
