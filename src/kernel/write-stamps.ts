/** Write timestamps in microseconds: each is later than those before. */
export class WriteStamps {
  #lastUs = 0n

  /**
   * Returns the time as a timestamp, or the first one after those before.
   *
   * @param nowMs milliseconds since the epoch, which may have a fraction
   */
  next(nowMs: number): bigint {
    const nowUs = BigInt(Math.floor(nowMs * 1_000))
    this.#lastUs = nowUs > this.#lastUs ? nowUs : this.#lastUs + 1n
    return this.#lastUs
  }

  /** Makes what follows later than a timestamp that was seen. */
  observe(stampUs: bigint): void {
    if (stampUs > this.#lastUs) this.#lastUs = stampUs
  }
}
