import { ClosedError } from '../errors/index.ts'
import type { Page, RowOf } from '../types/index.ts'
import { createDeferred, type Deferred, RingQueue } from '../util/index.ts'
import { encodeScanState, type OpenRange, type ScanPosition } from './scan-state.ts'
import { rangeOrder, type TokenRange, tokenRange } from './token-ranges.ts'

/** How far a scan is. */
export interface ScanProgress {
  /** Rows that were consumed, those before it was resumed included. */
  readonly rowCount: number
  readonly finishedRangeCount: number
  readonly rangeCount: number
  /** Share of the ring that is finished, 0 … 1. */
  readonly fraction: number
}

/** Fetches a page of the rows of a range. */
type FetchRange<Columns> = (
  range: TokenRange,
  pagingState: Uint8Array | undefined,
  /** Aborts when the scan ends. */
  closing: AbortSignal,
) => Promise<Page<Columns>>

interface ScanOptions<Columns> {
  readonly parallelism: number
  readonly position: ScanPosition
  /** Looks the table up, once. */
  readonly open: () => Promise<FetchRange<Columns>>
}

/** A range that is being read. It has one page: fetched, waiting or being consumed. */
interface ReadRange<Columns> extends OpenRange {
  readonly page: Page<Columns> | undefined
}

/**
 * The rows of a table, read by several ranges of tokens at the same time: in no particular order,
 * each once. At most `parallelism` pages are fetched or waiting while another one is consumed.
 * Leaving the loop ends the scan. A failure ends the loop too, but not the scan: the next call of
 * `next` tries the failed page again, and `state` can be resumed elsewhere.
 */
