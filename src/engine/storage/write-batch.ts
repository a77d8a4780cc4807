import type { ValueRef } from './value-ref.ts'
import { ByteWriter } from '../../values/index.ts'

const deleted = -1
/** From this many entries on, looking one up goes through a map. */
const mapThreshold = 8

/**
 * Puts and deletes that take effect together, the last one of a key winning. Values are written
 * straight into its sink. Meant to be used again: `clear` keeps the memory.
 */
export class WriteBatch {
  readonly sink: ByteWriter = new ByteWriter()
  readonly keys: string[] = []
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  readonly #indexes: Map<string, number> = new Map()

  get count(): number {
    return this.keys.length
  }

  /** Puts the bytes that were written to the sink since `start`. */
  putWritten(key: string, start: number): void {
    this.#add(key, start, this.sink.length)
  }

  put(key: string, value: Uint8Array): void {
    const start = this.sink.length
    this.sink.write(value)
    this.#add(key, start, this.sink.length)
  }

  delete(key: string): void {
    this.#add(key, 0, deleted)
  }

  /** Index of the last entry of `key`, or −1. */
  indexOf(key: string): number {
    const { keys } = this
    if (keys.length > mapThreshold) return this.#indexes.get(key) ?? -1
    for (let i = keys.length - 1; i >= 0; i--) if (keys[i] === key) return i
    return -1
  }

  isDelete(index: number): boolean {
    return this.#ends[index] === deleted
  }

  valueAt(index: number, into: ValueRef): void {
    into.bytes = this.sink.bytes
    into.start = this.#starts[index]!
    into.end = this.#ends[index]!
  }

  clear(): void {
    this.sink.length = 0
    if (this.keys.length === 0) return
    this.keys.length = 0
    this.#starts.length = 0
    this.#ends.length = 0
    if (this.#indexes.size > 0) this.#indexes.clear()
  }

  #add(key: string, start: number, end: number): void {
    const { keys } = this
    keys.push(key)
    this.#starts.push(start)
    this.#ends.push(end)
    if (keys.length <= mapThreshold) return
    if (keys.length === mapThreshold + 1) {
      for (let i = 0; i < mapThreshold; i++) this.#indexes.set(keys[i]!, i)
    }
    this.#indexes.set(key, keys.length - 1)
  }
}
