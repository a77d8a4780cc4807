import { headerBytes, ProtocolVersion, responseBit } from '../protocol/index.ts'

/** Where the length of the body is in a frame header. */
const lengthOffset = 5

/**
 * Cuts a stream of bytes into frames of protocol v4, without looking into them. Bytes that are no
 * such frames, for example those of TLS, pass as they come.
 */
export class FrameSplitter {
  #parts: Buffer[] = []
  #partsBytes = 0
  #isOpaque = false

  /** Whether the bytes are no frames, so that they cannot be told apart. */
  get isOpaque(): boolean {
    return this.#isOpaque
  }

  /** @returns the frames that are complete now, or the bytes themselves when they are no frames */
  push(bytes: Buffer): readonly Buffer[] {
    if (this.#isOpaque) return [bytes]
    this.#parts.push(bytes)
    this.#partsBytes += bytes.length
    const frames: Buffer[] = []
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame)
    return frames
  }

  #next(): Buffer | undefined {
    const first = this.#parts[0]
    if (first === undefined || this.#isOpaque) return undefined
    if ((first[0]! & ~responseBit) !== ProtocolVersion.V4) {
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
