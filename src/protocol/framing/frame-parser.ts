import { ProtocolError } from '../../errors/index.ts'
import type { Compressor } from './compression.ts'
import {
  bodyBytesMax,
  HeaderFlag,
  headerBytes,
  ProtocolVersion,
  responseBit,
} from '../constants.ts'
import { asBuffer } from '../../util/index.ts'

export interface FrameHandler {
  /**
   * A whole frame: its body lies in `bytes` from `bodyStart` to `bodyEnd`, decompressed. The bytes
   * are the handler's only until it returns, since the connection reuses its read buffer.
   */
  onFrame(
    flags: number,
    streamId: number,
    opcode: number,
    bytes: Buffer,
    bodyStart: number,
    bodyEnd: number,
  ): void
  /**
   * A frame was longer than {@link FrameParser.frameBytesMax} and has been skipped, whatever its
   * opcode. Parsers without that limit never call it.
   */
  onFrameTooLarge?(streamId: number, frameBytes: number): void
}

/** The peer uses another protocol version; an ERROR response in ours can report that. */
export class VersionMismatchError extends ProtocolError {
  /** Version the peer's frame carries. */
  readonly version: number
  /** Stream of that frame. */
  readonly streamId: number
  constructor(version: number, streamId: number, expected: number) {
    super(`Invalid or unsupported protocol version (${version}); this side speaks ${expected}`)
    this.version = version
    this.streamId = streamId
  }
}

export interface FrameParserOptions {
  /** What the peer sends: a client parses responses, a node parses requests. */
  readonly direction: 'request' | 'response'
  readonly bodyBytesMax?: number
  /** See {@link FrameParser.frameBytesMax}. */
  readonly frameBytesMax?: number
}

/** A body up to this size gets its memory as soon as its header is known. */
const trustedBytesMax = 1024 * 1024

/**
 * Finds frames (native_protocol_v4.spec §2) in a stream of chunks. A frame that lies whole in a
 * chunk is handed over in place; a split one is copied once into memory of its size. A declared
 * length beyond 1 MiB is believed only as far as bytes arrive: memory is at most twice what was
 * received. After a throw the stream has lost its frame boundaries and the parser must not be used
 * again.
 */
export class FrameParser {
  /**
   * Set by a client before it sends a STARTUP that asks for compression: Cassandra compresses its
   * answer already.
   */
  compressor: Compressor | undefined = undefined
  /**
   * Bytes of the longest frame that is handed over, header included. A longer one is skipped; one
   * that is longer only once it is decompressed is an error.
   */
  frameBytesMax: number
  readonly #handler: FrameHandler
  readonly #responseBit: number
  #versionByte: number
  readonly #bodyBytesMax: number
  readonly #header: Buffer = Buffer.alloc(headerBytes)
  /** Bytes of a header that is not complete yet. */
  #headerLength = 0
  /** Body being collected, when a header is complete and its body is not. */
  #body: Buffer | undefined = undefined
  #bodyReceived = 0
  #bodyLength = 0
  /** Bytes of a frame that is too large which are still to come. */
  #skipBytes = 0
  #isStopped = false
  #isPaused = false

  constructor(handler: FrameHandler, options: FrameParserOptions) {
    this.#handler = handler
    this.#bodyBytesMax = options.bodyBytesMax ?? bodyBytesMax
    this.frameBytesMax = options.frameBytesMax ?? Number.POSITIVE_INFINITY
    this.#responseBit = options.direction === 'response' ? responseBit : 0
    this.#versionByte = ProtocolVersion.V4 | this.#responseBit
  }

  /** Accepts frames of this version, and no others, from now on. */
  useVersion(version: ProtocolVersion): void {
    this.#versionByte = version | this.#responseBit
  }

  /** Bytes held of a frame that is not complete. */
  get pendingBytes(): number {
    return this.#headerLength + this.#bodyReceived
  }

  /** Ignores the rest of the current chunk and all that follows. */
  stop(): void {
    this.#isStopped = true
    this.#body = undefined
  }

  /** Called by the handler: no further frame of the current chunk is handed over. */
  pause(): void {
    this.#isPaused = true
  }

