import { RequestTimeoutError } from '../../src/index.ts'
import type {
  Batch,
  BindValues,
  ExecuteOptions,
  Executor,
  Page,
  PreparedStatement,
  Result,
  RowStream,
  Statement,
} from '../../src/index.ts'

/**
 * An executor that loses the answer of every n-th write: it is applied, and the caller is told that
 * nobody knows. Counts what goes through it.
 */
export class LosingExecutor implements Executor {
  readonly #inner: Executor
  readonly #everyNth: number
  executeCount = 0
  lostCount = 0

  constructor(inner: Executor, everyNth: number = Number.POSITIVE_INFINITY) {
    this.#inner = inner
    this.#everyNth = everyNth
  }

  async #maybeLose<T>(isWrite: boolean, work: Promise<T>): Promise<T> {
    const result = await work
    if (!isWrite || ++this.executeCount % this.#everyNth !== 0) return result
    this.lostCount++
    throw new RequestTimeoutError(1, 'unknown')
  }

  execute<C>(
    text: string | Statement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<C>> {
    return this.#inner.execute<C>(text, values, options)
  }
  prepare(text: string | Statement): Promise<PreparedStatement> {
    return this.#inner.prepare(text)
  }
  executePrepared<C>(
    prepared: PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<C>> {
    const isWrite = !/^\s*SELECT/i.test(prepared.getStatement())
    return this.#maybeLose(isWrite, this.#inner.executePrepared<C>(prepared, values, options))
  }
  batch<C>(
    batch: Batch,
    values?: readonly (BindValues | undefined)[],
    options?: ExecuteOptions,
  ): Promise<Result<C>> {
    return this.#maybeLose(true, this.#inner.batch<C>(batch, values, options))
  }
  page<C>(
    statement: string | Statement | PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Page<C>> {
    return this.#inner.page<C>(statement, values, options)
  }
  stream<C>(
    statement: string | Statement | PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): RowStream<C> {
    return this.#inner.stream<C>(statement, values, options)
  }
}
