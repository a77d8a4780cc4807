import { channel } from 'node:diagnostics_channel'
import {
  LockHeldError,
  LockLostError,
  type SerialConsistency,
  TsyllaError,
} from '../../errors/index.ts'
import {
  checkInteger,
  checkOptions,
  checkSerialLevel,
  checkTableName,
  createTables,
  LwtClient,
  type LwtCounters,
  type TableDefinition,
  tableTexts,
  timeoutMsMax,
  type TimeSpan,
  toMilliseconds,
} from '../../kernel/index.ts'
import { type Executor, randomUuid, runtimeOf } from '../../types/index.ts'
import type { Clock, RandomSource, Runtime } from '../../util/index.ts'
import { LeaseTimer } from './lease-timer.ts'
import { checkLeaseTtl, hasPassed, leaseMsMax, type Moment, momentOf } from './lease-times.ts'
import {
  semaphoreMachine,
  type SemaphoreAnswer,
  type SemaphoreAsk,
  semaphoreRows,
  type SemaphoreState,
  semaphoreTable,
} from './semaphore-rows.ts'
import { checkLockName } from './lock-name.ts'
import { LockWaiters } from './waiters.ts'

export interface SemaphoreOptions {
  /** Permits that can be held of one name at a time, from 1 to 10,000. */
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
  /** How long to wait while all permits are held. Default 0: not at all. */
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

const waitMsMax = 7 * 86_400_000
const limitMax = 10_000

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
  readonly #waiters = new LockWaiters()
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
    const attempt = await this.#attempt(name, randomUuid(this.#runtime).text)
    return attempt instanceof Permit ? attempt : undefined
  }

  /**
   * Acquires a permit, waiting while all are held.
   *
   * @throws LockHeldError when all are held until `wait` is over
   * @throws AbortedError when `signal` aborts
   */
  async acquire(name: string, options: PermitOptions = {}): Promise<Permit> {
    checkOptions('acquire', options, { wait: true, signal: true })
    checkLockName('semaphore', name)
    const { wait = 0, signal } = options
    const waitMs = toMilliseconds('wait', wait, 0, waitMsMax)
    const limit = { clock: this.#clock, random: this.#random, waitMs, signal }
    const owner = randomUuid(this.#runtime).text
    let freeMs = this.#clock.nowMs()
    const attempt = async (): Promise<Permit | undefined> => {
      const answer = await this.#attempt(name, owner)
      if (answer instanceof Permit) return answer
      freeMs = answer.freeMs
      return undefined
    }
    const release = (late: Permit): void => void late.release().catch(() => {})
    const permit = await this.#waiters.wait(name, limit, attempt, release)
    if (permit !== undefined) return permit
    throw new LockHeldError(name, new Date(freeMs))
  }

  /** Runs `work` while a permit is held. @throws LockHeldError when none is free within `wait` */
  async run<T>(
    name: string,
    options: PermitOptions,
    work: (permit: Permit) => T | Promise<T>,
  ): Promise<T> {
    await using permit = await this.acquire(name, options)
    const result = await work(permit)
    if (!permit.isHeld) throw new LockLostError(name, undefined, 'unknown')
    return result
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

  async #attempt(name: string, owner: string): Promise<Permit | SemaphoreAnswer> {
    const sent = momentOf(this.#clock)
    try {
      const answer = await this.#ask(name, { kind: 'acquire', owner, ...this.#times() })
      if (!answer.holds) return answer
      if (!hasPassed(this.#clock, sent, this.#ttlMs - this.#clockErrorMs))
        return this.#permit(name, owner, sent)
      // The answer took longer than the permit lasts.
      this.#abandon(name, owner)
      return answer
    } catch (error) {
      if (TsyllaError.is(error) && error.outcome === 'unknown') this.#abandon(name, owner)
      throw error
    }
  }

  /** Frees a permit that may be held without anybody knowing; otherwise its time has to pass. */
  #abandon(name: string, owner: string): void {
    this.#ask(name, { kind: 'release', owner }).catch(() => {})
  }

  #permit(name: string, owner: string, sent: Moment): Permit {
    this.#heldCount++
    this.#publish({ type: 'acquired', name })
    return new Permit(name, {
      clock: this.#clock,
      ttlMs: this.#ttlMs,
      clockErrorMs: this.#clockErrorMs,
      sent,
      extend: async () =>
        (await this.#ask(name, { kind: 'extend', owner, ...this.#times() })).holds,
      release: async () => {
        await this.#ask(name, { kind: 'release', owner })
      },
      onEnd: (isLost) => this.#onEnd(name, isLost),
    })
  }

  #onEnd(name: string, isLost: boolean): void {
    this.#heldCount--
    if (isLost) this.#lostCount++
    this.#publish({ type: isLost ? 'lost' : 'released', name })
    this.#waiters.onRelease(name)
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

/** What a permit needs of its semaphore. */
interface PermitHost {
  readonly clock: Clock
  readonly ttlMs: number
  readonly clockErrorMs: number
  /** When the acquisition was sent. */
  readonly sent: Moment
  /** @returns whether the permit is still held */
  readonly extend: () => Promise<boolean>
  readonly release: () => Promise<void>
  /** Called once when the permit has ended. @param isLost whether before it was released */
  readonly onEnd: (isLost: boolean) => void
}

/** A permit of a semaphore. It is extended until `release`. */
export class Permit implements AsyncDisposable {
  readonly name: string
  readonly #host: PermitHost
  readonly #controller = new AbortController()
  readonly #timer: LeaseTimer

  /** @param host for internal use */
  constructor(name: string, host: PermitHost) {
    this.name = name
    this.#host = host
    const { clock, ttlMs, clockErrorMs } = host
    const onLost = (): void => {
      this.#controller.abort(new LockLostError(name, undefined, 'unknown'))
      host.onEnd(true)
    }
    const extend = (): Promise<void> => this.#extend()
    this.#timer = new LeaseTimer({ clock, ttlMs, clockErrorMs, extend, onLost }, host.sent)
  }

  /** Aborts with a `LockLostError` when the permit ends before `release`. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether the permit has neither been released nor ended. */
  get isHeld(): boolean {
    return !this.#timer.isEnded
  }

  /** @throws LockLostError when the permit has ended */
  checkHeld(): void {
    if (!this.isHeld) throw new LockLostError(this.name)
  }

  /** Releases the permit. When the server cannot be reached, it ends by itself after its time. */
  async release(): Promise<void> {
    if (!this.#timer.end()) return
    this.#host.onEnd(false)
    await this.#host.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What was done under the permit succeeded whether or not it could be released.
    await this.release().catch(() => {})
  }

  async #extend(): Promise<void> {
    const sent = momentOf(this.#host.clock)
    const isHeld = await this.#host.extend()
    if (isHeld && this.#timer.onExtended(sent)) return
    // The permit ended here before the extension was answered.
    if (isHeld) this.#host.release().catch(() => {})
    this.#timer.lose()
    throw new LockLostError(this.name)
  }
}
