import type { Clock } from '../util/index.ts'
import { type KvStore, ValueRef, WriteBatch } from './storage/index.ts'

/** Where the latest timestamp lies in the store: beside the catalog. */
const markKey = '\u0001timestamp'
/** How far a client's stamps may be ahead of the engine's clock and still come before a ballot. */
const aheadMicrosMax = 10_000
/** What a crash may cost: so much is stamped again, if the clock was set back meanwhile. */
const markIntervalMicros = 1_000_000

export interface TimestampOptions {
  readonly clock: Clock
  readonly kv: KvStore
  /** Whether others may find the store as it is at any moment: after a crash. */
  readonly isDurable: boolean
}

/**
 * Write timestamps of an engine, in microseconds, each later than those it gave before. What a
 * client stamps itself is never changed.
 */
export class Timestamps {
  readonly #options: TimestampOptions
  #last: number
  /** The latest that a client brought. */
  #observed = 0
  #marked: number

  constructor(options: TimestampOptions) {
    this.#options = options
    const value = new ValueRef()
    this.#last = options.kv.get(markKey, value) ? readMark(value) : 0
    this.#marked = this.#last
  }

  /** Of a plain write that brings none. */
  next(): number {
    const now = this.#options.clock.nowMs() * 1000
    this.#last = now > this.#last ? now : this.#last + 1
    return this.#last
  }

  /**
   * Of a conditional write: also later than what clients stamped before, whose clocks are finer, or
   * go on by a microsecond a write. Else what it was decided on could hide what it wrote.
   */
  ballot(): number {
    if (this.#observed > this.#last) this.#last = this.#observed
    return this.next()
  }

  /** A client has stamped a write. One whose clock is ahead does not move those of others. */
  observe(timestamp: bigint): void {
    const micros = Number(timestamp)
    if (micros <= this.#observed) return
    if (micros <= this.#options.clock.nowMs() * 1000 + aheadMicrosMax) this.#observed = micros
  }

  /** Keeps the latest timestamp now and then, for an engine that opens the store after a crash. */
  markInterval(): void {
    if (this.#options.isDurable && this.#last - this.#marked > markIntervalMicros) this.mark()
  }

  /** Keeps the latest timestamp for the next engine on the store, or on a copy of it. */
  mark(): void {
    if (this.#last === this.#marked) return
    this.#marked = this.#last
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64BE(BigInt(this.#last))
    const batch = new WriteBatch()
    batch.put(markKey, bytes)
    this.#options.kv.write(batch)
  }
}

function readMark({ bytes, start }: ValueRef): number {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset + start, 8)
  return Number(source.readBigInt64BE())
}
