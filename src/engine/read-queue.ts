import { RingQueue } from '../util/index.ts'
import type { AnswerLimits, AnswerMemory } from './answer-memory.ts'

/** A read that lasts several turns of the event loop. */
export interface LongRead<T> {
  /** Bytes of the answer so far; 0 before the first slice and after {@link discard}. */
  readonly bytes: number
  /** Bytes it holds from its request until it ends: itself and the values of the request. */
  readonly valueBytes: number
  readonly signal: AbortSignal | undefined
  /** Reads one slice, the first one if there is nothing yet. @returns the complete answer */
  readSlice(): T | undefined
  /** Drops what was read, and the snapshot. */
  discard(): void
}

export interface QueuedRead {
  readonly read: LongRead<unknown>
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: unknown) => void
  /** Grows with every read of the engine. */
  readonly number: number
  /** Whether it holds a snapshot and a part of its answer. */
  isOpen: boolean
}

/** The long reads of one client, in the order they came. */
export class ReadQueue {
  readonly memory: AnswerMemory
  /** Bytes of the answers that are not complete. */
  buildingBytes = 0
  /** Since when memory keeps its open reads from going on, in milliseconds of the clock. */
  blockedSinceMs: number | undefined
  readonly #limits: AnswerLimits
  /** The reads that go on in turn. Those that are open are the first ones. */
  readonly #current: QueuedRead[] = []
  /** The reads behind them, which hold nothing but their values. */
  readonly #waiting: RingQueue<QueuedRead> = new RingQueue()
  /** Index of the read whose turn is next. */
  #next = 0

  constructor(memory: AnswerMemory, limits: AnswerLimits) {
    this.memory = memory
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return this.#current.length === 0
  }

  /** Whether a read holds a snapshot. */
  get hasOpen(): boolean {
    return this.#current[0]?.isOpen === true
  }

  /** The read that came first. */
  get first(): QueuedRead {
    return this.#current[0]!
  }

  push(queued: QueuedRead): void {
    if (this.#current.length < this.#limits.clientReadCountMax) this.#current.push(queued)
    else this.#waiting.push(queued)
  }

  /**
   * The read whose turn it is. The first one always goes on, whatever the size of its answer; the
   * others share the memory of the client.
   *
   * @param canOpen whether a read that is not open may begin
   */
  pick(canOpen: boolean): QueuedRead | undefined {
    const current = this.#current
    const closedIndex = current.findIndex(({ isOpen }) => !isOpen)
    const openCount = closedIndex < 0 ? current.length : closedIndex
    const count = canOpen ? Math.min(openCount + 1, current.length) : openCount
    const sharedBytes = this.buildingBytes - this.first.read.bytes
    const isShared = sharedBytes < this.#limits.clientBytesMax
    const index = isShared && this.#next < count ? this.#next : 0
    this.#next = index + 1
    return index < count ? current[index] : undefined
  }

  remove(queued: QueuedRead): void {
    const index = this.#current.indexOf(queued)
    this.#current.splice(index, 1)
    if (index < this.#next) this.#next--
    const next = this.#waiting.shift()
    if (next !== undefined) this.#current.push(next)
  }

  /** Makes all reads begin again. @returns how many were open */
  discard(): number {
    let count = 0
    for (const queued of this.#current) {
      if (!queued.isOpen) continue
      queued.isOpen = false
      queued.read.discard()
      count++
    }
    this.#next = 0
    this.blockedSinceMs = undefined
    return count
  }

  countBytes(): number {
    return this.#current.reduce((bytes, { read }) => bytes + read.bytes, 0)
  }
}
