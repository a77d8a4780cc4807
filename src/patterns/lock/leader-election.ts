import { ConfigError, TsyllaError } from '../../errors/index.ts'
import { checkOptions } from '../../kernel/index.ts'
import { GuardedListener, type Clock, sleep } from '../../util/index.ts'
import type { Lease } from './lease.ts'

export interface LeaderOptions {
  /**
   * Called whenever this process becomes the leader. It leads until the returned promise settles.
   *
   * @param signal aborts when the lease is lost and when `stop` is called; the work must end then
   */
  readonly onElected: (lease: Lease, signal: AbortSignal) => Promise<void>
  /**
   * Called when the lease ended while `onElected` was running. What it throws, or its promise
   * rejects with, is reported as a warning of the process.
   */
  readonly onLost?: ((reason: unknown) => void | Promise<void>) | undefined
  /**
   * Called with what `onElected` throws, unless it is the reason of its signal, and with what
   * acquiring fails with; the election goes on after a second. Default: the election ends, and
   * `stop` rejects with the error.
   */
  readonly onError?: ((error: unknown) => void) | undefined
}

const pauseAfterErrorMs = 1_000
/** A process whose work ends sooner takes part again only then. */
const termMsMin = 1_000

/** An election that runs until `stop`. */
export class LeaderElection implements AsyncDisposable {
  readonly #options: LeaderOptions
  readonly #clock: Clock
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #lease: Lease | undefined

  constructor(
    acquire: (signal: AbortSignal) => Promise<Lease>,
    options: LeaderOptions,
    clock: Clock,
  ) {
    checkOptions('leader', options, { onElected: true, onLost: true, onError: true })
    if (typeof options.onElected !== 'function') {
      throw new ConfigError('leader needs a function onElected')
    }
    this.#options = options
    this.#clock = clock
    this.#running = this.#run(acquire)
    // `stop` reports the failure.
    this.#running.catch(() => {})
  }

  /** Whether this process leads now. */
  get isLeader(): boolean {
    return this.#lease?.isHeld === true
  }

  /** Takes part no more. Resolves when `onElected` has settled and the lock is released. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #run(acquire: (signal: AbortSignal) => Promise<Lease>): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const lease = await this.#orReported(() => acquire(signal), isHeld)
      if (lease === undefined) continue
      const startMs = this.#clock.monotonicMs()
      // `stop` was called while the lease was being acquired.
      if (signal.aborted) await lease.release().catch(() => {})
      else await this.#orReported(() => this.#lead(lease))
      await this.#pause(termMsMin - (this.#clock.monotonicMs() - startMs))
    }
  }

  /**
   * @param isExpected whether a failure only means that the election goes on
   * @throws what `work` fails with, unless it is expected, reported, or of no interest after `stop`
   */
  async #orReported<T>(
    work: () => Promise<T>,
    isExpected: (error: unknown) => boolean = () => false,
  ): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      const isStopped = this.#stopping.signal.aborted && isAborted(error)
      if (isStopped || isExpected(error)) return undefined
      if (this.#options.onError === undefined) throw error
      this.#options.onError(error)
      await this.#pause(pauseAfterErrorMs)
      return undefined
    }
  }

  /** Ends at once when `stop` is called. */
  async #pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(this.#clock, ms, this.#stopping.signal)
  }

  async #lead(lease: Lease): Promise<void> {
    const { onElected, onLost } = this.#options
    this.#lease = lease
    if (onLost !== undefined) {
      const listener = new GuardedListener('onLost of a leader election', onLost)
      const onAbort = (): void => listener.call(lease.signal.reason)
      lease.signal.addEventListener('abort', onAbort, { once: true })
    }
    const signal = AbortSignal.any([lease.signal, this.#stopping.signal])
    try {
      await onElected(lease, signal)
    } catch (error) {
      // The work has ended as its signal asked for.
      if (!signal.aborted || error !== signal.reason) throw error
    } finally {
      this.#lease = undefined
      await lease.release().catch(() => {})
    }
  }
}

function isAborted(error: unknown): boolean {
  return TsyllaError.is(error) && error.code === 'TSYLLA_ABORTED'
}

function isHeld(error: unknown): boolean {
  return TsyllaError.is(error) && error.code === 'TSYLLA_LOCK_HELD'
}
