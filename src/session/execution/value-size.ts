import { largeBytesMin } from './value-snapshot.ts'

/** Roughly what values take on the wire. */
export interface ValueSize {
  /** Bytes of all but the large values. */
  readonly bytes: number
  /** Large values that are bytes. */
  readonly large: readonly ArrayBufferView[] | undefined
}

/** Returns roughly how many bytes values and `baseBytes` take on the wire. */
export function estimateValues(
  lists: readonly (readonly unknown[])[],
  baseBytes: number = 64,
): ValueSize {
  const estimate = new Estimate(baseBytes)
  for (const values of lists) {
    try {
      for (const value of values) estimate.add(value, 0)
    } catch {
      // A value that cannot be read cannot be bound either: encoding it says which.
    }
  }
  return estimate
}

/** Values may be made of each other without end; encoding refuses those. */
const estimateDepthMax = 4

class Estimate implements ValueSize {
  bytes: number
  large: ArrayBufferView[] | undefined = undefined

  constructor(bytes: number) {
    this.bytes = bytes
  }

  add(value: unknown, depth: number): void {
    if (typeof value === 'string') this.bytes += 4 + value.length
    else if (typeof value !== 'object' || value === null) this.bytes += 12
    else if (ArrayBuffer.isView(value)) this.#addBytes(value)
    else {
      this.bytes += 64
      if (depth <= estimateDepthMax) this.#addObject(value, depth + 1)
    }
  }

  #addBytes(view: ArrayBufferView): void {
    this.bytes += 4
    if (view.byteLength >= largeBytesMin) (this.large ??= []).push(view)
    else this.bytes += view.byteLength
  }

  #addObject(value: object, depth: number): void {
    if (Array.isArray(value) || value instanceof Set) {
      for (const element of value) this.add(element, depth)
    } else if (value instanceof Map) {
      for (const [key, element] of value) {
        this.add(key, depth)
        this.add(element, depth)
      }
    } else if (Object.getPrototypeOf(value) === Object.prototype) {
      for (const field of Object.values(value)) this.add(field, depth)
    }
  }
}

/** Counts the bytes that waiting requests hold. A large value that several hold counts once. */
export class HeldBytes {
  #total = 0
  /** How many requests hold a large value. */
  readonly #holders = new Map<ArrayBufferView, number>()

  get total(): number {
    return this.#total
  }

  /** Returns how many bytes more there would be. */
  addedBy({ bytes, large = [] }: ValueSize): number {
    let added = bytes
    for (const view of large) {
      if (!this.#holders.has(view)) added += view.byteLength
    }
    return added
  }

  add({ bytes, large = [] }: ValueSize): void {
    this.#total += bytes
    for (const view of large) {
      const holders = this.#holders.get(view) ?? 0
      if (holders === 0) this.#total += view.byteLength
      this.#holders.set(view, holders + 1)
    }
  }

  remove({ bytes, large = [] }: ValueSize): void {
    this.#total -= bytes
    for (const view of large) {
      const holders = this.#holders.get(view)! - 1
      if (holders > 0) {
        this.#holders.set(view, holders)
        continue
      }
      this.#holders.delete(view)
      this.#total -= view.byteLength
    }
  }
}
