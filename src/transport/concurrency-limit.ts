/** Requests in flight that a node may always have. */
export const concurrencyMin = 16
/** What is left of the requests in flight when the node says that it is overloaded. */
const keptShare = 0.5
/** Signals within this time belong to one overload: the limit falls once. */
export const cutPauseMs = 100
/** Requests in flight by which the limit grows per second. */
export const growthPerSecond = 64

/**
 * Bounds the requests in flight to one node after it has said that it is overloaded: the bound
 * falls by half, and grows steadily until it is as high as before. A node that never says so has no
 * bound but those of its connections.
 */
export class ConcurrencyLimit {
  /** Infinite without an overload. */
  #limit = Number.POSITIVE_INFINITY
  /** Requests in flight at the first overload: there the limit ends. */
  #ceiling = 0
  #cutMs = 0

  /** Whether the node is bounded: a check of one field for each request. */
  get isActive(): boolean {
    return this.#limit !== Number.POSITIVE_INFINITY
  }

  /** The node has refused a request because it is overloaded. */
  onOverloaded(inFlightCount: number, nowMs: number): void {
    if (this.isActive && nowMs - this.#cutMs < cutPauseMs) return
    const limit = this.isActive ? this.#at(nowMs) : inFlightCount
    if (!this.isActive) this.#ceiling = inFlightCount
    this.#limit = Math.max(concurrencyMin, Math.floor(Math.min(limit, inFlightCount) * keptShare))
    this.#cutMs = nowMs
  }

  /** Whether the node may have one more request in flight. */
  allows(inFlightCount: number, nowMs: number): boolean {
    const limit = this.#at(nowMs)
    if (limit >= this.#ceiling && limit > concurrencyMin) {
      this.#limit = Number.POSITIVE_INFINITY
      return true
    }
    return inFlightCount < limit
  }

  #at(nowMs: number): number {
    return this.#limit + (Math.max(0, nowMs - this.#cutMs) * growthPerSecond) / 1_000
  }
}
