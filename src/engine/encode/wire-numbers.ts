/** A varint's value: big-endian two's complement of any length. */
export function readVarint(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  if (bytes.length > 32) {
    // Byte after byte would take the square of their number.
    const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
    return BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`))
  }
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return BigInt.asIntN(bytes.length * 8, value)
}

/** A decimal: `unscaled · 10^−scale`. */
export interface WireDecimal {
  readonly scale: number
  readonly unscaled: bigint
}

export function readDecimal(bytes: Uint8Array): WireDecimal {
  const scale = (bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!
  return { scale, unscaled: readVarint(bytes.subarray(4)) }
}
