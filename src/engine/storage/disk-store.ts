import { ClosedError, StorageError } from '../../errors/index.ts'
import { createDeferred, type Deferred, type Runtime, systemRuntime } from '../../util/index.ts'
import {
  decodeLongEntries,
  encodeLongEntries,
  fileKey,
  isLongKey,
  type LongEntry,
  openValue,
  sealValue,
} from './disk-entry.ts'
import type { DiskFile, DiskTransaction, Durability } from './disk-file.ts'
import { DiskOverlay, type PendingEntry, type WriteGroup } from './disk-overlay.ts'
import { DiskReader } from './disk-reader.ts'
import type { KeyTree } from './key-tree.ts'
import type { KeyRange, KvCursor, KvSnapshot, KvStats, KvStore } from './kv-store.ts'
import { ValueRef } from './value-ref.ts'
import type { WriteBatch } from './write-batch.ts'

class DiskSnapshot extends DiskReader implements KvSnapshot {
  readonly #transaction: DiskTransaction
  constructor(file: DiskFile, tree: KeyTree<PendingEntry>, transaction: DiskTransaction) {
    super(file, tree, transaction)
    this.#transaction = transaction
  }
  release(): void {
    this.#transaction.done()
  }
}

/**
 * Bytes of writes that wait for a disk that takes none. Beyond that, further writes are refused, so
 * that a full disk does not fill the memory as well.
 */
export const unwrittenBytesMax: number = 64 * 1024 * 1024

/**
 * The store of `embedded:PATH`: LMDB. What LMDB has not committed yet is not visible to its
 * synchronous reads, so it is kept in an overlay that reads consult first. While one group of
 * writes is being committed the next gathers, and a commit waits for the group its writes are in.
 *
 * A group that could not be committed stays in the overlay and is written again as part of the next
 * one: with the next write, or when a caller needs it to be durable. Writing the same entries twice
 * is harmless, and the file never has a later write without the earlier ones.
 */
export class DiskStore extends DiskReader implements KvStore {
  readonly #durability: Durability
  readonly #overlay: DiskOverlay
  readonly #release: () => Promise<void>
  readonly #runtime: Runtime
  /** Resolves when the group that is gathering is durable. */
  #gathering: Deferred<void> | undefined
  /** Resolves when the group that is being written is durable. */
  #writing: Promise<void> | undefined
  /** Why the last group could not be committed; `undefined` after one that was. */
  #failure: StorageError | undefined
  #isClosed = false

  /** @param release called after the file was closed: releases the lock of the directory */
  constructor(
    file: DiskFile,
    durability: Durability,
    release: () => Promise<void> = () => Promise.resolve(),
    runtime: Runtime = systemRuntime,
  ) {
    const overlay = new DiskOverlay(new ValueRef())
    super(file, overlay.tree)
    this.#durability = durability
    this.#overlay = overlay
    this.#release = release
    this.#runtime = runtime
  }

  override get(key: string, into: ValueRef): boolean {
    this.#checkOpen()
    return super.get(key, into)
  }

  override scan(range: KeyRange): KvCursor {
    this.#checkOpen()
    return super.scan(range)
  }

  write(batch: WriteBatch): void {
    this.#checkOpen()
    if (batch.count === 0) return
    if (this.#failure !== undefined && this.#overlay.gatheredBytes > unwrittenBytesMax) {
      const cause = this.#failure
      this.#gather()
      throw new StorageError(
        `The store takes no more writes: ${unwrittenBytesMax} bytes wait for a disk that takes none`,
        'not_applied',
        { cause },
      )
    }
    this.#overlay.add(batch)
    this.#gather()
  }

