import { ConfigError } from '../../errors/index.ts'
import type { CacheEntry } from './cache-entry.ts'
import { type Made, Run, type RunAims } from './run.ts'

/** A read that callers share: those that come before it is sent. */
interface Reading {
  readonly promise: Promise<CacheEntry | undefined>
  isSent: boolean
}

/** A read that was sent. */
interface SentRead {
  /** Whether a run of its key has ended since: what that stored may not have been there yet. */
  isOvertaken: boolean
}

/** The writes of a key that have not all ended. */
interface Writes {
  /** Resolves when they have ended, whether they succeeded or failed. */
  readonly ended: Promise<unknown>
  /** The last one among them that those after it wait for. */
  readonly barrier: Promise<unknown> | undefined
  /** Whether the last of them has begun, so that what follows is stamped later than it. */
  readonly progress: { hasBegun: boolean }
}

/** What is in progress for the keys of one cache table in this process. */
export class KeyActivity {
  readonly #reads = new Map<string, Reading>()
  readonly #sent = new Map<string, Set<SentRead>>()
  readonly #runs = new Map<string, Run>()
  readonly #writes = new Map<string, Writes>()

  /**
   * Reads a key when the writes in progress have ended, so that it finds what they wrote. Callers
   * of the same moment share a read. A caller never joins one that was sent before it came: what
   * it returns may have been deleted in between.
   */
  async read(
    key: string,
    work: () => Promise<CacheEntry | undefined>,
  ): Promise<CacheEntry | undefined> {
    const waiting = this.#reads.get(key)
    if (waiting?.isSent === false) return await waiting.promise
    const reading: Reading = { promise: this.#send(key, () => reading, work), isSent: false }
    this.#reads.set(key, reading)
    return await reading.promise
  }

  async #send(
    key: string,
    self: () => Reading,
    work: () => Promise<CacheEntry | undefined>,
  ): Promise<CacheEntry | undefined> {
    // A turn of the microtask queue lets callers of the same moment join.
    await Promise.resolve()
    await this.#writes.get(key)?.ended
    const reading = self()
    reading.isSent = true
    if (this.#reads.get(key) === reading) this.#reads.delete(key)
    const sent: SentRead = { isOvertaken: false }
    const ofKey = this.#sent.get(key) ?? new Set()
    this.#sent.set(key, ofKey.add(sent))
    try {
      const entry = await work()
      return sent.isOvertaken ? await work() : entry
    } finally {
      ofKey.delete(sent)
      if (ofKey.size === 0) this.#sent.delete(key)
    }
  }

  /** The making of a value that is in progress and not overtaken by a write. */
  runOf(key: string): Run | undefined {
    return this.#runs.get(key)
  }

  /** Starts the making of a value. It goes on when its callers give up. */
  startRun(key: string, options: RunAims, work: (run: Run) => Promise<Made>): Run {
    const run: Run = new Run(options, work, (left) => {
      if (this.#runs.get(key) === left) this.#runs.delete(key)
      for (const sent of this.#sent.get(key) ?? []) sent.isOvertaken = true
    })
    this.#runs.set(key, run)
    return run
  }

  /** @throws ConfigError when this is the factory of `key`, which would wait for itself */
  refuseOwnFactory(method: string, key: string): void {
    if (this.#runs.get(key)?.isCalling !== true) return
    throw new ConfigError(`A factory asks for its own key with ${method}: it would wait for itself`)
  }

  /** What the factory of a key makes is not stored: it may have read what is now replaced. */
  retireRun(key: string): void {
    void this.#runs.get(key)?.retire()
  }

  /** What factories make that an invalidation of these epochs concerns is not stored. */
  async retireRunsOf(epochs: readonly string[]): Promise<void> {
    const concerned = [...this.#runs.values()].filter(({ options }) =>
      epochs.some((epoch) => options.epochs.has(epoch)),
    )
    await Promise.all(concerned.map((run) => run.retire()))
  }

  /** A write that replaces the value in any case. */
  async write(key: string, work: () => Promise<void>): Promise<void> {
    this.retireRun(key)
    await this.#write(key, work, 'plain')
  }

  /**
   * A write that depends on what it reads: it waits for those before it, and those after it wait
   * for it. It may replace nothing: `work` calls `retireRun` when it does.
   */
  async exclusive<T>(key: string, work: () => Promise<T>): Promise<T> {
    return await this.#write(key, work, 'exclusive')
  }

  /** Writes that follow in this process are stamped after it, so it does not delete them. */
  async delete(key: string, work: () => Promise<void>): Promise<void> {
    this.retireRun(key)
    await this.#write(key, work, 'deletion')
  }

  async #write<T>(
    key: string,
    work: () => Promise<T>,
    kind: 'plain' | 'deletion' | 'exclusive',
  ): Promise<T> {
    const before = this.#writes.get(key)
    const waitsForAll = kind === 'exclusive' || before?.progress.hasBegun === false
    const goesBefore = waitsForAll ? before?.ended : before?.barrier
    const progress = { hasBegun: false }
    const running = startAfter(goesBefore, () => {
      progress.hasBegun = true
      return work()
    })
    const writes: Writes = {
      ended: Promise.allSettled([before?.ended, running]),
      barrier: kind === 'plain' ? before?.barrier : running,
      progress,
    }
    this.#writes.set(key, writes)
    void writes.ended.then(() => {
      if (this.#writes.get(key) === writes) this.#writes.delete(key)
    })
    return await running
  }
}

/** Runs `work` after the earlier work has settled, or at once when there is none. */
async function startAfter<T>(
  goesBefore: Promise<unknown> | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (goesBefore !== undefined) await goesBefore.catch(() => {})
  return await work()
}
