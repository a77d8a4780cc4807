import { createKeyTree, type KeyTree } from './key-tree.ts'
import type { ValueRef } from './value-ref.ts'
import type { WriteBatch } from './write-batch.ts'

/** An entry that was written but is not in the file yet; without a value it is deleted. */
export interface PendingEntry {
  readonly value: Buffer | undefined
}

/** Writes on their way to the file: readers look here first. */
export class DiskOverlay {
  readonly tree: KeyTree<PendingEntry>
  #group: Map<string, PendingEntry> = new Map()
  readonly #value: ValueRef

  constructor(value: ValueRef, tree: KeyTree<PendingEntry> = createKeyTree()) {
    this.tree = tree
    this.#value = value
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
    }
  }

  /** Takes what waits, to be written as one transaction. */
  takeGroup(): Map<string, PendingEntry> {
    const group = this.#group
    this.#group = new Map()
    return group
  }

  /** The group is in the file: forgets its entries, but for those written again since. */
  dropGroup(group: ReadonlyMap<string, PendingEntry>): void {
    for (const key of group.keys()) if (!this.#group.has(key)) this.tree.delete(key)
  }
}

const deletedEntry: PendingEntry = { value: undefined }
