import { ConfigError, faultOf, type SerialConsistency, TsyllaError } from '../errors/index.ts'
import {
  checkInteger,
  checkOneOf,
  checkOptions,
  checkSerialLevel,
  checkTableName,
  createTables,
  PreparedStatementRunner,
  type TableDefinition,
  tableText,
  tableTexts,
  timeoutMsMax,
} from '../kernel/index.ts'
import { type Executor, runtimeOf } from '../types/index.ts'
import type { Clock, RandomSource } from '../util/index.ts'
import type { CountSettings } from './window-counter.ts'
import { WindowCounters } from './window-counters.ts'
import { WindowRows, windowTable } from './window-rows.ts'

export interface RateLimiterOptions {
  /**
   * What `check` and `take` do when the database fails. Default `throw`. Wrong arguments and a
   * missing table always throw.
   */
  readonly onError?: 'throw' | 'allow' | 'deny' | undefined
  /**
   * Time that a decision may take, PREPARE and retries included, in milliseconds. Default 10,000.
   */
  readonly timeoutMs?: number | undefined
  /** Default `rate_limits`. */
  readonly table?: string | undefined
  /**
   * Where limits hold: per data center, or over all of them. All limiters on a table must use the
   * same. Default `LOCAL_SERIAL`.
   */
  readonly serialConsistency?: SerialConsistency | undefined
  readonly clock?: Clock | undefined
  readonly random?: RandomSource | undefined
}

export interface TakeOptions {
  /** Units admitted per window. */
  readonly limit: number
  /** Default 60. */
  readonly windowSeconds?: number | undefined
  /** Units to take, all or none. Default 1. */
  readonly cost?: number | undefined
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
  readonly #tableName: string
  readonly #table: string
  readonly #settings: CountSettings
  /** Shared by all limiters of this process on the same table; set by the first call. */
  #counters: WindowCounters | undefined

  constructor(executor: Executor, options: RateLimiterOptions = {}) {
    checkOptions('RateLimiter', options, {
      onError: true,
      timeoutMs: true,
      table: true,
      serialConsistency: true,
      clock: true,
      random: true,
    })
    this.#executor = executor
    const runtime = runtimeOf(executor)
    this.#clock = options.clock ?? runtime.clock
    this.#onError = checkOneOf('onError', options.onError ?? 'throw', ['throw', 'allow', 'deny'])
    this.#tableName = checkTableName(options.table ?? 'rate_limits')
    this.#table = tableText(this.#tableName)
    const serialConsistency = checkSerialLevel(options.serialConsistency)
    const runner = new PreparedStatementRunner(executor, { serialConsistency, clock: this.#clock })
    this.#settings = {
      rows: new WindowRows(runner, this.#table),
      timeoutMs: checkInteger('timeoutMs', options.timeoutMs ?? 10_000, 1, timeoutMsMax),
      serialConsistency,
      clock: this.#clock,
      random: options.random ?? runtime.random,
      randomBytes: runtime.randomBytes,
    }
  }

  /** CQL of the table, which is written by conditional writes only. */
  tables(): string[] {
    return tableTexts(this.tableDefinitions())
  }

  /** The table, which is written by conditional writes only as data. */
  tableDefinitions(): readonly TableDefinition[] {
    return [windowTable(this.#tableName)]
  }

  /** Creates what is missing of the table, which is written by conditional writes only. */
  async createTables(): Promise<void> {
    await createTables(this.#executor, [this])
  }

  /** Whether one more request of `key` is within `limit` per window; takes a unit if so. */
  async check(key: string, limit: number, windowSeconds = 60): Promise<boolean> {
    return (await this.take(key, { limit, windowSeconds })).ok
  }

  /** Takes units of the current window, and returns how many are left. */
  async take(key: string, options: TakeOptions): Promise<RateLimitDecision> {
    checkOptions('take', options, { limit: true, windowSeconds: true, cost: true })
    const { limit, windowSeconds = 60, cost = 1 } = options
    checkArguments(key, limit, windowSeconds, cost)
    const window = Math.floor(this.#clock.nowMs() / 1000 / windowSeconds)
    const resetMs = (window + 1) * windowSeconds * 1000
    const decide = (ok: boolean, used: number): RateLimitDecision => ({
      ok,
      limit,
      remaining: Math.max(0, limit - used),
      resetAt: new Date(resetMs),
      retryAfterMs: ok ? 0 : Math.max(0, resetMs - this.#clock.nowMs()),
    })
    const { rows, timeoutMs } = this.#settings
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs
    try {
      this.#counters ??= await rows.share(() => new WindowCounters(), timeoutMs)
      const id = { key, windowSeconds, window }
      const granted = await this.#counters.take(id, { limit, cost, deadlineMs }, this.#settings)
      return decide(granted.ok, granted.used)
    } catch (error) {
      if (this.#onError === 'throw' || !isOfDatabase(error)) throw error
      return decide(this.#onError === 'allow', limit)
    }
  }
}

/** Whether the database failed, or the way to it, and not the caller. */
function isOfDatabase(error: unknown): boolean {
  return TsyllaError.is(error) && faultOf(error) !== 'caller'
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