  /**
   * Takes the bytes from `start` to `end`.
   *
   * @returns where it stopped: `end`, unless the handler paused it; the rest is to be pushed again
   * @throws ProtocolError on bytes that are no frames
   */
  push(chunk: Uint8Array, start: number = 0, end: number = chunk.length): number {
    const bytes = asBuffer(chunk)
    this.#isPaused = false
    let at = start
    if (this.#skipBytes > 0) at = this.#skip(at, end)
    if (this.#headerLength > 0 && at < end) at = this.#resume(bytes, at, end)
    while (end - at >= headerBytes && !this.#isStopped && !this.#isPaused) {
      const length = this.#readHeader(bytes, at)
      const bodyStart = at + headerBytes
      if (bodyStart - at + length > this.frameBytesMax) {
        this.#beginSkip(bytes, at, length)
        at = this.#skip(bodyStart, end)
        continue
      }
      if (length > end - bodyStart) break
      at = bodyStart + length
      this.#deliver(bytes, bodyStart - headerBytes, bytes, bodyStart, at)
    }
    if (this.#isStopped) return end
    if (at < end && !this.#isPaused) at = this.#resume(bytes, at, end)
    return at
  }

  #beginSkip(header: Buffer, at: number, length: number): void {
    if (header !== this.#header) header.copy(this.#header, 0, at, at + headerBytes)
    this.#headerLength = 0
    this.#bodyLength = length
    this.#skipBytes = length
  }

  /** Skips bytes of a frame that is too large; returns where the next frame starts. */
  #skip(at: number, end: number): number {
    const skipped = Math.min(this.#skipBytes, end - at)
    this.#skipBytes -= skipped
    if (this.#skipBytes === 0) {
      const frameBytes = headerBytes + this.#bodyLength
      this.#handler.onFrameTooLarge?.(this.#header.readInt16BE(2), frameBytes)
    }
    return at + skipped
  }

  /** Checks the header at `at` and returns the length of its body. */
  #readHeader(bytes: Buffer, at: number): number {
    if (bytes[at] !== this.#versionByte) this.#refuseVersion(bytes, at)
    const length =
      (bytes[at + 5]! << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!
    const isSkipped = headerBytes + length > this.frameBytesMax
    if (length < 0 || (length > this.#bodyBytesMax && !isSkipped)) {
      throw new ProtocolError(
        `A frame declares ${length >>> 0} bytes, at most ${this.#bodyBytesMax} are accepted`,
      )
    }
    return length
  }

  /** Versions 1 and 2 have a one-byte stream id, so four bytes say all that is needed. */
  #refuseVersion(bytes: Buffer, at: number): never {
    const first = bytes[at]!
    const expected = this.#versionByte
    if ((first & responseBit) !== (expected & responseBit)) {
      throw new ProtocolError(
        `A frame goes in the wrong direction: its first byte is 0x${first.toString(16)}`,
      )
    }
    const version = first & ~responseBit
    const streamId = version < 3 ? bytes.readInt8(at + 2) : bytes.readInt16BE(at + 2)
    throw new VersionMismatchError(version, streamId, expected & ~responseBit)
  }

  /** A compressed body may not hold more than a frame that is not compressed. */
  get #plainBytesMax(): number {
    return Math.min(this.#bodyBytesMax, this.frameBytesMax - headerBytes)
  }

  #deliver(header: Buffer, headerAt: number, bytes: Buffer, start: number, end: number): void {
    const flags = header[headerAt + 1]!
    const streamId = ((header[headerAt + 2]! << 24) >> 16) | header[headerAt + 3]!
    const opcode = header[headerAt + 4]!
    if ((flags & HeaderFlag.COMPRESSED) === 0) {
      this.#handler.onFrame(flags, streamId, opcode, bytes, start, end)
      return
    }
    const compressor = this.compressor
    if (compressor === undefined) {
      throw new ProtocolError('A frame is compressed, but no compression was negotiated')
    }
    const plainFlags = flags & ~HeaderFlag.COMPRESSED
    // An empty body has nothing to decompress, whatever its flag says.
    const body =
      start === end
        ? bytes.subarray(0, 0)
        : asBuffer(compressor.decompress(bytes.subarray(start, end), this.#plainBytesMax))
    this.#handler.onFrame(plainFlags, streamId, opcode, body, 0, body.length)
  }

  /** Adds bytes to the frame that is not complete; returns where the next frame starts. */
  #resume(bytes: Buffer, start: number, end: number): number {
    let at = start
    if (this.#headerLength < headerBytes) {
      const taken = Math.min(headerBytes - this.#headerLength, end - at)
      bytes.copy(this.#header, this.#headerLength, at, at + taken)
      this.#headerLength += taken
      at += taken
      if (this.#headerLength >= 4 && this.#header[0] !== this.#versionByte) {
        this.#refuseVersion(this.#header, 0)
      }
      if (this.#headerLength < headerBytes) return at
      this.#bodyLength = this.#readHeader(this.#header, 0)
      if (headerBytes + this.#bodyLength > this.frameBytesMax) {
        this.#beginSkip(this.#header, 0, this.#bodyLength)
        return this.#skip(at, end)
      }
      this.#body = Buffer.allocUnsafeSlow(Math.min(this.#bodyLength, trustedBytesMax))
    }
    const taken = Math.min(this.#bodyLength - this.#bodyReceived, end - at)
    this.#collect(bytes, at, taken)
    at += taken
    if (this.#bodyReceived === this.#bodyLength) {
      const body = this.#body!
      this.#body = undefined
      this.#headerLength = 0
      this.#bodyReceived = 0
      this.#deliver(this.#header, 0, body, 0, this.#bodyLength)
    }
    return at
  }

  #collect(bytes: Buffer, at: number, byteCount: number): void {
    const received = this.#bodyReceived + byteCount
    let body = this.#body!
    if (received > body.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#bodyLength, received * 2))
      body.copy(grown, 0, 0, this.#bodyReceived)
      body = grown
      this.#body = grown
    }
    bytes.copy(body, this.#bodyReceived, at, at + byteCount)
    this.#bodyReceived = received
  }
}
