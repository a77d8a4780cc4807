import type { SchemaChange } from '../protocol/index.ts'
import type { Clock } from '../util/index.ts'
import { Debouncer } from './debouncer.ts'

export interface SchemaChangePropagatorOptions {
  readonly clock: Clock
  /** How long events are gathered. */
  readonly quietMs: number
  /** Whether there are nodes that may hear of it later. */
  readonly hasOthers: () => boolean
  /** Waits until the nodes agree; may fail. */
  readonly agree: () => Promise<void>
  readonly onChange: (change: SchemaChange) => void
}

/** Changes kept until the nodes agree; of those beyond there is no second word. */
const changeCountMax = 1_000

/**
 * Passes on what events say of the schema: at once, as of the node that says so, and again when the
 * nodes agree. Who asked a node that was late in between has to ask again.
 */
export class SchemaChangePropagator {
  readonly #options: SchemaChangePropagatorOptions
  readonly #debouncer: Debouncer
  #changes: SchemaChange[] = []

  constructor(options: SchemaChangePropagatorOptions) {
    this.#options = options
    this.#debouncer = new Debouncer(options.clock, options.quietMs, () => this.#tellAgain())
  }

  add(change: SchemaChange): void {
    this.#options.onChange(change)
    if (!this.#options.hasOthers()) return
    if (this.#changes.length < changeCountMax) this.#changes.push(change)
    this.#debouncer.request()
  }

  async #tellAgain(): Promise<void> {
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