  commit(): Promise<void> {
    if (this.#durability === 'none') return Promise.resolve()
    return this.#written()
  }

  takeUncommittedRead(): boolean {
    const { overlayReads } = this
    if (!overlayReads.hasRead) return false
    overlayReads.hasRead = false
    return this.#durability !== 'none'
  }

  snapshot(): KvSnapshot {
    this.#checkOpen()
    // The read transaction may be as old as the turn of the event loop: what was committed since
    // has left the overlay.
    this.file.resetReadTxn()
    return new DiskSnapshot(this.file, this.#overlay.tree.clone(), this.file.useReadTransaction())
  }

  stats(): KvStats {
    return { entryCount: this.#overlay.tree.size, liveBytes: 0, allocatedBytes: 0 }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    try {
      await this.#written()
    } finally {
      await this.file.close()
      await this.#release()
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClosedError('store')
  }

  /** Resolves when the file has everything, whatever the durability. */
  #written(): Promise<void> {
    if (this.#gathering === undefined && this.#writing === undefined && this.#overlay.hasGathered) {
      this.#gather()
    }
    return this.#gathering?.promise ?? this.#writing ?? Promise.resolve()
  }

  /** Starts writing the gathered group, unless that is scheduled already. */
  #gather(): void {
    if (this.#gathering !== undefined) return
    this.#gathering = createDeferred<void>()
    // Callers that need to know wait for it, but they need not.
    this.#gathering.promise.catch(() => {})
    if (this.#writing === undefined) this.#runtime.defer(() => this.#drain())
  }

  /** Writes the gathered group, and then the one that gathered meanwhile. */
  #drain(): void {
    const deferred = this.#gathering
    if (deferred === undefined) return
    this.#gathering = undefined
    this.#writing = deferred.promise
    const group = this.#overlay.takeGroup()
    this.#writeGroup(group).then(
      () => {
        this.file.resetReadTxn()
        this.#overlay.dropGroup(group)
        this.#failure = undefined
        this.#settled(() => deferred.resolve())
      },
      (cause: unknown) => {
        this.#overlay.putBack(group)
        this.#failure = commitFailed(cause)
        this.#settled(() => deferred.reject(this.#failure))
      },
    )
  }

  #settled(settle: () => void): void {
    this.#writing = undefined
    settle()
    this.#drain()
  }

  async #writeGroup(group: WriteGroup): Promise<void> {
    const { file } = this
    const lists = this.#mergeLongEntries(group)
    await file.batch(() => {
      for (const [key, { value }] of group) {
        if (!isLongKey(key)) putOrRemove(file, key, value)
      }
      for (const [key, value] of lists) putOrRemove(file, key, value)
    })
  }

  /** The lists of long keys that a group changes, as they will be; `undefined` when empty. */
  #mergeLongEntries(group: WriteGroup): Map<string, Buffer | undefined> {
    const lists = new Map<string, Map<string, LongEntry>>()
    for (const [key, { value }] of group) {
      if (!isLongKey(key)) continue
      const name = fileKey(key)
      let list = lists.get(name)
      if (list === undefined) {
        list = new Map(this.#readList(name).map((entry) => [entry.key, entry]))
        lists.set(name, list)
      }
      if (value === undefined) list.delete(key)
      else list.set(key, { key, value })
    }
    const merged = new Map<string, Buffer | undefined>()
    for (const [name, list] of lists) {
      const entries = [...list.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
      merged.set(name, entries.length === 0 ? undefined : encodeLongEntries(entries))
    }
    return merged
  }

  #readList(name: string): LongEntry[] {
    const key = Buffer.from(name, 'latin1')
    const sealed = this.file.getBinaryFast(key)
    if (sealed === undefined) return []
    const value = new ValueRef()
    openValue(key, sealed, sealed.length, value)
    return decodeLongEntries(name, value)
  }
}

function commitFailed(cause: unknown): StorageError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new StorageError(
    `The store could not commit: ${why}. What was written is kept in memory and goes to the disk with the next write that succeeds`,
    'unknown',
    { cause },
  )
}

function putOrRemove(file: DiskFile, key: string, value: Buffer | undefined): void {
  const bytes = Buffer.from(key, 'latin1')
  if (value === undefined) file.remove(bytes)
  else file.put(bytes, sealValue(bytes, value))
}
