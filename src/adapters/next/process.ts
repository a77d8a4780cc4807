import { RequestTimeoutError, Session, type Timer } from '../../index.ts'
import { type NextCacheFailure, NextFailures } from './failures.ts'
import { checkNextOptions, type NextCacheOptions } from './options.ts'
import { NextStore, type NextTimes } from './store.ts'

/** The number changes whenever the methods of what is shared do. */
const registryKey: unique symbol = Symbol.for('tsylla.next/1')
type Registry = Map<string, NextProcess>

function registry(): Registry {
  const holder = globalThis as { [registryKey]?: Registry }
  holder[registryKey] ??= new Map()
  return holder[registryKey]
}

/** The cache of a process: its session, and what is in progress. */
export class NextProcess {
  readonly options: NextCacheOptions
  readonly #times: NextTimes
  readonly #failures: NextFailures
  readonly #sets = new Map<string, Promise<void>>()
  #store: NextStore | undefined
  #opening: Promise<NextStore> | undefined
  /** Why the last attempt to open the store has failed. */
  #openFailure: { readonly error: unknown } | undefined

  constructor(options: NextCacheOptions) {
    this.#times = checkNextOptions(options)
    this.options = options
    this.#failures = new NextFailures(options.onError)
  }

  /** Next.js loads modules several times: all of a process that name the same table share one. */
  static of(options: NextCacheOptions): NextProcess {
    const { connect, table = 'next_cache' } = options
    const isNamed = connect?.nodes.every((node) => typeof node === 'string')
    if (isNamed !== true) return new NextProcess(options)
    const name = JSON.stringify([connect?.nodes, connect?.keyspace, table])
    const known = registry()
    const found = known.get(name) ?? new NextProcess(options)
    known.set(name, found)
    return found
  }

  /**
   * @returns `undefined` when the database has failed, which is reported, and while it fails: then
   *   a call asks it again from time to time, and no other waits for that
   */
  async attempt<T>(
    failure: NextCacheFailure,
    work: (store: NextStore) => Promise<T>,
  ): Promise<T | undefined> {
    if (this.#store !== undefined && this.#failures.isPaused(this.#nowMs)) return undefined
    try {
      return await this.require(failure, (store) => this.#inTime(store, work(store)))
    } catch {
      return undefined
    }
  }

  /** @throws whatever the database has failed with, after it is reported */
  async require<T>(failure: NextCacheFailure, work: (store: NextStore) => Promise<T>): Promise<T> {
    try {
      const result = await work(await this.#open())
      this.#failures.succeed()
      return result
    } catch (error) {
      this.#failures.fail(error, failure, this.#nowMs)
      throw error
    }
  }

  /** Lets `settled` of the same key wait. */
  async set(key: string, work: () => Promise<void>): Promise<void> {
    const set = work()
    this.#sets.set(key, set)
    try {
      await set
    } finally {
      if (this.#sets.get(key) === set) this.#sets.delete(key)
    }
  }

  /** Waits for the `set` of a key that is in progress in this process. */
  async settled(key: string): Promise<void> {
    await this.#sets.get(key)?.catch(() => {})
  }

  /** Without a session no call waits for long, so that every one may try. */
  get #nowMs(): number {
    return this.#store?.clock.monotonicMs() ?? Number.NEGATIVE_INFINITY
  }

  async #inTime<T>({ clock }: NextStore, answer: Promise<T>): Promise<T> {
    const { timeoutMs } = this.#times
    let timer: Timer | undefined
    const late = new Promise<never>((_, reject) => {
      const onEnd = (): void => reject(new RequestTimeoutError(timeoutMs, 'unknown'))
      timer = clock.schedule(timeoutMs, onEnd, true)
    })
    try {
      return await Promise.race([answer, late])
    } finally {
      timer?.cancel()
    }
  }

  /** After a failure no call waits for the next attempt: until it succeeds there is no cache. */
  async #open(): Promise<NextStore> {
    if (this.#store !== undefined) return this.#store
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined
    })
    if (this.#openFailure === undefined) return await this.#opening
    this.#opening.catch(() => {})
    throw this.#openFailure.error
  }

  async #connect(): Promise<NextStore> {
    const { connect, session: given, createTables } = this.options
    let opened: Session | undefined
    try {
      const { nodes = [], ...options } = connect ?? {}
      const session = given ?? (opened = await Session.connect(nodes, options))
      const store = new NextStore(session, this.options, this.#times)
      if (createTables === true) await store.createTables()
      this.#openFailure = undefined
      this.#store = store
      return store
    } catch (error) {
      this.#openFailure = { error }
      await opened?.close()
      throw error
    }
  }
}
