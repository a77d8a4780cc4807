import { ConfigError, type Consistency, ConsistencyCode } from '../../errors/index.ts'
import type { Inet } from '../../types/index.ts'
import { asBuffer } from '../../util/index.ts'
import { utf8Write } from './utf8.ts'

/** Largest length in a [short] and in an [int] (native_protocol_v4.spec §3). */
export const shortMax = 0xffff
export const intMax = 0x7fff_ffff

/** Above this many characters the exact UTF-8 length is computed before room is made. */
const estimateCharsMax = 16 * 1024

/** Up to this many characters a loop costs less than the call that encodes UTF-8. */
const asciiLoopCharsMax = 24

/**
 * Writes the notations of native_protocol_v4.spec §3 into memory that grows. A connection owns one
 * and encodes frame after frame into it; an encoder that throws leaves bytes beyond the frame's
 * start, which are undone by setting `offset` back to it. Growing keeps offsets valid, not `bytes`.
 */
export class WireWriter {
  bytes: Buffer
  view: DataView
  /** Offset of the next byte. */
  offset = 0

  constructor(capacity: number = 4096) {
    this.bytes = Buffer.allocUnsafeSlow(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Makes room for `byteCount` more bytes. */
  reserve(byteCount: number): void {
    if (this.offset + byteCount > this.bytes.length) this.#grow(byteCount)
  }

  /** Continues at the start of other memory. The bytes written before are not copied. */
  adopt(bytes: Uint8Array): void {
    this.bytes = asBuffer(bytes)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.offset = 0
  }

  /** Returns the written bytes with their memory. The writer continues in new memory. */
  detach(capacityNext: number = 4096): Buffer {
    const written = this.bytes.subarray(0, this.offset)
    this.adopt(Buffer.allocUnsafeSlow(capacityNext))
    return written
  }

  /** Returns a copy of the bytes written from `start` on. */
  copyFrom(start: number): Uint8Array {
    return new Uint8Array(this.bytes.subarray(start, this.offset))
  }

  #grow(byteCount: number): void {
    const needed = this.offset + byteCount
    if (needed > intMax) throw tooLong('A frame', needed, intMax, 'bytes')
    const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(needed, this.bytes.length * 2), intMax))
    this.bytes.copy(grown, 0, 0, this.offset)
    this.bytes = grown
    this.view = new DataView(grown.buffer)
  }

  writeByte(value: number): void {
    this.reserve(1)
    this.bytes[this.offset++] = value
  }

  writeShort(value: number): void {
    this.reserve(2)
    const at = this.offset
    this.bytes[at] = value >> 8
    this.bytes[at + 1] = value
    this.offset = at + 2
  }

  writeInt(value: number): void {
    this.reserve(4)
    const at = this.offset
    this.offset = at + 4
    this.patchInt(at, value)
  }

  /** Overwrites the four bytes at `at`, for lengths known only afterwards. */
  patchInt(at: number, value: number): void {
    const bytes = this.bytes
    bytes[at] = value >> 24
    bytes[at + 1] = value >> 16
    bytes[at + 2] = value >> 8
    bytes[at + 3] = value
  }

  writeLong(value: bigint): void {
    this.reserve(8)
    this.view.setBigInt64(this.offset, value)
    this.offset += 8
  }

  /** A [long] given as a safe integer: no BigInt is made. */
  writeLongOfNumber(value: number): void {
    this.reserve(8)
    this.view.setInt32(this.offset, Math.floor(value / 4_294_967_296))
    this.view.setInt32(this.offset + 4, value | 0)
    this.offset += 8
  }

  /** Bytes as they are, without a length. */
  writeRaw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.offset)
    this.offset += bytes.length
  }

  /** Writes UTF-8 without a length. Returns the number of bytes. */
  writeUtf8(text: string): number {
    if (this.#writeShortAscii(text)) return text.length
    const room = text.length > estimateCharsMax ? Buffer.byteLength(text) : text.length * 3
    this.reserve(room)
    const written = utf8Write(this.bytes, text, this.offset, room)
    this.offset += written
    return written
  }

  /** Writes a short text of ASCII. @returns false, with the offset as it was, for any other text */
  #writeShortAscii(text: string): boolean {
    const { length } = text
    if (length > asciiLoopCharsMax) return false
    this.reserve(length)
    const { bytes, offset } = this
    let units = 0
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      units |= unit
      bytes[offset + i] = unit
    }
    if (units > 0x7f) return false
    this.offset = offset + length
    return true
  }

  /** [bytes] of a short text of ASCII. @returns false when it is another: nothing was written */
  writeShortAsciiCell(text: string): boolean {
    this.reserve(4 + asciiLoopCharsMax)
    const start = this.offset
    this.offset = start + 4
    if (this.#writeShortAscii(text)) {
      this.patchInt(start, text.length)
      return true
    }
    this.offset = start
    return false
  }

  /** [string] */
  writeString(text: string): void {
    // Up to a third of the limit no text can be too long, whatever its characters.
    if (text.length > shortMax / 3) {
      const byteCount = Buffer.byteLength(text)
      if (byteCount > shortMax) throw tooLong('A [string]', byteCount, shortMax, 'bytes')
    }
    const start = this.offset
    this.writeShort(0)
    const byteCount = this.writeUtf8(text)
    this.bytes[start] = byteCount >> 8
    this.bytes[start + 1] = byteCount
  }

  /** [long string] */
  writeLongString(text: string): void {
    const start = this.offset
    this.writeInt(0)
    this.patchInt(start, this.writeUtf8(text))
  }

  /** [bytes]; null is a length of −1. */
  writeBytes(bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.writeInt(-1)
      return
    }
    if (bytes.length > intMax) throw tooLong('A value', bytes.length, intMax, 'bytes')
    this.reserve(4 + bytes.length)
    this.writeInt(bytes.length)
    this.writeRaw(bytes)
  }

  /** [short bytes] */
  writeShortBytes(bytes: Uint8Array): void {
    if (bytes.length > shortMax) throw tooLong('A [short bytes]', bytes.length, shortMax, 'bytes')
    this.reserve(2 + bytes.length)
    this.writeShort(bytes.length)
    this.writeRaw(bytes)
  }

  /** A [short] that counts items. */
  writeCount(what: string, count: number): void {
    if (count > shortMax) throw tooLong(what, count, shortMax, 'items')
    this.writeShort(count)
  }

  /** [string list] */
  writeStringList(texts: readonly string[]): void {
    this.writeCount('A [string list]', texts.length)
    for (const text of texts) this.writeString(text)
  }

  /** [string map] */
  writeStringMap(map: ReadonlyMap<string, string>): void {
    this.writeCount('A [string map]', map.size)
    for (const [key, value] of map) {
      this.writeString(key)
      this.writeString(value)
    }
  }

  /** [string multimap] */
  writeStringMultimap(map: ReadonlyMap<string, readonly string[]>): void {
    this.writeCount('A [string multimap]', map.size)
    for (const [key, values] of map) {
      this.writeString(key)
      this.writeStringList(values)
    }
  }

  /** [bytes map] */
  writeBytesMap(map: ReadonlyMap<string, Uint8Array | null>): void {
    this.writeCount('A [bytes map]', map.size)
    for (const [key, value] of map) {
      this.writeString(key)
      this.writeBytes(value)
    }
  }

  /** [uuid], 16 bytes. */
  writeUuid(bytes: Uint8Array): void {
    if (bytes.length !== 16) throw new ConfigError(`A UUID has 16 bytes, not ${bytes.length}`)
    this.writeRaw(bytes)
  }

  /** [inetaddr]: size of the address, address. */
  writeInetAddress(address: Inet): void {
    const bytes = address.toBytes()
    this.writeByte(bytes.length)
    this.writeRaw(bytes)
  }

  /** [inet]: size of the address, address, port. */
  writeInet(address: Inet, port: number): void {
    this.writeInetAddress(address)
    this.writeInt(port)
  }

  /** [consistency] */
  writeConsistency(consistency: Consistency): void {
    this.writeShort(ConsistencyCode[consistency])
  }
}

/** What was to be written does not fit its length field. */
function tooLong(
  what: string,
  count: number,
  countMax: number,
  unit: 'bytes' | 'items',
): ConfigError {
  return new ConfigError(`${what} is too long: ${count} ${unit}, at most ${countMax} are possible`)
}
