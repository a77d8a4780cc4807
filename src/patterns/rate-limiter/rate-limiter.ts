import {
  AbortedError,
  ConfigError,
  type Consistency,
  faultOf,
  RateLimitedError,
  type SerialConsistency,
  TsyllaError,
} from '../../errors/index.ts'
import {
  checkExclusive,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkSerialLevel,
  checkTableName,
  checkText,
  createTables,
  KeyedQueue,
  orAborted,
  type LwtCounters,
  type TableDefinition,
  tableTexts,
  timeoutOf,
  type TimeSpan,
  toMilliseconds,
} from '../../kernel/index.ts'
import { type Executor, runtimeOf } from '../../types/index.ts'
import { type Clock, type RandomSource, sleep } from '../../util/index.ts'
import { decisionOf, type RateLimitDecision } from './decision.ts'
import { type LimitCounts, LimitEvents } from './limit-events.ts'
import type { LimitAnswer, LimitAsk } from './limit-machine.ts'
import { CellStore, ExactStore, type LimitStore } from './limit-store.ts'
import { MemoryStrategy } from './memory-strategy.ts'
import {
  type CheckedRule,
  checkRule,
  checkRules,
  checkStrategy,
  mostAtOnce,
  type RateLimitRule,
} from './rules.ts'

export interface RateLimiterOptions extends Partial<RateLimitRule> {
  /** Several rules: units are taken from all of them or from none. Instead of `limit`. */
  readonly rules?: readonly RateLimitRule[] | undefined
  /**
   * - `exact`: conditional writes; exactly the limit is admitted when nothing fails.
   * - `quorum`: plain writes and reads at a quorum, without Paxos; never more than the limit, and
   *   fewer when processes ask at the same time. One rule, `fixed`.
   * - `local`: no request per decision; processes exchange their counts every `syncInterval`, so
   *   that what is admitted in between can exceed the limit. One rule, `fixed`.
   *
   * Default `exact`.
   */
  readonly strategy?: 'exact' | 'quorum' | 'local' | undefined
  /**
   * What decisions are when the database fails: `throw` its error, `allow`, `deny`, or count in the
   * memory of this process (`local`). Wrong arguments and a missing table always throw. Default
   * `throw`.
   */
  readonly onError?: 'throw' | 'allow' | 'deny' | 'local' | undefined
  /** Time that a decision may take, PREPARE and retries included. Default `'10s'`. */
  readonly timeout?: TimeSpan | undefined
  /** The same in milliseconds. */
  readonly timeoutMs?: number | undefined
  /**
   * The names of the tables begin with it: `…_keys` for `exact`, `…_cells` for the others. Default
   * `rate_limits`.
   */
  readonly table?: string | undefined
  /**
   * Where limits of `exact` hold: per data center, or over all of them. All limiters on a table
   * must use the same. Default `LOCAL_SERIAL`.
   */
  readonly serialConsistency?: SerialConsistency | undefined
  /**
   * Where limits of `quorum` hold. All limiters on a table must use the same. Default
   * `LOCAL_QUORUM`.
   */
  readonly consistency?: Extract<Consistency, 'LOCAL_QUORUM' | 'QUORUM'> | undefined
  /** For `local`. Default `'1s'`. */
  readonly syncInterval?: TimeSpan | undefined
  readonly clock?: Clock | undefined
  readonly random?: RandomSource | undefined
}

export interface TakeOptions {
  /** Units admitted per window. Default: the rules of the limiter. */
  readonly limit?: number | undefined
  /** Length of the window when `limit` is given. Default: that of the limiter, else a minute. */
  readonly per?: TimeSpan | undefined
  /** The same in seconds. */
  readonly windowSeconds?: number | undefined
  /** Units to take, all or none. Default 1. */
  readonly cost?: number | undefined
}

export interface WaitOptions extends TakeOptions {
  /** How long to wait for the units. Default `'10s'`. */
  readonly timeout?: TimeSpan | undefined
  readonly signal?: AbortSignal | undefined
}

/** What `stats` returns: decisions of this limiter since it exists. */
export interface RateLimiterStats extends LimitCounts {
  /** Conditional writes and reads of all limiters on the table; `exact` only. */
  readonly lwt: Readonly<LwtCounters> | undefined
}

