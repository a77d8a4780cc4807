import sortedBtree from 'sorted-btree'
import type { KeyRange } from './kv-store.ts'

/** A B+ tree from latin1 keys; cloning is O(1), clones copy what they change. */
export type KeyTree<T> = sortedBtree.default<string, T>

/**
 * The package is CommonJS with an `__esModule` mark: Node exposes its exports as the default
 * import, bundlers and test runners expose the class itself.
 */
const BTree: typeof sortedBtree.default =
  typeof sortedBtree === 'function' ? sortedBtree : sortedBtree.default

function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export function createKeyTree<T>(): KeyTree<T> {
  return new BTree<string, T>(undefined, compareKeys)
}

/** Pulls the pairs of a range from a tree, forwards or backwards. */
export class TreeCursor<T> {
  key = ''
  item!: T
  readonly #pairs: IterableIterator<[string, T]>
  readonly #pair: [string, T] = ['', undefined as T]
  readonly #range: KeyRange

  constructor(tree: KeyTree<T>, range: KeyRange) {
    this.#range = range
    this.#pairs = range.reverse
      ? tree.entriesReversed(range.lt, this.#pair, true)
      : tree.entries(range.gte, this.#pair)
  }

  /** Goes to the next pair: `key` and `item`. */
  advance(): boolean {
    if (this.#pairs.next().done) return false
    const key = this.#pair[0]
    const { gte, lt, reverse } = this.#range
    if (reverse ? key < gte : lt !== undefined && key >= lt) return false
    this.key = key
    this.item = this.#pair[1]
    return true
  }
}
