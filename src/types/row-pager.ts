import { ClosedError } from '../errors/index.ts'
import type { Page, RowStream } from './result.ts'
import type { RowOf } from './row.ts'

/** Fetches the page that starts at a paging state; `undefined` is the first page. */
export type FetchPage<Columns> = (pagingState: Uint8Array | undefined) => Promise<Page<Columns>>

/**
 * Rows of one page after another. The next page is fetched when the last row of a page has been
 * taken, so at most one page is held; an empty page that is not the last is skipped.
 */
export class RowPager<Columns> implements RowStream<Columns> {
  readonly #fetch: FetchPage<Columns>
  #rows: RowOf<Columns>[] = []
  #at = 0
  #pagingState: Uint8Array | undefined
  #isAtEnd = false
  #isClosed = false
  /** Calls of `next` run one after another, as those of a generator do. */
  #last: Promise<unknown> = Promise.resolve()
  /** Calls of `next` that wait for a page. While there are any, later calls wait behind them. */
  #waitingCount = 0

  constructor(fetch: FetchPage<Columns>) {
    this.#fetch = fetch
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<RowOf<Columns>, undefined>> {
    if (this.#at < this.#rows.length && this.#waitingCount === 0) {
      return Promise.resolve({ done: false, value: this.#rows[this.#at++]! })
    }
    this.#waitingCount++
    const result = this.#last.then(() => this.#nextFetched())
    const settle = (): void => void this.#waitingCount--
    this.#last = result.then(settle, settle)
    return result
  }

  async #nextFetched(): Promise<IteratorResult<RowOf<Columns>, undefined>> {
    while (this.#at >= this.#rows.length) {
      if (this.#isAtEnd || this.#isClosed) return { done: true, value: undefined }
      const page = await this.#fetch(this.#pagingState)
      if (this.#isClosed) continue
      this.#rows = page.rows()
      this.#at = 0
      this.#pagingState = page.pagingState
      this.#isAtEnd = page.pagingState === undefined
    }
    return { done: false, value: this.#rows[this.#at++]! }
  }

  /** Ends the iteration: no further page is fetched, and calls that wait for one yield no row. */
  return(): Promise<IteratorResult<RowOf<Columns>, undefined>> {
    this.#isClosed = true
    this.#rows = []
    this.#at = 0
    return Promise.resolve({ done: true, value: undefined })
  }

  async toArray(): Promise<RowOf<Columns>[]> {
    if (this.#isClosed) throw new ClosedError('stream of rows')
    const rows: RowOf<Columns>[] = []
    for await (const row of this) rows.push(row)
    return rows
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
