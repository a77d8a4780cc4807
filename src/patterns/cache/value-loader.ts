import { FactoryTimeoutError, TsyllaError } from '../../errors/index.ts'
import type { CacheCore } from './cache-core.ts'
import type { CacheEntry } from './cache-entry.ts'
import type { EntryPolicy } from './cache-options.ts'
import { type Factory, runFactory } from './factory-run.ts'
import type { Made, Run } from './key-activity.ts'

/** Calls that wait for values whose key is deleted again and again give up after so many. */
const attemptCountMax = 20

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
    forceRefresh: boolean,
  ): Promise<unknown> {
    const core = this.#core
    const { activity } = await core.share()
    const { clock } = core.options
    const deadlineMs = clock.monotonicMs() + policy.hardTimeoutMs
    for (let attempts = 0; attempts < attemptCountMax; attempts++) {
      const found = await activity.read(key, () => core.read(key, this.#scopes))
      const start = (): Run =>
        activity.startRun(key, (run) =>
          runFactory(core, { key, scopes: this.#scopes, policy, factory, found }, run),
        )
      if (found !== undefined && found.softMs > core.nowMs && !forceRefresh) {
        const decoded = core.codec.decode(found.bytes)
        if (decoded !== undefined) {
          core.countHit(key, true)
          if (this.#isDueEarly(found) && activity.runOf(key) === undefined) {
            start().promise.catch(() => {})
          }
          return decoded.value
        }
      }
      if (attempts === 0) core.countMiss(key)
      const running = activity.runOf(key)
      const leftMs = Math.max(1, deadlineMs - clock.monotonicMs())
      const made = await this.#await(key, running ?? start(), found, policy, leftMs)
      if ('stale' in made) return made.stale
      // The factory began before this caller came: its value may have been deleted since.
      if (running !== undefined && !(await made.isCurrent())) continue
      return this.#valueOf(made, running === undefined)
    }
    throw new FactoryTimeoutError(policy.hardTimeoutMs)
  }

  /** Waits for a value, or for as long as the caller would; a value in its grace stands in. */
  async #await(
    key: string,
    run: Run,
    found: CacheEntry | undefined,
    policy: EntryPolicy,
    leftMs: number,
  ): Promise<Made | { readonly stale: unknown }> {
    const core = this.#core
    const stale = found === undefined ? undefined : core.codec.decode(found.bytes)
    const waitMs = stale === undefined ? leftMs : policy.timeoutMs
    if (stale !== undefined && waitMs === 0) {
      run.promise.catch(() => {})
      return this.#serveStale(key, stale.value)
    }
    const late = Symbol('late')
    let onLate: () => void = () => {}
    const lateness = new Promise<typeof late>((resolve) => (onLate = () => resolve(late)))
    const timer = core.options.clock.schedule(waitMs, onLate, true)
    try {
      const made = await Promise.race([run.promise, lateness])
      if (made !== late) return made
      if (stale === undefined) throw new FactoryTimeoutError(policy.hardTimeoutMs)
    } catch (error) {
      if (stale === undefined || !mayServeStale(error)) throw error
    } finally {
      timer.cancel()
    }
    return this.#serveStale(key, stale.value)
  }

  #serveStale(key: string, value: unknown): { readonly stale: unknown } {
    this.#core.counts.stale++
    this.#core.publish({ type: 'stale', key })
    return { stale: value }
  }

  /** The first caller receives what its factory returned, the others values of their own. */
  #valueOf({ bytes, made }: Made, isFirst: boolean): unknown {
    if (made !== undefined && (isFirst || this.#core.options.isShared)) return made.value
    return this.#core.codec.decode(bytes)?.value
  }

  /** XFetch: the cost of the factory times a random number reaches the end of the value. */
  #isDueEarly({ softMs, costMs }: CacheEntry): boolean {
    const { earlyRefresh, random } = this.#core.options
    if (earlyRefresh === 0 || costMs === 0) return false
    return this.#core.nowMs - costMs * earlyRefresh * Math.log(random()) >= softMs
  }
}

/** Whether a value in its grace may stand in for an error: any but a mistake of the caller. */
function mayServeStale(error: unknown): boolean {
  if (!TsyllaError.is(error)) return true
  return error.code !== 'TSYLLA_CONFIG' && error.code !== 'TSYLLA_CACHE_VALUE'
}