export class TableScan<Columns>
  implements AsyncIterableIterator<RowOf<Columns>, undefined>, AsyncDisposable
{
  readonly #options: ScanOptions<Columns>
  readonly #rangeCount: number
  readonly #closing = new AbortController()
  #fetch: Promise<FetchRange<Columns>> | undefined
  #begunCount: number
  #rowCount: number
  /** By index: every range that is begun and not finished. */
  readonly #ranges = new Map<number, ReadRange<Columns>>()
  /** Ranges whose page is to be fetched: resumed ones, and those that have failed. */
  readonly #pending: number[] = []
  /** Ranges whose page waits to be consumed. */
  readonly #ready = new RingQueue<number>()
  #fetchingCount = 0
  #failure: { readonly reason: unknown } | undefined
  #rows: RowOf<Columns>[] = []
  #at = 0
  #current: number | undefined
  #arrival: Deferred<void> | undefined
  #isClosed = false
  /** Calls of `next` run one after another. */
  #last: Promise<unknown> = Promise.resolve()
  /** Calls of `next` that wait for a page. While there are any, later calls wait behind them. */
  #waitingCount = 0

  /** @internal Use `scanTable`. */
  constructor(options: ScanOptions<Columns>) {
    const { rangeCount, begunCount, rowCount, open } = options.position
    this.#options = options
    this.#rangeCount = rangeCount
    this.#begunCount = begunCount
    this.#rowCount = rowCount
    for (const range of open) {
      this.#ranges.set(range.index, { ...range, page: undefined })
      this.#pending.push(range.index)
    }
  }

  get progress(): ScanProgress {
    const rangeCount = this.#rangeCount
    const finishedRangeCount = this.#begunCount - this.#ranges.size
    const fraction = finishedRangeCount / rangeCount
    return { rowCount: this.#rowCount, finishedRangeCount, rangeCount, fraction }
  }

  /**
   * Where the scan is: `resume` of another scan. That begins with the page that was being consumed
   * here, of each range: its rows come again, and none is lost, whatever has been deleted since.
   */
  state(): string {
    const { position } = this.#options
    const open: OpenRange[] = []
    for (const { index, pagingState, page } of this.#ranges.values()) {
      const isConsumed = index === this.#current && this.#at >= this.#rows.length
      if (!isConsumed) open.push({ index, pagingState })
      else if (page?.pagingState !== undefined) open.push({ index, pagingState: page.pagingState })
    }
    const [begunCount, rowCount] = [this.#begunCount, this.#rowCount]
    return encodeScanState({ ...position, begunCount, rowCount, open })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<RowOf<Columns>, undefined>> {
    if (this.#waitingCount === 0 && this.#at < this.#rows.length && !this.#isClosed) {
      return Promise.resolve({ done: false, value: this.#takeRow() })
    }
    this.#waitingCount++
    const result = this.#last.then(() => this.#next())
    const settle = (): void => void this.#waitingCount--
    this.#last = result.then(settle, settle)
    return result
  }

  #takeRow(): RowOf<Columns> {
    this.#rowCount++
    return this.#rows[this.#at++]!
  }

  async #next(): Promise<IteratorResult<RowOf<Columns>, undefined>> {
    while (!this.#isClosed && this.#at >= this.#rows.length) {
      this.#finishPage()
      const fetch = await this.#opened()
      if (this.#isClosed) break
      this.#fetchMore(fetch)
      if (this.#takePage()) continue
      const failure = this.#failure
      if (failure !== undefined) {
        this.#failure = undefined
        throw failure.reason
      }
      if (this.#fetchingCount === 0) return { done: true, value: undefined }
      this.#arrival = createDeferred()
      await this.#arrival.promise
    }
    if (this.#isClosed) return { done: true, value: undefined }
    return { done: false, value: this.#takeRow() }
  }

  async #opened(): Promise<FetchRange<Columns>> {
    this.#fetch ??= this.#options.open()
    try {
      return await this.#fetch
    } catch (error) {
      this.#fetch = undefined
      throw error
    }
  }

  /** Begins to fetch until enough pages are fetched or waiting. */
  #fetchMore(fetch: FetchRange<Columns>): void {
    const { parallelism } = this.#options
    // What has failed is reported before it is tried again.
    while (this.#failure === undefined && this.#fetchingCount + this.#ready.length < parallelism) {
      const index = this.#pending.shift() ?? this.#beginRange()
      if (index === undefined) return
      this.#fetchPage(fetch, index)
    }
  }

  #beginRange(): number | undefined {
    if (this.#begunCount >= this.#rangeCount) return undefined
    const index = rangeOrder(this.#begunCount++, this.#rangeCount)
    this.#ranges.set(index, { index, pagingState: undefined, page: undefined })
    return index
  }

  #fetchPage(fetch: FetchRange<Columns>, index: number): void {
    const range = this.#ranges.get(index)!
    this.#fetchingCount++
    const fetching = async (): Promise<Page<Columns>> =>
      await fetch(tokenRange(index, this.#rangeCount), range.pagingState, this.#closing.signal)
    void fetching().then(
      (page) => {
        this.#fetchingCount--
        if (this.#isClosed) return
        this.#ranges.set(index, { ...range, page })
        this.#ready.push(index)
        this.#arrive()
      },
      (reason: unknown) => {
        this.#fetchingCount--
        if (this.#isClosed) return
        this.#failure ??= { reason }
        this.#pending.push(index)
        this.#arrive()
      },
    )
  }

  #arrive(): void {
    this.#arrival?.resolve()
    this.#arrival = undefined
  }

  /** @returns whether a page waited */
  #takePage(): boolean {
    const index = this.#ready.peek()
    if (index === undefined) return false
    const { page } = this.#ranges.get(index)!
    // Rows that cannot be decoded are reported, and asked for again: none is skipped.
    const rows = page!.rows()
    this.#ready.shift()
    this.#current = index
    this.#rows = rows
    this.#at = 0
    return true
  }

  /** The rows of the page have been consumed. */
  #finishPage(): void {
    const index = this.#current
    if (index === undefined) return
    this.#current = undefined
    this.#rows = []
    this.#at = 0
    const { pagingState } = this.#ranges.get(index)!.page!
    if (pagingState === undefined) {
      this.#ranges.delete(index)
      return
    }
    this.#ranges.set(index, { index, pagingState, page: undefined })
    this.#pending.unshift(index)
  }

  /**
   * Ends the scan: nothing more is fetched, pages in flight are aborted, and calls that wait yield
   * no row. `state` stays.
   */
  return(): Promise<IteratorResult<RowOf<Columns>, undefined>> {
    if (!this.#isClosed && this.#fetchingCount > 0) {
      this.#closing.abort(new ClosedError('scan of a table'))
    }
    this.#isClosed = true
    // The position stays, the pages do not, but for what is being consumed.
    for (const [index, range] of this.#ranges) {
      if (index !== this.#current) this.#ranges.set(index, { ...range, page: undefined })
    }
    this.#arrive()
    return Promise.resolve({ done: true, value: undefined })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** The rest of the rows. @throws ClosedError when the scan has been ended */
  async toArray(): Promise<RowOf<Columns>[]> {
    if (this.#isClosed) throw new ClosedError('scan of a table')
    const rows: RowOf<Columns>[] = []
    for await (const row of this) rows.push(row)
    return rows
  }
}
