import type { Timer } from '../util/index.ts'

interface PendingTimer {
  readonly atMs: number
  readonly order: number
  readonly callback: () => void
}

/** Timers of a clock that moves only when told, by the time at which they are due. */
export class TimerQueue {
  #order = 0
  readonly #pending = new Set<PendingTimer>()

  get size(): number {
    return this.#pending.size
  }

  add(atMs: number, callback: () => void): Timer {
    const pending = { atMs, order: this.#order++, callback }
    this.#pending.add(pending)
    return { cancel: () => void this.#pending.delete(pending) }
  }

  /** Removes and returns the timer that is due first, if it is due until then. */
  take(endMs: number): PendingTimer | undefined {
    let first: PendingTimer | undefined
    for (const one of this.#pending) {
      const isSooner =
        first === undefined ||
        one.atMs < first.atMs ||
        (one.atMs === first.atMs && one.order < first.order)
      if (one.atMs <= endMs && isSooner) first = one
    }
    if (first !== undefined) this.#pending.delete(first)
    return first
  }
}
