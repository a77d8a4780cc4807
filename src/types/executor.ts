import type { Batch } from './batch.ts'
import type { PreparedStatement } from './prepared-statement.ts'
import type { Page, Result, RowStream } from './result.ts'
import type { UnknownColumns } from './row.ts'
import type { BindValues, ExecuteOptions, Statement } from './statement.ts'

/**
 * All that the patterns know of a database. A `Session` is one, whatever its nodes are; wrap it to
 * add tracing, tenancy or faults.
 */
export interface Executor {
  /** Runs a statement and gives its whole result, all pages. */
  execute<Columns = UnknownColumns>(
    statement: string | Statement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<Columns>>
  prepare(statement: string | Statement): Promise<PreparedStatement>
  executePrepared<Columns = UnknownColumns>(
    prepared: PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<Columns>>
  /** Runs a batch; `values[i]` belong to its i-th statement. */
  batch<Columns = UnknownColumns>(
    batch: Batch,
    values?: readonly (BindValues | undefined)[],
    options?: ExecuteOptions,
  ): Promise<Result<Columns>>
  /** Exactly one page. */
  page<Columns = UnknownColumns>(
    statement: string | Statement | PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Page<Columns>>
  /** All rows, page by page as they are consumed. */
  stream<Columns = UnknownColumns>(
    statement: string | Statement | PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): RowStream<Columns>
}
