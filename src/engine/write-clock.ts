import type { Clock } from '../util/index.ts'
import { type KvStore, ValueRef, WriteBatch } from './storage/index.ts'

/** Key of the latest timestamp in the store, next to the catalog. */
const timestampKey = '\u0001timestamp'
/** How far timestamps of clients may be ahead of the engine's clock and still precede a ballot. */
const aheadMicrosMax = 10_000
/** What a crash may cost: timestamps of this range are used again if the clock was set back. */
const persistIntervalMicros = 1_000_000

export interface TimestampOptions {
  readonly clock: Clock
  readonly kv: KvStore
  /** Whether the store outlives the process, so that a crash must not set timestamps back. */
  readonly isDurable: boolean
}

/**
 * Generates the write timestamps of an engine, in microseconds, each later than all before.
 * Timestamps that clients send are stored as they are.
 */
export class WriteClock {
  readonly #options: TimestampOptions
  #last: number
  /** The latest timestamp of a client. */
  #observed = 0
  #persisted: number

  constructor(options: TimestampOptions) {
    this.#options = options
    const value = new ValueRef()
    this.#last = options.kv.get(timestampKey, value) ? readTimestamp(value) : 0
    this.#persisted = this.#last
  }

  /** Timestamp for a plain write that has none. */
  next(): number {
    const now = this.#options.clock.nowMs() * 1000
    this.#last = now > this.#last ? now : this.#last + 1
    return this.#last
  }

  /**
   * Timestamp for a conditional write. It is also later than those that clients used before, whose
   * clocks are finer: otherwise the row that the condition was checked on could hide the write.
   */
  ballot(): number {
    if (this.#observed > this.#last) this.#last = this.#observed
    return this.next()
  }

  /** Notes the timestamp of a client. One whose clock is ahead does not move those of others. */
  observe(timestamp: bigint): void {
    const micros = Number(timestamp)
    if (micros <= this.#observed) return
    if (micros <= this.#options.clock.nowMs() * 1000 + aheadMicrosMax) this.#observed = micros
  }

  /** Stores the latest timestamp once per second, for an engine that opens the store later. */
  persistPeriodically(): void {
    if (this.#options.isDurable && this.#last - this.#persisted > persistIntervalMicros)
      this.persist()
  }

  /** Stores the latest timestamp for the next engine on the store, or on a copy of it. */
  persist(): void {
    if (this.#last === this.#persisted) return
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64BE(BigInt(this.#last))
    const batch = new WriteBatch()
    batch.put(timestampKey, bytes)
    this.#options.kv.write(batch)
    this.#persisted = this.#last
  }
}

function readTimestamp({ bytes, start }: ValueRef): number {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset + start, 8)
  return Number(source.readBigInt64BE())
}
