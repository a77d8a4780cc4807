import { LockLostError } from '../../errors/index.ts'
import type { CacheCore } from './cache-core.ts'
import type { CacheEntry } from './cache-entry.ts'
import type { EntryPolicy } from './cache-options.ts'

/** Stores, deletes and replaces entries of one namespace. */
export class EntryWriter {
  readonly #core: CacheCore
  readonly #scopes: readonly string[]

  constructor(core: CacheCore, scopes: readonly string[]) {
    this.#core = core
    this.#scopes = scopes
  }

  /** Stores a value that was set. */
  async store(key: string, bytes: Uint8Array, policy: EntryPolicy, stampUs: bigint): Promise<void> {
    const core = this.#core
    const bornUs = await core.bornUs(this.#scopes, policy.tags)
    const entry = core.entryOf(bytes, false, policy, { bornUs, costMs: 0 })
    if (entry === undefined) return
    await core.rows.write(key, { ...entry, stampUs })
    core.invalidateMemory(key)
  }

  /** Deletes what was set before, and what factories make that have begun before. */
  async remove(key: string): Promise<void> {
    const core = this.#core
    const { stamps } = await core.share()
    const stampUs = stamps.next(core.nowMs)
    if (core.leases === undefined) {
      await core.rows.remove(key, stampUs)
      // What is still there was stamped by a clock that is ahead: it goes by its own stamp.
      const writtenUs = await core.rows.readWrittenUs(key)
      if (writtenUs !== undefined) await core.rows.remove(key, writtenUs)
    } else {
      const [revoked, writtenUs = 0n] = await Promise.all([
        core.leases.revoke(key, stampUs),
        core.rows.readWrittenUs(key),
      ])
      const isAhead = writtenUs > revoked
      const fence = isAhead ? await core.leases.revoke(key, writtenUs) : revoked
      stamps.observe(fence)
      await core.rows.remove(key, fence)
    }
    core.invalidateMemory(key)
  }

  /**
   * Reads the fresh entry of a key and replaces it. What is deleted in between stays deleted: the
   * stamp of the write is older. Callers of all processes take turns, unless there are no leases.
   *
   * @throws LockLostError when `isExclusive` and another may have had its turn before the write
   */
  async replace(
    key: string,
    work: (stampUs: bigint, found: CacheEntry | undefined) => Promise<boolean>,
    isExclusive = false,
  ): Promise<boolean> {
    const core = this.#core
    const { activity, stamps } = await core.share()
    const read = async (deletedUs: bigint): Promise<CacheEntry | undefined> => {
      const entry = await core.read(key, this.#scopes)
      if (entry === undefined || entry.softMs <= core.nowMs) return undefined
      return entry.writtenUs > deletedUs ? entry : undefined
    }
    let isReplaced = false
    await activity.write(key, async () => {
      if (core.leases === undefined) {
        const stampUs = stamps.next(core.nowMs)
        isReplaced = await work(stampUs, this.#readable(await read(0n)))
        return
      }
      const nextStamp = (): bigint => stamps.next(core.nowMs)
      const { lease, deletedUs } = await core.leases.acquire(key, nextStamp)
      let wasHeld = false
      try {
        stamps.observe(lease.fence)
        const found = await read(deletedUs)
        if (found !== undefined && found.writtenUs >= lease.fence) {
          await lease.raiseFence(found.writtenUs + 1n)
          stamps.observe(lease.fence)
        }
        lease.checkHeld()
        isReplaced = await work(lease.fence, this.#readable(found))
      } finally {
        // A lease that cannot be released ends by itself.
        wasHeld = await lease.release().catch(() => false)
      }
      if (isReplaced && isExclusive && !wasHeld) throw new LockLostError(key, lease.fence)
    })
    return isReplaced
  }

  /** What cannot be read is a miss: another version, or another program, wrote it. */
  #readable(found: CacheEntry | undefined): CacheEntry | undefined {
    const decoded = found && this.#core.codec.decode(found.bytes)
    return decoded === undefined ? undefined : found
  }
}