const keyBytesMax = 24_576
const blockMsMax = 366 * 86_400_000
const waitMsMax = 86_400_000
const syncMsMin = 10
const syncMsMax = 60_000
const windowSecondsMax = 366 * 86_400
const longestSuffix = '_cells'

/** The units of a decision, so that they can be given back. */
interface Taken {
  readonly key: string
  readonly rules: readonly CheckedRule[]
  readonly cost: number
  readonly takenMs: number
  /** For each rule, when all of its units were to be available again. */
  readonly resetMs: readonly number[]
}

/**
 * Limits how many units of a key are admitted, over all processes that use the same table. Callers
 * of one process that ask at the same time share a write, and a key that is known to be exhausted
 * is refused from memory.
 */
export class RateLimiter {
  readonly #executor: Executor
  readonly #clock: Clock
  readonly #onError: 'throw' | 'allow' | 'deny' | 'local'
  readonly #strategy: 'exact' | 'quorum' | 'local'
  readonly #store: LimitStore
  readonly #defaults: Partial<RateLimitRule>
  readonly #rules: readonly CheckedRule[] | undefined
  readonly #memory = new MemoryStrategy()
  readonly #waiting = new KeyedQueue()
  readonly #taken = new WeakMap<RateLimitDecision, Taken>()
  readonly #events = new LimitEvents()

