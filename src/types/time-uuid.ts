import { ValueError } from '../errors/index.ts'
import {
  type Clock,
  isBytes,
  shareAcrossBuilds,
  systemClock,
  systemRuntime,
} from '../util/index.ts'
import { msOfDate } from './value-checks.ts'
import { Uuid } from './uuid.ts'

/** 100 ns ticks from 1582-10-15, where version 1 UUIDs begin, to 1970-01-01 (RFC 9562 §5.1). */
const epochTicks = 122_192_928_000_000_000n
const ticksMax = 2n ** 60n - 1n
const ticksPerMs = 10_000n

/** A version 1 UUID: a time of 100 ns resolution and the node that made it. Immutable. */
export class TimeUuid extends Uuid {
  static {
    shareAcrossBuilds(this, 'TimeUuid')
  }

  /** @param bytes 16 bytes of a version 1 UUID; copied */
  constructor(bytes: Uint8Array) {
    super(bytes)
    if (this.version !== 1) throw new ValueError('A timeuuid is a UUID of version 1')
  }

  /** @throws ValueError unless `text` is a version 1 UUID */
  static override parse(text: string): TimeUuid {
    return new TimeUuid(Uuid.parse(text).toBytes())
  }

  /** The smallest timeuuid of that millisecond in Cassandra's order, for `>=` in queries. */
  static min(date: Date): TimeUuid {
    return new TimeUuid(timeUuidBytes(ticksOf(date), 0x8080n, 0x8080_8080_8080n))
  }

  /** The largest timeuuid of that millisecond in Cassandra's order, for `<=` in queries. */
  static max(date: Date): TimeUuid {
    const ticks = ticksOf(date) + ticksPerMs - 1n
    return new TimeUuid(timeUuidBytes(ticks, 0x7f7fn, 0x7f7f_7f7f_7f7fn))
  }

  /** 100 ns ticks since 1582-10-15. */
  get ticks(): bigint {
    const view = new DataView(this.toBytes().buffer)
    const high = BigInt(view.getUint16(6) & 0x0fff)
    return (high << 48n) | (BigInt(view.getUint16(4)) << 32n) | BigInt(view.getUint32(0))
  }

  /** Milliseconds since the Unix epoch, rounded down. */
  get timestampMs(): number {
    const ticks = this.ticks - epochTicks
    return Number((ticks - (((ticks % ticksPerMs) + ticksPerMs) % ticksPerMs)) / ticksPerMs)
  }

  toDate(): Date {
    return new Date(this.timestampMs)
  }
}

/** Generates timeuuids that increase strictly, even while the clock stands still or goes back. */
export class TimeUuidGenerator {
  readonly #clock: Clock
  readonly #clockSequence: bigint
  readonly #node: bigint
  #last = 0n

  /**
   * @param clock source of the time of each timeuuid. Default: the system's clock
   * @param seed at least eight bytes for the clock sequence and the node id. Default: random ones
   * @throws ValueError unless `clock` is a clock and `seed` has eight bytes
   */
  constructor(clock: Clock = systemClock, seed: Uint8Array = systemRuntime.randomBytes(8)) {
    if (typeof clock?.nowMs !== 'function') throw noClock()
    if (!isBytes(seed) || seed.length < 8) {
      throw new ValueError('The seed of a TimeUuidGenerator is a Uint8Array of at least 8 bytes')
    }
    this.#clock = clock
    const random = new DataView(seed.buffer, seed.byteOffset, 8)
    this.#clockSequence = BigInt(random.getUint16(0) & 0x3fff) | 0x8000n
    // A random node id sets the multicast bit, so that it cannot equal the address of a network
    // card (RFC 9562 §6.10).
    this.#node = (random.getBigUint64(0) & 0xffff_ffff_ffffn) | 0x0100_0000_0000n
  }

  /** @throws ValueError unless the clock returns whole milliseconds before the year 5236 */
  next(): TimeUuid {
    const nowMs = this.#clock.nowMs()
    if (!Number.isSafeInteger(nowMs)) throw noClock()
    const now = BigInt(nowMs) * ticksPerMs + epochTicks
    const ticks = now > this.#last ? now : this.#last + 1n
    const bytes = timeUuidBytes(ticks, this.#clockSequence, this.#node)
    this.#last = ticks
    return new TimeUuid(bytes)
  }
}

function noClock(): ValueError {
  return new ValueError(
    'The clock of a TimeUuidGenerator must have nowMs(), which returns whole milliseconds',
  )
}

function ticksOf(date: Date): bigint {
  const ms = msOfDate(date)
  if (Number.isNaN(ms)) throw new ValueError('Not an instant: expected a valid Date')
  return BigInt(ms) * ticksPerMs + epochTicks
}

function timeUuidBytes(ticks: bigint, clockSequence: bigint, node: bigint): Uint8Array {
  if (ticks < 0n || ticks > ticksMax) {
    throw new ValueError('A timeuuid cannot hold a time before 1582 or after 5236')
  }
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, Number(ticks & 0xffff_ffffn))
  view.setUint16(4, Number((ticks >> 32n) & 0xffffn))
  view.setUint16(6, Number(ticks >> 48n) | 0x1000)
  view.setBigUint64(8, (clockSequence << 48n) | node)
  return bytes
}
