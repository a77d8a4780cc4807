import type { ColumnarRows } from './columnar.ts'
import type { ColumnSpec } from './column-spec.ts'
import type { QueryTrace, TraceOptions } from './query-trace.ts'
import type { RowOf, UnknownColumns } from './row.ts'

/**
 * The type of `result.rows`, which is a method. Its `length` is `void`, so that the compiler
 * refuses `result.rows.length`, which would be the number of parameters: use `result.length`.
 */
export interface RowsMethod<Columns = UnknownColumns> {
  (): RowOf<Columns>[]
  readonly length: void
}

/** The result of a statement. It can be iterated any number of times. */
export interface Result<Columns = UnknownColumns> extends Iterable<RowOf<Columns>> {
  /** Every row, raw: for a conditional statement including `[applied]`. Empty without rows. */
  readonly rows: RowsMethod<Columns>
  /** The first row; `undefined` without rows. */
  firstRow(): RowOf<Columns> | undefined
  /** The only row. @throws RowCountError unless there is exactly one. */
  singleRow(): RowOf<Columns>
  /** The rows as plain objects without row methods. */
  rowsTyped(): Columns[]
  /** The first row as a plain object; `undefined` without rows. */
  firstRowTyped(): Columns | undefined
  /**
   * The rows by column, as typed arrays and dictionaries. Of a page larger than 64 KiB no row
   * object is made, unless rows were asked for before; such columns keep the bytes of the page.
   */
  toColumns(): ColumnarRows
  /** The columns in the order of the SELECT; empty for a statement that returns no rows. */
  colSpecs(): readonly ColumnSpec[]
  /** UUID of the server-side trace as text; `undefined` unless the call asked for tracing. */
  tracingId(): string | undefined
  /**
   * Reads the trace that the servers have written, once it is complete.
   *
   * @throws ConfigError for a request without `tracing`; TraceError when the trace is not complete
   *   within `timeoutMs`; AbortedError
   */
  trace(options?: TraceOptions): Promise<QueryTrace>
  /** Warnings of the server, of all pages; empty when there are none. */
  warnings(): readonly string[]
  /** The custom payload of the response (of the last page), by key. */
  customPayload(): ReadonlyMap<string, Uint8Array | null> | undefined
  /** The rows for JSON, see `RowMethods.toJSON`. */
  toJSON(): unknown[]
  /** Number of rows. */
  readonly length: number
  /** Whether a conditional statement was applied; `undefined` for all others. */
  readonly applied: boolean | undefined
  /** The node that answered (the last page): `host:port`, or `embedded:` with its path. */
  readonly coordinator: string
}

/** Exactly one page of a result. */
export interface Page<Columns = UnknownColumns> extends Result<Columns> {
  /** Continue with `session.page(statement, values, { pagingState })`; `undefined` at the end. */
  readonly pagingState: Uint8Array | undefined
}

/**
 * Rows fetched page by page as they are consumed: the next page is fetched while the second half of
 * a page is consumed, so that at most two pages are held. Leaving the loop ends the stream, as does
 * disposing of it (`await using`): no further page is fetched.
 */
export interface RowStream<Columns = UnknownColumns>
  extends AsyncIterableIterator<RowOf<Columns>>,
    AsyncDisposable {
  /** The rest of the rows. @throws ClosedError when the stream has been ended */
  toArray(): Promise<RowOf<Columns>[]>
  /**
   * The pages that no row was taken of yet, in place of single rows. The next page is fetched while
   * the loop body runs.
   *
   * @throws ClosedError when the stream has been ended
   */
  pages(): AsyncGenerator<Page<Columns>, void, undefined>
  /**
   * The rest of the rows as a web stream, which takes a row when one is read. Cancelling it ends
   * the stream.
   *
   * @throws ClosedError when the stream has been ended
   */
  toReadableStream(): WebStream<RowOf<Columns>>
}

/** The class `ReadableStream`, where its types are known. */
type GlobalReadableStream = typeof globalThis extends {
  readonly ReadableStream: { readonly prototype: infer Stream }
}
  ? Stream
  : unknown

/** A `ReadableStream` of values. */
export type WebStream<T> = AsyncIterable<T> & GlobalReadableStream
