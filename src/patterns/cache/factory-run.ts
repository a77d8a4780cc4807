import { FactoryTimeoutError, faultOf } from '../../errors/index.ts'
import { sleep } from '../../util/index.ts'
import type { Lease } from '../lock/lease.ts'
import type { CacheCore } from './cache-core.ts'
import type { CacheEntry } from './cache-entry.ts'
import type { CacheLeases } from './cache-leases.ts'
import type { EntryPolicy } from './cache-options.ts'
import { fenceAfter, isStampStorable } from './entry-writer.ts'
import type { Made, Run } from './run.ts'

/** What a factory is called with. */
export interface FactoryContext {
  /**
   * Aborts when others may make the value instead: at once when this process writes, deletes,
   * invalidates or refreshes the key, or when the factory has taken longer than `hardTimeout`; when
   * another process deletes the key, or the lease is lost, with the next extension of the lease,
   * which is after a part of `leaseTtl` (never with `stampede: 'process'`). What a late factory
   * returns is stored unless something newer is. A factory that this signal ends because of a
   * write is no failure: its callers look again.
   */
  readonly signal: AbortSignal
  /** The value that is to be replaced, when there is one: each access decodes it. */
  readonly stale: { readonly value: unknown } | undefined
}

export type Factory<T> = (context: FactoryContext) => T | Promise<T>

/** One call of `getOrSet` that needs a value. */
export interface RunRequest {
  readonly key: string
  readonly scopes: readonly string[]
  readonly policy: EntryPolicy
  readonly factory: Factory<unknown>
  /** The entry that is to be replaced. */
  readonly found: CacheEntry | undefined
}

/** Delays between the reads of a process that waits for the value that another makes. */
const pollMsMin = 20
const pollMsMax = 200
/** Every how many reads it asks whether the other still makes the value. */
const pollsPerAttempt = 5

/**
 * Makes the value of a key: calls the factory under the lease of the key, or waits for the process
 * that holds it.
 *
 * @throws what the factory throws
 * @throws FactoryTimeoutError when another process has not made the value within `hardTimeout`
 */
export async function runFactory(core: CacheCore, request: RunRequest, run: Run): Promise<Made> {
  await core.share()
  const { clock, random } = core.options
  if (core.leases === undefined) {
    const sentMs = clock.monotonicMs()
    const stampUs = core.nextStamp(request.key)
    return await make(core, request, run, { stampUs, sentMs })
  }
  const { hardTimeoutMs } = request.policy
  const deadlineMs = clock.monotonicMs() + hardTimeoutMs
  const claim = new LeaseClaim(core, core.leases, request.key)
  let delayMs = pollMsMin
  try {
    for (let polls = 0; ; polls++) {
      if (polls % pollsPerAttempt === 0) {
        const lease = await claim.attempt(deadlineMs)
        if (lease !== undefined) return await makeUnderLease(core, request, run, lease)
      }
      if (clock.monotonicMs() >= deadlineMs) throw new FactoryTimeoutError(hardTimeoutMs)
      await sleep(clock, delayMs)
      run.signal.throwIfAborted()
      delayMs = pollMsMin + random() * (Math.min(pollMsMax, delayMs * 2) - pollMsMin)
      // What is found was begun before a refresh, for all that is known.
      if (run.options.isForced) continue
      const entry = await core.read(request.key, request.scopes)
      const found = foundIn(core, entry, request.found)
      if (found !== undefined) return found
    }
  } finally {
    claim.end()
  }
}

/** The attempts of one caller to acquire the lease of a key. */
class LeaseClaim {
  readonly #core: CacheCore
  readonly #leases: CacheLeases
  readonly #key: string
  /** The same for all attempts: each finds what an earlier one has acquired. */
  readonly #owner: string
  /** Whether an attempt may have acquired the lease although it failed. */
  #isDoubtful = false

  constructor(core: CacheCore, leases: CacheLeases, key: string) {
    this.#core = core
    this.#leases = leases
    this.#key = key
    this.#owner = leases.newOwner()
  }

  /** A failure that may pass is no answer: the next attempt finds out. */
  async attempt(deadlineMs: number): Promise<Lease | undefined> {
    try {
      const stampUs = this.#core.nextStamp(this.#key)
      const { right } = await this.#leases.tryAcquire(this.#key, this.#owner, stampUs)
      this.#isDoubtful = false
      return right?.lease
    } catch (error) {
      this.#isDoubtful = true
      const isLate = this.#core.options.clock.monotonicMs() >= deadlineMs
      if (!isLate && faultOf(error) === 'transient') return undefined
      throw error
    }
  }