  constructor(executor: Executor, options: RateLimiterOptions = {}) {
    checkOptions('RateLimiter', options, {
      ...{ limit: true, per: true, algorithm: true, burst: true, rules: true, strategy: true },
      ...{ onError: true, timeout: true, timeoutMs: true, table: true, serialConsistency: true },
      ...{ consistency: true, syncInterval: true, clock: true, random: true },
    })
    this.#executor = executor
    const runtime = runtimeOf(executor)
    this.#clock = options.clock ?? runtime.clock
    const onErrors = ['throw', 'allow', 'deny', 'local'] as const
    this.#onError = checkOneOf('onError', options.onError ?? 'throw', onErrors)
    const strategies = ['exact', 'quorum', 'local'] as const
    const strategy = checkOneOf('strategy', options.strategy ?? 'exact', strategies)
    this.#strategy = strategy
    const levels = ['LOCAL_QUORUM', 'QUORUM'] as const
    const { syncInterval = '1s' } = options
    const storeOptions = {
      table: checkTableName(options.table ?? 'rate_limits', longestSuffix),
      timeoutMs: timeoutOf(options, 10_000),
      serialConsistency: checkSerialLevel(options.serialConsistency),
      consistency: checkOneOf('consistency', options.consistency ?? 'LOCAL_QUORUM', levels),
      syncMs: toMilliseconds('syncInterval', syncInterval, syncMsMin, syncMsMax),
      clock: this.#clock,
      random: options.random ?? runtime.random,
    }
    this.#store =
      strategy === 'exact'
        ? new ExactStore(executor, storeOptions)
        : new CellStore(executor, strategy, storeOptions)
    const { per, algorithm, burst } = options
    this.#defaults = { per, algorithm, burst }
    this.#rules = rulesOf(options)
    // When every call has a limit of its own, the rest of its rule is here.
    const ofCalls = { limit: 1, ...this.#defaults }
    checkStrategy(strategy, this.#rules ?? [checkRule('RateLimiter', ofCalls)])
  }

  /** CQL of the table. */
  tables(): string[] {
    return tableTexts(this.tableDefinitions())
  }

  /** The table as data. */
  tableDefinitions(): readonly TableDefinition[] {
    return this.#store.tableDefinitions()
  }

  /** Creates what is missing of the table. */
  async createTables(): Promise<void> {
    await createTables(this.#executor, [this])
  }

  /**
   * Whether one more request of `key` is admitted; takes a unit if so.
   *
   * @param limit units per window; default: the rules of the limiter
   * @param windowSeconds default: that of the limiter, else 60
   */
  async check(key: string, limit?: number, windowSeconds?: number): Promise<boolean> {
    return (await this.take(key, { limit, windowSeconds })).ok
  }

  /** Takes units if they are within all rules, and returns how many are left. */
  async take(key: string, options: TakeOptions = {}): Promise<RateLimitDecision> {
    return await this.#take(key, options, 'take', false)
  }

  /** Returns what `take` would find, without taking anything. */
  async peek(key: string, options: TakeOptions = {}): Promise<RateLimitDecision> {
    return await this.#take(key, options, 'look', false)
  }

  /** Counts units whether they are within the rules or not, for example after a wrong password. */
  async penalty(key: string, options: TakeOptions = {}): Promise<RateLimitDecision> {
    return await this.#take(key, options, 'take', true)
  }

  /**
   * Gives back the units of a decision, once, for example because the request was not served. A
   * window that has ended since does not get them. A refund that fails with the outcome
   * `not_applied` can be repeated.
   *
   * @param decision returned by `take`, `penalty` or `waitFor` of this limiter
   */
  async refund(decision: RateLimitDecision): Promise<void> {
    const taken = this.#taken.get(decision)
    if (taken === undefined) {
      if (decision.ok && !decision.degraded) {
        throw new ConfigError(
          'refund needs a decision that take of the same limiter returned, and that was not refunded before',
        )
      }
      return
    }
    this.#taken.delete(decision)
    const { key, ...rest } = taken
    try {
      await this.#store.submit(key, { kind: 'refund', ...rest, nowMs: this.#clock.nowMs() })
    } catch (error) {
      if (TsyllaError.is(error) && error.outcome === 'not_applied') this.#taken.set(decision, taken)
      throw error
    }
    this.#events.publish({ type: 'refunded', key, cost: taken.cost, decision })
  }

  /** Refuses every request of a key for some time; 0 ends that. Strategy `exact` only. */
  async block(key: string, duration: TimeSpan): Promise<void> {
    checkText('key', key, keyBytesMax)
    const nowMs = this.#clock.nowMs()
    const durationMs = toMilliseconds('duration', duration, 0, blockMsMax)
    await this.#store.submit(key, { kind: 'block', untilMs: nowMs + durationMs, nowMs })
    this.#events.publish({ type: 'blocked', key, durationMs })
  }

  /**
   * Forgets everything that is counted of a key, and its block. Other processes may refuse the key
   * for another second. Strategy `exact` only.
   */
  async reset(key: string): Promise<void> {
    checkText('key', key, keyBytesMax)
    await this.#store.submit(key, { kind: 'reset', nowMs: this.#clock.nowMs() })
    this.#events.publish({ type: 'reset', key })
  }

  /**
   * Takes units as soon as they are free. Callers of this limiter that wait for one key get them in
   * the order in which they came.
   *
   * @throws RateLimitedError when they do not become free within `timeout`; thrown at once when
   *   that is certain
   * @throws AbortedError when `signal` aborts
   */
  async waitFor(key: string, options: WaitOptions = {}): Promise<RateLimitDecision> {
    checkOptions('waitFor', options, { ...takeOptionNames, timeout: true, signal: true })
    const { timeout = '10s', signal, ...take } = options
    const timeoutMs = toMilliseconds('timeout', timeout, 0, waitMsMax)
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs
    const limit = { clock: this.#clock, deadlineMs, timeoutMs }
    const neverFits = this.#rulesFor(take).some((rule) => (take.cost ?? 1) > mostAtOnce(rule))
    let hasBegun = false
    const turn = async (): Promise<RateLimitDecision> => {
      hasBegun = true
      for (;;) {
        if (signal?.aborted === true) throw new AbortedError('not_applied', signal.reason)
        const decision = await this.take(key, take)
        if (decision.ok) return decision
        const leftMs = deadlineMs - this.#clock.monotonicMs()
        const retryAfterMs = neverFits ? Number.POSITIVE_INFINITY : decision.retryAfterMs
        if (retryAfterMs > leftMs) throw new RateLimitedError(retryAfterMs, timeoutMs)
        await sleep(this.#clock, Math.max(1, decision.retryAfterMs), signal)
      }
    }
    try {
      const waiting = this.#waiting.run(key, turn, limit)
      return await orAborted(waiting, signal, () => !hasBegun)
    } catch (error) {
      // The deadline has passed before its turn came: others wait for the same units.
      const isLate = TsyllaError.is(error) && error.code === 'TSYLLA_REQUEST_TIMEOUT'
      if (isLate && this.#clock.monotonicMs() >= deadlineMs && error.outcome === 'not_applied') {
        throw new RateLimitedError(timeoutMs, timeoutMs)
      }
      throw error
    }
  }

  /** Counts what this object has done; `peek` decides nothing and is not counted. */
  stats(): RateLimiterStats {
    const { lwt } = this.#store
    return { ...this.#events.counts, lwt: lwt && { ...lwt } }
  }

  async #take(
    key: string,
    options: TakeOptions,
    kind: 'take' | 'look',
    isForced: boolean,
  ): Promise<RateLimitDecision> {
    checkOptions('take', options, takeOptionNames)
    checkText('key', key, keyBytesMax)
    const { cost = 1 } = options
    if (!Number.isSafeInteger(cost) || cost < 1) {
      throw new ConfigError('cost must be a whole number from 1')
    }
    const rules = this.#rulesFor(options)
    const nowMs = this.#clock.nowMs()
    const ask = { kind, rules, cost, nowMs, isForced }
    const { answer, isDegraded } = await this.#answer(key, ask)
    const decision = decisionOf(answer, rules, nowMs, isDegraded)
    if (kind === 'look') return decision
    if ((decision.ok || isForced) && !decision.degraded) {
      const resetMs = answer.looks.map((look) => look.resetMs)
      this.#taken.set(decision, { key, rules, cost, takenMs: nowMs, resetMs })
    }
    const type = isForced ? 'penalized' : decision.ok ? 'admitted' : 'refused'
    this.#events.publish({ type, key, cost, decision })
    return decision
  }

  async #answer(
    key: string,
    ask: LimitAsk & { readonly kind: 'take' | 'look' },
  ): Promise<{ readonly answer: LimitAnswer; readonly isDegraded: boolean }> {
    try {
      return { answer: await this.#store.submit(key, ask), isDegraded: false }
    } catch (error) {
      if (this.#onError === 'throw' || !isOfDatabase(error)) {
        if (ask.kind === 'take') this.#events.publish({ type: 'failed', key, cost: ask.cost })
        throw error
      }
      return { answer: this.#answerWithout(key, ask), isDegraded: true }
    }
  }

  /** The answer when the database fails. */
  #answerWithout(key: string, ask: LimitAsk & { readonly kind: 'take' | 'look' }): LimitAnswer {
    if (this.#onError === 'local') return this.#memory.submit(key, ask)
    const ok = this.#onError === 'allow'
    const looks = ask.rules.map(({ windowMs }) => {
      const resetMs = (Math.floor(ask.nowMs / windowMs) + 1) * windowMs
      return { fits: ok, remaining: 0, resetMs, retryMs: resetMs }
    })
    return { ok, blockedUntilMs: 0, looks }
  }

  #rulesFor(options: TakeOptions): readonly CheckedRule[] {
    const { limit, per, windowSeconds } = options
    checkExclusive(options, 'per', 'windowSeconds')
    if (limit === undefined) {
      if (per !== undefined || windowSeconds !== undefined) {
        throw new ConfigError('per and windowSeconds need a limit')
      }
      if (this.#rules !== undefined) return this.#rules
      throw new ConfigError('limit is missing: pass it to the call or to the RateLimiter')
    }
    if (windowSeconds !== undefined)
      checkInteger('windowSeconds', windowSeconds, 1, windowSecondsMax)
    const { algorithm, burst } = this.#defaults
    const ofCall = windowSeconds === undefined ? per : windowSeconds * 1_000
    const window = ofCall === undefined ? this.#defaults.per : ofCall
    const rule = checkRule('take', { limit, per: window, algorithm, burst })
    checkStrategy(this.#strategy, [rule])
    return [rule]
  }
}

const takeOptionNames = { limit: true, per: true, windowSeconds: true, cost: true } as const

function rulesOf(options: RateLimiterOptions): readonly CheckedRule[] | undefined {
  const { rules, limit, per, algorithm, burst } = options
  if (rules === undefined) {
    return limit === undefined
      ? undefined
      : [checkRule('RateLimiter', { limit, per, algorithm, burst })]
  }
  if (limit !== undefined || per !== undefined || algorithm !== undefined || burst !== undefined) {
    throw new ConfigError('limit, per, algorithm and burst belong into rules when there are rules')
  }
  return checkRules('rules', rules)
}

/** Whether the database failed, or the way to it, and not the caller. */
function isOfDatabase(error: unknown): boolean {
  return TsyllaError.is(error) && faultOf(error) !== 'caller'
}
