import { channel } from 'node:diagnostics_channel'
import { type SerialConsistency, TsyllaError } from '../../errors/index.ts'
import {
  checkInteger,
  checkOptions,
  checkSerialLevel,
  checkTableName,
  createTables,
  LwtClient,
  type LwtCounters,
  orAborted,
  type TableDefinition,
  tableTexts,
  timeoutMsMax,
  type TimeSpan,
  toMilliseconds,
} from '../../kernel/index.ts'
import { type Executor, randomUuid, runtimeOf } from '../../types/index.ts'
import type { Clock, RandomSource, Runtime } from '../../util/index.ts'
import {
  Holding,
  type HoldingHost,
  whileHeld,
  workArguments,
  type WorkArguments,
} from './holding.ts'
import { checkLeaseTtl, hasPassed, leaseMsMax, momentOf } from './lease-times.ts'
import {
  semaphoreMachine,
  type SemaphoreAnswer,
  type SemaphoreAsk,
  semaphoreRows,
  type SemaphoreState,
  semaphoreTable,
} from './semaphore-rows.ts'
import { checkLockName } from './lock-name.ts'
import { type Acquired, LockWaiters, waitLimitOf } from './waiters.ts'

export interface SemaphoreOptions {
  /** Permits that can be held of one name at a time, from 1 to 1,000: one row has all of them. */
  readonly limit: number
  /** How long a permit lasts after its last extension. Default `'30s'`. */
  readonly ttl?: TimeSpan | undefined
  /** How far the clocks of processes may be apart. Less than half of `ttl`. Default `'500ms'`. */
  readonly clockError?: TimeSpan | undefined
  /** Time for one answer of the database, retries included. Default `'5s'`. */
  readonly timeout?: TimeSpan | undefined
  /** Default `semaphores`. */
  readonly table?: string | undefined
  /** Where permits are counted. Default `LOCAL_SERIAL`. */
  readonly serialConsistency?: SerialConsistency | undefined
  readonly clock?: Clock | undefined
  readonly random?: RandomSource | undefined
}

export interface PermitOptions {
  /** How long to wait while all permits are held. Default `'10s'`; 0 for not at all. */
  readonly wait?: TimeSpan | undefined
  readonly signal?: AbortSignal | undefined
}

/** What subscribers of the channel `tsylla:semaphore` of `node:diagnostics_channel` receive. */
export interface SemaphoreEvent {
  readonly type: 'acquired' | 'released' | 'lost'
  /** Name of the semaphore. */
  readonly name: string
}

/** What `stats` returns. */
export interface SemaphoreStats {
  /** Permits of this object that are held now. */
  readonly held: number
  /** Permits of this object that ended before they were released. */
  readonly lost: number
  /** Conditional writes and reads of all semaphores on the table. */
  readonly lwt: Readonly<LwtCounters>
}

const events = channel('tsylla:semaphore')

/** Every write sends all permits of a name twice, 32 bytes each. */
const limitMax = 1_000

/**
 * Limits how many holders a name has at a time, over all processes. The permits of a process that
 * died are free again after `ttl`.
 */
export class Semaphore {
  readonly #executor: Executor
  readonly #runtime: Runtime
  readonly #clock: Clock
  readonly #random: RandomSource
  readonly #tableName: string
  readonly #limit: number
  readonly #ttlMs: number
  readonly #clockErrorMs: number
  readonly #client: LwtClient<string, SemaphoreState, SemaphoreAsk, SemaphoreAnswer>
  /** Shared by all semaphores on this table in the process; set by the first acquisition. */
  #waiters: LockWaiters | undefined
  #heldCount = 0
  #lostCount = 0

