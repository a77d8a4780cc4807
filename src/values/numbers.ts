/*
 * Numbers and texts in wire encoding (native_protocol_v4.spec §6): big-endian, two's complement.
 */

import { asBuffer } from '../util/index.ts'

/** A 32-bit integer at `at`. */
export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

/** The value of an int. */
export function int32Of(bytes: Uint8Array): number {
  return readInt32(bytes, 0)
}

/** The value of a bigint, counter, timestamp or time. */
export function int64Of(bytes: Uint8Array): bigint {
  return asBuffer(bytes).readBigInt64BE(0)
}

/**
 * A 64-bit integer at `at` as a number, without a BigInt: exact up to ±(2⁵³−1), and beyond that
 * rounded to a number that is beyond it too.
 */
export function readLongAsNumber(view: DataView, at: number): number {
  return view.getInt32(at) * 4_294_967_296 + view.getUint32(at + 4)
}

export function int32Bytes(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value])
}

/** The lowest 64 bits of an integer. */
export function int64Bytes(value: bigint): Uint8Array {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64BE(BigInt.asIntN(64, value))
  return bytes
}

export function doubleBytes(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleBE(value)
  return bytes
}

export function floatBytes(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeFloatBE(value)
  return bytes
}

export function textBytes(text: string): Uint8Array {
  return Buffer.from(text, 'utf8')
}

/** Up to this length an integer is read without a BigInt. */
const smallBytesMax = 6

/**
 * The integer of any length between `start` and `end`, minimal or not; zero when it is empty. The
 * time is linear in the length, which adding byte after byte to a BigInt would not be.
 */
export function readVarint(bytes: Uint8Array, start = 0, end: number = bytes.length): bigint {
  const length = end - start
  if (length === 0) return 0n
  if (length <= smallBytesMax) {
    let value = (bytes[start]! << 24) >> 24
    for (let i = start + 1; i < end; i++) value = value * 256 + bytes[i]!
    return BigInt(value)
  }
  const buffer = asBuffer(bytes)
  if (length === 8) return buffer.readBigInt64BE(start)
  return BigInt.asIntN(length * 8, BigInt(`0x${buffer.toString('hex', start, end)}`))
}

/** The shortest two's complement of an integer, in linear time. */
export function varintBytes(value: bigint): Uint8Array {
  // The sign needs a bit of its own, so −128 takes one byte and 128 two.
  const bits = (value < 0n ? ~value : value).toString(16).length * 4 + 1
  const byteCount = Math.ceil(bits / 8)
  const hex = BigInt.asUintN(byteCount * 8, value)
    .toString(16)
    .padStart(byteCount * 2, '0')
  const bytes = Buffer.from(hex, 'hex')
  // Digits were rounded up to four bits: one byte may only repeat the sign.
  const isPadded = (bytes[0] === 0 && bytes[1]! < 0x80) || (bytes[0] === 0xff && bytes[1]! >= 0x80)
  return isPadded ? bytes.subarray(1) : bytes
}

/** A decimal in wire encoding: `unscaled · 10^−scale`. */
export interface WireDecimal {
  readonly scale: number
  readonly unscaled: bigint
}

/** The value of a decimal: its scale as int, then the unscaled value as varint. */
export function readDecimal(bytes: Uint8Array): WireDecimal {
  return { scale: readInt32(bytes, 0), unscaled: readVarint(bytes, 4) }
}
