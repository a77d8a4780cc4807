import { ClockDriftError } from '../errors/index.ts'
import { type Executor, runtimeOf } from '../types/index.ts'
import type { Clock, Timer } from '../util/index.ts'
import { toBigInt } from './column-values.ts'
import { checkInteger, checkOneOf, checkOptions } from './option-checks.ts'
import { type TimeSpan, toMilliseconds } from './time-span.ts'
import { WriteStamps } from './write-stamps.ts'

export interface HybridClockOptions {
  /** How far the clock of this machine may be from the cluster's. Default `'1s'`. */
  readonly driftMax?: TimeSpan | undefined
  /**
   * What `sync` does when the drift is larger: `throw` a `ClockDriftError`, or `correct` the time
   * by it and go on. Default `throw`.
   */
  readonly onDrift?: 'throw' | 'correct' | undefined
  /** How many times `sync` asks for the time. Default 5. */
  readonly sampleCount?: number | undefined
  /** Clock of this machine. Default: that of the executor's runtime. */
  readonly clock?: Clock | undefined
}

/** One answer to the question what time it is. */
interface TimeSample {
  /** Milliseconds that the cluster is ahead of this machine. */
  readonly offsetMs: number
  /** Half the round trip, and the grain of the answer. */
  readonly errorMs: number
}

const sampleCountMax = 100
const driftMsMax = 86_400_000
/** `now()` has a grain of a millisecond. */
const grainMs = 1

/**
 * A hybrid logical clock: time of this machine, corrected by the offset of the cluster, in
 * microseconds that never repeat and never go backwards within the process. It can be the `clock`
 * of every pattern.
 *
 * Until `sync` it is the machine's time and its error is unknown (infinite). Servers measure time
 * with `now()`, so what is known is the clock of the coordinators that answered.
 */
export class HybridClock implements Clock {
  readonly #executor: Executor
  readonly #clock: Clock
  readonly #driftMsMax: number
  readonly #onDrift: 'throw' | 'correct'
  readonly #sampleCount: number
  #offsetMs = 0
  #errorMs = Number.POSITIVE_INFINITY
  readonly #stamps = new WriteStamps()

  constructor(executor: Executor, options: HybridClockOptions = {}) {
    checkOptions('HybridClock', options, {
      driftMax: true,
      onDrift: true,
      sampleCount: true,
      clock: true,
    })
    const { driftMax = '1s', onDrift = 'throw', sampleCount = 5 } = options
    this.#executor = executor
    this.#clock = options.clock ?? runtimeOf(executor).clock
    this.#driftMsMax = toMilliseconds('driftMax', driftMax, 1, driftMsMax)
    this.#onDrift = checkOneOf('onDrift', onDrift, ['throw', 'correct'])
    this.#sampleCount = checkInteger('sampleCount', sampleCount, 1, sampleCountMax)
  }

  /** Milliseconds that the cluster is ahead of this machine, as last measured. */
  get offsetMs(): number {
    return this.#offsetMs
  }

  /** ε: how far `nowMs` may be from the cluster's time, in milliseconds; infinite before `sync`. */
  get errorMs(): number {
    return this.#errorMs
  }

  nowMs(): number {
    return Math.floor(this.#clock.nowMs() + this.#offsetMs)
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  schedule(delayMs: number, callback: () => void, keepAlive?: boolean): Timer {
    return this.#clock.schedule(delayMs, callback, keepAlive)
  }

  /** Microseconds since the epoch, greater than every value returned or observed before. */
  nowUs(): bigint {
    return this.#stamps.next(this.#clock.nowMs() + this.#offsetMs)
  }

  /**
   * Makes what follows later than a timestamp of another process.
   *
   * @throws ClockDriftError when it is further ahead than the clocks may be apart
   */
  observe(timestampUs: bigint): void {
    const aheadMs = Number(timestampUs) / 1_000 - this.nowMs()
    if (aheadMs > this.#driftMsMax) throw new ClockDriftError(aheadMs, this.#driftMsMax)
    this.#stamps.observe(timestampUs)
  }

  /**
   * Asks the cluster for its time. The offset is that of the quickest answer; the error covers what
   * all answers say, which may come from several nodes.
   *
   * @throws ClockDriftError when the drift is larger than `driftMax`, unless `onDrift` is `correct`
   */
  async sync(): Promise<void> {
    const samples: TimeSample[] = []
    for (let i = 0; i < this.#sampleCount; i++) samples.push(await this.#sample())
    const best = samples.reduce((a, b) => (b.errorMs < a.errorMs ? b : a))
    if (Math.abs(best.offsetMs) - best.errorMs > this.#driftMsMax && this.#onDrift === 'throw') {
      throw new ClockDriftError(best.offsetMs, this.#driftMsMax)
    }
    this.#offsetMs = best.offsetMs
    this.#errorMs = samples.reduce(
      (max, { offsetMs, errorMs }) => Math.max(max, Math.abs(offsetMs - best.offsetMs) + errorMs),
      0,
    )
  }

  async #sample(): Promise<TimeSample> {
    const startMs = this.#clock.monotonicMs()
    const result = await this.#executor.execute<{ ms: bigint | number | string }>(
      'SELECT toUnixTimestamp(now()) AS ms FROM system.local',
    )
    const roundTripMs = this.#clock.monotonicMs() - startMs
    const serverMs = Number(toBigInt(result.singleRow().ms)) + grainMs / 2
    return {
      offsetMs: serverMs - (this.#clock.nowMs() - roundTripMs / 2),
      errorMs: roundTripMs / 2 + grainMs,
    }
  }
}
