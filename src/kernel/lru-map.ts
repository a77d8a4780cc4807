/** A map of at most `countMax` entries, which evicts the least recently used one. */
export class LruMap<K, V> {
  readonly #entries = new Map<K, V>()
  readonly #countMax: number

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  get size(): number {
    return this.#entries.size
  }

  /** Returns the value and marks it as the most recently used one. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }

  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#countMax) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }

  delete(key: K): void {
    this.#entries.delete(key)
  }

  /** Drops entries, the least recently used first, until `isOver` is false for one. */
  dropWhile(isOver: (value: V) => boolean): void {
    for (const [key, value] of this.#entries) {
      if (!isOver(value)) return
      this.#entries.delete(key)
    }
  }
}
