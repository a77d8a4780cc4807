import { ProtocolError } from '../errors/index.ts'
import type { WireReader, WireWriter } from '../protocol/index.ts'

// [unsigned vint] (native_protocol_v5.spec §3): as many leading one bits in the first byte as bytes
// follow it; the rest of its bits are the highest of the number. [vint] is zigzag over that.

/** Appends an unsigned vint of at most 64 bits. */
export function writeUnsignedVint(writer: WireWriter, value: bigint): void {
  if (value < 0x80n) {
    writer.writeByte(Number(value))
    return
  }
  let extra = 1
  while (extra < 8 && value >> BigInt(7 + 7 * extra) > 0n) extra++
  writer.reserve(9)
  const at = writer.offset
  let rest = value
  for (let i = extra; i >= 0; i--) {
    writer.bytes[at + i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  // Eight bytes follow a first byte that is all ones; the loop left no bits for it then.
  writer.bytes[at] = writer.bytes[at]! | (0xff00 >> extra)
  writer.offset = at + extra + 1
}

/** Reads an unsigned vint and moves the reader; `end` bounds it. */
export function readUnsignedVint(reader: WireReader, end: number): bigint {
  const at = reader.offset
  if (at >= end) throw cutVint()
  const first = reader.bytes[at]!
  const extra = Math.clz32(~(first << 24))
  if (extra > end - at - 1) throw cutVint()
  let value = extra >= 7 ? 0n : BigInt(first & (0xff >> extra))
  for (let i = 1; i <= extra; i++) value = (value << 8n) | BigInt(reader.bytes[at + i]!)
  reader.offset = at + extra + 1
  return value
}

/** Appends a signed vint of at most 64 bits. */
export function writeVint(writer: WireWriter, value: bigint): void {
  writeUnsignedVint(writer, BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)))
}

export function readVint(reader: WireReader, end: number): bigint {
  const zigzag = readUnsignedVint(reader, end)
  return (zigzag >> 1n) ^ -(zigzag & 1n)
}

function cutVint(): ProtocolError {
  return new ProtocolError('Malformed frame: it ends inside a vint')
}
