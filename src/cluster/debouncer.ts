import type { Clock, Timer } from '../util/index.ts'

/**
 * Turns any number of events into few refreshes: one at a time, and not more often than the quiet
 * time allows. What is remembered is a flag, so a flood of events takes no memory.
 */
export class Debouncer {
  readonly #clock: Clock
  readonly #quietMs: number
  readonly #refresh: () => Promise<void>
  #timer: Timer | undefined
  #isRunning = false
  #isNeeded = false
  #isOpen = true

  /** @param refresh must not reject */
  constructor(clock: Clock, quietMs: number, refresh: () => Promise<void>) {
    this.#clock = clock
    this.#quietMs = quietMs
    this.#refresh = refresh
  }

  /** Requests a refresh. */
  request(): void {
    this.#isNeeded = true
    if (!this.#isRunning) this.#schedule()
  }

  #schedule(): void {
    if (!this.#isOpen || this.#timer !== undefined) return
    this.#timer = this.#clock.schedule(this.#quietMs, () => {
      this.#timer = undefined
      void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    this.#isNeeded = false
    await this.#refresh()
    this.#isRunning = false
    if (this.#isNeeded) this.#schedule()
  }

  close(): void {
    this.#isOpen = false
    this.#timer?.cancel()
  }
}
