import { LockHeldError, type SerialConsistency } from '../../errors/index.ts'
import {
  type LeaseAnswer,
  type LeaseAsk,
  leaseMachine,
  leaseRows,
  type LeaseState,
  leaseTable,
  LwtClient,
  type TableDefinition,
} from '../../kernel/index.ts'
import { type Executor, randomUuid, runtimeOf } from '../../types/index.ts'
import { type Clock, type RandomSource, type Runtime, sleep } from '../../util/index.ts'
import { Lease, type LeaseHost } from '../lock/lease.ts'
import { hasPassed, momentOf } from '../lock/lease-times.ts'

export interface CacheLeasesOptions {
  readonly table: string
  readonly ttlMs: number
  readonly clockErrorMs: number
  readonly timeoutMs: number
  readonly serialConsistency: SerialConsistency
  readonly clock: Clock
  readonly random: RandomSource
}

/** The right to write a key. */
export interface KeyRight {
  readonly lease: Lease
  /** Entries that were written up to then are deleted, or about to be. */
  readonly deletedUs: bigint
}

/** The answer to one attempt to acquire a key. */
export interface LeaseAttempt {
  /** `undefined` when another process makes the value. */
  readonly right: KeyRight | undefined
  /** When the lease ends, by what is known of it, in milliseconds since the epoch. */
  readonly untilMs: number
}

/** An entry is written once per fence. */
const fenceSpan = 2
/** Rows of keys that nothing is made of or deleted are kept this long. */
const rowTtlSeconds = 86_400
/** Part of a lease that the answer of its acquisition may take; after that it is extended. */
const answerShareMax = 1 / 3
const acquireAttemptsMax = 3
/** Delay between attempts, in milliseconds; with jitter it is up to twice as long. */
const pollMsMin = 10

/** The table of leases of a cache. */
export function cacheLeaseTable(name: string): TableDefinition {
  return leaseTable(`${name}_leases`, rowTtlSeconds)
}

/**
 * The right to make the value of a key: one process at a time. The value is written with the fence
 * as its timestamp, and a deletion raises the fence, so that a value whose making began before the
 * deletion loses, however late it is written and whatever clocks say.
 */
export class CacheLeases {
  readonly #options: CacheLeasesOptions
  readonly #runtime: Runtime
  readonly #client: LwtClient<string, LeaseState, LeaseAsk, LeaseAnswer>
  readonly #host: LeaseHost

  constructor(executor: Executor, options: CacheLeasesOptions) {
    this.#options = options
    this.#runtime = runtimeOf(executor)
    const { table, timeoutMs, serialConsistency, clock, random } = options
    this.#client = new LwtClient(executor, {
      kind: 'cache-lease',
      machine: leaseMachine,
      createRows: (runner) => leaseRows(runner, `${table}_leases`, rowTtlSeconds),
      ...{ timeoutMs, serialConsistency, clock, random },
    })
    this.#host = {
      executor,
      clock,
      clockErrorMs: options.clockErrorMs,
      fenceSpan,
      ask: (name, ask) => this.#client.submit(name, name, ask),
      onEnd: () => {},
    }
  }

  /** An owner for the attempts of one caller: an attempt finds what an earlier one has acquired. */
  newOwner(): string {
    return randomUuid(this.#runtime).text
  }

  /** @param nowUs smallest fence */
  async tryAcquire(key: string, owner: string, nowUs: bigint): Promise<LeaseAttempt> {
    const { clock, ttlMs, clockErrorMs } = this.#options
    for (let attempts = 1; ; attempts++) {
      const sent = momentOf(clock)
      const { holds, state } = await this.#host.ask(key, {
        kind: 'acquire',
        nowMs: sent.dateMs,
        errorMs: clockErrorMs,
        note: '',
        ...{ owner, ttlMs, nowUs, fenceSpan },
      })
      if (!holds || state === undefined) return { right: undefined, untilMs: state?.untilMs ?? 0 }
      // Its answer took so long that it may end before it is extended: the same owner asks again.
      const isShort = hasPassed(clock, sent, ttlMs * answerShareMax)
      if (isShort && attempts < acquireAttemptsMax) continue
      const { fence, revokedUs, untilMs } = state
      const lease = new Lease(this.#host, { name: key, owner, ttlMs, fence, sent })
      return { right: { lease, deletedUs: revokedUs }, untilMs }
    }
  }

  /**
   * Waits for the right to write a key.
   *
   * @throws LockHeldError when another process keeps it for longer than a lease lasts
   */
  async acquire(key: string, nextStamp: () => bigint): Promise<KeyRight> {
    const { clock, random, ttlMs, clockErrorMs } = this.#options
    const deadlineMs = clock.monotonicMs() + 2 * (ttlMs + clockErrorMs)
    const owner = this.newOwner()
    for (;;) {
      const { right, untilMs } = await this.tryAcquire(key, owner, nextStamp())
      if (right !== undefined) return right
      if (clock.monotonicMs() >= deadlineMs) throw new LockHeldError(key, new Date(untilMs))
      await sleep(clock, pollMsMin + random() * pollMsMin)
    }
  }

  /** Frees a key that an attempt may have acquired whose answer was lost. */
  abandon(key: string, owner: string): void {
    this.#host.ask(key, { kind: 'release', owner, mayArrive: true }).catch(() => {})
  }

  /**
   * Takes the right from the process that makes the value of a key.
   *
   * @param nowUs smallest fence
   * @returns the fence, which is greater than all before
   */
  async revoke(key: string, nowUs: bigint): Promise<bigint> {
    const { state } = await this.#host.ask(key, { kind: 'revoke', nowUs, fenceSpan })
    return state!.fence
  }
}
