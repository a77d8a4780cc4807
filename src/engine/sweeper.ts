import type { Clock, Timer } from '../util/index.ts'
import type { TableSchema } from './catalog/table-schema.ts'
import type { RowStore } from './rows/index.ts'

/** How long garbage may lie at least; what it costs to look for it is little compared to that. */
const sweepIntervalMs = 60_000
/** How long a timer sleeps at most, whatever is due. */
const sweepIntervalMsMax = 86_400_000
/** A table that takes long is swept less often: sweeping takes a fiftieth of the time at most. */
const restFactor = 50

export interface SweeperOptions {
  readonly rows: RowStore
  readonly clock: Clock
  /** The table of a generation, as it is now. */
  readonly tableOf: (generation: number) => TableSchema | undefined
}

/**
 * Takes away what has expired, what was deleted, and deletions that are older than
 * `gc_grace_seconds`, table after table, in steps between which others go on. Sleeps while there is
 * nothing of that kind, and never keeps the process alive.
 */
export class Sweeper {
  readonly #options: SweeperOptions
  /** By generation: when it may be swept again, in milliseconds of the monotonic clock. */
  readonly #notBefore: Map<number, number> = new Map()
  /** By generation: when there will be something to sweep, in milliseconds since the epoch. */
  readonly #due: Map<number, number> = new Map()
  #timer: Timer | undefined
  /** Whether the timer is set for new garbage, and not for what will be due some day. */
  #isSoon = false
  #sweeping: Promise<void> | undefined
  #isClosed = false

  constructor(options: SweeperOptions) {
    this.#options = options
  }

  /** There may be something to sweep. */
  wake(): void {
    if (this.#isSoon || this.#sweeping !== undefined || this.#isClosed) return
    const { clock, rows } = this.#options
    this.#isSoon = rows.garbage.size > 0
    const delayMs = this.#isSoon ? sweepIntervalMs : this.#untilDueMs()
    this.#timer?.cancel()
    this.#timer = undefined
    if (delayMs === undefined) return
    this.#timer = clock.schedule(delayMs, () => {
      this.#timer = undefined
      this.#isSoon = false
      // A store that fails here fails its next write too, and says so there.
      const swept = this.#sweep().catch(() => undefined)
      this.#sweeping = swept.then(() => {
        this.#sweeping = undefined
        this.wake()
      })
    })
  }

  #untilDueMs(): number | undefined {
    if (this.#due.size === 0) return undefined
    const dueMs = Math.min(...this.#due.values()) - this.#options.clock.nowMs()
    return Math.min(Math.max(dueMs, sweepIntervalMs), sweepIntervalMsMax)
  }

  async #sweep(): Promise<void> {
    const { clock, rows, tableOf } = this.#options
    for (const generations of [this.#notBefore, this.#due]) {
      for (const generation of generations.keys()) {
        if (tableOf(generation) === undefined) generations.delete(generation)
      }
    }
    for (const [generation, dueMs] of this.#due) {
      if (dueMs <= clock.nowMs()) rows.garbage.add(generation)
    }
    for (const generation of [...rows.garbage]) {
      if (tableOf(generation) === undefined) {
        rows.garbage.delete(generation)
        continue
      }
      const startMs = clock.monotonicMs()
      if (startMs < (this.#notBefore.get(generation) ?? startMs)) continue
      const dueSeconds = await rows.compact(() =>
        this.#isClosed ? undefined : tableOf(generation),
      )
      if (Number.isFinite(dueSeconds)) this.#due.set(generation, dueSeconds * 1000)
      else this.#due.delete(generation)
      const endMs = clock.monotonicMs()
      this.#notBefore.set(generation, endMs + (endMs - startMs) * restFactor)
    }
  }

  /** Ends the sweep that is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#sweeping
  }
}
