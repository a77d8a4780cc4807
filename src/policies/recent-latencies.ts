/** Latencies that are remembered. */
export const latencySampleCount = 1_024
/** Latencies after which the percentile is computed anew. */
const staleCount = 64

/** The latest latencies, and a percentile of them. */
export class RecentLatencies {
  readonly #percentile: number
  readonly #sample = new Float64Array(latencySampleCount)
  #count = 0
  #computedAt = Number.NEGATIVE_INFINITY
  #value = 0

  /** @param percentile 0 … 100 */
  constructor(percentile: number) {
    this.#percentile = percentile
  }

  /** Latencies that were recorded, those that are forgotten included. */
  get count(): number {
    return this.#count
  }

  record(latencyMs: number): void {
    this.#sample[this.#count++ % latencySampleCount] = latencyMs
  }

  /** Returns the percentile in milliseconds, up to 64 latencies old; 0 without any. */
  get value(): number {
    if (this.#count - this.#computedAt < staleCount) return this.#value
    this.#computedAt = this.#count
    const sorted = this.#sample.slice(0, Math.min(this.#count, latencySampleCount)).sort()
    const rank = Math.ceil((this.#percentile / 100) * sorted.length)
    this.#value = sorted[Math.max(0, rank - 1)] ?? 0
    return this.#value
  }
}
