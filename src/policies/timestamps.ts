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

  /**
   * A server has stamped a write of ours, a conditional one, within this millisecond of its clock
   * or just behind our last: what comes next is later than that.
   *
   * @param nowMs what the clock tells, which may be more than a finer clock has come to
   */
  passServers(nowMs: number): void {
    const endUs = nowMs * 1000 + 999
    this.#lastUs = endUs > this.#lastUs ? endUs : this.#lastUs + 1
  }
}
