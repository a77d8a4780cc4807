import {
  FrameParser,
  headerBytes,
  ProtocolVersion,
  responseBit,
  SegmentParser,
} from '../protocol/index.ts'

/** Where the length of the body is in a frame header. */
const lengthOffset = 5

/**
 * Cuts a stream of bytes into frames, without looking into them: of protocol v4, and of v5 from
 * {@link beginSegments} on. Bytes that are no such frames, for example those of TLS, pass as they
 * come.
 */
export class FrameSplitter {
  readonly #direction: 'request' | 'response'
  #parts: Buffer[] = []
  #partsBytes = 0
  #isOpaque = false
  #segments: SegmentParser | undefined
  /** Frames of the segments that are being pushed. */
  #found: Buffer[] = []

  constructor(direction: 'request' | 'response') {
    this.#direction = direction
  }

  /** Whether the bytes are no frames, so that they cannot be told apart. */
  get isOpaque(): boolean {
    return this.#isOpaque
  }

  /** Lets all that follows pass as it comes. */
  beginOpaque(): void {
    this.#isOpaque = true
  }

  /** Called when v5 was negotiated: what follows are segments (native_protocol_v5.spec §2). */
  beginSegments(): void {
    const frames = new FrameParser(
      {
        onFrame: (flags, streamId, opcode, bytes, start, end) => {
          const frame = Buffer.allocUnsafe(headerBytes + end - start)
          const bit = this.#direction === 'response' ? responseBit : 0
          frame[0] = ProtocolVersion.V5 | bit
          frame[1] = flags
          frame.writeInt16BE(streamId, 2)
          frame[4] = opcode
          frame.writeInt32BE(end - start, lengthOffset)
          bytes.copy(frame, headerBytes, start, end)
          this.#found.push(frame)
        },
      },
      { direction: this.#direction },
    )
    frames.useVersion(ProtocolVersion.V5)
    this.#segments = new SegmentParser(frames, undefined)
  }

  /**
   * @returns the frames that are complete now, or the bytes themselves when they are no frames
   * @throws ProtocolError on bytes that are no segments, where there have to be segments
   */
  push(bytes: Buffer): readonly Buffer[] {
    if (this.#segments !== undefined) return this.#pushSegments(this.#segments, bytes)
    if (this.#isOpaque) return [bytes]
    this.#parts.push(bytes)
    this.#partsBytes += bytes.length
    const frames: Buffer[] = []
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame)
    return frames
  }

  #pushSegments(segments: SegmentParser, bytes: Buffer): readonly Buffer[] {
    this.#found = []
    if (this.#partsBytes > 0) segments.push(this.#take(this.#partsBytes))
    segments.push(bytes)
    return this.#found
  }

  #next(): Buffer | undefined {
    const first = this.#parts[0]
    if (first === undefined || this.#isOpaque) return undefined
    const version = first[0]! & ~responseBit
    if (version !== ProtocolVersion.V4 && version !== ProtocolVersion.V5) {
      this.#isOpaque = true
      return this.#take(this.#partsBytes)
    }
    if (this.#partsBytes < headerBytes) return undefined
    const header = first.length >= headerBytes ? first : this.#joined()
    const frameBytes = headerBytes + header.readUInt32BE(lengthOffset)
    return this.#partsBytes < frameBytes ? undefined : this.#take(frameBytes)
  }

  #take(count: number): Buffer {
    const all = this.#joined()
    const rest = all.subarray(count)
    this.#parts = rest.length === 0 ? [] : [rest]
    this.#partsBytes = rest.length
    return all.subarray(0, count)
  }

  #joined(): Buffer {
    if (this.#parts.length > 1) this.#parts = [Buffer.concat(this.#parts)]
    return this.#parts[0]!
  }
}
