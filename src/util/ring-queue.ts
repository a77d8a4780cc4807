/** A growing FIFO on a power-of-two ring: O(1) push and shift, no holes, no per-item objects. */
export class RingQueue<T> {
  #items: (T | undefined)[]
  #mask: number
  #head = 0
  #length = 0

  constructor(capacityMin = 16) {
    let capacity = 16
    while (capacity < capacityMin) capacity *= 2
    this.#items = new Array<T | undefined>(capacity).fill(undefined)
    this.#mask = capacity - 1
  }

  get length(): number {
    return this.#length
  }

  push(item: T): void {
    if (this.#length > this.#mask) this.#grow()
    this.#items[(this.#head + this.#length) & this.#mask] = item
    this.#length++
  }

  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#items[this.#head]
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined
    this.#head = (this.#head + 1) & this.#mask
    this.#length--
    return item
  }

  /** From the head to the tail. */
  forEach(visit: (item: T) => void): void {
    for (let i = 0; i < this.#length; i++) {
      visit(this.#items[(this.#head + i) & this.#mask] as T)
    }
  }

  /** Takes out all others, without changing the order. */
  keep(isKept: (item: T) => boolean): void {
    const count = this.#length
    for (let i = 0; i < count; i++) {
      const item = this.shift() as T
      if (isKept(item)) this.push(item)
    }
  }

  #grow(): void {
    const old = this.#items
    const oldMask = this.#mask
    const items = new Array<T | undefined>(old.length * 2).fill(undefined)
    for (let i = 0; i < this.#length; i++) items[i] = old[(this.#head + i) & oldMask]
    this.#items = items
    this.#mask = items.length - 1
    this.#head = 0
  }
}
