import { ProtocolError } from '../errors/index.ts'
import type { WireReader, WireWriter } from '../protocol/index.ts'
import {
  putUnsignedVint,
  readUnsignedVint,
  unzigzag,
  vintBytesMax,
  vintLength,
  zigzag,
} from '../values/index.ts'

/** Appends an unsigned vint of at most 64 bits. */
export function encodeUnsignedVint(writer: WireWriter, value: bigint): void {
  writer.reserve(vintBytesMax)
  writer.offset = putUnsignedVint(writer.bytes, writer.offset, value)
}

/** Reads an unsigned vint and moves the reader; `end` bounds it. */
export function decodeUnsignedVint(reader: WireReader, end: number): bigint {
  const at = reader.offset
  if (at >= end || vintLength(reader.bytes[at]!) > end - at) {
    throw new ProtocolError('Malformed frame: it ends inside a vint')
  }
  reader.offset = at + vintLength(reader.bytes[at]!)
  return readUnsignedVint(reader.bytes, at)
}

/** Appends a signed vint of at most 64 bits. */
export function encodeVint(writer: WireWriter, value: bigint): void {
  encodeUnsignedVint(writer, zigzag(value))
}

/** Reads a signed vint and moves the reader; `end` bounds it. */
export function decodeVint(reader: WireReader, end: number): bigint {
  return unzigzag(decodeUnsignedVint(reader, end))
}
