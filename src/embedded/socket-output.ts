import type { NodeOutput } from '../engine/index.ts'
import type { Clock, Timer } from '../util/index.ts'

/** The part of a `net.Socket` or `tls.TLSSocket` that is used. */
export interface ClientSocket {
  /** Bytes that were written and that the client has not taken. */
  readonly writableLength: number
  write(bytes: Uint8Array): unknown
  end(): unknown
  pause(): unknown
  resume(): unknown
  destroy(): unknown
}

export interface SocketOutputOptions {
  readonly clock: Clock
  /** Time in which a client must take a part of what was sent, see {@link takenPartMin}. */
  readonly writeTimeoutMs: number
  /** Time from the end of the connection until the client must have closed it. */
  readonly endTimeoutMs: number
  /**
   * Called when the client has taken too little for `writeTimeoutMs`, before its socket is
   * destroyed.
   */
  readonly onStalled: (pendingBytes: number) => void
}

/**
 * A socket sends all that it was given together, and counts it as taken when the client has taken
 * all of it. It is given a piece at a time, so that progress can be seen.
 */
const pieceBytes = 256 * 1024

/**
 * The part of its unread answers that a client must take within the write timeout, at least a piece
 * or all there is. A client could otherwise keep many answers for hours, a few bytes per minute.
 */
const takenPartMin = 1 / 16

/**
 * Sends answers to one client. A client that takes too little for a while is disconnected: what is
 * kept for it may be all that keeps other clients waiting.
 */
export class SocketOutput implements NodeOutput {
  readonly #socket: ClientSocket
  readonly #options: SocketOutputOptions
  /** Bytes that were not passed to the socket yet. */
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #writtenBytes = 0
  /** Bytes the client must have taken when the timer ends, of all that were ever written. */
  #expectedBytes = 0
  #timer: Timer | undefined
  #isEnded = false

  constructor(socket: ClientSocket, options: SocketOutputOptions) {
    this.#socket = socket
    this.#options = options
  }

  get pendingBytes(): number {
    return this.#queuedBytes + this.#socket.writableLength
  }

  write(bytes: Uint8Array): boolean {
    this.#writtenBytes += bytes.length
    const isRoom = this.#queue.length === 0 && this.#socket.writableLength < pieceBytes
    if (isRoom && bytes.length <= pieceBytes) {
      this.#socket.write(bytes)
    } else {
      this.#queue.push(bytes)
      this.#queuedBytes += bytes.length
      this.#writeQueued()
    }
    if (this.pendingBytes === 0) return true
    this.#watch()
    return false
  }

  /** The client has taken what the socket had. */
  onDrain(): void {
    this.#writeQueued()
    if (this.#isEnded && this.#queuedBytes === 0) this.#socket.end()
  }

  pauseInput(): void {
    this.#socket.pause()
  }

  resumeInput(): void {
    this.#socket.resume()
  }

  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    if (this.#queuedBytes === 0) this.#socket.end()
    // A client that neither reads what was sent nor closes would keep its place otherwise.
    this.close()
    const { clock, endTimeoutMs } = this.#options
    this.#timer = clock.schedule(endTimeoutMs, () => this.#socket.destroy())
  }

  /** The socket is closed. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #writeQueued(): void {
    const queue = this.#queue
    let count = 0
    let from = 0
    while (count < queue.length && this.#socket.writableLength < pieceBytes) {
      const bytes = queue[count]!
      const to = Math.min(from + pieceBytes, bytes.length)
      this.#socket.write(bytes.subarray(from, to))
      this.#queuedBytes -= to - from
      from = to
      if (to < bytes.length) continue
      from = 0
      count++
    }
    if (count > 0) queue.splice(0, count)
    if (from > 0) queue[0] = queue[0]!.subarray(from)
  }

  #watch(): void {
    if (this.#timer !== undefined) return
    const pendingBytes = this.pendingBytes
    const partBytes = Math.max(pieceBytes, pendingBytes * takenPartMin)
    this.#expectedBytes = this.#writtenBytes - pendingBytes + Math.min(pendingBytes, partBytes)
    const { clock, writeTimeoutMs } = this.#options
    this.#timer = clock.schedule(writeTimeoutMs, () => {
      this.#timer = undefined
      const { pendingBytes } = this
      if (pendingBytes === 0) return
      if (this.#writtenBytes - pendingBytes >= this.#expectedBytes) {
        this.#watch()
        return
      }
      this.#options.onStalled(pendingBytes)
      this.#socket.destroy()
    })
  }
}
