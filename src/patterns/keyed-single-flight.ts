import { ConfigError } from '../errors/index.ts'

/** A running call of a factory. Its result is not stored when its key is written meanwhile. */
export interface InFlight {
  promise: Promise<unknown>
  isStale: boolean
  /** Whether the factory is executing synchronously: it has not returned yet. */
  isCalling: boolean
  /** The write of its result, while that is in progress. */
  storing: Promise<void> | undefined
}

/** The writes of a key that have not all ended. */
interface Writes {
  /** Resolves when they have ended, whether they succeeded or failed. */
  readonly ended: Promise<unknown>
  /** The last deletion among them. */
  readonly deletion: Promise<void> | undefined
  /** Whether the last of them has begun, so that what follows is stamped later than it. */
  readonly progress: { hasBegun: boolean }
}

/**
 * The factories and writes that are in progress for the keys of one cache table in this process.
 */
export class KeyedSingleFlight {
  readonly #flights = new Map<string, InFlight>()
  readonly #writes = new Map<string, Writes>()

  async write(key: string, work: () => Promise<void>): Promise<void> {
    await this.#write(key, work, false)
  }

  /** Writes that follow in this process are sent after it, so it does not delete them. */
  async delete(key: string, work: () => Promise<void>): Promise<void> {
    await this.#write(key, work, true)
  }

  /**
   * A running factory may have read what is now replaced, so its result is not stored and later
   * callers start a new one. If its result is being written already, this write follows.
   */
  async #write(key: string, work: () => Promise<void>, isDeletion: boolean): Promise<void> {
    const flight = this.#flights.get(key)
    if (flight !== undefined) {
      flight.isStale = true
      this.#flights.delete(key)
    }
    const before = this.#writes.get(key)
    const goesBefore = before?.progress.hasBegun === false ? before.ended : before?.deletion
    const progress = { hasBegun: false }
    const running = startAfter(flight?.storing, goesBefore, () => {
      progress.hasBegun = true
      return work()
    })
    const writes: Writes = {
      ended: Promise.allSettled([before?.ended, running]),
      deletion: isDeletion ? running : before?.deletion,
      progress,
    }
    this.#writes.set(key, writes)
    void writes.ended.then(() => {
      if (this.#writes.get(key) === writes) this.#writes.delete(key)
    })
    await running
  }

  /** @throws ConfigError when this is the factory of `key`, which would wait for itself */
  refuseOwnFactory(key: string): void {
    if (this.#flights.get(key)?.isCalling !== true) return
    throw new ConfigError('A factory asks for its own key with getOrSet: it would wait for itself')
  }

  /**
   * Joins the call for `key` that is in flight, or starts one when the writes in progress have
   * ended, so that it finds what they wrote.
   */
  async join(key: string, work: (flight: InFlight) => Promise<unknown>): Promise<unknown> {
    const running = this.#flights.get(key)
    if (running !== undefined) return await running.promise
    const promise = Promise.resolve()
    const flight: InFlight = { promise, isStale: false, isCalling: false, storing: undefined }
    this.#flights.set(key, flight)
    flight.promise = this.#take(key, flight, work)
    return await flight.promise
  }

  async #take(
    key: string,
    flight: InFlight,
    work: (flight: InFlight) => Promise<unknown>,
  ): Promise<unknown> {
    try {
      await this.#writes.get(key)?.ended
      return await work(flight)
    } finally {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    }
  }
}

/** Runs `work` after the earlier work has settled, or at once when there is none. */
async function startAfter(
  storing: Promise<unknown> | undefined,
  goesBefore: Promise<unknown> | undefined,
  work: () => Promise<void>,
): Promise<void> {
  if (storing !== undefined) await storing.catch(() => {})
  if (goesBefore !== undefined) await goesBefore.catch(() => {})
  await work()
}
