import { randomUUID } from 'node:crypto'
import { ConfigError, RequestTimeoutError, TsyllaError } from '../errors/index.ts'
import {
  Backoff,
  checkInteger,
  checkOneOf,
  checkTableName,
  createTables,
  gcGraceOption,
  PreparedStatements,
  timeoutMsMax,
} from '../kernel/index.ts'
import type { Executor, RowOf } from '../types/index.ts'
import { type Clock, type RandomSource, systemClock, systemRandom } from '../util/index.ts'

export interface RateLimiterOptions {
  /** What `check` and `take` do when the database fails. Default `throw`. */
  readonly onError?: 'throw' | 'allow' | 'deny'
  /** Time a decision may take, retries included, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number
  /** Default `rate_limits`. */
  readonly table?: string
  readonly clock?: Clock
  readonly random?: RandomSource
}

export interface TakeOptions {
  /** Units admitted per window. */
  readonly limit: number
  /** Default 60. */
  readonly windowSeconds?: number
  /** Units to take, all or none. Default 1. */
  readonly cost?: number
}

export interface RateLimitDecision {
  readonly ok: boolean
  readonly limit: number
  /** Units left in this window after the decision. */
  readonly remaining: number
  /** End of the window. */
  readonly resetAt: Date
  /** Milliseconds until {@link resetAt}; 0 when admitted. */
  readonly retryAfterMs: number
}

/** A caller that waits for its decision. */
interface Waiting {
  readonly limit: number
  readonly cost: number
  readonly resolve: (granted: Granted) => void
  readonly reject: (error: unknown) => void
}

interface Granted {
  readonly ok: boolean
  readonly used: number
}

/** Row of a window as conditional writes report it. */
interface WindowRow {
  readonly used: number
  readonly op: string
}

/** Rows outlive their window by this, for callers whose clocks are behind. */
const slackSeconds = 60
const windowSecondsMax = 366 * 86_400

/**
 * Fixed windows, counted by conditional writes: in each window exactly min(limit, demand) units are
 * admitted when nothing fails, and never more than the limit when something does, whatever the
 * number of callers and processes. Callers of one process that ask at the same time share a write.
 */
export class RateLimiter {
  readonly #executor: Executor
  readonly #clock: Clock
  readonly #onError: 'throw' | 'allow' | 'deny'
  readonly #table: string
  readonly #counterOptions: WindowCounterOptions
  /** Windows with callers or a running write. */
  readonly #windows = new Map<string, WindowCounter>()

