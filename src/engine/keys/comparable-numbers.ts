import { type ByteWriter, readDecimal } from '../../values/index.ts'

/** A varint of at least this many significant bytes is encoded with its length (IntegerType). */
const fullFormBytes = 7

/**
 * IntegerType.asComparableBytes: up to six significant bytes as a variable-length integer; longer
 * ones as `sign byte · length − 7 · bytes`, the length inverted when negative.
 */
export function writeComparableVarint(sink: ByteWriter, value: Uint8Array): void {
  const isNegative = value[0]! >= 0x80
  const sign = isNegative ? 0xff : 0
  let start = 0
  if (value[0] === 0 || value[0] === 0xff) {
    while (start + 1 < value.length) {
      start++
      if (value[start] !== sign) break
    }
  }
  const length = value.length - start
  if (length < fullFormBytes) {
    writeVariableInteger(sink, value, start, isNegative)
    return
  }
  sink.writeByte(sign ^ 0xff)
  writeUnsigned(sink, length - fullFormBytes, sign)
  sink.write(value, start)
}

/** ByteSource.VariableLengthInteger of a number that fits 49 bits, which a double holds. */
function writeVariableInteger(
  sink: ByteWriter,
  value: Uint8Array,
  start: number,
  isNegative: boolean,
): void {
  const flip = isNegative ? 0xff : 0
  let magnitude = 0
  for (let i = start; i < value.length; i++) magnitude = magnitude * 256 + (value[i]! ^ flip)
  let bits = 1
  while (magnitude >= 2 ** bits) bits++
  const bytes = Math.floor(bits / 7) + 1
  // One bit for the sign and one for every further byte, then the number.
  const head = (-0x100 >> bytes) & 0xff
  for (let i = bytes - 1; i >= 0; i--) {
    const byte = Math.floor(magnitude / 256 ** i) % 256
    sink.writeByte((i === bytes - 1 ? byte | head : byte) ^ flip)
  }
}

/** ByteSource.VariableLengthUnsignedInteger of a small number, with every byte XOR `flip`. */
function writeUnsigned(sink: ByteWriter, value: number, flip: number): void {
  let extra = 0
  while (value >= 2 ** (7 * (extra + 1))) extra++
  const mask = (-0x100 >> extra) & 0xff
  for (let i = extra; i >= 0; i--) {
    const byte = (value >>> (8 * i)) & 0xff
    sink.writeByte((i === extra ? byte | mask : byte) ^ flip)
  }
}

/**
 * DecimalType.asComparableBytes: sign and length of the base-100 exponent, the exponent, then pairs
 * of digits of the mantissa in (−1, 1), ended by zero. Equal numbers have equal bytes.
 */
export function writeComparableDecimal(sink: ByteWriter, value: Uint8Array): void {
  const { scale, unscaled } = readDecimal(value)
  if (unscaled === 0n) {
    sink.writeByte(0x80)
    return
  }
  const isNegative = unscaled < 0n
  const digits = (isNegative ? -unscaled : unscaled).toString()
  const shift = scale - digits.length
  const isOdd = shift % 2 !== 0
  const exponent = -Math.floor(shift / 2)
  writeExponent(sink, isNegative ? -exponent : exponent, isNegative)
  writeMantissa(sink, digitPairs(isOdd ? `0${digits}` : digits), isNegative)
}

function writeExponent(sink: ByteWriter, exponent: number, isNegative: boolean): void {
  const length = 4 - Math.floor(Math.clz32(Math.abs(exponent)) / 8)
  sink.writeByte(0x40 + (exponent < 0 ? -length : length) + (isNegative ? 0 : 0x80))
  for (let i = length - 1; i >= 0; i--) sink.writeByte((exponent >> (8 * i)) & 0xff)
}

/** Pairs of decimal digits without trailing zero pairs. */
function digitPairs(digits: string): number[] {
  const even = digits.length % 2 === 0 ? digits : `${digits}0`
  const pairs: number[] = []
  for (let i = 0; i < even.length; i += 2) pairs.push(Number(even.slice(i, i + 2)))
  while (pairs.at(-1) === 0) pairs.pop()
  return pairs
}

/** The first pair carries the sign and is rounded to −∞, so that the rest is positive. */
function writeMantissa(sink: ByteWriter, pairs: readonly number[], isNegative: boolean): void {
  const last = pairs.length - 1
  for (let i = 0; i <= last; i++) {
    const pair = pairs[i]!
    if (!isNegative) sink.writeByte(0x80 + pair)
    else if (i === 0) sink.writeByte(0x80 - pair - (last > 0 ? 1 : 0))
    else sink.writeByte(0x80 + (i === last ? 100 - pair : 99 - pair))
  }
  sink.writeByte(0)
}
