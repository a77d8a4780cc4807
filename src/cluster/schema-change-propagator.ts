import type { SchemaChange } from '../protocol/index.ts'
import type { Clock } from '../util/index.ts'
import { Debouncer } from './debouncer.ts'

export interface SchemaChangePropagatorOptions {
  readonly clock: Clock
  /** How long events are gathered. */
  readonly quietMs: number
  /** Whether there are nodes that may learn of it later. */
  readonly hasOthers: () => boolean
  /** Waits until the nodes agree; may fail. */
  readonly agree: () => Promise<void>
  readonly onChange: (change: SchemaChange) => void
}

/** Changes kept until the nodes agree; those beyond are passed on only once. */
const changeCountMax = 1_000

/**
 * Passes on schema changes that events report: at once, for the node that reports them, and again
 * when the nodes agree, because a statement may have been prepared on a late node in between.
 */
export class SchemaChangePropagator {
  readonly #options: SchemaChangePropagatorOptions
  readonly #debouncer: Debouncer
  #changes: SchemaChange[] = []

  constructor(options: SchemaChangePropagatorOptions) {
    this.#options = options
    this.#debouncer = new Debouncer(options.clock, options.quietMs, () => this.#repeat())
  }

  add(change: SchemaChange): void {
    this.#options.onChange(change)
    if (!this.#options.hasOthers()) return
    if (this.#changes.length < changeCountMax) this.#changes.push(change)
    this.#debouncer.request()
  }

  async #repeat(): Promise<void> {
    const changes = this.#changes
    this.#changes = []
    // Whether they agreed in time or not: asking once too often does no harm.
    await this.#options.agree().catch(() => {})
    for (const change of changes) this.#options.onChange(change)
  }

  close(): void {
    this.#debouncer.close()
  }
}
