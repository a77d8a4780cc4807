import type { Clock } from '../util/index.ts'
import { type KvStore, ValueRef, WriteBatch } from './storage/index.ts'

/** Where the latest timestamp lies in the store: beside the catalog. */
const markKey = '\u0001timestamp'
/**
 * How far behind its clock the engine stamps. A client that stamps its writes from the same clock
 * may see a coarser or an earlier time of it, and what it writes after a conditional write was
 * answered must not be the older of the two.
 */
const behindMicros = 2_000
/** How far a client's clock may be ahead and still be followed. */
const aheadMicrosMax = 1_000_000
/** What a crash may cost: so much is stamped again, if the clock was set back meanwhile. */
const markIntervalMicros = 1_000_000

export interface TimestampOptions {
  readonly clock: Clock
  readonly kv: KvStore
  /** Whether others may find the store as it is at any moment: after a crash. */
  readonly isDurable: boolean
}

/**
 * Write timestamps of an engine, in microseconds: always later than those given before, by this
 * engine or by clients that stamp their own writes. So what a condition was decided on and what it
 * wrote is seen by everybody who comes later, whatever the resolution of the clocks.
 */
export class Timestamps {
  readonly #options: TimestampOptions
  #last: number
  /** The latest one of a client. */
  #followed = 0
  /** What was the latest to be followed when the clock was looked at last. */
  #followedMax = 0
  #marked: number

  constructor(options: TimestampOptions) {
    this.#options = options
    const value = new ValueRef()
    this.#last = options.kv.get(markKey, value) ? readMark(value) : 0
    this.#marked = this.#last
  }

  next(): number {
    const now = this.#options.clock.nowMs() * 1000 - behindMicros
    this.#last = now > this.#last ? now : this.#last + 1
    return this.#last
  }

  /**
   * What a client stamped with `timestamp` itself is stamped with. Nothing else, but where the
   * engine gave that timestamp away before the client came with it: then it is the later one.
   * A clock that is far ahead is not followed.
   */
  follow(timestamp: bigint): bigint {
    const micros = Number(timestamp)
    if (micros <= this.#followed) return timestamp
    if (micros > this.#followedMax) {
      this.#followedMax = this.#options.clock.nowMs() * 1000 + aheadMicrosMax
      if (micros > this.#followedMax) return timestamp
    }
    this.#followed = micros
    if (micros > this.#last) {
      this.#last = micros
      return timestamp
    }
    // What the client repeats with this timestamp loses against it, as it should.
    return micros > this.#last - behindMicros ? BigInt(this.next()) : timestamp
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
