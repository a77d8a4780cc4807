import { ClosedError, StorageError } from '../../errors/index.ts'
import { createDeferred, type Deferred } from '../../util/index.ts'
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
import { DiskOverlay, type PendingEntry } from './disk-overlay.ts'
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
 * The store of `embedded:PATH`: LMDB. What LMDB has not committed yet is not visible to its
 * synchronous reads, so it is kept in an overlay that reads consult first. While one group of
 * writes is being committed the next gathers, and a commit waits for the group its writes are in.
 */
export class DiskStore extends DiskReader implements KvStore {
  readonly #durability: Durability
  readonly #overlay: DiskOverlay
  readonly #release: () => Promise<void>
  /** Resolves when the group that is gathering is durable. */
  #gathering: Deferred<void> | undefined
  /** Resolves when the group that is being written is durable. */
  #writing: Promise<void> | undefined
  #failure: StorageError | undefined
  #isClosed = false

  /** @param release called after the file was closed: gives the directory back */
  constructor(
    file: DiskFile,
    durability: Durability,
    release: () => Promise<void> = () => Promise.resolve(),
  ) {
    const overlay = new DiskOverlay(new ValueRef())
    super(file, overlay.tree)
    this.#durability = durability
    this.#overlay = overlay
    this.#release = release
  }

  override get(key: string, into: ValueRef): boolean {
    this.#check()
    return super.get(key, into)
  }

  override scan(range: KeyRange): KvCursor {
    this.#check()
    return super.scan(range)
  }

  write(batch: WriteBatch): void {
    this.#check()
    if (batch.count === 0) return
    this.#overlay.add(batch)
    if (this.#gathering !== undefined) return
    this.#gathering = createDeferred<void>()
    // Whoever needs to know waits for it; nobody has to.
    this.#gathering.promise.catch(() => {})
    if (this.#writing === undefined) queueMicrotask(() => this.#drain())
  }

  commit(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#durability === 'none') return Promise.resolve()
    return this.#gathering?.promise ?? this.#writing ?? Promise.resolve()
  }

  snapshot(): KvSnapshot {
    this.#check()
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
      await (this.#gathering?.promise ?? this.#writing)
    } finally {
      await this.file.close()
      await this.#release()
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#isClosed) throw new ClosedError('store')
  }

  /** Writes the gathered group, and then the one that gathered meanwhile. */
  #drain(): void {
    const deferred = this.#gathering
    if (deferred === undefined || this.#failure !== undefined) return
    this.#gathering = undefined
    this.#writing = deferred.promise
    const group = this.#overlay.takeGroup()
    this.#writeGroup(group).then(
      () => {
        this.file.resetReadTxn()
        this.#overlay.dropGroup(group)
        this.#writing = undefined
        deferred.resolve()
        this.#drain()
      },
      (cause: unknown) => this.#fail(cause, deferred),
    )
  }

  /**
   * Whether the file has the group is unknown, and the groups after it build on it: no write is
   * acknowledged any more. Opening the store again shows what the file has.
   */
  #fail(cause: unknown, deferred: Deferred<void>): void {
    this.#failure = new StorageError(
      'The store could not commit and takes no more writes',
      'unknown',
      {
        cause,
      },
    )
    this.#writing = undefined
    deferred.reject(this.#failure)
    this.#gathering?.reject(this.#failure)
    this.#gathering = undefined
  }

  async #writeGroup(group: ReadonlyMap<string, PendingEntry>): Promise<void> {
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
  #mergeLongEntries(group: ReadonlyMap<string, PendingEntry>): Map<string, Buffer | undefined> {
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

function putOrRemove(file: DiskFile, key: string, value: Buffer | undefined): void {
  const bytes = Buffer.from(key, 'latin1')
  if (value === undefined) file.remove(bytes)
  else file.put(bytes, sealValue(bytes, value))
}
