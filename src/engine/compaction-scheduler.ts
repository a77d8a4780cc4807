import type { Clock, Timer } from '../util/index.ts'
import type { TableSchema } from './catalog/table-schema.ts'
import type { RowStore } from './rows/index.ts'

/** Shortest time between two compactions: looking for garbage is cheap compared to it. */
const compactionIntervalMs = 60_000
/** Longest delay of the timer, whatever is due. */
const compactionIntervalMsMax = 86_400_000
/** Compaction takes a fiftieth of the time at most: a table that takes long waits longer. */
const restFactor = 50

export interface CompactionSchedulerOptions {
  readonly rows: RowStore
  readonly clock: Clock
  /** The table of a generation, as it is now. */
  readonly tableOf: (generation: number) => TableSchema | undefined
}

/**
 * Has tables compacted one after the other, in steps between which other work goes on: expired and
 * deleted data goes, and so do deletions older than `gc_grace_seconds`. It sleeps while there is
 * nothing to remove, and never keeps the process alive.
 */
export class CompactionScheduler {
  readonly #options: CompactionSchedulerOptions
  /** By generation: when it may be compacted again, in milliseconds of the monotonic clock. */
  readonly #notBefore: Map<number, number> = new Map()
  /** By generation: when there will be something to remove, in milliseconds since the epoch. */
  readonly #due: Map<number, number> = new Map()
  #timer: Timer | undefined
  /** Whether the timer is set for new garbage, and not for what will expire later. */
  #isSoon = false
  #compacting: Promise<void> | undefined
  #isClosed = false

  constructor(options: CompactionSchedulerOptions) {
    this.#options = options
  }

  /** Sets the timer: there may be something to remove. */
  wake(): void {
    if (this.#isSoon || this.#compacting !== undefined || this.#isClosed) return
    const { clock, rows } = this.#options
    this.#isSoon = rows.compactionCandidates.size > 0
    const delayMs = this.#isSoon ? compactionIntervalMs : this.#untilDueMs()
    this.#timer?.cancel()
    this.#timer = undefined
    if (delayMs === undefined) return
    this.#timer = clock.schedule(delayMs, () => {
      this.#timer = undefined
      this.#isSoon = false
      // A store that fails here fails its next write as well, which reports the error.
      const compacted = this.#compact().catch(() => undefined)
      this.#compacting = compacted.then(() => {
        this.#compacting = undefined
        this.wake()
      })
    })
  }

  #untilDueMs(): number | undefined {
    if (this.#due.size === 0) return undefined
    const dueMs = Math.min(...this.#due.values()) - this.#options.clock.nowMs()
    return Math.min(Math.max(dueMs, compactionIntervalMs), compactionIntervalMsMax)
  }

  async #compact(): Promise<void> {
    const { clock, rows, tableOf } = this.#options
    for (const generations of [this.#notBefore, this.#due]) {
      for (const generation of generations.keys()) {
        if (tableOf(generation) === undefined) generations.delete(generation)
      }
    }
    for (const [generation, dueMs] of this.#due) {
      if (dueMs <= clock.nowMs()) rows.compactionCandidates.add(generation)
    }
    for (const generation of [...rows.compactionCandidates]) {
      if (tableOf(generation) === undefined) {
        rows.compactionCandidates.delete(generation)
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

  /** Ends the compaction that is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#compacting
  }
}
