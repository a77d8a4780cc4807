import { ConfigError, LockLostError, type Outcome } from '../../errors/index.ts'
import type { Clock } from '../../util/index.ts'
import { LeaseTimer } from './lease-timer.ts'
import { type Moment, momentOf } from './lease-times.ts'

/** How something is held. */
export interface HoldingHost {
  readonly clock: Clock
  /** How far clocks may be apart: the holder stops this long before others may start. */
  readonly clockErrorMs: number
  readonly ttlMs: number
  /** `undefined` for a permit, which has none. */
  readonly fence: bigint | undefined
  /** @param sent the present moment @returns whether the server says that it is still held */
  extend(sent: Moment): Promise<boolean>
  /** @returns whether it was held until now */
  release(): Promise<boolean>
  /** Called once when it has ended. @param isLost whether before it was released */
  onEnd(isLost: boolean): void
}

/**
 * What is held of a lock or a semaphore. It is extended until `release`. When that fails for too
 * long, `signal` aborts before another process can have it, as long as clocks are not further apart
 * than allowed.
 */
export class Holding implements AsyncDisposable {
  readonly name: string
  readonly #host: HoldingHost
  readonly #controller = new AbortController()
  readonly #timer: LeaseTimer

  /** @param sent when the acquisition was sent */
  constructor(name: string, host: HoldingHost, sent: Moment) {
    this.name = name
    this.#host = host
    const { clock, ttlMs, clockErrorMs } = host
    const extend = (): Promise<void> => this.extend()
    const onLost = (): void => {
      this.#controller.abort(this.#lostError('unknown'))
      host.onEnd(true)
    }
    this.#timer = new LeaseTimer({ clock, ttlMs, clockErrorMs, extend, onLost }, sent)
  }

  /** Aborts with a `LockLostError` when it ends before `release`. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether it has neither been released nor ended. */
  get isHeld(): boolean {
    return !this.#timer.isEnded
  }

  /** @throws LockLostError when it has ended */
  checkHeld(): void {
    if (!this.isHeld) throw this.#lostError()
  }

  /**
   * Makes it last its whole time from now on.
   *
   * @throws LockLostError when it has ended
   */
  async extend(): Promise<void> {
    await this.extendBy((sent) => this.#host.extend(sent))
  }

  /**
   * Ends it. When the server cannot be reached, it ends by itself after its time.
   *
   * @returns whether it was held until now
   */
  async release(): Promise<boolean> {
    if (!this.#timer.end()) return false
    this.#host.onEnd(false)
    return await this.#host.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What was done meanwhile succeeded whether or not it could be released.
    await this.release().catch(() => {})
  }

  /** @param request asks the server, and returns whether it is still held */
  protected async extendBy(request: (sent: Moment) => Promise<boolean>): Promise<void> {
    this.checkHeld()
    const sent = momentOf(this.#host.clock)
    const isHeld = await request(sent)
    if (isHeld && this.#timer.onExtended(sent)) return
    // It ended here before the extension was answered.
    if (isHeld) this.#host.release().catch(() => {})
    this.#timer.lose()
    throw this.#lostError()
  }

  #lostError(outcome?: Outcome): LockLostError {
    return new LockLostError(this.name, this.#host.fence, outcome)
  }
}

/** What follows the name in a call of `run`. */
export type WorkArguments<Options, H extends Holding, T> =
  | [work: (holding: H) => T | Promise<T>]
  | [options: Options, work: (holding: H) => T | Promise<T>]

/** @throws ConfigError when there is no work to do */
export function workArguments<Options, H extends Holding, T>(
  args: WorkArguments<Options, H, T>,
): readonly [options: Options | undefined, work: (holding: H) => T | Promise<T>] {
  const [options, work] = args.length === 1 ? [undefined, args[0]] : args
  if (typeof work === 'function') return [options, work]
  throw new ConfigError('run needs a function to call')
}

/**
 * Does work while something is held, and releases it.
 *
 * @returns what `work` returns
 * @throws LockLostError when it ended before the work did, by itself
 */
export async function whileHeld<H extends Holding, T>(
  holding: H,
  work: (holding: H) => T | Promise<T>,
): Promise<T> {
  await using held = holding
  const result = await work(held)
  // Timers may fire late: to ask finds the end that they have not reported yet.
  if (!held.isHeld) held.signal.throwIfAborted()
  return result
}
