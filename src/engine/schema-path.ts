import type { SchemaStatement } from '../cql/index.ts'
import type { Catalog } from './catalog/catalog.ts'
import { afterCommit, type CommitGate } from './commit-gate.ts'
import { invalid } from './errors.ts'
import { type EngineResult, voidResult } from './execute/result.ts'
import type { RowStore } from './rows/index.ts'

/** Executes USE, TRUNCATE and DDL, and removes the rows of the tables that they drop. */
export class SchemaPath {
  readonly #catalog: Catalog
  readonly #rows: RowStore
  readonly #gate: CommitGate | undefined

  /** @param gate holds answers back until the change is durable; `undefined` in memory */
  constructor(catalog: Catalog, rows: RowStore, gate: CommitGate | undefined) {
    this.#catalog = catalog
    this.#rows = rows
    this.#gate = gate
    // An engine that was closed may have left the rows of some dropped tables.
    this.#removeRows(catalog.droppedGenerations)
  }

  /** The keyspace of a connection is its own: this only checks that the keyspace exists. */
  use(keyspace: string): EngineResult {
    if (this.#catalog.keyspace(keyspace) === undefined) {
      throw invalid(`Keyspace '${keyspace}' does not exist`)
    }
    return { kind: 'set_keyspace', keyspace, warnings: [] }
  }

  truncate(keyspace: string | undefined, name: string): EngineResult | Promise<EngineResult> {
    const generation = this.#catalog.truncate(this.#catalog.keyspaceOf(keyspace, undefined), name)
    this.#removeRows([generation])
    return afterCommit(this.#gate, voidResult)
  }

  /** @param inUse keyspace of names without one */
  apply(
    statement: SchemaStatement,
    inUse: string | undefined,
  ): EngineResult | Promise<EngineResult> {
    const { change, droppedGenerations } = this.#catalog.apply(statement, inUse)
    this.#removeRows(droppedGenerations)
    if (change === undefined) return voidResult
    return afterCommit(this.#gate, { kind: 'schema_change', change, warnings: [] })
  }

  /** Removes rows that can no longer be reached. No statement waits for it. */
  #removeRows(generations: readonly number[]): void {
    if (generations.length === 0) return
    Promise.all(generations.map((generation) => this.#rows.dropGeneration(generation)))
      .then(() => this.#catalog.forgetDropped(generations))
      // A store that fails here fails its next write as well, which reports the error. The next
      // engine on the store removes the remaining rows.
      .catch(() => undefined)
  }
}
