import { channel } from 'node:diagnostics_channel'
import { type SerialConsistency, TsyllaError } from '../../errors/index.ts'
import {
  checkOptions,
  checkSerialLevel,
  checkTableName,
  checkText,
  createTables,
  type LeaseAnswer,
  type LeaseAsk,
  leaseMachine,
  leaseRows,
  type LeaseState,
  leaseTable,
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
import { whileHeld, workArguments, type WorkArguments } from './holding.ts'
import { LeaderElection, type LeaderOptions } from './leader-election.ts'
import { Lease, type LeaseHost } from './lease.ts'
import { checkLeaseTtl, hasPassed, leaseMsMax, momentOf } from './lease-times.ts'
import { checkLockName } from './lock-name.ts'
import { type Acquired, LockWaiters, orReleased, waitLimitOf } from './waiters.ts'

export interface LockOptions {
  /** How long a lease lasts after its last extension. Default `'10s'`. */
  readonly ttl?: TimeSpan | undefined
  /**
   * How far the clocks of processes may be apart. A holder stops this long before the end of its
   * lease, and another waits this long after it. Less than half of `ttl`. Default `'500ms'`.
   */
  readonly clockError?: TimeSpan | undefined
  /** Time for one answer of the database, retries included. Default `'5s'`. */
  readonly timeout?: TimeSpan | undefined
  /** Default `locks`. */
  readonly table?: string | undefined
  /**
   * Where a lock is held: per data center, or over all of them. All locks on a table must use the
   * same. Default `LOCAL_SERIAL`.
   */
  readonly serialConsistency?: SerialConsistency | undefined
  readonly clock?: Clock | undefined
  readonly random?: RandomSource | undefined
}

export interface AcquireOptions {
  /** Default: that of the lock. */
  readonly ttl?: TimeSpan | undefined
  /** How long to wait while another holds the lock. Default `'10s'`; 0 for not at all. */
  readonly wait?: TimeSpan | undefined
  /** A text for people who look at the table, for example what the holder does. */
  readonly note?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** What subscribers of the channel `tsylla:lock` of `node:diagnostics_channel` receive. */
export interface LockEvent {
  readonly type: 'acquired' | 'released' | 'lost'
  /** Name of the lock. */
  readonly name: string
  readonly fence: bigint
}

/** What `stats` returns, since the first use of the table in this process. */
export interface LockStats {
  /** Leases of this object that are held now. */
  readonly held: number
  /** Leases of this object that ended before they were released. */
  readonly lost: number
  /** Conditional writes and reads of all locks on the table. */
  readonly lwt: Readonly<LwtCounters>
}

const events = channel('tsylla:lock')

/** One call of `acquire` or `tryAcquire`, all its attempts included. */
interface AcquireRequest {
  readonly name: string
  readonly owner: string
  readonly ttlMs: number
  readonly note: string
}

/**
 * Plain writes that a fence has room for. A name that is acquired more than a hundred times per
 * second over a long time gets fences that are ahead of the time.
 */
const fenceSpan = 10_000
/** Rows without an acquisition are kept this long. */
const rowTtlSeconds = 30 * 86_400
const noteBytesMax = 3_000
const attemptOptionNames = { ttl: true, note: true, signal: true } as const

/**
 * Locks with leases and fences. At most one process holds a name at a time as long as clocks are
 * not further apart than `clockError`; fences strictly increase with every acquisition, whatever
 * clocks do, so that what a late holder writes can be refused or overridden: see `Lease.fence` and
 * `Lease.fenced`.
 */
export class Lock {
  readonly #executor: Executor
  readonly #runtime: Runtime
  readonly #clock: Clock
  readonly #random: RandomSource
  readonly #tableName: string
  readonly #ttlMs: number
  readonly #clockErrorMs: number
  readonly #client: LwtClient<string, LeaseState, LeaseAsk, LeaseAnswer>
  readonly #host: LeaseHost
  /** Shared by all locks on this table in the process; set by the first acquisition. */
  #waiters: LockWaiters | undefined
  #heldCount = 0
  #lostCount = 0

  constructor(executor: Executor, options: LockOptions = {}) {
    checkOptions('Lock', options, {
      ...{ ttl: true, clockError: true, timeout: true, table: true },
      ...{ serialConsistency: true, clock: true, random: true },
    })
    const { ttl = '10s', clockError = '500ms', timeout = '5s' } = options
    this.#executor = executor
    this.#runtime = runtimeOf(executor)
    this.#clock = options.clock ?? this.#runtime.clock
    this.#random = options.random ?? this.#runtime.random
    this.#tableName = checkTableName(options.table ?? 'locks')
    this.#clockErrorMs = toMilliseconds('clockError', clockError, 0, leaseMsMax)
    this.#ttlMs = this.#checkTtl(ttl)
    this.#client = new LwtClient(executor, {
      kind: 'lock',
      machine: leaseMachine,
      createRows: (runner) => leaseRows(runner, this.#tableName, rowTtlSeconds),
      timeoutMs: toMilliseconds('timeout', timeout, 1, timeoutMsMax),
      serialConsistency: checkSerialLevel(options.serialConsistency),
      clock: this.#clock,
      random: this.#random,
    })
    this.#host = {
      executor,
      clock: this.#clock,
      clockErrorMs: this.#clockErrorMs,
      fenceSpan,
      ask: (name, ask) => this.#client.submit(name, name, ask),
      onEnd: (name, fence, isLost) => this.#onEnd(name, fence, isLost),
    }
  }

  /** CQL of the table, which is written by conditional writes only. */
  tables(): string[] {
    return tableTexts(this.tableDefinitions())
  }

  /** The table as data. */
  tableDefinitions(): readonly TableDefinition[] {
    return [leaseTable(this.#tableName, rowTtlSeconds)]
  }

  /** Creates what is missing of the table. */
  async createTables(): Promise<void> {
    await createTables(this.#executor, [this])
  }

  /**
   * Runs `work` while the lock is held.
   *
   * @returns what `work` returns
   * @throws LockHeldError when another holds the lock until `wait` is over; `work` is not called
   * @throws LockLostError when the lease ended, by itself, before `work` did
   */
  async run<T>(name: string, work: (lease: Lease) => T | Promise<T>): Promise<T>
  async run<T>(
    name: string,
    options: AcquireOptions,
    work: (lease: Lease) => T | Promise<T>,
  ): Promise<T>
  async run<T>(name: string, ...rest: WorkArguments<AcquireOptions, Lease, T>): Promise<T> {
    const [options, work] = workArguments(rest)
    return await whileHeld(await this.acquire(name, options), work)
  }

  /**
   * Acquires the lock if it is free.
   *
   * @returns `undefined` when another holds it
   * @throws AbortedError when `signal` aborts
   */
  async tryAcquire(
    name: string,
    options: Omit<AcquireOptions, 'wait'> = {},
  ): Promise<Lease | undefined> {
    checkOptions('tryAcquire', options, attemptOptionNames)
    const request = this.#request(name, options)
    const { signal } = options
    await orAborted(this.#shareWaiters(), signal)
    const acquired = await orReleased(this.#attempt(request), signal)
    return typeof acquired === 'number' ? undefined : acquired
  }

  /**
   * Acquires the lock, waiting while another holds it. Callers of one process that wait get it in
   * the order in which they came; a call that does not wait may come before them.
   *
   * @throws LockHeldError when another holds it until `wait` is over
   * @throws AbortedError when `signal` aborts
   */
  async acquire(name: string, options: AcquireOptions = {}): Promise<Lease> {
    checkOptions('acquire', options, { ...attemptOptionNames, wait: true })
    const limit = waitLimitOf(options)
    const request = this.#request(name, options)
    const waiters = await orAborted(this.#shareWaiters(), limit.signal)
    const runtime = { clock: this.#clock, random: this.#random }
    return await waiters.acquire(name, limit, runtime, () => this.#attempt(request))
  }

  /**
   * Competes for the lock until `stop`, and holds it whenever it is elected: at most one process
   * leads at a time, under the conditions of the lock.
   */
  leader(name: string, options: LeaderOptions): LeaderElection {
    checkLockName('lock', name)
    const acquire = (signal: AbortSignal): Promise<Lease> =>
      this.acquire(name, { wait: '1d', signal })
    return new LeaderElection(acquire, options, this.#clock)
  }

  /** Counts what this object has done. */
  stats(): LockStats {
    return { held: this.#heldCount, lost: this.#lostCount, lwt: { ...this.#client.counters } }
  }

  #request(name: string, options: Omit<AcquireOptions, 'wait'>): AcquireRequest {
    checkLockName('lock', name)
    const { note = '', ttl } = options
    if (note !== '') checkText('note', note, noteBytesMax)
    const ttlMs = ttl === undefined ? this.#ttlMs : this.#checkTtl(ttl)
    return { name, note, ttlMs, owner: randomUuid(this.#runtime).text }
  }

  async #attempt(request: AcquireRequest): Promise<Acquired<Lease>> {
    const { name, owner, ttlMs, note } = request
    const sent = momentOf(this.#clock)
    const nowMs = sent.dateMs
    try {
      const { holds, state } = await this.#host.ask(name, {
        kind: 'acquire',
        nowUs: BigInt(nowMs) * 1_000n,
        errorMs: this.#clockErrorMs,
        fenceSpan,
        ...{ owner, ttlMs, nowMs, note },
      })
      if (!holds || state === undefined) return state?.untilMs ?? nowMs
      if (!hasPassed(this.#clock, sent, ttlMs - this.#clockErrorMs)) {
        const { fence } = state
        this.#heldCount++
        this.#publish({ type: 'acquired', name, fence })
        return new Lease(this.#host, { name, owner, ttlMs, fence, sent })
      }
      // The answer took longer than the lease lasts.
      this.#abandon(request)
      return state.untilMs
    } catch (error) {
      if (TsyllaError.is(error) && error.outcome === 'unknown') this.#abandon(request)
      throw error
    }
  }

  /** Frees a lock that may be held without anybody knowing; otherwise its time has to pass. */
  #abandon({ name, owner }: AcquireRequest): void {
    this.#host.ask(name, { kind: 'release', owner, mayArrive: true }).catch(() => {})
  }

  #onEnd(name: string, fence: bigint, isLost: boolean): void {
    this.#heldCount--
    if (isLost) this.#lostCount++
    this.#publish({ type: isLost ? 'lost' : 'released', name, fence })
    this.#waiters?.onRelease(name)
  }

  async #shareWaiters(): Promise<LockWaiters> {
    return (this.#waiters ??= await this.#client.share('lock-waiters', () => new LockWaiters()))
  }

  #publish(event: LockEvent): void {
    if (events.hasSubscribers) events.publish(event)
  }

  #checkTtl(ttl: TimeSpan): number {
    return checkLeaseTtl('ttl', ttl, this.#clockErrorMs)
  }
}
