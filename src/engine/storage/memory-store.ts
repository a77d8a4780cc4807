import { ClosedError } from '../../errors/index.ts'
import { createKeyTree, type KeyTree, TreeCursor } from './key-tree.ts'
import type { KeyRange, KvCursor, KvReader, KvSnapshot, KvStats, KvStore } from './kv-store.ts'
import { ValueRef } from './value-ref.ts'
import { type SlabOwner, Slabs } from './slabs.ts'
import type { WriteBatch } from './write-batch.ts'

/** A tree of keys over the positions of their values. */
class MemoryReader implements KvReader {
  protected readonly tree: KeyTree<number>
  protected readonly slabs: Slabs

  constructor(tree: KeyTree<number>, slabs: Slabs) {
    this.tree = tree
    this.slabs = slabs
  }

  get(key: string, into: ValueRef): boolean {
    const position = this.tree.get(key)
    if (position === undefined) return false
    this.slabs.read(position, into)
    return true
  }

  has(key: string): boolean {
    return this.tree.has(key)
  }

  scan(range: KeyRange): KvCursor {
    return new MemoryCursor(this.tree, this.slabs, range)
  }
}

class MemoryCursor extends TreeCursor<number> implements KvCursor {
  readonly value: ValueRef = new ValueRef()
  readonly #slabs: Slabs

  constructor(tree: KeyTree<number>, slabs: Slabs, range: KeyRange) {
    super(tree, range)
    this.#slabs = slabs
  }

  next(): boolean {
    if (!this.advance()) return false
    this.#slabs.read(this.item, this.value)
    return true
  }
}

class MemorySnapshot extends MemoryReader implements KvSnapshot {
  release(): void {
    // The store holds only memory, which is released with the object.
  }
}

/** The store of `embedded:`: everything in memory, nothing on disk. */
export class MemoryStore extends MemoryReader implements KvStore, SlabOwner {
  #isClosed = false
  readonly #value: ValueRef = new ValueRef()
  /** What `get` looked up last: a write that follows a read of the same key need not look again. */
  #lastKey: string | undefined
  #lastPosition: number | undefined

  constructor(tree: KeyTree<number> = createKeyTree(), slabs: Slabs = new Slabs()) {
    super(tree, slabs)
  }

  override get(key: string, into: ValueRef): boolean {
    const position = this.tree.get(key)
    this.#lastKey = key
    this.#lastPosition = position
    if (position === undefined) return false
    this.slabs.read(position, into)
    return true
  }

  write(batch: WriteBatch): void {
    if (this.#isClosed) throw new ClosedError('store')
    const { tree, slabs } = this
    const value = this.#value
    for (let i = 0; i < batch.count; i++) {
      const key = batch.keys[i]!
      const before = key === this.#lastKey ? this.#lastPosition : tree.get(key)
      this.#lastKey = undefined
      if (batch.isDelete(i)) {
        if (before === undefined) continue
        tree.delete(key)
      } else {
        batch.valueAt(i, value)
        const { bytes, start, end } = value
        if (before !== undefined && slabs.overwrite(before, bytes, start, end)) continue
        tree.set(key, slabs.append(key, bytes, start, end))
      }
      if (before !== undefined) slabs.release(before)
    }
    slabs.rewriteSparse(this)
  }

  commit(): Promise<void> {
    return Promise.resolve()
  }

  takeUncommittedRead(): boolean {
    return false
  }

  snapshot(): KvSnapshot {
    return new MemorySnapshot(this.tree.clone(), this.slabs.share())
  }

  /** A store of its own with the same content. Copies nothing; both copy what they change. */
  fork(): MemoryStore {
    if (this.#isClosed) throw new ClosedError('store')
    return new MemoryStore(this.tree.clone(), this.slabs.share())
  }

  stats(): KvStats {
    return {
      entryCount: this.tree.size,
      liveBytes: this.slabs.liveBytes(),
      allocatedBytes: this.slabs.allocatedBytes(),
    }
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.tree.clear()
    return Promise.resolve()
  }

  positionOf(key: string): number | undefined {
    return this.tree.get(key)
  }

  moveTo(key: string, position: number): void {
    this.#lastKey = undefined
    this.tree.set(key, position)
  }
}
