import { ClosedError } from '../errors/index.ts'
import { type FetchPage, PageSource } from './page-source.ts'
import type { Page, RowStream, WebStream } from './result.ts'
import type { RowOf } from './row.ts'

/**
 * Rows of one page after another. The next page is fetched when half of the rows of a page have
 * been taken, so at most two pages are held; an empty page that is not the last is skipped.
 */
export class RowPager<Columns> implements RowStream<Columns> {
  readonly #pages: PageSource<Columns>
  #rows: RowOf<Columns>[] = []
  /** A page whose rows have not been decoded. */
  #unread: Page<Columns> | undefined
  #at = 0
  /** The row that makes the next page be fetched when it is taken. */
  #prefetchAt = 0
  /** Calls of `next` run one after another, as those of a generator do. */
  #last: Promise<unknown> = Promise.resolve()
  /** Calls of `next` that wait for a page. While there are any, later calls wait behind them. */
  #waitingCount = 0

  constructor(fetch: FetchPage<Columns>) {
    this.#pages = new PageSource(fetch)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<RowOf<Columns>, undefined>> {
    if (this.#at < this.#rows.length && this.#waitingCount === 0) {
      return Promise.resolve({ done: false, value: this.#takeRow() })
    }
    this.#waitingCount++
    const result = this.#last.then(() => this.#nextFetched())
    const settle = (): void => void this.#waitingCount--
    this.#last = result.then(settle, settle)
    return result
  }

  #takeRow(): RowOf<Columns> {
    if (this.#at === this.#prefetchAt) this.#pages.prefetch()
    return this.#rows[this.#at++]!
  }

  async #nextFetched(): Promise<IteratorResult<RowOf<Columns>, undefined>> {
    while (this.#at >= this.#rows.length) {
      const page = this.#unread ?? (await this.#pages.take())
      if (page === undefined || this.#pages.isClosed) return { done: true, value: undefined }
      // Rows that cannot be decoded are reported, and asked for again: none is skipped.
      this.#unread = page
      this.#rows = page.rows()
      this.#unread = undefined
      this.#at = 0
      this.#prefetchAt = this.#rows.length >> 1
    }
    return { done: false, value: this.#takeRow() }
  }

  /**
   * Ends the iteration: no further page is fetched, the one in flight is aborted, and calls that
   * wait for one yield no row.
   */
  return(): Promise<IteratorResult<RowOf<Columns>, undefined>> {
    this.#pages.close()
    this.#rows = []
    this.#unread = undefined
    this.#at = 0
    return Promise.resolve({ done: true, value: undefined })
  }

  async *pages(): AsyncGenerator<Page<Columns>, void, undefined> {
    this.#checkOpen()
    try {
      for (;;) {
        const page = await this.#pages.take()
        if (page === undefined) return
        this.#pages.prefetch()
        yield page
      }
    } finally {
      await this.return()
    }
  }

  async toArray(): Promise<RowOf<Columns>[]> {
    this.#checkOpen()
    const rows: RowOf<Columns>[] = []
    for await (const row of this) rows.push(row)
    return rows
  }

  toReadableStream(): WebStream<RowOf<Columns>> {
    this.#checkOpen()
    type Controller = ReadableStreamDefaultController<RowOf<Columns>>
    const pull = async (controller: Controller): Promise<void> => {
      const { done, value } = await this.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    }
    const cancel = async (): Promise<void> => void (await this.return())
    // No row is taken before it is asked for.
    return new ReadableStream<RowOf<Columns>>({ pull, cancel }, { highWaterMark: 0 })
  }

  #checkOpen(): void {
    if (this.#pages.isClosed) throw new ClosedError('stream of rows')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
