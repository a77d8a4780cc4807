import { CacheValueError, LockLostError } from '../../errors/index.ts'
import { stampUsMax } from '../../kernel/index.ts'
import type { CacheCore } from './cache-core.ts'
import type { CacheEntry, NewCacheEntry } from './cache-entry.ts'
import type { CacheLeases } from './cache-leases.ts'
import type { EntryPolicy } from './cache-options.ts'

/** An entry that is to be written, without its write timestamp. */
type UnstampedEntry = Omit<NewCacheEntry, 'stampUs'>

/** What takes the place of the fresh entry of a key. */
export interface Replacement {
  /** Whether the entry is to be replaced. */
  readonly condition: (found: CacheEntry | undefined) => boolean
  /** @returns `undefined` when nothing is to be stored */
  readonly entry: (found: CacheEntry | undefined) => Promise<UnstampedEntry | undefined>
  /** Whether the replacement fails when another caller may have had its turn before the write. */
  readonly isExclusive: boolean
}

/** Stores, deletes and replaces entries of one namespace. */
export class EntryWriter {
  readonly #core: CacheCore
  readonly #scopes: readonly string[]

  constructor(core: CacheCore, scopes: readonly string[]) {
    this.#core = core
    this.#scopes = scopes
  }

  /** The entry of a value that is set. */
  async entryOf(bytes: Uint8Array, policy: EntryPolicy): Promise<UnstampedEntry | undefined> {
    const birth = await this.#core.birth(this.#scopes, policy.tags)
    return this.#core.entryOf(bytes, false, policy, { ...birth, costMs: 0 })
  }

  /** Stores a value, whatever is there. */
  async set(key: string, bytes: Uint8Array, policy: EntryPolicy): Promise<void> {
    const core = this.#core
    const { activity } = await core.share()
    await activity.write(key, async () => {
      const stampUs = core.nextStamp(key)
      checkStorable(stampUs)
      const entry = await this.entryOf(bytes, policy)
      if (entry !== undefined) await this.#store(key, { ...entry, stampUs })
    })
  }

