import { createKeyTree, type KeyTree } from './key-tree.ts'
import type { ValueRef } from './value-ref.ts'
import type { WriteBatch } from './write-batch.ts'

/** An entry that was written but is not in the file yet; without a value it is deleted. */
export interface PendingEntry {
  readonly value: Buffer | undefined
}

/** Writes that go to the file as one transaction. */
export type WriteGroup = Map<string, PendingEntry>

/** Writes on their way to the file: readers look here first. */
export class DiskOverlay {
  readonly tree: KeyTree<PendingEntry>
  #group: WriteGroup = new Map()
  /** Bytes added to the gathering group; an entry that was overwritten still counts. */
  #groupBytes = 0
  readonly #value: ValueRef

  constructor(value: ValueRef, tree: KeyTree<PendingEntry> = createKeyTree()) {
    this.tree = tree
    this.#value = value
  }

  /** Whether a group has gathered that is not being written. */
  get hasGathered(): boolean {
    return this.#group.size > 0
  }

  get gatheredBytes(): number {
    return this.#groupBytes
  }

  add(batch: WriteBatch): void {
    const value = this.#value
    for (let i = 0; i < batch.count; i++) {
      const key = batch.keys[i]!
      let entry: PendingEntry = deletedEntry
      if (!batch.isDelete(i)) {
        batch.valueAt(i, value)
        entry = { value: Buffer.from(value.bytes.subarray(value.start, value.end)) }
      }
      this.tree.set(key, entry)
      this.#group.set(key, entry)
      this.#groupBytes += bytesOf(key, entry)
    }
  }

  /** Takes the gathered group, to be written as one transaction. */
  takeGroup(): WriteGroup {
    const group = this.#group
    this.#group = new Map()
    this.#groupBytes = 0
    return group
  }

  /** The group is in the file: drops its entries, but for those written again since. */
  dropGroup(group: WriteGroup): void {
    for (const key of group.keys()) if (!this.#group.has(key)) this.tree.delete(key)
  }

  /** The group did not reach the file: it is written again, with what has gathered since. */
  putBack(group: WriteGroup): void {
    for (const [key, entry] of this.#group) group.set(key, entry)
    this.#group = group
    this.#groupBytes = 0
    for (const [key, entry] of group) this.#groupBytes += bytesOf(key, entry)
  }
}

const deletedEntry: PendingEntry = { value: undefined }

function bytesOf(key: string, { value }: PendingEntry): number {
  return key.length + (value === undefined ? 0 : value.length)
}
