import { assert } from '../util/index.ts'

/**
 * The stream ids of one connection (native_protocol_v4.spec §2.3), last freed first used. An id
 * whose request was given up is an *orphan*: it stays taken until its answer comes, so that answer
 * can never reach another request.
 */
export class StreamIds {
  readonly #free: Int16Array
  readonly #isOrphan: Uint8Array
  #freeCount: number
  #orphanCount = 0

  /** @param countMax ids 0 … countMax−1, at most 32,768 */
  constructor(countMax: number) {
    this.#free = new Int16Array(countMax)
    this.#isOrphan = new Uint8Array(countMax)
    for (let i = 0; i < countMax; i++) this.#free[i] = countMax - 1 - i
    this.#freeCount = countMax
  }

  get freeCount(): number {
    return this.#freeCount
  }

  get orphanCount(): number {
    return this.#orphanCount
  }

  /** Ids of requests that still wait for their answer. */
  get inFlightCount(): number {
    return this.#free.length - this.#freeCount - this.#orphanCount
  }

  /** A free id, or −1. */
  acquire(): number {
    return this.#freeCount === 0 ? -1 : this.#free[--this.#freeCount]!
  }

  isOrphan(id: number): boolean {
    return this.#isOrphan[id] === 1
  }

  /** The answer came: the id is free. */
  release(id: number): void {
    if (this.#isOrphan[id] === 1) {
      this.#isOrphan[id] = 0
      this.#orphanCount--
    }
    assert(this.#freeCount < this.#free.length, 'more stream ids released than acquired')
    this.#free[this.#freeCount++] = id
  }

  /** The caller gave up, the server has not answered: the id stays taken until it does. */
  orphan(id: number): void {
    assert(this.#isOrphan[id] === 0, 'a stream id was orphaned twice')
    this.#isOrphan[id] = 1
    this.#orphanCount++
  }
}
