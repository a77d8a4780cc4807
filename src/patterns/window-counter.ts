import { randomUUID } from 'node:crypto'
import { RequestTimeoutError, TsyllaError } from '../errors/index.ts'
import { Backoff, Tries } from '../kernel/index.ts'
import type { Clock, RandomSource } from '../util/index.ts'
import type { WindowKey, WindowRows, WindowState } from './window-rows.ts'

/** How a limiter counts. Callers for whom it is the same share a write. */
export interface CountSettings {
  readonly rows: WindowRows
  readonly timeoutMs: number
  readonly serialConsistency: string
  readonly clock: Clock
  readonly random: RandomSource
}

export interface Granted {
  readonly ok: boolean
  readonly used: number
}

/** A caller that waits for its decision. */
interface Waiting {
  readonly limit: number
  readonly cost: number
  readonly settings: CountSettings
  /** When it waits no longer, by the monotonic clock. */
  readonly deadlineMs: number
  readonly resolve: (granted: Granted) => void
  readonly reject: (error: unknown) => void
}

/** The count of one window as this process sees it: one conditional write at a time. */
export class WindowCounter {
  readonly id: WindowKey
  #waiting: Waiting[] = []
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

  /** @param onIdle called when nobody waits any more */
  take(limit: number, cost: number, settings: CountSettings, onIdle: () => void): Promise<Granted> {
    const deadlineMs = settings.clock.monotonicMs() + settings.timeoutMs
    return new Promise((resolve, reject) => {
      this.#waiting.push({ limit, cost, settings, deadlineMs, resolve, reject })
      if (!this.#isRunning) void this.#run(onIdle)
    })
  }

  /** Serves all who wait, round by round; callers that come meanwhile join the next round. */
  async #run(onIdle: () => void): Promise<void> {
    this.#isRunning = true
    // A turn of the microtask queue lets callers of the same moment join the first round.
    await Promise.resolve()
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const { settings } = first
      const { round: alike, rest } = splitRound(this.#waiting, settings)
      this.#waiting = rest
      const round = rejectLate(alike, settings.clock.monotonicMs())
      if (round.length === 0) continue
      try {
        await this.#serve(round, settings)
      } catch (error) {
        for (const caller of round) caller.reject(TsyllaError.is(error) ? error.copy() : error)
      }
    }
    this.#isRunning = false
    onIdle()
  }

  /** @throws what the database fails with, when it cannot be told; the units then count as used */
  async #serve(round: readonly Waiting[], settings: CountSettings): Promise<void> {
    const deadlineMs = Math.min(...round.map((caller) => caller.deadlineMs))
    const timeoutMs = deadlineMs - settings.clock.monotonicMs()
    const backoff = new Backoff({ ...settings, timeoutMs })
    const tries = new Tries(backoff)
    for (let isFresh = false; ; isFresh = true) {
      const before = this.#state
      const { grants, used } = admit(round, before?.used ?? 0n)
      const hasGrants = used !== (before?.used ?? 0n)
      if (hasGrants) {
        if (await this.#advance({ used, op: randomUUID() }, settings.rows, backoff, tries)) {
          return settle(round, grants, used)
        }
        if (backoff.isExpired) throw tries.timeout()
        if (this.#state?.op === before?.op) await backoff.pause()
      } else {
        // The count never falls: who does not fit on what is known fits on nothing later. What is
        // left for others must be true as of now, though.
        if (isFresh || hasNothingLeft(round, used)) return settle(round, grants, used)
        await this.#refresh(settings.rows, backoff, tries)
      }
    }
  }

  /**
   * Writes `after` if the window still is as it is known to be.
   *
   * @returns whether it was written; otherwise the state is that of the server
   */
  async #advance(
    after: WindowState,
    rows: WindowRows,
    backoff: Backoff,
    tries: Tries,
  ): Promise<boolean> {
    const before = this.#state
    for (let isRepeated = false; ; isRepeated = true) {
      try {
        // The write that failed may have been applied, or be applied until this read: a serial one.
        if (isRepeated) this.#state = await rows.read(this.id, backoff.remainingMs)
        if (!isRepeated || this.#state?.op === before?.op) {
          this.#state = await rows.write(this.id, before, after, backoff.remainingMs)
        }
        return this.#state?.op === after.op
      } catch (error) {
        await tries.next(error)
      }
    }
  }

  async #refresh(rows: WindowRows, backoff: Backoff, tries: Tries): Promise<void> {
    for (;;) {
      try {
        this.#state = await rows.read(this.id, backoff.remainingMs)
        return
      } catch (error) {
        await tries.next(error)
      }
    }
  }
}

/** Those who still wait; the others are told that their time was over before their turn came. */
function rejectLate(callers: readonly Waiting[], nowMs: number): readonly Waiting[] {
  return callers.filter(({ deadlineMs, settings, reject }) => {
    if (deadlineMs > nowMs) return true
    reject(new RequestTimeoutError(settings.timeoutMs, 'not_applied'))
    return false
  })
}

/** Callers who count alike, in order, and the others. */
function splitRound(
  waiting: readonly Waiting[],
  settings: CountSettings,
): { readonly round: Waiting[]; readonly rest: Waiting[] } {
  const round: Waiting[] = []
  const rest: Waiting[] = []
  for (const caller of waiting) {
    if (isAlike(caller.settings, settings)) round.push(caller)
    else rest.push(caller)
  }
  return { round, rest }
}

function isAlike(a: CountSettings, b: CountSettings): boolean {
  if (a === b) return true
  const isTimeAlike = a.timeoutMs === b.timeoutMs && a.clock === b.clock
  return isTimeAlike && a.random === b.random && a.serialConsistency === b.serialConsistency
}

/** Admits callers in order, each whole or not at all, on top of what is used. */
function admit(
  round: readonly Waiting[],
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

function hasNothingLeft(round: readonly Waiting[], used: bigint): boolean {
  return round.every(({ limit }) => BigInt(limit) <= used)
}

function settle(round: readonly Waiting[], grants: readonly boolean[], used: bigint): void {
  for (const [i, caller] of round.entries()) {
    caller.resolve({ ok: grants[i] === true, used: Number(used) })
  }
}
