import type { Executor, PreparedStatement } from '../types/index.ts'

/** Statements of one pattern, each prepared once however many callers ask for it at the same time. */
export class PreparedStatements {
  readonly #executor: Executor
  readonly #prepared = new Map<string, Promise<PreparedStatement>>()

  constructor(executor: Executor) {
    this.#executor = executor
  }

  get(text: string): Promise<PreparedStatement> {
    let prepared = this.#prepared.get(text)
    if (prepared === undefined) {
      prepared = this.#executor.prepare(text)
      this.#prepared.set(text, prepared)
      // A failure is not kept: the table may exist the next time.
      prepared.catch(() => this.#prepared.delete(text))
    }
    return prepared
  }
}
