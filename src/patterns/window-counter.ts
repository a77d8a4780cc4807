import { RequestTimeoutError, TsyllaError } from '../errors/index.ts'
import { Backoff, LwtRetry } from '../kernel/index.ts'
import { randomUuid } from '../types/index.ts'
import type { Runtime, Timer } from '../util/index.ts'
import type { WindowKey, WindowRows, WindowState } from './window-rows.ts'

/** How a limiter counts. Callers with equal settings share a write. */
export interface CountSettings extends Pick<Runtime, 'clock' | 'random' | 'randomBytes'> {
  readonly rows: WindowRows
  readonly timeoutMs: number
  readonly serialConsistency: string
}

/** What a caller asks for. */
export interface Demand {
  readonly limit: number
  readonly cost: number
  /** Time at which the caller stops waiting, by the monotonic clock. */
  readonly deadlineMs: number
}

export interface Granted {
  readonly ok: boolean
  readonly used: number
}

/** A caller that waits for its decision, until its own deadline. */
class Caller {
  readonly limit: number
  readonly cost: number
  readonly settings: CountSettings
  /** By the monotonic clock. */
  readonly deadlineMs: number
  /** Whether a write that counts its units may have been applied. */
  isMaybeCounted = false
  isSettled = false
  readonly #resolve: (granted: Granted) => void
  readonly #reject: (error: unknown) => void
  readonly #timer: Timer

  constructor(
    { limit, cost, deadlineMs }: Demand,
    settings: CountSettings,
    resolve: (granted: Granted) => void,
    reject: (error: unknown) => void,
  ) {
    const { clock } = settings
    this.limit = limit
    this.cost = cost
    this.settings = settings
    this.deadlineMs = deadlineMs
    this.#resolve = resolve
    this.#reject = reject
    const leftMs = Math.max(0, deadlineMs - clock.monotonicMs())
    this.#timer = clock.schedule(leftMs, () => this.#onDeadline(), true)
  }

  resolve(granted: Granted): void {
    if (this.#settle()) this.#resolve(granted)
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error)
  }

  #onDeadline(): void {
    const outcome = this.isMaybeCounted ? 'unknown' : 'not_applied'
    this.reject(new RequestTimeoutError(this.settings.timeoutMs, outcome))
  }

  /** @returns whether this was the first time */
  #settle(): boolean {
    if (this.isSettled) return false
    this.isSettled = true
    this.#timer.cancel()
    return true
  }
}

/** The count of one window as this process knows it: one conditional write at a time. */
export class WindowCounter {
  readonly id: WindowKey
  #waiting: Caller[] = []
  #isRunning = false
  /** Last state known from the server: a lower bound, for within a window `used` never falls. */
  #state: WindowState | undefined

  constructor(id: WindowKey) {
    this.id = id
  }

  /** Whether the server's count is known, or was at some time of the window. */
  get isKnown(): boolean {
    return this.#state !== undefined
  }

