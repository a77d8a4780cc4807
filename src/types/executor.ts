import { type Runtime, systemRuntime } from '../util/index.ts'
import type { Batch } from './batch.ts'
import type { PreparedStatement } from './prepared-statement.ts'
import type { Page, Result, RowStream } from './result.ts'
import type { UnknownColumns } from './row.ts'
import type { TypedPreparedStatement, TypedStatement } from './typed-statement.ts'
import type { BindValues, ExecuteOptions, Statement } from './statement.ts'

/**
 * Everything that the patterns need of a database. A `Session` is an executor, whatever its nodes
 * are. {@link wrapExecutor} adds tracing, tenancy or faults to one.
 */
export interface Executor {
  /**
   * Runs a statement and returns its whole result, all pages. Without `values` those of the
   * `Statement` are bound.
   */
  execute<Columns = UnknownColumns>(
    statement: string | Statement | TypedStatement<Columns>,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<Columns>>
  /** Has the server parse a statement. Its options become those of the prepared statement. */
  prepare(statement: string | Statement): Promise<PreparedStatement>
  /** Runs a prepared statement and returns its whole result, all pages. */
  executePrepared<Columns = UnknownColumns>(
    prepared: PreparedStatement | TypedPreparedStatement<Columns>,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<Columns>>
  /**
   * Runs a batch; `values[i]` belong to its i-th statement. The result has rows only when the batch
   * is conditional.
   */
  batch<Columns = UnknownColumns>(
    batch: Batch,
    values?: readonly (BindValues | undefined)[],
    options?: ExecuteOptions,
  ): Promise<Result<Columns>>
  /** Fetches exactly one page: the first, or the one that starts at `options.pagingState`. */
  page<Columns = UnknownColumns>(
    statement:
      | string
      | Statement
      | PreparedStatement
      | TypedStatement<Columns>
      | TypedPreparedStatement<Columns>,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Page<Columns>>
  /** All rows, page by page as they are consumed. */
  stream<Columns = UnknownColumns>(
    statement:
      | string
      | Statement
      | PreparedStatement
      | TypedStatement<Columns>
      | TypedPreparedStatement<Columns>,
    values?: BindValues,
    options?: ExecuteOptions,
  ): RowStream<Columns>
  /**
   * The executor that this one wraps, when both reach the same data under the same names. What
   * patterns share within a process (single flights, counters, versions of streams) belongs to the
   * innermost executor, so it is shared by all that wrap it. Default: the executor itself.
   */
  readonly root?: Executor | undefined
  /** Returns the keyspace that unqualified names of tables mean. Default: not known. */
  getKeyspace?(): string | undefined
}

/** The innermost executor: the identity of an executor and of everything that wraps it. */
export function rootOf(executor: Executor): Executor {
  let root = executor
  const seen = new Set([root])
  while (root.root !== undefined && !seen.has(root.root)) {
    root = root.root
    seen.add(root)
  }
  return root
}

/** The same symbol in every copy of the package. */
const runtimeSymbol: unique symbol = Symbol.for('tsylla.runtime/1')

/** Makes what uses an executor depend on the time, randomness and scheduling of a runtime. */
export function bindRuntime(executor: Executor, runtime: Runtime): void {
  Object.defineProperty(executor, runtimeSymbol, { value: runtime })
}

/** Returns the runtime of the innermost executor: that of the process, except in a simulation. */
export function runtimeOf(executor: Executor): Runtime {
  const root = rootOf(executor) as Executor & { readonly [runtimeSymbol]?: Runtime }
  return root[runtimeSymbol] ?? systemRuntime
}
