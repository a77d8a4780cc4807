import { createDeferred } from '../../util/index.ts'

/** A value that a run has made, or found. */
export interface Made {
  readonly bytes: Uint8Array
  /** The object that the factory of this process returned, or the one that was found instead. */
  readonly made: { readonly value: unknown } | undefined
  /**
   * Whether the key was neither deleted nor invalidated between the beginning of the factory and
   * the coming of the callers: only callers that came after the factory began need to know.
   */
  readonly isCurrent: () => Promise<boolean>
}

export interface RunAims {
  /** Names of the epochs whose invalidation concerns the value. */
  readonly epochs: ReadonlySet<string>
  /** Whether the factory is called although there is a value. */
  readonly isForced: boolean
}

/** The making of a value, for all callers that want it. It goes on when they give up. */
export class Run {
  readonly options: RunAims
  readonly promise: Promise<Made>
  /** Whether its factory was called. */
  hasBegun = false
  /** Whether the factory is executing synchronously: it has not returned yet. */
  isCalling = false
  /** Called when the run is retired; resolves when it is known whether the value is current. */
  onRetire: () => Promise<unknown> = async () => {}
  readonly #late = createDeferred<void>()
  readonly #controller = new AbortController()
  readonly #onLeave: (run: Run) => void
  #isStale = false
  #isLate = false

  /** @param onLeave called when callers that come from now on start another run */
  constructor(options: RunAims, work: (run: Run) => Promise<Made>, onLeave: (run: Run) => void) {
    this.options = options
    this.#onLeave = onLeave
    this.promise = this.#start(work)
    const leave = (): void => this.#onLeave(this)
    this.promise.then(leave, leave)
  }

  /** Whether its key was written meanwhile, or invalidated: the value is not stored then. */
  get isStale(): boolean {
    return this.#isStale
  }

  /** Whether the factory takes too long: others may make the value. */
  get isLate(): boolean {
    return this.#isLate
  }

  /** Resolves when the run is late. */
  get late(): Promise<void> {
    return this.#late.promise
  }

  /** Aborts when the run is late or retired. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The factory takes too long: callers that come from now on start another run. */
  becomeLate(reason: Error): void {
    this.#isLate = true
    this.#onLeave(this)
    this.#late.resolve()
    this.#controller.abort(reason)
  }

  /**
   * What the factory returns is not stored: its key was written, invalidated or refreshed.
   *
   * @returns resolves when it is known whether what it makes was current until now
   */
  async retire(): Promise<void> {
    if (this.#isStale) return
    this.#isStale = true
    this.#onLeave(this)
    const known = this.onRetire()
    this.#controller.abort()
    await known
  }

  /** Whether an error is how a factory, or the wait for its turn, ends when it is retired. */
  isEndOfRetired(error: unknown): boolean {
    if (!this.#isStale) return false
    return error === this.signal.reason || (error instanceof Error && error.name === 'AbortError')
  }

  async #start(work: (run: Run) => Promise<Made>): Promise<Made> {
    // The run exists from the next turn of the microtask queue.
    await Promise.resolve()
    return await work(this)
  }
}
