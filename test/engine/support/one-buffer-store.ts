import { MemoryStore, type ValueRef } from '../../../src/engine/storage/index.ts'

/**
 * A store in memory whose look-ups return every value in the same buffer, as those of LMDB do: what
 * was looked up before is overwritten.
 */
export class OneBufferStore extends MemoryStore {
  #buffer = Buffer.alloc(0)

  override get(key: string, into: ValueRef): boolean {
    this.#buffer.fill(0xff)
    if (!super.get(key, into)) return false
    const length = into.end - into.start
    if (length > this.#buffer.length) this.#buffer = Buffer.alloc(2 * length)
    this.#buffer.set(into.bytes.subarray(into.start, into.end))
    into.bytes = this.#buffer
    into.start = 0
    into.end = length
    return true
  }
}
