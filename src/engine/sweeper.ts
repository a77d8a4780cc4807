import type { Clock, Timer } from '../util/index.ts'
import type { TableSchema } from './catalog/table-schema.ts'
import type { RowStore } from './rows/index.ts'

/** How long garbage may lie at least; what it costs to look for it is little compared to that. */
const sweepIntervalMs = 60_000
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
  /** By generation: when it may be swept again, in milliseconds of the clock. */
  readonly #notBefore: Map<number, number> = new Map()
  #timer: Timer | undefined
  #sweeping: Promise<void> | undefined
  #isClosed = false

  constructor(options: SweeperOptions) {
    this.#options = options
  }

  /** There may be something to sweep. */
  wake(): void {
    if (this.#timer !== undefined || this.#sweeping !== undefined || this.#isClosed) return
    const { clock, rows } = this.#options
    if (rows.garbage.size === 0) return
    this.#timer = clock.schedule(sweepIntervalMs, () => {
      this.#timer = undefined
      this.#sweeping = this.#sweep().then(
        () => {
          this.#sweeping = undefined
          this.wake()
        },
        // A store that fails here fails its next write too, and says so there.
        () => {},
      )
    })
  }

  async #sweep(): Promise<void> {
    const { clock, rows, tableOf } = this.#options
    for (const generation of this.#notBefore.keys()) {
      if (tableOf(generation) === undefined) this.#notBefore.delete(generation)
    }
    for (const generation of [...rows.garbage]) {
      if (tableOf(generation) === undefined) {
        rows.garbage.delete(generation)
        continue
      }
      const startMs = clock.monotonicMs()
      if (startMs < (this.#notBefore.get(generation) ?? startMs)) continue
      await rows.compact(() => (this.#isClosed ? undefined : tableOf(generation)))
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
