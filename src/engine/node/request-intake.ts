import {
  type Compressor,
  type FrameHandler,
  FrameParser,
  type OutputBuffer,
} from '../../protocol/index.ts'
import type { AnswerMemory } from '../answer-memory.ts'
import type { NodeOutput } from './node-output.ts'

/** Cassandra's `native_transport_max_message_size`: the longest request, header included. */
const requestBytesMax = 16 * 1024 * 1024
/** The longest request of a client that has not logged in. */
const handshakeRequestBytesMax = 256 * 1024

export interface RequestIntakeOptions {
  readonly handler: FrameHandler
  /**
   * Called when the bytes are not frames. The parser is then not used again unless it is renewed.
   */
  readonly onMalformed: (error: unknown) => void
  readonly output: OutputBuffer
  readonly peer: NodeOutput
  readonly memory: AnswerMemory
}

/**
 * Hands the requests of one client over as they come, and keeps them waiting while the client has
 * as many unread answers as it may have.
 */
export class RequestIntake {
  readonly #options: RequestIntakeOptions
  #parser: FrameParser
  /** Whether frames are being handed over: their answers leave together afterwards. */
  #isReceiving = false
  /** Whether requests wait until the client has read its answers. */
  #isHeld = false
  #isClosed = false
  /** What the client sent while its requests wait. */
  #backlog: Uint8Array[] = []

  constructor(options: RequestIntakeOptions) {
    this.#options = options
    this.#parser = this.#newParser()
  }

  get isReceiving(): boolean {
    return this.#isReceiving
  }

  get frameBytesMax(): number {
    return this.#parser.frameBytesMax
  }

  /** Requests of the size that logged-in clients may send are accepted from now on. */
  acceptFullSize(): void {
    this.#parser.frameBytesMax = requestBytesMax
  }

  useCompressor(compressor: Compressor): void {
    this.#parser.compressor = compressor
  }

  /** Drops what came so far, which was of another protocol version. */
  renewParser(): void {
    this.#parser = this.#newParser()
  }

  #newParser(): FrameParser {
    const frameBytesMax = handshakeRequestBytesMax
    return new FrameParser(this.#options.handler, { direction: 'request', frameBytesMax })
  }

  push(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isClosed) return
    if (this.#isHeld) {
      this.#backlog.push(bytes.subarray(start, end))
      return
    }
    this.#isReceiving = true
    let taken = end
    try {
      taken = this.#parser.push(bytes, start, end)
    } catch (error) {
      this.#options.onMalformed(error)
    }
    this.#isReceiving = false
    if (taken < end) this.#backlog.push(bytes.subarray(taken, end))
    this.#options.output.flush()
  }

  /** Called after every answer: stops or continues the intake by the memory that answers take. */
  adjust(): void {
    const { output, memory, peer } = this.#options
    output.flushLarge()
    if (this.#isClosed || memory.isFull === this.#isHeld) return
    if (this.#isHeld) {
      this.#resume()
      return
    }
    this.#isHeld = true
    this.#parser.pause()
    peer.pauseInput?.()
  }

  #resume(): void {
    this.#isHeld = false
    const backlog = this.#backlog
    this.#backlog = []
    for (const bytes of backlog) this.push(bytes, 0, bytes.length)
    if (!this.#isHeld) this.#options.peer.resumeInput?.()
  }

  close(): void {
    this.#isClosed = true
    this.#parser.stop()
    this.#backlog = []
  }
}
