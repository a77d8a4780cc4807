import { analyzeStatement, type StatementFacts } from '../../cql/index.ts'
import type { ColumnSpec, PreparedSource } from '../../types/index.ts'
import { ShownStatement } from '../execution/shown-statement.ts'
import { ResultMetadataCache } from '../result/result-metadata-cache.ts'
import type { CodecOptions } from '../../codec/index.ts'
import type { PreparedMetadata } from './prepared-metadata.ts'

/**
 * A text that the session has seen in one keyspace, prepared or not yet. All `PreparedStatement`s
 * of the text share it.
 */
export class StatementHandle implements PreparedSource {
  /** The session that owns the handle; other sessions refuse it. */
  readonly owner: object
  readonly text: string
  readonly keyspace: string | undefined
  readonly facts: StatementFacts
  /** How traces show the text; computed when one is observed. */
  readonly shown: ShownStatement
  /** Row shapes of its results, by the metadata they came with. */
  readonly resultMetadata: ResultMetadataCache
  useCount = 0
  /** What the last PREPARE answered. */
  metadata: PreparedMetadata | undefined
  /** PREPARE under way: later callers share it. */
  preparing: Promise<void> | undefined
  /** PREPAREs on nodes that did not know the statement, by node address: single flight. */
  readonly preparingOn: Map<string, Promise<void>> = new Map()
  /** Whether it was used since eviction last looked. */
  wasUsed = false

  constructor(
    owner: object,
    text: string,
    keyspace: string | undefined,
    codecOptions: CodecOptions = {},
  ) {
    this.owner = owner
    this.text = text
    this.keyspace = keyspace
    this.facts = analyzeStatement(text)
    this.shown = new ShownStatement(text, this.facts)
    this.resultMetadata = new ResultMetadataCache(codecOptions)
  }

  get isIdempotent(): boolean {
    return this.metadata?.repeatability.isIdempotent ?? this.facts.isIdempotent
  }
  get id(): Uint8Array {
    return this.metadata?.id ?? new Uint8Array(0)
  }
  get markers(): readonly ColumnSpec[] {
    return this.metadata?.markers ?? []
  }
  get resultColumns(): readonly ColumnSpec[] {
    return this.metadata?.resultColumns ?? []
  }
  get partitionKeyIndexes(): readonly number[] {
    return this.metadata?.partitionKeyIndexes ?? []
  }
}

/** Characters of all texts together: statements with their values written out may be long. */
const charCountMax = 8 * 1024 * 1024

/**
 * Statements by keyspace in effect and text: the same text means another table in another keyspace.
 * A map per keyspace saves building a key for every call. Beyond the bound those that were not used
 * since eviction last passed them go first (second-chance replacement).
 */
export class StatementCache {
  readonly #countMax: number
  readonly #codecOptions: CodecOptions
  #charCount = 0
  readonly #keyspaces = new Map<string | undefined, Map<string, StatementHandle>>()
  /** All statements in the order eviction looks at them. */
  readonly #order = new Set<StatementHandle>()

  constructor(countMax: number, codecOptions: CodecOptions = {}) {
    this.#countMax = countMax
    this.#codecOptions = codecOptions
  }

  get count(): number {
    return this.#order.size
  }

  get(keyspace: string | undefined, text: string): StatementHandle {
    const known = this.#keyspaces.get(keyspace)?.get(text)
    if (known !== undefined) {
      known.wasUsed = true
      return known
    }
    return this.#add(keyspace, text)
  }

  /** Returns a statement that the cache holds, without any effect on what it holds. */
  peek(keyspace: string | undefined, text: string): StatementHandle | undefined {
    return this.#keyspaces.get(keyspace)?.get(text)
  }

  #add(keyspace: string | undefined, text: string): StatementHandle {
    const statement = new StatementHandle(this, text, keyspace, this.#codecOptions)
    this.#charCount += text.length
    while (this.#isFull()) this.#evict()
    let statements = this.#keyspaces.get(keyspace)
    if (statements === undefined) {
      statements = new Map()
      this.#keyspaces.set(keyspace, statements)
    }
    statements.set(text, statement)
    this.#order.add(statement)
    return statement
  }

  #isFull(): boolean {
    const { size } = this.#order
    return size >= this.#countMax || (size > 0 && this.#charCount > charCountMax)
  }

  /**
   * Removes one. A set visits what is put back behind its end, so this ends in the second round.
   */
  #evict(): void {
    for (const statement of this.#order) {
      this.#order.delete(statement)
      if (!statement.wasUsed) {
        this.#forget(statement)
        return
      }
      statement.wasUsed = false
      this.#order.add(statement)
    }
  }

  #forget({ keyspace, text }: StatementHandle): void {
    this.#charCount -= text.length
    const statements = this.#keyspaces.get(keyspace)
    statements?.delete(text)
    if (statements?.size === 0) this.#keyspaces.delete(keyspace)
  }
}
