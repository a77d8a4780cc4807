/** Write timestamps in microseconds: each is later than those before. */
export class WriteStamps {
  #lastUs = 0n

  /**
   * Returns the time as a timestamp, or the first one after those before.
   *
   * @param nowMs milliseconds since the epoch, which may have a fraction
   */
  next(nowMs: number): bigint {
    const nowUs = toUs(nowMs)
    this.#lastUs = nowUs > this.#lastUs ? nowUs : this.#lastUs + 1n
    return this.#lastUs
  }

  /** Makes what follows later than a timestamp that was seen. */
  observe(stampUs: bigint): void {
    if (stampUs > this.#lastUs) this.#lastUs = stampUs
  }
}

/**
 * Timestamps from here on are too close to the end of 64 bits to be followed by others: a row that
 * another program wrote with one cannot be replaced.
 */
export const stampUsMax: bigint = 2n ** 63n - 1n - 2n ** 40n

/** Keys whose last timestamp is remembered, unless the clock is past it. */
const keyCountMax = 10_000

/**
 * Write timestamps of keys: each is later than those of the same key before, and than those that
 * were observed for it. A timestamp that was observed for one key, for example because another
 * program wrote it with a wrong clock, does not advance any other key.
 */
export class KeyStamps {
  readonly #lastUs = new Map<string, bigint>()

  /** @returns the next timestamp of a key: {@link stampUsMax} or more when there is none left */
  next(key: string, nowMs: number): bigint {
    const nowUs = toUs(nowMs)
    const lastUs = this.#lastUs.get(key) ?? 0n
    const stampUs = nowUs > lastUs ? nowUs : lastUs + 1n
    this.#keep(key, stampUs, nowUs)
    return stampUs
  }

  /** Makes what follows for a key later than a timestamp that was seen. */
  observe(key: string, stampUs: bigint, nowMs: number): void {
    const seenUs = stampUs > stampUsMax ? stampUsMax : stampUs
    if (seenUs > (this.#lastUs.get(key) ?? 0n)) this.#keep(key, seenUs, toUs(nowMs))
  }

  #keep(key: string, stampUs: bigint, nowUs: bigint): void {
    // Those that were written last are at the end.
    this.#lastUs.delete(key)
    this.#lastUs.set(key, stampUs)
    if (this.#lastUs.size <= keyCountMax) return
    for (const [known, lastUs] of this.#lastUs) if (lastUs < nowUs) this.#lastUs.delete(known)
    for (const oldest of this.#lastUs.keys()) {
      if (this.#lastUs.size <= keyCountMax) return
      this.#lastUs.delete(oldest)
    }
  }
}

function toUs(nowMs: number): bigint {
  return BigInt(Math.floor(nowMs * 1_000))
}
