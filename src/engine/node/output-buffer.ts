import { WireWriter } from '../../protocol/index.ts'
import type { Runtime } from '../../util/index.ts'

/** Where the answers of a connection go. */
export interface NodeOutput {
  /** Bytes that were handed over and that the client has not taken yet; 0 where nobody counts. */
  readonly pendingBytes?: number
  /** Takes bytes. `true`: the memory may be reused at once; `false`: it belongs to the output. */
  write(bytes: Uint8Array): boolean
  /** Sends what was written, then closes. */
  end(): void
}

const slabBytes = 64 * 1024
/** A slab with less room left is replaced. */
const slabRoomMin = 8 * 1024
/** Answers beyond this size leave before the requests that follow are executed. */
const flushBytesMin = 128 * 1024

/** Collects the answers of one turn of the event loop, so that they leave together. */
export class OutputBuffer {
  readonly writer: WireWriter = new WireWriter(slabBytes)
  readonly #output: NodeOutput
  readonly #bytesMax: number
  readonly #runtime: Runtime
  #isFlushScheduled = false
  /** While requests are being read: the reader flushes at the end. */
  isCorked = false
  isClosed = false

  /** @param bytesMax unread answers beyond which the buffer counts as full */
  constructor(output: NodeOutput, bytesMax: number, runtime: Runtime) {
    this.#output = output
    this.#bytesMax = bytesMax
    this.#runtime = runtime
  }

  /** Whether the client has to read before more of its requests are executed. */
  get isFull(): boolean {
    return this.writer.offset + (this.#output.pendingBytes ?? 0) > this.#bytesMax
  }

  /** Flushes when much has been written. */
  flushLarge(): void {
    if (this.writer.offset > flushBytesMin) this.flush()
  }

  /** Hands over what was written. */
  flush(): void {
    const { writer } = this
    if (writer.offset === 0 || this.isClosed) return
    const { bytes, offset } = writer
    if (this.#output.write(bytes.subarray(0, offset)) && bytes.length <= slabBytes) {
      writer.offset = 0
    } else if (bytes.length - offset >= slabRoomMin && bytes.length <= slabBytes) {
      writer.adopt(bytes.subarray(offset))
    } else {
      writer.adopt(Buffer.allocUnsafeSlow(slabBytes))
    }
  }

  scheduleFlush(): void {
    if (this.#isFlushScheduled || this.isCorked) return
    this.#isFlushScheduled = true
    this.#runtime.defer(() => {
      this.#isFlushScheduled = false
      this.flush()
    })
  }

  /** Sends what was written, then closes the output. */
  end(): void {
    this.flush()
    this.#output.end()
  }
}