  /** Releases a lease that may have been acquired by an attempt that failed. */
  end(): void {
    if (this.#isDoubtful) this.#leases.abandon(this.#key, this.#owner)
  }
}

async function makeUnderLease(
  core: CacheCore,
  request: RunRequest,
  run: Run,
  lease: Lease,
): Promise<Made> {
  const sentMs = core.options.clock.monotonicMs()
  try {
    core.observeStamp(request.key, lease.fence)
    // Another process may have made the value between the read of this one and the lease.
    const row = await core.rows.read(request.key)
    const there = row?.entry
    const found = run.options.isForced ? undefined : foundIn(core, there, request.found)
    if (found !== undefined && (await core.isLive(there!, request.scopes))) {
      void release(lease)
      return found
    }
    // What is there was stamped by a clock that is ahead: what is written now would lose.
    if (row !== undefined && row.writtenUs >= lease.fence) {
      await lease.raiseFence(fenceAfter(row.writtenUs))
      core.observeStamp(request.key, lease.fence)
    }
    return await make(core, request, run, { stampUs: lease.fence, sentMs, lease })
  } catch (error) {
    void release(lease)
    throw error
  }
}

/** @returns whether the lease was held until now; when that is not known, `false` */
async function release(lease: Lease): Promise<boolean> {
  try {
    return await lease.release()
  } catch {
    // The lease ends by itself.
    return false
  }
}

/** The value of an entry that another has stored; what cannot be read is no value. */
function foundIn(
  core: CacheCore,
  entry: CacheEntry | undefined,
  before: CacheEntry | undefined,
): Made | undefined {
  if (entry === undefined || entry.softMs <= core.nowMs) return undefined
  if (before !== undefined && entry.writtenUs <= before.writtenUs) return undefined
  const made = core.codec.decode(entry.bytes)
  if (made === undefined) return undefined
  // It was read after the callers of the run came, or those that came later read again.
  return { bytes: entry.bytes, made, isCurrent: async () => false }
}

/** The right to store what a factory makes. */
interface MakingRight {
  readonly stampUs: bigint
  /** By the monotonic clock: nothing newer was stored before. What is set later is not noticed. */
  readonly sentMs: number
  readonly lease?: Lease
}

async function make(
  core: CacheCore,
  request: RunRequest,
  run: Run,
  right: MakingRight,
): Promise<Made> {
  const { key, scopes, policy } = request
  const { clock } = core.options
  const { stampUs, sentMs, lease } = right
  const birth = await core.birth(scopes, policy.tags)
  let releasing: Promise<boolean> | undefined
  const letGo = (): Promise<boolean> =>
    (releasing ??= lease === undefined ? Promise.resolve(true) : release(lease))
  const check = async (isHeld: Promise<boolean>): Promise<boolean> => {
    const isValid = core.isValid(birth, policy.tags, scopes)
    const [wasHeld, wasValid] = await Promise.all([isHeld, isValid])
    return wasHeld && wasValid && !run.isLate
  }
  let whenRetired: Promise<boolean> | undefined
  run.signal.throwIfAborted()
  // All callers of the run came before that: what happens afterwards does not concern them.
  run.onRetire = () => (whenRetired = check(letGo()).catch(() => false))
  const startMs = clock.monotonicMs()
  const value = await callFactory(core, request, run, { lease, letGo })
  const bytes = core.codec.encode(value)
  const costMs = clock.monotonicMs() - startMs
  const isNothing = value === undefined || value === null
  const entry = core.entryOf(bytes, isNothing, policy, { ...birth, costMs })
  const mayStore = !run.isStale && isStampStorable(stampUs)
  const isStored = entry !== undefined && mayStore
  // Whoever has deleted the key or made its value meanwhile has a later timestamp.
  if (isStored) await core.rows.write(key, { ...entry, stampUs })
  // Nothing takes the place of what was found.
  else if (mayStore && request.found !== undefined) await core.rows.remove(key, stampUs)
  const isHeld = letGo()
  if (mayStore && run.options.isForced) core.invalidateMemory({ keys: [key], epochs: [] })
  if (isStored) {
    core.countSet(key)
    const isCurrent = async (): Promise<boolean> => !run.isStale && (await check(isHeld))
    void core.rememberIf(isCurrent, key, { ...entry, writtenUs: stampUs }, { value }, sentMs)
  }
  return { bytes, made: { value }, isCurrent: () => whenRetired ?? check(isHeld) }
}

async function callFactory(
  core: CacheCore,
  { key, factory, found, policy }: RunRequest,
  run: Run,
  { lease, letGo }: { readonly lease: Lease | undefined; readonly letGo: () => unknown },
): Promise<unknown> {
  const onLate = (): void => {
    letGo()
    run.becomeLate(new FactoryTimeoutError(policy.hardTimeoutMs))
  }
  const timer = core.options.clock.schedule(policy.hardTimeoutMs, onLate)
  const signal = lease === undefined ? run.signal : AbortSignal.any([run.signal, lease.signal])
  const context: FactoryContext = {
    signal,
    get stale() {
      return found && core.codec.decode(found.bytes)
    },
  }
  core.counts.factories++
  core.publish({ type: 'factory', key })
  try {
    return await callIn(run, () => factory(context))
  } catch (error) {
    if (!run.isEndOfRetired(error)) {
      core.counts.factoryErrors++
      core.publish({ type: 'factory-error', key, error })
    }
    throw error
  } finally {
    timer.cancel()
  }
}

/** Calls a factory; while it runs without having given a promise, its run says so. */
function callIn<T>(run: Run, factory: () => T | Promise<T>): T | Promise<T> {
  run.hasBegun = true
  run.isCalling = true
  try {
    return factory()
  } finally {
    run.isCalling = false
  }
}
