import { FactoryTimeoutError, TsyllaError } from '../../errors/index.ts'
import type { CacheCore } from './cache-core.ts'
import type { CacheEntry } from './cache-entry.ts'
import type { EntryPolicy } from './cache-options.ts'
import { tagEpoch } from './epoch-names.ts'
import { type Factory, runFactory } from './factory-run.ts'
import type { KeyActivity } from './key-activity.ts'
import type { Made, Run } from './run.ts'

/** One call of `getOrSet` that did not find its value in memory. */
interface LoadRequest {
  readonly key: string
  readonly factory: Factory<unknown>
  readonly policy: EntryPolicy
  readonly isForced: boolean
  readonly startMs: number
}

/** A run as one of its callers sees it. */
interface JoinedRun {
  readonly run: Run
  /** Whether another caller has started it. */
  readonly isJoined: boolean
}

/** How the wait for a run ends; `again`: the caller has to look again. */
type Outcome =
  | { readonly kind: 'made'; readonly value: unknown }
  | { readonly kind: 'late' }
  | { readonly kind: 'again' }

/** Finds the value of a key, or has it made, for the keys of one namespace. */
export class ValueLoader {
  readonly #core: CacheCore
  readonly #scopes: readonly string[]

  constructor(core: CacheCore, scopes: readonly string[]) {
    this.#core = core
    this.#scopes = scopes
  }

  /** The fresh value, or what the factory returns, or a value in its grace instead. */
  async load(
    key: string,
    factory: Factory<unknown>,
    policy: EntryPolicy,
    isForced: boolean,
  ): Promise<unknown> {
    const core = this.#core
    const { activity } = await core.share()
    const { clock } = core.options
    const startMs = clock.monotonicMs()
    const request: LoadRequest = { key, factory, policy, isForced, startMs }
    let isCounted = false
    do {
      const found = await activity.read(key, () => core.read(key, this.#scopes))
      const isFresh = found !== undefined && found.softMs > core.nowMs
      const before = found && (isFresh && isForced ? undefined : core.codec.decode(found.bytes))
      if (before !== undefined && isFresh) {
        if (!isCounted) core.countHit(key, true)
        this.#refreshEarly(activity, request, found)
        return before.value
      }
      // A caller that receives a value in its grace does not count as a miss.
      if (before === undefined && !isCounted) core.countMiss(key)
      isCounted ||= before === undefined
      const outcome = await this.#answer(activity, request, found, before)
      if (outcome.kind === 'late') {
        if (!isCounted) core.countHit(key, false)
        return before!.value
      }
      if (outcome.kind === 'made') {
        if (!isCounted) core.countMiss(key)
        return outcome.value
      }
    } while (clock.monotonicMs() - startMs < policy.hardTimeoutMs)
    throw new FactoryTimeoutError(policy.hardTimeoutMs)
  }

  /**
   * Waits for a run, or for as long as the caller would.
   *
   * @param before the value that stands in when there is no other in time
   * @returns `late` when `before` has to stand in
   */
  async #answer(
    activity: KeyActivity,
    request: LoadRequest,
    found: CacheEntry | undefined,
    before: { readonly value: unknown } | undefined,
  ): Promise<Outcome> {
    const { clock } = this.#core.options
    const { policy, isForced, startMs } = request
    const { run, isJoined } = this.#joinOrStart(activity, request, found)
    // A refresh waits for its factory; what it replaces stands in for a failure only.
    const isPatient = before === undefined || isForced
    const waitMs = isPatient ? policy.hardTimeoutMs : policy.timeoutMs
    if (waitMs === 0) {
      run.promise.catch(() => {})
      return { kind: 'late' }
    }
    try {
      const leftMs = Math.max(1, startMs + waitMs - clock.monotonicMs())
      const outcome = await this.#wait({ run, isJoined }, leftMs)
      if (outcome.kind !== 'late' || before !== undefined) return outcome
      throw new FactoryTimeoutError(policy.hardTimeoutMs)
    } catch (error) {
      if (run.isEndOfRetired(error)) return { kind: 'again' }
      if (before !== undefined && mayServeStale(error)) return { kind: 'late' }
      // The process that makes the value took too long for another caller.
      if (isJoined && isTimeout(error)) return { kind: 'again' }
      throw error
    }
  }

  async #wait({ run, isJoined }: JoinedRun, leftMs: number): Promise<Outcome> {
    let onTimeout: () => void = () => {}
    const timeout = new Promise<'late'>((resolve) => (onTimeout = () => resolve('late')))
    const timer = this.#core.options.clock.schedule(leftMs, onTimeout, true)
    // Others may make the value when the factory is late: its own caller cannot.
    const lateness = isJoined ? [run.late.then(() => 'again' as const)] : []
    try {
      const made = await Promise.race([run.promise, timeout, ...lateness])
      if (typeof made === 'string') return { kind: made }
      return await this.#outcomeOf(made, isJoined)
    } finally {
      timer.cancel()
    }
  }

  /** The first caller receives what its factory returned, the others values of their own. */
  async #outcomeOf(made: Made, isJoined: boolean): Promise<Outcome> {
    // The factory began before this caller came: its value may have been deleted in between.
    if (isJoined && !(await made.isCurrent())) return { kind: 'again' }
    const isOwn = made.made !== undefined && (!isJoined || this.#core.options.isShared)
    const result = isOwn ? made.made : this.#core.codec.decode(made.bytes)
    return result === undefined ? { kind: 'again' } : { kind: 'made', value: result.value }
  }

  #joinOrStart(
    activity: KeyActivity,
    request: LoadRequest,
    found: CacheEntry | undefined,
  ): JoinedRun {
    const running = activity.runOf(request.key)
    if (running !== undefined) {
      const isNew = running.options.isForced && !running.hasBegun
      if (!request.isForced || isNew) return { run: running, isJoined: true }
      // What it makes was begun before this refresh.
      void running.retire()
    }
    return { run: this.#start(activity, request, found), isJoined: false }
  }

  #start(activity: KeyActivity, request: LoadRequest, found: CacheEntry | undefined): Run {
    const { key, policy, factory, isForced } = request
    const scopes = this.#scopes
    const epochs = new Set([...scopes, ...Array.from(policy.tags, tagEpoch)])
    return activity.startRun(key, { epochs, isForced }, (run) =>
      runFactory(this.#core, { key, scopes, policy, factory, found }, run),
    )
  }

  /** XFetch: the cost of the factory times a random number reaches the end of the value. */
  #refreshEarly(activity: KeyActivity, request: LoadRequest, found: CacheEntry): void {
    const { earlyRefresh, random } = this.#core.options
    const { softMs, costMs } = found
    if (earlyRefresh === 0 || costMs === 0) return
    const isDue = this.#core.nowMs - costMs * earlyRefresh * Math.log(random()) >= softMs
    if (!isDue || activity.runOf(request.key) !== undefined) return
    this.#start(activity, request, found).promise.catch(() => {})
  }
}

/** Whether a value in its grace may stand in for an error: any but a mistake of the caller. */
function mayServeStale(error: unknown): boolean {
  if (!TsyllaError.is(error)) return true
  return error.code !== 'TSYLLA_CONFIG' && error.code !== 'TSYLLA_CACHE_VALUE'
}

function isTimeout(error: unknown): boolean {
  return TsyllaError.is(error) && error.code === 'TSYLLA_FACTORY_TIMEOUT'
}
