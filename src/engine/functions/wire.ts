/** Numbers and texts in wire encoding (native_protocol_v4.spec §6). */

export function int32Bytes(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value])
}

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

export function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function int32Of(bytes: Uint8Array): number {
  return (bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!
}

export function int64Of(bytes: Uint8Array): bigint {
  return asBuffer(bytes).readBigInt64BE(0)
}

/** Two's complement big-endian of any length: tinyint … bigint, varint. */
export function integerOf(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return BigInt.asIntN(bytes.length * 8, value)
}

/** `[int length][bytes]`, null as −1. */
export function concatCells(cells: readonly (Uint8Array | null)[], head?: Uint8Array): Uint8Array {
  let length = head?.length ?? 0
  for (const cell of cells) length += 4 + (cell?.length ?? 0)
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  if (head !== undefined) {
    bytes.set(head)
    at = head.length
  }
  for (const cell of cells) {
    at = bytes.writeInt32BE(cell === null ? -1 : cell.length, at)
    if (cell !== null) {
      bytes.set(cell, at)
      at += cell.length
    }
  }
  return bytes
}

/** A list or set of its elements; a map of its keys and values in turn, counted in pairs. */
export function collectionBytes(cells: readonly Uint8Array[], count: number): Uint8Array {
  return concatCells(cells, int32Bytes(count))
}

/** An unsigned vint of a small length (native_protocol_v5.spec §3). */
function lengthVint(length: number): Uint8Array {
  if (length < 0x80) return new Uint8Array([length])
  if (length < 0x4000) return new Uint8Array([0x80 | (length >> 8), length])
  if (length < 0x200000) return new Uint8Array([0xc0 | (length >> 16), length >> 8, length])
  return new Uint8Array([0xe0 | (length >> 24), length >> 16, length >> 8, length])
}

/** A vector: elements of fixed length back to back, others each behind its length. */
export function vectorBytes(elements: readonly Uint8Array[], isFixed: boolean): Uint8Array {
  if (isFixed) return Buffer.concat(elements)
  return Buffer.concat(elements.flatMap((element) => [lengthVint(element.length), element]))
}