  /**
   * Takes the units that are asked for, when they fit.
   *
   * @param onIdle called when no caller waits any more
   */
  take(demand: Demand, settings: CountSettings, onIdle: () => void): Promise<Granted> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(new Caller(demand, settings, resolve, reject))
      if (!this.#isRunning) void this.#run(onIdle)
    })
  }

  /** Serves all callers, round by round; those that come meanwhile join the next round. */
  async #run(onIdle: () => void): Promise<void> {
    this.#isRunning = true
    // A turn of the microtask queue lets callers of the same moment join the first round.
    await Promise.resolve()
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const { settings } = first
      const { round, rest } = splitRound(this.#waiting, settings)
      this.#waiting = rest
      try {
        await this.#serve(round, settings)
      } catch (error) {
        for (const caller of round) caller.reject(TsyllaError.is(error) ? error.copy() : error)
      }
    }
    this.#isRunning = false
    onIdle()
  }

  /**
   * Decides about the callers of a round. A caller whose deadline passes leaves the round, which
   * goes on for the others.
   *
   * @throws what the database fails with, when a decision cannot be made; units that were written
   *   meanwhile count as used
   */
  async #serve(callers: readonly Caller[], settings: CountSettings): Promise<void> {
    const { clock, rows } = settings
    const lastDeadlineMs = Math.max(...callers.map(({ deadlineMs }) => deadlineMs))
    const timeoutMs = Math.max(0, lastDeadlineMs - clock.monotonicMs())
    const backoff = new Backoff({ ...settings, timeoutMs })
    const retry = new LwtRetry(backoff)
    for (let isFresh = false; ; isFresh = true) {
      const round = callers.filter(({ isSettled }) => !isSettled)
      if (round.length === 0) return
      const before = this.#state
      const { grants, used } = admit(round, before?.used ?? 0n)
      const hasGrants = used !== (before?.used ?? 0n)
      if (hasGrants) {
        const granted = round.filter((_, i) => grants[i])
        if (
          await this.#advance(
            { used, op: randomUuid(settings).text },
            granted,
            rows,
            backoff,
            retry,
          )
        ) {
          return settle(round, grants, used)
        }
        if (backoff.isExpired) throw retry.timeout()
        if (this.#state?.op === before?.op) await backoff.pause()
      } else {
        // The count never falls: a caller that does not fit on what is known fits on nothing later.
        // The number of units left that is reported must be the current one, though.
        if (isFresh || hasNothingLeft(round, used)) return settle(round, grants, used)
        await this.#refresh(rows, backoff, retry)
      }
    }
  }

  /**
   * Writes `after` if the window still has the state that is known.
   *
   * @param granted the callers whose units `after` counts
   * @returns whether it was written; otherwise the state is that of the server
   */
  async #advance(
    after: WindowState,
    granted: readonly Caller[],
    rows: WindowRows,
    backoff: Backoff,
    retry: LwtRetry,
  ): Promise<boolean> {
    const before = this.#state
    for (const caller of granted) caller.isMaybeCounted = true
    for (let isRepeated = false; ; isRepeated = true) {
      try {
        // The write that failed may have been applied, or be applied until this read: a serial one.
        if (isRepeated) this.#state = await rows.read(this.id, backoff.startAttempt())
        if (!isRepeated || this.#state?.op === before?.op) {
          this.#state = await rows.write(this.id, before, after, backoff.startAttempt())
        }
        for (const caller of granted) caller.isMaybeCounted = false
        return this.#state?.op === after.op
      } catch (error) {
        await retry.retryOrThrow(error)
      }
    }
  }

  async #refresh(rows: WindowRows, backoff: Backoff, retry: LwtRetry): Promise<void> {
    for (;;) {
      try {
        this.#state = await rows.read(this.id, backoff.startAttempt())
        return
      } catch (error) {
        await retry.retryOrThrow(error)
      }
    }
  }
}

/**
 * Splits callers into those with the settings of the first, in order, and the others. Callers whose
 * deadline has passed are in neither list.
 */
function splitRound(
  waiting: readonly Caller[],
  settings: CountSettings,
): { readonly round: Caller[]; readonly rest: Caller[] } {
  const round: Caller[] = []
  const rest: Caller[] = []
  for (const caller of waiting) {
    if (caller.isSettled) continue
    if (isAlike(caller.settings, settings)) round.push(caller)
    else rest.push(caller)
  }
  return { round, rest }
}

function isAlike(a: CountSettings, b: CountSettings): boolean {
  if (a === b) return true
  return a.clock === b.clock && a.random === b.random && a.serialConsistency === b.serialConsistency
}

/** Admits callers in order, each whole or not at all, on top of what is used. */
function admit(
  round: readonly Caller[],
  before: bigint,
): { readonly grants: readonly boolean[]; readonly used: bigint } {
  let used = before
  const grants = round.map(({ limit, cost }) => {
    if (used + BigInt(cost) > BigInt(limit)) return false
    used += BigInt(cost)
    return true
  })
  return { grants, used }
}

function hasNothingLeft(round: readonly Caller[], used: bigint): boolean {
  return round.every(({ limit }) => BigInt(limit) <= used)
}

function settle(round: readonly Caller[], grants: readonly boolean[], used: bigint): void {
  for (const [i, caller] of round.entries()) {
    caller.resolve({ ok: grants[i] === true, used: Number(used) })
  }
}
