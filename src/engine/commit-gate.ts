import { createDeferred, type Deferred } from '../util/index.ts'
import type { AnswerMemory } from './answer-memory.ts'
import type { Catalog } from './catalog/catalog.ts'
import type { Schema } from './catalog/schema.ts'
import type { EncodedRows, EngineResult } from './execute/result.ts'
import type { KvStore } from './storage/index.ts'

/**
 * Delays answers that depend on uncommitted writes: after a crash, the client would have seen data
 * that does not exist. Other answers are not delayed.
 */
export class CommitGate {
  readonly #storage: KvStore
  readonly #catalog: Catalog
  /** The schema of the last commit. Every change makes a new object. */
  #committedSchema: Schema
  /** Callers that wait for the commit of the schema; they keep waiting when a commit fails. */
  readonly #waiting: Set<Deferred<void>> = new Set()

  constructor(storage: KvStore, catalog: Catalog) {
    this.#storage = storage
    this.#catalog = catalog
    this.#committedSchema = catalog.schema
  }

  /**
   * Runs what reads the store synchronously; the outcome waits for the commit of what was read.
   *
   * @param memory counts the answer while it waits
   */
  settle(
    run: () => EngineResult | Promise<EngineResult>,
    memory: AnswerMemory,
  ): EngineResult | Promise<EngineResult> {
    // Reads that do not lead to an answer, such as those of compactions, may have left the mark.
    this.#storage.takeUncommittedRead()
    let outcome: EngineResult | Promise<EngineResult>
    try {
      outcome = run()
    } catch (error) {
      if (!this.#dependsOnUncommitted()) throw error
      return this.commit().then(() => {
        throw error
      })
    }
    if (outcome instanceof Promise || !this.#dependsOnUncommitted()) return outcome
    return this.#holdUntilCommit(outcome, memory)
  }

  /** A read that lasted several turns waits for all that was written before it ended. */
  async settleLongRead(outcome: Promise<EncodedRows>, memory: AnswerMemory): Promise<EncodedRows> {
    let rows: EncodedRows
    try {
      rows = await outcome
    } catch (error) {
      await this.commit()
      throw error
    }
    return await this.#holdUntilCommit(rows, memory)
  }

  #holdUntilCommit<T extends EngineResult>(result: T, memory: AnswerMemory): Promise<T> {
    const bytes = result.kind === 'rows' ? result.content.length : 0
    memory.hold(bytes)
    return this.commit().then(
      () => {
        memory.release(bytes)
        return result
      },
      (error: unknown) => {
        memory.release(bytes)
        throw error
      },
    )
  }

  /** Resolves when the schema as it is now is durable; `undefined` when it is already. */
  schemaCommit(): Promise<void> | undefined {
    return this.#catalog.schema === this.#committedSchema ? undefined : this.commit()
  }

  /** Resolves once the schema as it is now is durable. A commit that fails only postpones it. */
  schemaDurable(): Promise<void> {
    const durable = createDeferred<void>()
    this.#waiting.add(durable)
    this.commit().catch(() => {})
    return durable.promise
  }

  commit(): Promise<void> {
    const { schema } = this.#catalog
    if (schema === this.#committedSchema && this.#waiting.size === 0) return this.#storage.commit()
    const waiting = [...this.#waiting]
    return this.#storage.commit().then(() => {
      if (schema === this.#catalog.schema) this.#committedSchema = schema
      for (const durable of waiting) {
        this.#waiting.delete(durable)
        durable.resolve()
      }
    })
  }

  #dependsOnUncommitted(): boolean {
    const hasRead = this.#storage.takeUncommittedRead()
    return hasRead || this.#catalog.schema !== this.#committedSchema
  }
}

/** Returns the result of a write once it is durable; at once when there is no gate. */
export function afterCommit(
  gate: CommitGate | undefined,
  result: EngineResult,
): EngineResult | Promise<EngineResult> {
  return gate === undefined ? result : gate.commit().then(() => result)
}