  constructor(executor: Executor, options: SemaphoreOptions) {
    checkOptions('Semaphore', options, {
      ...{ limit: true, ttl: true, clockError: true, timeout: true, table: true },
      ...{ serialConsistency: true, clock: true, random: true },
    })
    const { ttl = '30s', clockError = '500ms', timeout = '5s' } = options
    this.#executor = executor
    this.#runtime = runtimeOf(executor)
    this.#clock = options.clock ?? this.#runtime.clock
    this.#random = options.random ?? this.#runtime.random
    this.#tableName = checkTableName(options.table ?? 'semaphores')
    this.#limit = checkInteger('limit', options.limit, 1, limitMax)
    this.#clockErrorMs = toMilliseconds('clockError', clockError, 0, leaseMsMax)
    this.#ttlMs = checkLeaseTtl('ttl', ttl, this.#clockErrorMs)
    this.#client = new LwtClient(executor, {
      kind: 'semaphore',
      machine: semaphoreMachine,
      createRows: (runner) => semaphoreRows(runner, this.#tableName, this.#clock),
      timeoutMs: toMilliseconds('timeout', timeout, 1, timeoutMsMax),
      serialConsistency: checkSerialLevel(options.serialConsistency),
      clock: this.#clock,
      random: this.#random,
    })
  }

  /** CQL of the table, which is written by conditional writes only. */
  tables(): string[] {
    return tableTexts(this.tableDefinitions())
  }

  /** The table as data. */
  tableDefinitions(): readonly TableDefinition[] {
    return [semaphoreTable(this.#tableName)]
  }

  /** Creates what is missing of the table. */
  async createTables(): Promise<void> {
    await createTables(this.#executor, [this])
  }

  /** Acquires a permit if one is free. */
  async tryAcquire(name: string): Promise<Permit | undefined> {
    checkLockName('semaphore', name)
    await this.#shareWaiters()
    const acquired = await this.#attempt(name, randomUuid(this.#runtime).text)
    return typeof acquired === 'number' ? undefined : acquired
  }

  /**
   * Acquires a permit, waiting while all are held. Callers of one process that wait get it in the
   * order in which they came; a call that does not wait may come before them.
   *
   * @throws LockHeldError when all are held until `wait` is over
   * @throws AbortedError when `signal` aborts
   */
  async acquire(name: string, options: PermitOptions = {}): Promise<Permit> {
    checkOptions('acquire', options, { wait: true, signal: true })
    checkLockName('semaphore', name)
    const limit = waitLimitOf(options)
    const owner = randomUuid(this.#runtime).text
    const waiters = await orAborted(this.#shareWaiters(), limit.signal)
    const runtime = { clock: this.#clock, random: this.#random }
    return await waiters.acquire(name, limit, runtime, () => this.#attempt(name, owner))
  }

  /**
   * Runs `work` while a permit is held.
   *
   * @returns what `work` returns
   * @throws LockHeldError when none is free until `wait` is over; `work` is not called
   * @throws LockLostError when the permit ended, by itself, before `work` did
   */
  async run<T>(name: string, work: (permit: Permit) => T | Promise<T>): Promise<T>
  async run<T>(
    name: string,
    options: PermitOptions,
    work: (permit: Permit) => T | Promise<T>,
  ): Promise<T>
  async run<T>(name: string, ...rest: WorkArguments<PermitOptions, Permit, T>): Promise<T> {
    const [options, work] = workArguments(rest)
    return await whileHeld(await this.acquire(name, options), work)
  }

  /** How many permits of a name are held now, those of dead processes until they end. */
  async count(name: string): Promise<number> {
    checkLockName('semaphore', name)
    const nowMs = this.#clock.nowMs()
    return (await this.#ask(name, { kind: 'count', nowMs, errorMs: this.#clockErrorMs })).count
  }

  /** Counts what this object has done. */
  stats(): SemaphoreStats {
    return { held: this.#heldCount, lost: this.#lostCount, lwt: { ...this.#client.counters } }
  }

  async #attempt(name: string, owner: string): Promise<Acquired<Permit>> {
    const sent = momentOf(this.#clock)
    try {
      const ask = { kind: 'acquire', owner, ...this.#times() } as const
      const { holds, freeMs } = await this.#ask(name, ask)
      if (!holds) return freeMs
      if (!hasPassed(this.#clock, sent, this.#ttlMs - this.#clockErrorMs)) {
        this.#heldCount++
        this.#publish({ type: 'acquired', name })
        return new Permit(name, this.#permitHost(name, owner), sent)
      }
      // The answer took longer than the permit lasts.
      this.#abandon(name, owner)
      return freeMs
    } catch (error) {
      if (TsyllaError.is(error) && error.outcome === 'unknown') this.#abandon(name, owner)
      throw error
    }
  }

  /** Frees a permit that may be held without anybody knowing; otherwise its time has to pass. */
  #abandon(name: string, owner: string): void {
    this.#ask(name, { kind: 'release', owner, mayArrive: true }).catch(() => {})
  }

  #permitHost(name: string, owner: string): HoldingHost {
    return {
      clock: this.#clock,
      ttlMs: this.#ttlMs,
      clockErrorMs: this.#clockErrorMs,
      fence: undefined,
      extend: async () =>
        (await this.#ask(name, { kind: 'extend', owner, ...this.#times() })).holds,
      release: async () => (await this.#ask(name, { kind: 'release', owner })).wasHeld === true,
      onEnd: (isLost) => this.#onEnd(name, isLost),
    }
  }

  #onEnd(name: string, isLost: boolean): void {
    this.#heldCount--
    if (isLost) this.#lostCount++
    this.#publish({ type: isLost ? 'lost' : 'released', name })
    this.#waiters?.onRelease(name)
  }

  async #shareWaiters(): Promise<LockWaiters> {
    return (this.#waiters ??= await this.#client.share('lock-waiters', () => new LockWaiters()))
  }

  #publish(event: SemaphoreEvent): void {
    if (events.hasSubscribers) events.publish(event)
  }

  #times(): { limit: number; ttlMs: number; nowMs: number; errorMs: number } {
    const nowMs = this.#clock.nowMs()
    return { limit: this.#limit, ttlMs: this.#ttlMs, nowMs, errorMs: this.#clockErrorMs }
  }

  #ask(name: string, ask: SemaphoreAsk): Promise<SemaphoreAnswer> {
    return this.#client.submit(name, name, ask)
  }
}

/** A permit of a semaphore that is held. */
export class Permit extends Holding {}
