/** Write timestamps of one process for one table: each is later than those before. */
export class Stamps {
  #lastUs = 0n

  /** Microseconds since the epoch. */
  next(nowMs: number): bigint {
    const nowUs = BigInt(nowMs) * 1_000n
    this.#lastUs = nowUs > this.#lastUs ? nowUs : this.#lastUs + 1n
    return this.#lastUs
  }

  /** Makes what follows later than a timestamp that was seen. */
  observe(stampUs: bigint): void {
    if (stampUs > this.#lastUs) this.#lastUs = stampUs
  }
}