  constructor(executor: Executor, options: RateLimiterOptions = {}) {
    this.#executor = executor
    this.#clock = options.clock ?? systemClock
    this.#onError = checkOneOf('onError', options.onError ?? 'throw', ['throw', 'allow', 'deny'])
    this.#table = checkTableName(options.table ?? 'rate_limits')
    this.#counterOptions = {
      executor,
      statements: new PreparedStatements(executor),
      table: this.#table,
      clock: this.#clock,
      random: options.random ?? systemRandom,
      timeoutMs: checkInteger('timeoutMs', options.timeoutMs ?? 10_000, 1, timeoutMsMax),
    }
  }

  /** CQL of the table. It is written by conditional writes alone. */
  tables(): string[] {
    return [
      `CREATE TABLE IF NOT EXISTS ${this.#table} (key text, window_seconds int, window bigint, used bigint, op uuid, PRIMARY KEY ((key, window_seconds, window))) WITH ${gcGraceOption(0)}`,
    ]
  }

  async createTables(): Promise<void> {
    await createTables(this.#executor, this.tables())
  }

  /** Whether one more request of `key` is within `limit` per window; takes a unit if so. */
  async check(key: string, limit: number, windowSeconds = 60): Promise<boolean> {
    return (await this.take(key, { limit, windowSeconds })).ok
  }

  /** Takes units of the current window, and tells what is left of it. */
  async take(key: string, options: TakeOptions): Promise<RateLimitDecision> {
    const { limit, windowSeconds = 60, cost = 1 } = options
    checkArguments(key, limit, windowSeconds, cost)
    const nowMs = this.#clock.nowMs()
    const window = Math.floor(nowMs / 1000 / windowSeconds)
    const resetMs = (window + 1) * windowSeconds * 1000
    const decide = (ok: boolean, used: number): RateLimitDecision => ({
      ok,
      limit,
      remaining: Math.max(0, limit - used),
      resetAt: new Date(resetMs),
      retryAfterMs: ok ? 0 : Math.max(0, resetMs - this.#clock.nowMs()),
    })
    try {
      const granted = await this.#counter(key, windowSeconds, window).take(limit, cost)
      return decide(granted.ok, granted.used)
    } catch (error) {
      if (this.#onError === 'throw') throw error
      return decide(this.#onError === 'allow', limit)
    }
  }

  #counter(key: string, windowSeconds: number, window: number): WindowCounter {
    const id = `${windowSeconds}/${window}/${key}`
    let counter = this.#windows.get(id)
    if (counter === undefined) {
      counter = new WindowCounter(this.#counterOptions, { key, windowSeconds, window }, () =>
        this.#windows.delete(id),
      )
      this.#windows.set(id, counter)
    }
    return counter
  }
}

function checkArguments(key: string, limit: number, windowSeconds: number, cost: number): void {
  if (typeof key !== 'string' || key === '' || key.length > 8_192) {
    throw new ConfigError('key is a string of 1 … 8,192 characters')
  }
  if (!Number.isSafeInteger(limit) || limit < 0) {
    throw new ConfigError('limit is a whole number from 0')
  }
  if (!Number.isInteger(windowSeconds) || windowSeconds < 1 || windowSeconds > windowSecondsMax) {
    throw new ConfigError(`windowSeconds is a whole number of 1 … ${windowSecondsMax}`)
  }
  if (!Number.isSafeInteger(cost) || cost < 1)
    throw new ConfigError('cost is a whole number from 1')
}

interface WindowCounterOptions {
  readonly executor: Executor
  readonly statements: PreparedStatements
  readonly table: string
  readonly clock: Clock
  readonly random: RandomSource
  readonly timeoutMs: number
}

interface WindowKey {
  readonly key: string
  readonly windowSeconds: number
  readonly window: number
}

/** The count of one window as this process sees it: one conditional write at a time. */
class WindowCounter {
  readonly #options: WindowCounterOptions
  readonly #key: WindowKey
  readonly #onIdle: () => void
  #waiting: Waiting[] = []
  #isRunning = false
  /** Last state known from the server; `used` never falls within a window. */
  #used: bigint | undefined
  #op: string | null = null

  constructor(options: WindowCounterOptions, key: WindowKey, onIdle: () => void) {
    this.#options = options
    this.#key = key
    this.#onIdle = onIdle
  }

  take(limit: number, cost: number): Promise<Granted> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ limit, cost, resolve, reject })
      if (!this.#isRunning) void this.#run()
    })
  }

  /** Serves all who wait, round by round; callers that come meanwhile join the next round. */
  async #run(): Promise<void> {
    this.#isRunning = true
    // A turn of the microtask queue lets callers of the same moment join the first round.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const round = this.#waiting
      this.#waiting = []
      try {
        await this.#serve(round)
      } catch (error) {
        for (const caller of round) caller.reject(error)
      }
    }
    this.#isRunning = false
    this.#onIdle()
  }

  async #serve(round: readonly Waiting[]): Promise<void> {
    const backoff = new Backoff(this.#options)
    for (;;) {
      const before = this.#used ?? 0n
      const { grants, used } = admit(round, before)
      // The count never falls, so who does not fit on top of what is known fits on nothing later.
      if (used === before) return settle(round, grants, used)
      if (await this.#advance(before, used, backoff)) return settle(round, grants, used)
      if (backoff.isExpired) {
        throw new RequestTimeoutError(this.#options.timeoutMs, 'not_applied')
      }
      if (this.#used === before) await backoff.pause()
    }
  }

  /**
   * Writes `used` if the window still counts `before`, which is known or assumed to be new.
   *
   * @returns whether it was written; otherwise the state is refreshed from the server
   * @throws what the database fails with, when it cannot be told; the units then count as used
   */
  async #advance(before: bigint, used: bigint, backoff: Backoff): Promise<boolean> {
    const op = randomUUID()
    for (;;) {
      try {
        if (await this.#write(before, used, op, backoff)) return true
        // A write of ours that was reported lost may be what this one ran into.
        return this.#op === op
      } catch (error) {
        if (!TsyllaError.is(error) || error.outcome !== 'unknown' || backoff.isExpired) throw error
        await this.#refresh(backoff).catch(() => {
          // The write is what may have been applied.
          throw error
        })
        if (this.#op === op) return true
        if ((this.#used ?? 0n) !== before) return false
      }
    }
  }

  async #write(before: bigint, used: bigint, op: string, backoff: Backoff): Promise<boolean> {
    const { executor, statements, table } = this.#options
    const { key, windowSeconds, window } = this.#key
    const ttlSeconds = windowSeconds * 2 + slackSeconds
    const id = [key, windowSeconds, BigInt(window)]
    const options = { timeout: backoff.remainingMs }
    if (this.#used === undefined || this.#op === null) {
      const insert = await statements.get(
        `INSERT INTO ${table} (key, window_seconds, window, used, op) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?`,
      )
      const values = [...id, used, op, ttlSeconds]
      return this.#learn(
        await executor.executePrepared<WindowRow>(insert, values, options),
        used,
        op,
      )
    }
    const update = await statements.get(
      `UPDATE ${table} USING TTL ? SET used = ?, op = ? WHERE key = ? AND window_seconds = ? AND window = ? IF used = ? AND op = ?`,
    )
    const values = [ttlSeconds, used, op, ...id, before, this.#op]
    return this.#learn(await executor.executePrepared<WindowRow>(update, values, options), used, op)
  }

  #learn(
    result: { applied: boolean | undefined; firstRow(): RowOf<WindowRow> | undefined },
    used: bigint,
    op: string,
  ): boolean {
    if (result.applied === true) {
      this.#used = used
      this.#op = op
      return true
    }
    this.#remember(result.firstRow())
    return false
  }

  #remember(row: Partial<WindowRow> | undefined): void {
    // Without a row the window has no count yet; 0 makes the next write an insert.
    this.#used = row?.used === undefined || row.used === null ? undefined : BigInt(row.used)
    this.#op = row?.op ?? null
  }

  /** A serial read finishes or supersedes the writes that are still in flight. */
  async #refresh(backoff: Backoff): Promise<void> {
    for (;;) {
      await backoff.pause()
      try {
        return await this.#read(backoff)
      } catch (error) {
        if (backoff.isExpired) throw error
      }
    }
  }

  async #read(backoff: Backoff): Promise<void> {
    const { executor, statements, table } = this.#options
    const { key, windowSeconds, window } = this.#key
    const select = await statements.get(
      `SELECT used, op FROM ${table} WHERE key = ? AND window_seconds = ? AND window = ?`,
    )
    const result = await executor.executePrepared<WindowRow>(
      select,
      [key, windowSeconds, BigInt(window)],
      { consistency: 'LOCAL_SERIAL', timeout: backoff.remainingMs },
    )
    this.#remember(result.firstRow())
  }
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

function settle(round: readonly Waiting[], grants: readonly boolean[], used: bigint): void {
  for (const [i, caller] of round.entries()) {
    caller.resolve({ ok: grants[i] === true, used: Number(used) })
  }
}
