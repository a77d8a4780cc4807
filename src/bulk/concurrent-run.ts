import { AbortedError, ClosedError } from '../errors/index.ts'
import { abortRegistry, createDeferred, type Deferred, RingQueue } from '../util/index.ts'

/** What became of an item; `index` is its place in the source, from 0 on. */
export type ConcurrentOutcome<T> =
  | { readonly index: number; readonly status: 'fulfilled'; readonly value: T }
  | { readonly index: number; readonly status: 'rejected'; readonly reason: unknown }

/** What became of all items. */
export interface ConcurrentSummary {
  readonly succeededCount: number
  readonly failedCount: number
  /** The first 100 failures. */
  readonly failures: readonly (ConcurrentOutcome<never> & { readonly status: 'rejected' })[]
}

/** Begins to execute an item. What it throws is the outcome of the item. */
export type RunItem<Item, T> = (item: Item) => Promise<T>

interface RunOptions<T> {
  readonly source: Iterable<unknown> | AsyncIterable<unknown>
  readonly start: RunItem<unknown, T>
  readonly limit: number
  readonly stopOnError: boolean
  /** Ends the run. */
  readonly signal: AbortSignal | undefined
}

/** Failures that a summary keeps. */
const failureCountMax = 100

/**
 * Many requests, a bounded number at the same time. As an async iterable it yields outcomes in the
 * order in which requests complete; leaving the loop starts no further request and awaits those in
 * flight. A source that throws, or the signal, ends the iteration with that error, behind the
 * outcomes of what was started.
 */
export class ConcurrentRun<T>
  implements AsyncIterableIterator<ConcurrentOutcome<T>, undefined>, AsyncDisposable
{
  readonly #options: RunOptions<T>
  #iterator: Iterator<unknown> | AsyncIterator<unknown> | undefined
  readonly #outcomes = new RingQueue<ConcurrentOutcome<T>>()
  readonly #waiting = new RingQueue<Deferred<IteratorResult<ConcurrentOutcome<T>, undefined>>>()
  readonly #abortable = {
    onAborted: (reason: unknown): void => {
      // What was started may have been applied.
      const outcome = this.#nextIndex === 0 ? 'not_applied' : 'unknown'
      this.#fail(new AbortedError(outcome, reason))
      this.#advance()
    },
  }
  #nextIndex = 0
  #inFlightCount = 0
  /** Whether the next item of an async source is awaited. */
  #isReading = false
  #isEnded = false
  #isClosed = false
  /** What the iteration ends with. */
  #error: { readonly reason: unknown } | undefined
  #whenIdle: Deferred<void> | undefined

  /** @internal Use `concurrent`. */
  constructor(options: RunOptions<T>) {
    this.#options = options
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<ConcurrentOutcome<T>, undefined>> {
    const waiter = createDeferred<IteratorResult<ConcurrentOutcome<T>, undefined>>()
    this.#waiting.push(waiter)
    this.#advance()
    return waiter.promise
  }

  /** Starts no further item, and resolves when the requests in flight are done. */
  async return(): Promise<IteratorResult<ConcurrentOutcome<T>, undefined>> {
    this.#isClosed = true
    this.#end()
    if (this.#inFlightCount > 0) {
      this.#whenIdle ??= createDeferred()
      await this.#whenIdle.promise
    }
    while (this.#outcomes.shift() !== undefined);
    this.#advance()
    return { done: true, value: undefined }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /**
   * The outcomes in the order of the items. Items that were not started have none.
   *
   * @throws ClosedError when the run has been ended before
   */
  async toArray(): Promise<ConcurrentOutcome<T>[]> {
    this.#checkOpen()
    const outcomes: ConcurrentOutcome<T>[] = []
    for await (const outcome of this) outcomes.push(outcome)
    return outcomes.sort((a, b) => a.index - b.index)
  }

  /**
   * Counts the outcomes without keeping them: for any number of items.
   *
   * @throws ClosedError when the run has been ended before
   */
  async summary(): Promise<ConcurrentSummary> {
    this.#checkOpen()
    const failures: ConcurrentSummary['failures'][number][] = []
    let succeededCount = 0
    let failedCount = 0
    for await (const outcome of this) {
      if (outcome.status === 'fulfilled') succeededCount++
      else if (failedCount++ < failureCountMax) failures.push(outcome)
    }
    return { succeededCount, failedCount, failures }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClosedError('concurrent run')
  }

  /** Starts what there is room for, and hands out what there is. */
  #advance(): void {
    this.#fill()
    while (this.#waiting.length > 0) {
      const outcome = this.#outcomes.shift()
      if (outcome !== undefined) {
        this.#waiting.shift()!.resolve({ done: false, value: outcome })
        this.#fill()
      } else if (this.#isEnded && this.#inFlightCount === 0) {
        const error = this.#error
        this.#error = undefined
        const waiter = this.#waiting.shift()!
        if (error === undefined) waiter.resolve({ done: true, value: undefined })
        else waiter.reject(error.reason)
      } else return
    }
  }

  get #hasRoom(): boolean {
    return this.#inFlightCount + this.#outcomes.length < this.#options.limit
  }

  #fill(): void {
    while (!this.#isEnded && !this.#isReading && this.#hasRoom) {
      let step: IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>
      try {
        step = this.#open().next()
      } catch (error) {
        return this.#fail(error)
      }
      if (!('then' in step)) {
        this.#onItem(step)
        continue
      }
      this.#isReading = true
      void step.then(
        (result) => this.#onRead(() => this.#onItem(result)),
        (error: unknown) => this.#onRead(() => this.#fail(error)),
      )
      return
    }
  }

  #open(): Iterator<unknown> | AsyncIterator<unknown> {
    if (this.#iterator !== undefined) return this.#iterator
    const { source, signal } = this.#options
    if (signal?.aborted === true) throw new AbortedError('not_applied', signal.reason)
    this.#iterator =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
    if (signal !== undefined) abortRegistry.add(signal, this.#abortable)
    return this.#iterator
  }

  #onRead(work: () => void): void {
    this.#isReading = false
    if (!this.#isEnded) work()
    this.#settle()
  }

  #onItem(result: IteratorResult<unknown>): void {
    if (result.done === true) {
      this.#isEnded = true
      this.#forgetSignal()
      return
    }
    const index = this.#nextIndex++
    this.#inFlightCount++
    let running: Promise<T>
    try {
      running = this.#options.start(result.value)
    } catch (error) {
      running = Promise.reject(error)
    }
    void running.then(
      (value) => this.#onDone({ index, status: 'fulfilled', value }),
      (reason: unknown) => this.#onDone({ index, status: 'rejected', reason }),
    )
  }

  #onDone(outcome: ConcurrentOutcome<T>): void {
    this.#inFlightCount--
    this.#outcomes.push(outcome)
    if (outcome.status === 'rejected' && this.#options.stopOnError) this.#end()
    this.#settle()
  }

  #settle(): void {
    this.#advance()
    if (this.#inFlightCount === 0) this.#whenIdle?.resolve()
  }

  #fail(reason: unknown): void {
    this.#error ??= { reason }
    this.#end()
  }

  /** Starts nothing more, and lets the source release what it holds. */
  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#forgetSignal()
    try {
      const returned: unknown = this.#iterator?.return?.()
      if (returned instanceof Promise) returned.catch(() => {})
    } catch {
      // The run has ended for another reason, which is reported.
    }
  }

  #forgetSignal(): void {
    const { signal } = this.#options
    if (signal !== undefined) abortRegistry.remove(signal, this.#abortable)
  }
}
