import { ProtocolError } from '../../errors/index.ts'
import { asBuffer } from '../../util/index.ts'
import { headerBytes } from '../constants.ts'
import type { WireWriter } from '../notation/writer.ts'
import { compressBytesMin, type Lz4Compressor } from './compression.ts'
import { headerCrc24, payloadCrc32 } from './crc.ts'
import type { FrameParser } from './frame-parser.ts'

// <header><crc24 of the header><payload><crc32 of the payload>, little-endian. The header is
// <payload length:17 bits><is self-contained:1><padding:6>, and with compression
// <payload length:17><length when decompressed:17><is self-contained:1><padding:5>, where 0 bytes
// when decompressed mean that the payload is not compressed (native_protocol_v5.spec §2.2).

/** Bytes of a segment's payload at most. */
export const segmentPayloadBytesMax = 0x1ffff
/** Frames of split segments up to this size lie in memory that the next one is read into. */
export const reusedSegmentBytesMax: number = 64 * 1024

const headerCrcBytes = 3
const payloadCrcBytes = 4
const plainHeaderBytes = 3
/** In a header without compression; the bits above are padding, and mean nothing. */
const selfContainedBit: number = 1 << 17
const compressedHeaderBytes = 5

/** Puts the frames of a connection of v5 into segments. */
export class SegmentSealer {
  /** Bytes in front of a payload. */
  readonly headBytes: number
  /** Bytes behind a payload. */
  readonly tailBytes: number = payloadCrcBytes
  readonly #compressor: Lz4Compressor | undefined

  constructor(compressor: Lz4Compressor | undefined) {
    this.#compressor = compressor
    const own = compressor === undefined ? plainHeaderBytes : compressedHeaderBytes
    this.headBytes = own + headerCrcBytes
  }

