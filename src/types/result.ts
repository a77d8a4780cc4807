import type { ColumnSpec } from './column-spec.ts'
import type { RowOf, UnknownColumns } from './row.ts'

/** What a statement gave back. Iterable as often as you like. */
export interface Result<Columns = UnknownColumns> extends Iterable<RowOf<Columns>> {
  /** Every row, raw: for a conditional statement including `[applied]`. Empty without rows. */
  rows(): RowOf<Columns>[]
  firstRow(): RowOf<Columns> | undefined
  /** The only row. @throws RowCountError unless there is exactly one. */
  singleRow(): RowOf<Columns>
  /** The rows as plain objects without row methods. */
  rowsTyped(): Columns[]
  firstRowTyped(): Columns | undefined
  colSpecs(): readonly ColumnSpec[]
  /** Id of the server-side trace, when the statement asked for tracing. */
  tracingId(): string | undefined
  /** Warnings of the server, of all pages. */
  warnings(): readonly string[]
  /** What the server attached to its answer (the last page), by key. */
  customPayload(): ReadonlyMap<string, Uint8Array | null> | undefined
  /** Number of rows. */
  readonly length: number
  /** Whether a conditional statement was applied; `undefined` for all others. */
  readonly applied: boolean | undefined
  /** Address of the node that answered (the last page). */
  readonly coordinator: string
}

/** Exactly one page of a result. */
export interface Page<Columns = UnknownColumns> extends Result<Columns> {
  /** Continue with `session.page(statement, values, { pagingState })`; `undefined` at the end. */
  readonly pagingState: Uint8Array | undefined
}

/**
 * Rows fetched page by page as they are consumed. Also a resource: `await using`, or leave the
 * loop, and nothing more is fetched.
 */
export interface RowStream<Columns = UnknownColumns>
  extends AsyncIterableIterator<RowOf<Columns>>,
    AsyncDisposable {
  toArray(): Promise<RowOf<Columns>[]>
}
