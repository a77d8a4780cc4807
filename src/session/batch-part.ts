import type { StatementFacts } from '../cql/index.ts'
import type { BindValues } from '../types/index.ts'
import type { PreparedEntry, PreparedState } from './prepared-entry.ts'
import { estimateValueBytes } from './session-core.ts'
import type { CachedStatement } from './statement-cache.ts'

/** One statement of a batch: a text without values, or prepared with them. */
export class BatchPart {
  readonly facts: StatementFacts
  /** The text, as long as it is sent as one. */
  text: CachedStatement | undefined
  entry: PreparedEntry | undefined
  /** What it is encoded by: the pair of id and markers that its values were put in order for. */
  state: PreparedState | undefined
  /** In marker order, an array of our own. */
  values: readonly unknown[] = []
  /** As they were given, until there are markers to put them in order for. */
  #given: BindValues | undefined
  /** What the statement's own options say. */
  readonly #saidIdempotent: boolean | undefined

  /** @throws BindError */
  constructor(
    statement: CachedStatement | PreparedEntry,
    given: BindValues | undefined,
    saidIdempotent: boolean | undefined,
  ) {
    this.facts = statement.facts
    this.#given = given
    this.#saidIdempotent = saidIdempotent
    if ('state' in statement) this.prepareAs(statement)
    else this.text = statement
  }

  /** Takes the prepared form, in which a text means its keyspace wherever it is sent. */
  prepareAs(entry: PreparedEntry): void {
    this.text = undefined
    this.entry = entry
    this.takeState()
  }

  /** What PREPARE says now: of the same text, so that every value keeps its place. */
  takeState(): void {
    const state = this.entry?.state
    if (state === undefined || state === this.state) return
    this.values = state.plan.resolve(this.state === undefined ? this.#given : this.values)
    this.#given = undefined
    this.state = state
  }

  /** Whether repeating it is harmless, as it was said or as it can be told. */
  isIdempotent(isStamped: boolean): boolean {
    const inferred = this.state?.isIdempotent ?? this.facts.isIdempotent
    return this.#saidIdempotent ?? (inferred && isStamped)
  }

  estimatedBytes(): number {
    return this.text === undefined ? estimateValueBytes(this.values) : this.text.text.length
  }
}