  /** Whether so many bytes of whole frames become one segment where they lie. */
  fitsInPlace(payloadBytes: number): boolean {
    if (this.#compressor !== undefined && payloadBytes >= compressBytesMin) return false
    return payloadBytes <= segmentPayloadBytesMax
  }

  /**
   * Makes a segment of the frames that begin `headBytes` behind `start`, and end at the writer's
   * offset: {@link fitsInPlace}.
   */
  sealInPlace(writer: WireWriter, start: number): void {
    const payloadBytes = writer.offset - start - this.headBytes
    writer.reserve(payloadCrcBytes)
    const bytes = asBuffer(writer.bytes)
    this.#finish(bytes, start, payloadBytes, 0, true)
    writer.offset += payloadCrcBytes
  }

  /** Copies whole frames into segments. A frame that is longer than a segment has its own. */
  seal(frames: Uint8Array): Uint8Array {
    const bytes = asBuffer(frames)
    const segments: Buffer[] = []
    let start = 0
    for (let at = 0; at < bytes.length; ) {
      const end = at + headerBytes + bytes.readInt32BE(at + headerBytes - 4)
      if (end - start > segmentPayloadBytesMax && at > start) {
        segments.push(this.#segment(bytes.subarray(start, at), true))
        start = at
      }
      if (end - at > segmentPayloadBytesMax) {
        for (; start < end; start += segmentPayloadBytesMax) {
          const part = bytes.subarray(start, Math.min(end, start + segmentPayloadBytesMax))
          segments.push(this.#segment(part, false))
        }
        start = end
      }
      at = end
    }
    if (start < bytes.length) segments.push(this.#segment(bytes.subarray(start), true))
    return segments.length === 1 ? segments[0]! : Buffer.concat(segments)
  }

  #segment(plain: Buffer, isSelfContained: boolean): Buffer {
    const block =
      plain.length < compressBytesMin ? undefined : this.#compressor?.compressBlock(plain)
    const payload = block === undefined || block.length >= plain.length ? plain : asBuffer(block)
    const { headBytes } = this
    const segment = Buffer.allocUnsafeSlow(headBytes + payload.length + payloadCrcBytes)
    payload.copy(segment, headBytes)
    this.#finish(segment, 0, payload.length, payload === plain ? 0 : plain.length, isSelfContained)
    return segment
  }

  /** Writes header and checksums around a payload that is there. */
  #finish(
    bytes: Buffer,
    start: number,
    payloadBytes: number,
    plainBytes: number,
    isSelfContained: boolean,
  ): void {
    const lengthAndMore = payloadBytes | (plainBytes << 17)
    let crcAt = start + plainHeaderBytes
    if (this.#compressor === undefined) {
      bytes.writeUIntLE(
        payloadBytes | (isSelfContained ? selfContainedBit : 0),
        start,
        plainHeaderBytes,
      )
    } else {
      bytes.writeInt32LE(lengthAndMore, start)
      bytes[start + 4] = (plainBytes >> 15) | (isSelfContained ? 1 << 2 : 0)
      crcAt = start + compressedHeaderBytes
    }
    bytes.writeUIntLE(headerCrc24(bytes, start, crcAt - start), crcAt, headerCrcBytes)
    const payloadAt = crcAt + headerCrcBytes
    const end = payloadAt + payloadBytes
    bytes.writeUInt32LE(payloadCrc32(bytes, payloadAt, end), end)
  }
}

/**
 * Finds segments in a stream of chunks, checks them, and hands their frames to a parser. A segment
 * that lies whole in a chunk is read in place; a split one is copied once. After a throw the parser
 * must not be used again.
 */
export class SegmentParser {
  readonly #frames: FrameParser
  readonly #compressor: Lz4Compressor | undefined
  readonly #headBytes: number
  readonly #reused: Buffer = Buffer.allocUnsafeSlow(reusedSegmentBytesMax)
  /** A segment of which not all bytes are here yet. */
  #partial: Buffer = this.#reused
  #partialBytes = 0
  // What the header that was read last says.
  #payloadBytes = 0
  #plainBytes = 0
  #isSelfContained = false

  constructor(frames: FrameParser, compressor: Lz4Compressor | undefined) {
    this.#frames = frames
    this.#compressor = compressor
    const own = compressor === undefined ? plainHeaderBytes : compressedHeaderBytes
    this.#headBytes = own + headerCrcBytes
  }

  /** Takes the bytes from `start` to `end`. @throws ProtocolError on bytes that are no segments */
  push(chunk: Uint8Array, start: number = 0, end: number = chunk.length): void {
    const bytes = asBuffer(chunk)
    let at = start
    if (this.#partialBytes > 0) at = this.#resume(bytes, at, end)
    while (end - at >= this.#headBytes) {
      this.#readHeader(bytes, at)
      const segmentBytes = this.#headBytes + this.#payloadBytes + payloadCrcBytes
      if (segmentBytes > end - at) {
        this.#makeRoom(segmentBytes)
        break
      }
      this.#deliver(bytes, at)
      at += segmentBytes
    }
    if (at < end) this.#keep(bytes, at, end)
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const taken = bytes.copy(this.#partial, this.#partialBytes, start, end)
    this.#partialBytes += taken
  }

  /** Makes room for a segment whose header is complete. */
  #makeRoom(segmentBytes: number): void {
    if (segmentBytes <= this.#partial.length) return
    const own = Buffer.allocUnsafeSlow(segmentBytes)
    this.#partial.copy(own, 0, 0, this.#partialBytes)
    this.#partial = own
  }

  /** Completes the partial segment; returns where the next one starts. */
  #resume(bytes: Buffer, start: number, end: number): number {
    let at = start
    if (this.#partialBytes < this.#headBytes) {
      const taken = Math.min(this.#headBytes - this.#partialBytes, end - at)
      this.#keep(bytes, at, at + taken)
      at += taken
      if (this.#partialBytes < this.#headBytes) return at
    }
    this.#readHeader(this.#partial, 0)
    const segmentBytes = this.#headBytes + this.#payloadBytes + payloadCrcBytes
    this.#makeRoom(segmentBytes)
    const missing = segmentBytes - this.#partialBytes
    const taken = Math.min(missing, end - at)
    this.#keep(bytes, at, at + taken)
    if (taken === missing) {
      const segment = this.#partial
      this.#partial = this.#reused
      this.#partialBytes = 0
      this.#deliver(segment, 0)
    }
    return at + taken
  }

  #readHeader(bytes: Buffer, at: number): void {
    const ownBytes = this.#headBytes - headerCrcBytes
    const crc = bytes.readUIntLE(at + ownBytes, headerCrcBytes)
    if (crc !== headerCrc24(bytes, at, ownBytes)) {
      throw new ProtocolError('The header of a segment has another checksum than its bytes')
    }
    const low = bytes.readUIntLE(at, 3)
    this.#payloadBytes = low & segmentPayloadBytesMax
    if (this.#compressor === undefined) {
      this.#isSelfContained = (low & selfContainedBit) !== 0
      return
    }
    const high = bytes[at + 4]!
    this.#plainBytes = (low >> 17) | (bytes[at + 3]! << 7) | ((high & 3) << 15)
    this.#isSelfContained = (high & 4) !== 0
  }

  #deliver(bytes: Buffer, at: number): void {
    const start = at + this.#headBytes
    const end = start + this.#payloadBytes
    if (bytes.readUInt32LE(end) !== payloadCrc32(bytes, start, end)) {
      throw new ProtocolError('A segment has another checksum than its bytes')
    }
    const frames = this.#frames
    if (this.#isSelfContained && frames.pendingBytes > 0) {
      throw new ProtocolError('A frame ends in a segment that begins another one')
    }
    const plainBytes = this.#plainBytes
    if (plainBytes === 0) frames.push(bytes, start, end)
    else {
      const block = bytes.subarray(start, end)
      const plain = this.#compressor!.decompressBlock(block, plainBytes)
      frames.push(plain)
    }
    if (this.#isSelfContained && frames.pendingBytes > 0) {
      throw new ProtocolError('A frame goes on behind a segment that is said to contain it')
    }
  }
}
