import { ClosedError } from '../errors/index.ts'
import type { Page } from './result.ts'

/**
 * Fetches the page that starts at a paging state; `undefined` is the first page. The signal aborts
 * when the page is no longer wanted.
 */
export type FetchPage<Columns> = (
  pagingState: Uint8Array | undefined,
  signal: AbortSignal,
) => Promise<Page<Columns>>

/** The pages of a result in order. One page is fetched ahead at most. */
export class PageSource<Columns> {
  readonly #fetch: FetchPage<Columns>
  readonly #closing = new AbortController()
  #pagingState: Uint8Array | undefined
  #isAtEnd = false
  #isClosed = false
  /** The page that is fetched, or was fetched ahead. */
  #coming: Promise<Page<Columns>> | undefined
  /** Calls of `take` run one after another. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(fetch: FetchPage<Columns>) {
    this.#fetch = fetch
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Fetches the next page ahead, if there is one. A failure is reported when it is taken. */
  prefetch(): void {
    if (this.#isAtEnd || this.#isClosed || this.#coming !== undefined) return
    this.#coming = this.#fetch(this.#pagingState, this.#closing.signal)
    this.#coming.catch(() => {})
  }

  /** Takes the next page; `undefined` at the end. After a failure it fetches the same page. */
  take(): Promise<Page<Columns> | undefined> {
    const page = this.#last.then(() => this.#take())
    this.#last = page.catch(() => {})
    return page
  }

  async #take(): Promise<Page<Columns> | undefined> {
    this.prefetch()
    const coming = this.#coming
    if (coming === undefined) return undefined
    try {
      const page = await coming
      if (this.#isClosed) return undefined
      this.#pagingState = page.pagingState
      this.#isAtEnd = page.pagingState === undefined
      return page
    } catch (error) {
      if (this.#isClosed) return undefined
      throw error
    } finally {
      this.#coming = undefined
    }
  }

  /** Fetches no further page, aborts the one in flight, and drops what was fetched ahead. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#coming !== undefined) this.#closing.abort(new ClosedError('stream of rows'))
    this.#coming = undefined
  }
}
