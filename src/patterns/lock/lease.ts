import { LockLostError } from '../../errors/index.ts'
import type { LeaseAnswer, LeaseAsk } from '../../kernel/index.ts'
import { type Executor, wrapExecutor } from '../../types/index.ts'
import type { Clock } from '../../util/index.ts'
import { checkFenceable } from './fenced-call.ts'
import { LeaseTimer } from './lease-timer.ts'
import { type Moment, momentOf } from './lease-times.ts'

/** What a lease needs of its lock. */
export interface LeaseHost {
  readonly executor: Executor
  readonly clock: Clock
  /** How far clocks may be apart: the holder stops this long before others may start. */
  readonly clockErrorMs: number
  /**
   * How far fences are apart, which is how many plain writes a fence has room for: they are stamped
   * with it and the numbers after it, so that later writes of a holder win over its earlier ones,
   * and those of the next holder over all of them.
   */
  readonly fenceSpan: number
  ask(name: string, ask: LeaseAsk): Promise<LeaseAnswer>
  /** Called once when the lease has ended. @param isLost whether before it was released */
  onEnd(lease: Lease, isLost: boolean): void
}

/** What is known of an acquisition that succeeded. */
export interface LeaseFacts {
  readonly name: string
  readonly owner: string
  readonly ttlMs: number
  readonly fence: bigint
  /** When the acquisition was sent. */
  readonly sent: Moment
}

/**
 * A lock that is held. It is extended until `release`. When that fails for too long, `signal`
 * aborts before another process can acquire the lock, as long as clocks are not further apart than
 * allowed.
 */
export class Lease implements AsyncDisposable {
  readonly name: string
  readonly #host: LeaseHost
  readonly #owner: string
  readonly #ttlMs: number
  readonly #controller = new AbortController()
  #fence: bigint
  /** Writes that were stamped with the present fence. */
  #writeCount = 0
  #raising: Promise<void> | undefined
  readonly #timer: LeaseTimer

  constructor(host: LeaseHost, { name, owner, ttlMs, fence, sent }: LeaseFacts) {
    this.name = name
    this.#host = host
    this.#owner = owner
    this.#ttlMs = ttlMs
    this.#fence = fence
    const { clock, clockErrorMs } = host
    this.#timer = new LeaseTimer(
      {
        ...{ clock, ttlMs, clockErrorMs },
        extend: () => this.#extend(),
        onLost: () => {
          this.#controller.abort(new LockLostError(name, this.#fence, 'unknown'))
          host.onEnd(this, true)
        },
      },
      sent,
    )
  }

  /**
   * A number that is greater than that of every earlier holder: systems that see it can refuse a
   * holder that is late. It is on the axis of write timestamps, in microseconds.
   */
  get fence(): bigint {
    return this.#fence
  }

  /** Aborts with a `LockLostError` when the lease ends before `release`. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether the lease has neither been released nor ended. */
  get isHeld(): boolean {
    return !this.#timer.isEnded
  }

  /**
   * An executor whose plain writes are stamped with the fence: a write of this holder never
   * overrides one of a later holder, however late it arrives and whatever clocks say. Statements
   * with `USING TIMESTAMP` are refused. Conditional writes and counters have no timestamp: they are
   * not fenced.
   */
  get fenced(): Executor {
    return wrapExecutor(this.#host.executor, async (call, next) => {
      checkFenceable(call)
      if (call.verb === 'prepare') return await next(call)
      const timestamp = await this.#nextTimestamp()
      return await next({ ...call, options: { ...call.options, timestamp } })
    })
  }

  /**
   * Makes the lease last its whole time from now on.
   *
   * @throws LockLostError when it has ended
   */
  async extend(): Promise<void> {
    await this.#extend()
  }

  /**
   * Raises the fence to a write timestamp, for writes that are to win over it.
   *
   * @throws LockLostError when the lease has ended
   */
  async raiseFence(toUs: bigint): Promise<void> {
    await this.#extend(toUs)
  }

  /**
   * Ends the lease. When the server cannot be reached, it ends by itself after its time.
   *
   * @returns whether it was held until now
   */
  async release(): Promise<boolean> {
    if (!this.#timer.end()) return false
    this.#host.onEnd(this, false)
    const owner = this.#owner
    return (await this.#host.ask(this.name, { kind: 'release', owner })).wasHeld === true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What was done under the lease succeeded whether or not it could be released.
    await this.release().catch(() => {})
  }

  /** @throws LockLostError when the lease has ended */
  checkHeld(): void {
    if (!this.isHeld) throw new LockLostError(this.name, this.#fence)
  }

  async #extend(raiseFenceToUs?: bigint): Promise<void> {
    this.checkHeld()
    const { clock } = this.#host
    const sent = momentOf(clock)
    const { holds, state } = await this.#host.ask(this.name, {
      kind: 'extend',
      owner: this.#owner,
      ttlMs: this.#ttlMs,
      nowMs: sent.dateMs,
      fenceSpan: this.#host.fenceSpan,
      raiseFenceToUs,
    })
    if (!holds || state === undefined) {
      this.#timer.lose()
      throw new LockLostError(this.name, this.#fence)
    }
    if (!this.#timer.onExtended(sent)) {
      // The lease ended here before the extension was answered.
      this.#host.ask(this.name, { kind: 'release', owner: this.#owner }).catch(() => {})
      throw new LockLostError(this.name, this.#fence)
    }
    if (state.fence > this.#fence) {
      this.#fence = state.fence
      this.#writeCount = 0
    }
  }

  /**
   * The timestamp of the next plain write: later than those before, and less than the next fence.
   */
  async #nextTimestamp(): Promise<bigint> {
    this.checkHeld()
    while (this.#writeCount >= this.#host.fenceSpan) {
      const nowUs = BigInt(this.#host.clock.nowMs()) * 1_000n
      this.#raising ??= this.#extend(nowUs).finally(() => (this.#raising = undefined))
      await this.#raising
    }
    return this.#fence + BigInt(this.#writeCount++)
  }
}