  /** Deletes what was set before, and what factories make that have begun before. */
  async remove(key: string): Promise<void> {
    const core = this.#core
    const { activity } = await core.share()
    await activity.delete(key, async () => {
      await (core.leases === undefined ? this.#removeRow(key) : this.#revoke(key))
      core.invalidateMemory({ keys: [key], epochs: [] })
    })
  }

  /**
   * Reads the fresh entry of a key and replaces it. What is deleted in between stays deleted: the
   * stamp of the write is older. Callers of all processes take turns, unless there are no leases.
   *
   * @returns whether it was replaced
   * @throws LockLostError when `isExclusive` and another may have had its turn before the write
   */
  async replace(key: string, replacement: Replacement): Promise<boolean> {
    const core = this.#core
    await core.share()
    const isReplaced =
      core.leases === undefined
        ? await this.#replaceAtOnce(key, replacement)
        : await this.#replaceInTurn(key, core.leases, replacement)
    if (isReplaced) core.countSet(key)
    return isReplaced
  }

  async #replaceAtOnce(key: string, replacement: Replacement): Promise<boolean> {
    const core = this.#core
    const { activity } = await core.share()
    return await activity.exclusive(key, async () => {
      // From before the read: a deletion that comes after it has a later one.
      const stampUs = core.nextStamp(key)
      return await this.#replace(key, replacement, 0n, async (writtenUs) => {
        if (writtenUs < stampUs) return stampUs
        const laterUs = fenceAfter(writtenUs)
        core.observeStamp(key, laterUs)
        return laterUs
      })
    })
  }

  async #replaceInTurn(
    key: string,
    leases: CacheLeases,
    replacement: Replacement,
  ): Promise<boolean> {
    const core = this.#core
    const { activity } = await core.share()
    const { lease, deletedUs } = await leases.acquire(key, () => core.nextStamp(key))
    core.observeStamp(key, lease.fence)
    const stamp = async (writtenUs: bigint): Promise<bigint> => {
      if (writtenUs >= lease.fence) {
        await lease.raiseFence(fenceAfter(writtenUs))
        core.observeStamp(key, lease.fence)
      }
      lease.checkHeld()
      return lease.fence
    }
    let isReplaced = false
    let wasHeld = false
    try {
      // What this process wrote meanwhile is read, what it writes from now on is stamped later.
      const replace = (): Promise<boolean> => this.#replace(key, replacement, deletedUs, stamp)
      isReplaced = await activity.exclusive(key, replace)
    } finally {
      // A lease that cannot be released ends by itself.
      wasHeld = await lease.release().catch(() => false)
    }
    if (isReplaced && replacement.isExclusive && !wasHeld) {
      throw new LockLostError(key, lease.fence, 'unknown')
    }
    return isReplaced
  }

  /** @param stamp the timestamp to write with, later than that of what is there if it can be */
  async #replace(
    key: string,
    { condition, entry }: Replacement,
    deletedUs: bigint,
    stamp: (writtenUs: bigint) => Promise<bigint>,
  ): Promise<boolean> {
    const core = this.#core
    const row = await core.rows.read(key)
    const found = await this.#usable(row?.entry, deletedUs)
    if (!condition(found)) return false
    const stampUs = await stamp(row?.writtenUs ?? 0n)
    checkStorable(stampUs)
    const next = await entry(found)
    // What a running factory makes is older.
    const { activity } = await core.share()
    activity.retireRun(key)
    if (next !== undefined) await this.#store(key, { ...next, stampUs })
    return true
  }

  /** The entry when it is fresh and can be read; another program may have written it. */
  async #usable(entry: CacheEntry | undefined, deletedUs: bigint): Promise<CacheEntry | undefined> {
    const core = this.#core
    if (entry === undefined || entry.softMs <= core.nowMs) return undefined
    if (entry.writtenUs <= deletedUs || core.codec.decode(entry.bytes) === undefined) {
      return undefined
    }
    return (await core.isLive(entry, this.#scopes)) ? entry : undefined
  }

  async #store(key: string, entry: NewCacheEntry): Promise<void> {
    await this.#core.rows.write(key, entry)
    this.#core.invalidateMemory({ keys: [key], epochs: [] })
  }

  async #removeRow(key: string): Promise<void> {
    const core = this.#core
    await core.rows.remove(key, core.nextStamp(key))
    // What is still there was stamped by a clock that is ahead: it goes by its own stamp.
    const writtenUs = await core.rows.readWrittenUs(key)
    if (writtenUs === undefined) return
    core.observeStamp(key, writtenUs)
    await core.rows.remove(key, writtenUs)
  }

  async #revoke(key: string): Promise<void> {
    const core = this.#core
    const [revoked, writtenUs = 0n] = await Promise.all([
      core.leases!.revoke(key, core.nextStamp(key)),
      core.rows.readWrittenUs(key),
    ])
    const isAhead = writtenUs > revoked
    const fence = isAhead ? await core.leases!.revoke(key, fenceAfter(writtenUs - 1n)) : revoked
    core.observeStamp(key, fence)
    await core.rows.remove(key, fence > writtenUs ? fence : writtenUs)
  }
}

/** A fence to write with after a timestamp; see {@link isStampStorable}. */
export function fenceAfter(stampUs: bigint): bigint {
  return stampUs < stampUsMax ? stampUs + 1n : stampUsMax
}

/** Whether a value can be stored with a timestamp: there are no later ones than the last ones. */
export function isStampStorable(stampUs: bigint): boolean {
  return stampUs < stampUsMax
}

/** @throws CacheValueError when a value cannot be stored with a timestamp */
function checkStorable(stampUs: bigint): void {
  if (isStampStorable(stampUs)) return
  throw new CacheValueError(
    'value',
    'another program wrote the key with a write timestamp at the end of the 64-bit range, which no later write can exceed: use another key',
  )
}
