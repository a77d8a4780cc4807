import { assert } from '../../util/index.ts'
import { WireWriter } from '../notation/writer.ts'
import type { SegmentSealer } from './segments.ts'

/** Where the frames of an output buffer go: a link to a node, or the connection of a client. */
export interface ByteOutput {
  /** Bytes handed over that the peer has not taken yet; 0 where they are not counted. */
  readonly pendingBytes?: number
  /** Takes bytes. `true`: the memory may be reused at once; `false`: it belongs to the output. */
  write(bytes: Uint8Array): boolean
}

/** Unsent bytes from which on a buffer is flushed without waiting for the end of the turn. */
export const highWaterBytes: number = 128 * 1024
/** The same for segments: nearly all flushes fit into one of them, where the frames lie. */
export const sealedHighWaterBytes: number = 96 * 1024
/** A slab with less room left is replaced. */
const slabRoomMin = 8 * 1024
/** A slab that grew beyond so many times its size goes with the frame that needed it. */
const slabGrowthMax = 4

/**
 * The frames of one connection that have not left yet, of a client or of a node. Frames (see
 * native_protocol_v4.spec §2) are written into one slab and leave together: at the end of the turn
 * of the event loop, or before, from {@link highWaterBytes} on. A frame that has not left can be
 * withdrawn. From protocol v5 on, what leaves together is put into segments.
 */
export class OutputBuffer {
  /** Frames are written here, one behind the other. */
  readonly writer: WireWriter
  readonly #slabBytes: number
  #output: ByteOutput | undefined
  #sealer: SegmentSealer | undefined
  /** Where the first frame of the slab begins: behind the header of its segment. */
  #start = 0
  #highWaterBytes = highWaterBytes
  #flushCount = 0
  #isFlushScheduled = false
  #isClosed = false
  /** Withdrawn frames, as start and end in the slab. */
  #withdrawn: (readonly [start: number, end: number])[] = []
  readonly #flushScheduled = (): void => {
    this.#isFlushScheduled = false
    this.flush()
  }

  /** @param slabBytes memory that frames are written into; it grows for larger frames */
  constructor(slabBytes: number) {
    this.writer = new WireWriter(slabBytes)
    this.#slabBytes = slabBytes
  }

  /** Where frames go from now on. What was written before waits for the next flush. */
  attach(output: ByteOutput): void {
    this.#output = output
  }

  /** Frames leave in segments from now on. Nothing may wait here. */
  useSealer(sealer: SegmentSealer): void {
    assert(this.writer.offset === 0, 'frames of v4 wait to be sent')
    this.#sealer = sealer
    this.#start = sealer.headBytes
    this.#highWaterBytes = sealedHighWaterBytes
    this.#renewSlab()
  }

  /** How often frames have left: a frame written now leaves with the flush of this number. */
  get flushCount(): number {
    return this.#flushCount
  }

  get isFlushScheduled(): boolean {
    return this.#isFlushScheduled
  }

  /** Bytes that wait here or in the output until the peer takes them. */
  get pendingBytes(): number {
    return this.writer.offset - this.#start + (this.#output?.pendingBytes ?? 0)
  }

  /** Removes what was written from `start` on: a frame that could not be completed. */
  rollBack(start: number): void {
    this.writer.offset = start
    // What was too large to be sent is no reason to keep memory for it.
    if (start === this.#start && this.#isOvergrown) this.#renewSlab()
  }

  /**
   * Withdraws a frame if it has not left.
   *
   * @param flushNumber {@link flushCount} when the frame was written
   * @returns whether the frame was withdrawn; otherwise the peer may have it
   */
  withdraw(flushNumber: number, start: number, end: number): boolean {
    if (this.hasLeft(flushNumber)) return false
    this.#withdrawn.push([start, end])
    return true
  }

  /** @param flushNumber {@link flushCount} when the frame was written */
  hasLeft(flushNumber: number): boolean {
    return flushNumber < this.#flushCount
  }

  /** Flushes when `defer` calls back, once however often it is asked before. */
  flushLater(defer: (callback: () => void) => void): void {
    if (this.#isFlushScheduled) return
    this.#isFlushScheduled = true
    defer(this.#flushScheduled)
  }

  /** Flushes when much has been written. */
  flushLarge(): void {
    if (this.writer.offset >= this.#highWaterBytes) this.flush()
  }

  /** Hands over what was written. */
  flush(): void {
    const output = this.#output
    if (this.#isClosed || output === undefined) return
    if (this.#withdrawn.length > 0) this.#cutWithdrawn()
    const { writer } = this
    const start = this.#start
    if (writer.offset === start) return
    this.#flushCount++
    const sealer = this.#sealer
    const payloadBytes = writer.offset - start
    if (sealer !== undefined && !sealer.fitsInPlace(payloadBytes)) {
      output.write(sealer.seal(writer.bytes.subarray(start, writer.offset)))
      if (this.#isOvergrown) this.#renewSlab()
      else writer.offset = start
      return
    }
    sealer?.sealInPlace(writer, 0)
    const { bytes, offset } = writer
    const isOurs = output.write(bytes.subarray(0, offset))
    if (this.#isOvergrown) this.#renewSlab()
    else if (isOurs) writer.offset = start
    else if (bytes.length - offset >= slabRoomMin) {
      // The output has what was written; the rest of the slab is still ours.
      this.#beginSlab(bytes.subarray(offset))
    } else this.#renewSlab()
  }

  get #isOvergrown(): boolean {
    return this.writer.bytes.length > slabGrowthMax * this.#slabBytes
  }

  #renewSlab(): void {
    this.#beginSlab(Buffer.allocUnsafeSlow(this.#slabBytes))
  }

  #beginSlab(bytes: Buffer): void {
    this.writer.adopt(bytes)
    this.writer.offset = this.#start
  }

  /** Closes the gaps that withdrawn frames leave in the slab. */
  #cutWithdrawn(): void {
    const { bytes, offset } = this.writer
    const gaps = this.#withdrawn.sort(([a], [b]) => a - b)
    this.#withdrawn = []
    let to = gaps[0]![0]
    for (const [i, [, from]] of gaps.entries()) {
      const until = gaps[i + 1]?.[0] ?? offset
      bytes.copyWithin(to, from, until)
      to += until - from
    }
    this.writer.offset = to
  }

  /** Drops what has not left and sends nothing any more. */
  close(): void {
    this.#isClosed = true
    this.#withdrawn = []
    this.#start = 0
    this.writer.adopt(Buffer.alloc(0))
  }
}
