import { LruMap } from '../kernel/index.ts'
import { type CountSettings, type Demand, type Granted, WindowCounter } from './window-counter.ts'
import type { WindowKey } from './window-rows.ts'

/** Windows without callers whose count is remembered: about 300 bytes each, plus the key. */
const knownCountMax = 10_000

/**
 * The windows of one table that this process counts in. What is known of a window is kept until
 * its end, so that the next caller needs one conditional write, and none when it is full.
 */
export class WindowCounters {
  /** Windows with callers, by key and length. */
  readonly #running = new Map<string, WindowCounter>()
  readonly #known = new LruMap<string, WindowCounter>(knownCountMax)

  async take(id: WindowKey, demand: Demand, settings: CountSettings): Promise<Granted> {
    const name = `${id.windowSeconds}/${id.window}/${id.key}`
    let counter = this.#running.get(name)
    if (counter === undefined) {
      counter = this.#known.get(name) ?? new WindowCounter(id)
      this.#known.delete(name)
      this.#running.set(name, counter)
    }
    return await counter.take(demand, settings, () => this.#onIdle(name, settings.clock.nowMs()))
  }

  #onIdle(name: string, nowMs: number): void {
    const counter = this.#running.get(name)
    this.#running.delete(name)
    this.#known.dropWhile(({ id }) => (id.window + 1) * id.windowSeconds * 1000 <= nowMs)
    if (counter?.isKnown === true) this.#known.set(name, counter)
  }
}
