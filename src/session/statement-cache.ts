import { analyzeStatement, type StatementFacts } from '../cql/index.ts'
import type { PreparedEntry } from './prepared-entry.ts'

/** A text the session has seen in one keyspace. */
export class CachedStatement {
  readonly text: string
  readonly keyspace: string | undefined
  readonly facts: StatementFacts
  useCount = 0
  prepared: PreparedEntry | undefined
  /** PREPARE under way: callers that come meanwhile share it. */
  preparing: Promise<PreparedEntry> | undefined
  /** Since eviction last looked. */
  wasUsed = false

  constructor(text: string, keyspace: string | undefined) {
    this.text = text
    this.keyspace = keyspace
    this.facts = analyzeStatement(text)
  }
}

/** Characters of all texts together: statements with their values written out may be long. */
const charCountMax = 8 * 1024 * 1024

/**
 * Statements by keyspace in effect and text: the same text means another table in another keyspace.
 * A map per keyspace saves building a key for every call. Beyond the bound those that were not used
 * since eviction last passed them go first (second chance).
 */
export class StatementCache {
  readonly #countMax: number
  #charCount = 0
  readonly #keyspaces = new Map<string | undefined, Map<string, CachedStatement>>()
  /** All statements in the order eviction looks at them. */
  readonly #order = new Set<CachedStatement>()

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  get count(): number {
    return this.#order.size
  }

  get(keyspace: string | undefined, text: string): CachedStatement {
    const known = this.#keyspaces.get(keyspace)?.get(text)
    if (known !== undefined) {
      known.wasUsed = true
      return known
    }
    return this.#add(keyspace, text)
  }

  #add(keyspace: string | undefined, text: string): CachedStatement {
    const statement = new CachedStatement(text, keyspace)
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

  #forget({ keyspace, text }: CachedStatement): void {
    this.#charCount -= text.length
    const statements = this.#keyspaces.get(keyspace)
    statements?.delete(text)
    if (statements?.size === 0) this.#keyspaces.delete(keyspace)
  }
}
