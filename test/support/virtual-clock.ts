import type { Clock, Timer } from '../../src/util/index.ts'

interface Pending {
  readonly atMs: number
  readonly order: number
  readonly callback: () => void
}

/** Time that moves only when told: timers run in order, during {@link VirtualClock.advance}. */
export class VirtualClock implements Clock {
  #nowMs: number
  #order = 0
  readonly #pending = new Set<Pending>()

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return Math.floor(this.#nowMs)
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const pending = { atMs: this.#nowMs + delayMs, order: this.#order++, callback }
    this.#pending.add(pending)
    return { cancel: () => void this.#pending.delete(pending) }
  }

  /** Moves time on to the next timer and runs it. @returns whether there was one */
  runNext(): boolean {
    const next = this.#next()
    if (next === undefined) return false
    this.#run(next)
    return true
  }

  /** Returns the timer that is due first. */
  #next(): Pending | undefined {
    let first: Pending | undefined
    for (const one of this.#pending) {
      const isSooner =
        first === undefined ||
        one.atMs < first.atMs ||
        (one.atMs === first.atMs && one.order < first.order)
      if (isSooner) first = one
    }
    return first
  }

  #run(pending: Pending): void {
    this.#pending.delete(pending)
    this.#nowMs = Math.max(this.#nowMs, pending.atMs)
    pending.callback()
  }

  /** Moves time on and runs what is due on the way. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs
    for (;;) {
      const next = this.#next()
      if (next === undefined || next.atMs > endMs) break
      this.#run(next)
    }
    this.#nowMs = endMs
  }
}
