/**
 * A write timestamp in microseconds: an int64 as two 32-bit halves, because `USING TIMESTAMP` takes
 * any int64 and a BigInt per cell would cost more than the cell.
 */
export interface Timestamp {
  /** Upper half, signed. */
  readonly hi: number
  /** Lower half; compared unsigned, kept as the int32 of the same bits. */
  readonly lo: number
}

export function timestampOf(value: bigint): Timestamp {
  return {
    hi: Number(BigInt.asIntN(32, value >> 32n)),
    lo: Number(BigInt.asIntN(32, value)),
  }
}

/** @param micros a safe integer */
export function timestampOfMicros(micros: number): Timestamp {
  const hi = Math.floor(micros / 0x100000000)
  return { hi: hi | 0, lo: (micros - hi * 0x100000000) | 0 }
}

export function timestampToBigInt(hi: number, lo: number): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo >>> 0)
}

/** Negative, zero or positive, as `a` is before, at or after `b`. */
export function compareTimestamps(aHi: number, aLo: number, bHi: number, bLo: number): number {
  return aHi !== bHi ? (aHi < bHi ? -1 : 1) : (aLo >>> 0) - (bLo >>> 0)
}

/** One microsecond earlier: where the tombstone of an overwritten collection stands. */
export function timestampBefore(timestamp: Timestamp): Timestamp {
  const lo = (timestamp.lo - 1) | 0
  return { hi: lo === -1 ? (timestamp.hi - 1) | 0 : timestamp.hi, lo }
}
