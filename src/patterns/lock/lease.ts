import type { LeaseAnswer, LeaseAsk } from '../../kernel/index.ts'
import { type Executor, wrapExecutor } from '../../types/index.ts'
import type { Clock } from '../../util/index.ts'
import { checkFenceable } from './fenced-call.ts'
import { Holding, type HoldingHost } from './holding.ts'
import type { Moment } from './lease-times.ts'

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
  onEnd(name: string, fence: bigint, isLost: boolean): void
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

/** What the server knows of a lease, and the timestamps of what is written under it. */
class LeaseRow implements HoldingHost {
  readonly #host: LeaseHost
  readonly #facts: LeaseFacts
  #fence: bigint
  /** Writes that were stamped with the present fence. */
  #writeCount = 0

  constructor(host: LeaseHost, facts: LeaseFacts) {
    this.#host = host
    this.#facts = facts
    this.#fence = facts.fence
  }

  get clock(): Clock {
    return this.#host.clock
  }

  get clockErrorMs(): number {
    return this.#host.clockErrorMs
  }

  get ttlMs(): number {
    return this.#facts.ttlMs
  }

  get fence(): bigint {
    return this.#fence
  }

  /** @param raiseFenceToUs raises the fence to this timestamp, or above the present one */
  async extend({ dateMs }: Moment, raiseFenceToUs?: bigint): Promise<boolean> {
    const { owner, ttlMs, name } = this.#facts
    const { holds, state } = await this.#host.ask(name, {
      kind: 'extend',
      ...{ owner, ttlMs, nowMs: dateMs, fenceSpan: this.#host.fenceSpan, raiseFenceToUs },
    })
    if (holds && state !== undefined && state.fence > this.#fence) {
      this.#fence = state.fence
      this.#writeCount = 0
    }
    return holds
  }

  async release(): Promise<boolean> {
    const { owner, name } = this.#facts
    return (await this.#host.ask(name, { kind: 'release', owner })).wasHeld === true
  }

  onEnd(isLost: boolean): void {
    this.#host.onEnd(this.#facts.name, this.#fence, isLost)
  }

  /**
   * The timestamp of the next plain write: later than those before, and less than the next fence.
   *
   * @returns `undefined` when the fence has no room left
   */
  nextTimestamp(): bigint | undefined {
    if (this.#writeCount >= this.#host.fenceSpan) return undefined
    return this.#fence + BigInt(this.#writeCount++)
  }
}

/** A lock that is held. */
export class Lease extends Holding {
  readonly #executor: Executor
  readonly #row: LeaseRow
  #raising: Promise<void> | undefined

  constructor(host: LeaseHost, facts: LeaseFacts) {
    const row = new LeaseRow(host, facts)
    super(facts.name, row, facts.sent)
    this.#executor = host.executor
    this.#row = row
  }

  /**
   * A number that is greater than that of every earlier holder: systems that see it can refuse a
   * holder that is late. It is on the axis of write timestamps, in microseconds.
   */
  get fence(): bigint {
    return this.#row.fence
  }

  /**
   * An executor whose plain writes are stamped with the fence: a write of this holder never
   * overrides one of a later holder, however late it arrives and whatever clocks say. Statements
   * with `USING TIMESTAMP` are refused. Conditional writes and counters have no timestamp: they are
   * not fenced.
   */
  get fenced(): Executor {
    return wrapExecutor(this.#executor, async (call, next) => {
      checkFenceable(call)
      if (call.verb === 'prepare') return await next(call)
      const timestamp = await this.#nextTimestamp()
      return await next({ ...call, options: { ...call.options, timestamp } })
    })
  }

  /**
   * Raises the fence to a write timestamp, for writes that are to win over it.
   *
   * @throws LockLostError when the lease has ended
   */
  async raiseFence(toUs: bigint): Promise<void> {
    await this.extendBy((sent) => this.#row.extend(sent, toUs))
  }

  async #nextTimestamp(): Promise<bigint> {
    for (;;) {
      this.checkHeld()
      const timestamp = this.#row.nextTimestamp()
      if (timestamp !== undefined) return timestamp
      const nowUs = BigInt(this.#row.clock.nowMs()) * 1_000n
      this.#raising ??= this.raiseFence(nowUs).finally(() => (this.#raising = undefined))
      await this.#raising
    }
  }
}
