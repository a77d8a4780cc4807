/*
 * [unsigned vint] (native_protocol_v5.spec §3): as many leading one bits in the first byte as bytes
 * follow it; the rest of its bits are the highest of the number. [vint] is zigzag over that.
 */

/** Bytes of the longest vint. */
export const vintBytesMax = 9

/** Bytes of the vint that begins with a byte. */
export function vintLength(firstByte: number): number {
  return Math.clz32(~(firstByte << 24)) + 1
}

/** The unsigned vint at `at`, whose bytes are all there. */
export function readUnsignedVint(bytes: Uint8Array, at: number): bigint {
  const first = bytes[at]!
  const extra = vintLength(first) - 1
  let value = extra >= 7 ? 0n : BigInt(first & (0xff >> extra))
  for (let i = 1; i <= extra; i++) value = (value << 8n) | BigInt(bytes[at + i]!)
  return value
}

/** The unsigned vint at `at` as a number, exact up to 2⁵³: of lengths, which are never larger. */
export function readLengthVint(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  const extra = vintLength(first) - 1
  let value = extra >= 7 ? 0 : first & (0xff >> extra)
  for (let i = 1; i <= extra; i++) value = value * 256 + bytes[at + i]!
  return value
}

/** Writes an unsigned vint of at most 64 bits and returns the offset behind it. */
export function putUnsignedVint(bytes: Uint8Array, at: number, value: bigint): number {
  if (value < 0x80n) {
    bytes[at] = Number(value)
    return at + 1
  }
  let extra = 1
  while (extra < 8 && value >> BigInt(7 + 7 * extra) > 0n) extra++
  let rest = value
  for (let i = extra; i >= 0; i--) {
    bytes[at + i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  // Eight bytes follow a first byte that is all ones; the loop left no bits for it then.
  bytes[at] = bytes[at]! | (0xff00 >> extra)
  return at + extra + 1
}

/** The unsigned integer that stands for a signed one of 64 bits in a vint. */
export function zigzag(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
}

/** The signed integer that `zigzag` made an unsigned one of. */
export function unzigzag(value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n)
}
