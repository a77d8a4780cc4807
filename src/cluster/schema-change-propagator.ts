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
  /** Called in place of {@link onChange} for changes that were not kept. */
  readonly onUnknown: () => void
}

/** Different changes that are kept until the nodes agree; beyond, anything may have changed. */
const changeCountMax = 1_000

/**
 * Passes on schema changes that events report: at once, for the node that reports them, and again
 * when the nodes agree, because a statement may have been prepared on a late node in between.
 */
export class SchemaChangePropagator {
  readonly #options: SchemaChangePropagatorOptions
  readonly #debouncer: Debouncer
  #changes = new Map<string, SchemaChange>()
  /** Whether there were more changes than are kept. */
  #isIncomplete = false

  constructor(options: SchemaChangePropagatorOptions) {
    this.#options = options
    this.#debouncer = new Debouncer(options.clock, options.quietMs, () => this.#repeat())
  }

  add(change: SchemaChange): void {
    this.#options.onChange(change)
    if (!this.#options.hasOthers()) return
    const { target, keyspace, name } = change
    const key = JSON.stringify([change.change, target, keyspace, name])
    if (this.#changes.size < changeCountMax) this.#changes.set(key, change)
    else if (!this.#changes.has(key)) this.#isIncomplete = true
    this.#debouncer.request()
  }

  async #repeat(): Promise<void> {
    const changes = this.#changes
    const isIncomplete = this.#isIncomplete
    this.#changes = new Map()
    this.#isIncomplete = false
    // Whether they agreed in time or not: asking once too often does no harm.
    await this.#options.agree().catch(() => {})
    for (const change of changes.values()) this.#options.onChange(change)
    if (isIncomplete) this.#options.onUnknown()
  }

  close(): void {
    this.#debouncer.close()
  }
}
