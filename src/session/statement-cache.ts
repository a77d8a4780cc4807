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
  wasUsed = true

  constructor(text: string, keyspace: string | undefined) {
    this.text = text
    this.keyspace = keyspace
    this.facts = analyzeStatement(text)
  }
}

/**
 * Statements by keyspace in effect and text: the same text means another table in another keyspace.
 * A map per keyspace saves building a key for every call. Beyond the bound the statements that were
 * not used since the last look go first (second chance).
 */
export class StatementCache {
  readonly #countMax: number
  readonly #keyspaces = new Map<string | undefined, Map<string, CachedStatement>>()
  #count = 0

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  get count(): number {
    return this.#count
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
    if (this.#count >= this.#countMax) this.#evict()
    let statements = this.#keyspaces.get(keyspace)
    if (statements === undefined) {
      statements = new Map()
      this.#keyspaces.set(keyspace, statements)
    }
    statements.set(text, statement)
    this.#count++
    return statement
  }

  /** Removes one: the first that was not used since it was last passed over. */
  #evict(): void {
    // A map visits what is put back behind its end, so one round may clear the marks of the first
    // keyspace and end there in the next: at most twice round.
    for (const [keyspace, statements] of this.#keyspaces) {
      for (const [text, statement] of statements) {
        statements.delete(text)
        if (!statement.wasUsed) {
          if (statements.size === 0) this.#keyspaces.delete(keyspace)
          this.#count--
          return
        }
        statement.wasUsed = false
        statements.set(text, statement)
      }
    }
  }
}
