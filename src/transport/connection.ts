import { ConnectionError, ProtocolError, TsyllaError } from '../errors/index.ts'
import {
  type Compressor,
  eventStreamId,
  type FrameHandler,
  FrameParser,
  Framing,
  initialFeatures,
  isGracefulDisconnect,
  Lz4Compressor,
  OutputBuffer,
  type ProtocolFeatures,
  ProtocolVersion,
  SegmentParser,
  SegmentSealer,
  type WireWriter,
} from '../protocol/index.ts'
import type { NodeRecorder } from '../observability/index.ts'
import { assert, type Runtime } from '../util/index.ts'
import type { ByteBudget } from './byte-budget.ts'
import { ConnectionKeyspace } from './connection-keyspace.ts'
import type { Link, LinkHandler } from './link.ts'
import { StreamIds } from './stream-ids.ts'
import type { TickListener, DeadlineTimer } from './deadline-timer.ts'

/**
 * A request as a connection sees it. It ends with exactly one call of `onResponse`, `onLost` or
 * `onTimeout`.
 */
export interface ConnectionRequest {
  /** {@link DeadlineTimer.nowMs} at which `onOverdue` is called. */
  readonly deadlineMs: number
  /** {@link DeadlineTimer.nowMs} at which the request was sent, or a little earlier. */
  readonly sentMs: number
  /** Set by the connection while the request is in flight there. */
  streamId: number
  /** Whether it means another table when the connection is in another keyspace. Read when sent. */
  readonly dependsOnKeyspace: boolean
  /**
   * Begins one frame at the writer's offset and writes its body; the connection completes it. A
   * throw rejects the send and leaves no trace.
   */
  encode(writer: WireWriter, streamId: number, connection: Connection): void
  /** Handles the response. `bytes` may be reused as soon as this returns. */
  onResponse(
    flags: number,
    opcode: number,
    bytes: Buffer,
    bodyStart: number,
    bodyEnd: number,
    connection: Connection,
  ): void
  /** Handles the loss of the connection. `wasWritten`: the frame may have reached the server. */
  onLost(error: TsyllaError, wasWritten: boolean): void
  /**
   * Called when the deadline has passed without a response.
   *
   * @returns a later deadline until which the response is still awaited, or 0 to give up
   */
  onOverdue(nowMs: number): number
  /** Called when the connection has given the request up at its deadline. */
  onTimeout(wasWritten: boolean): void
}

/** Receives what happens on a connection. */
export interface ConnectionListener {
  /** Called when the connection has room for another request. */
  onRoom(connection: Connection): void
  onEvent(bytes: Buffer, bodyStart: number, bodyEnd: number): void
  /**
   * Called when the node is about to close the connection: it takes no more requests, and those in
   * flight are still answered. Default: the connection drains.
   */
  onLeaving?(connection: Connection): void
  /** Called once, after every request in flight has failed. */
  onClosed(connection: Connection, error: TsyllaError): void
}

/** Checks whether an idle connection still works. */
export interface ConnectionProbe extends TickListener {
  /** Sends a probe now, unless one is in flight already. */
  probe(): void
}

export const ConnectionState = {
  connecting: 0,
  negotiating: 1,
  ready: 2,
  draining: 3,
  closed: 4,
} as const
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState]

/** Allowed transitions, as bit sets of the states that may follow. */
const nextStates: readonly number[] = [
  (1 << ConnectionState.negotiating) | (1 << ConnectionState.closed),
  (1 << ConnectionState.ready) | (1 << ConnectionState.closed),
  (1 << ConnectionState.draining) | (1 << ConnectionState.closed),
  1 << ConnectionState.closed,
  0,
]

/** Requests in flight per connection; higher limits did not raise throughput when measured. */
export const inFlightCountMax = 1024
/**
 * Bytes of requests in flight per connection. A connection below the limit takes one more
 * request of any size, so that the largest frame can be sent.
 */
export const connectionInFlightBytesMax: number = 32 * 1024 * 1024
/** Further stream ids for the driver's own requests: PREPARE, USE, system tables, heartbeats. */
export const reservedStreamCount = 256
/** Orphaned stream ids per connection; more mean that the server drops requests silently. */
export const orphanCountMax = 1024
/** Memory that requests are encoded into before they leave together. */
const slabBytes = 256 * 1024

/**
 * One link to one node: stream ids, the output buffer, deadlines and the heartbeat. Requests are
 * encoded straight into the buffer and leave together at the end of the turn, or sooner when they
 * are many bytes.
 */
export class Connection implements LinkHandler, FrameHandler, TickListener {
  /** Address of the node, for errors. */
  readonly address: string
  /** Probes the connection when it is idle. */
  heartbeat: ConnectionProbe | undefined
  /** Whether requests of the driver itself have no deadlines, see `Endpoint.isUntimed`. */
  isUntimed = false
  /**
   * Whether a request is overdue and no bytes have arrived since it was sent. Such a connection is
   * probed, and pools choose it only when no other has room.
   */
  isSuspect = false
  /** Counts the requests to the node; `undefined` for a connection outside of its pool. */
  recorder: NodeRecorder | undefined
  /** Which keyspace the connection is in. */
  readonly keyspace: ConnectionKeyspace = new ConnectionKeyspace()
  readonly #deadlineTimer: DeadlineTimer
  readonly #runtime: Runtime
  readonly #listener: ConnectionListener
  #features: ProtocolFeatures = initialFeatures
  #compressor: Compressor | undefined
  #framing: Framing = Framing.plain
  /** Set once the node sends segments, from protocol v5 on. */
  #segments: SegmentParser | undefined
  readonly #parser: FrameParser
  readonly #budget: ByteBudget
  readonly #output = new OutputBuffer(slabBytes)
  readonly #ids = new StreamIds(inFlightCountMax + reservedStreamCount + orphanCountMax)
  readonly #inFlight: (ConnectionRequest | undefined)[]
  readonly #deadlines: Float64Array
  /** Flush number and position of the frame per stream id: to withdraw it and to know its size. */
  readonly #flushNumbers: Float64Array
  readonly #frameStarts: Int32Array
  readonly #frameEnds: Int32Array
  /** Whether a request that depends on the keyspace has the stream id, abandoned or not. */
  readonly #isText: Uint8Array
  #inFlightBytes = 0
  #state: ConnectionState = ConnectionState.connecting
  #link: Link | undefined
  #lastReceivedMs: number
  #onDrained: (() => void) | undefined
  /** Why the connection was closed. */
  closedError: TsyllaError | undefined
  /** First byte that the node has sent; −1 before the first one. */
  firstByte = -1

  /** @param budget bounds the bytes that this and other connections have in flight together */
  constructor(
    address: string,
    deadlineTimer: DeadlineTimer,
    listener: ConnectionListener,
    budget: ByteBudget,
  ) {
    this.address = address
    this.#deadlineTimer = deadlineTimer
    this.#runtime = deadlineTimer.runtime
    this.#listener = listener
    this.#budget = budget
    this.#parser = new FrameParser(this, { direction: 'response' })
    const idCount = inFlightCountMax + reservedStreamCount + orphanCountMax
    this.#inFlight = Array.from({ length: idCount }, () => undefined)
    this.#deadlines = new Float64Array(idCount)
    this.#flushNumbers = new Float64Array(idCount)
    this.#frameStarts = new Int32Array(idCount)
    this.#frameEnds = new Int32Array(idCount)
    this.#isText = new Uint8Array(idCount)
    this.#lastReceivedMs = deadlineTimer.nowMs()
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** What was negotiated with the node. */
  get features(): ProtocolFeatures {
    return this.#features
  }

  /** Whether a request can name the keyspace of its text (native_protocol_v5.spec §4.1.4). */
  get canNameKeyspace(): boolean {
    return this.#features.version === ProtocolVersion.V5
  }

  get inFlightCount(): number {
    return this.#ids.inFlightCount
  }

  get orphanCount(): number {
    return this.#ids.orphanCount
  }

  /** Bytes of the requests in flight. */
  get inFlightBytes(): number {
    return this.#inFlightBytes
  }

  /** {@link DeadlineTimer.nowMs} at which bytes last arrived. */
  get lastReceivedMs(): number {
    return this.#lastReceivedMs
  }

  /** Whether {@link send} would take a request now. */
  get hasRoom(): boolean {
    return (
      this.#state === ConnectionState.ready &&
      this.#ids.inFlightCount < inFlightCountMax &&
      this.#inFlightBytes < connectionInFlightBytesMax &&
      !this.#budget.isSpent &&
      !this.#isClogged
    )
  }

  /** Whether the link still buffers many bytes, which abandoned requests no longer account for. */
  get #isClogged(): boolean {
    return (
      this.#ids.orphanCount > 0 && (this.#link?.pendingBytes ?? 0) >= connectionInFlightBytesMax
    )
  }

  /** The link has sent its buffer, so there may be room again: {@link #isClogged}. */
  onSent(): void {
    if (this.#state === ConnectionState.ready && this.#ids.orphanCount > 0) {
      this.#listener.onRoom(this)
    }
  }

  /** Uses `link` from now on; then requests of the handshake may be sent. */
  attach(link: Link): void {
    if (this.#state === ConnectionState.closed) {
      link.destroy()
      return
    }
    this.#transition(ConnectionState.negotiating)
    this.#link = link
    this.#output.attach(link)
    this.#deadlineTimer.addListener(this)
  }

  /** Marks the end of the handshake; from now on users' requests may be sent. */
  markReady(): void {
    this.#transition(ConnectionState.ready)
    if (this.#features.version === ProtocolVersion.V4) {
      this.#framing = new Framing(this.#compressor)
    }
  }

  /**
   * Called when the node has answered STARTUP: from then on frames of v5 travel in segments
   * (native_protocol_v5.spec §2).
   */
  beginSegments(): void {
    if (this.#features.version === ProtocolVersion.V4) return
    const compressor = this.#compressor
    assert(compressor === undefined || compressor instanceof Lz4Compressor, 'v5 knows LZ4 only')
    this.#output.useSealer(new SegmentSealer(compressor))
    this.#segments = new SegmentParser(this.#parser, compressor)
  }

  /**
   * Applies the negotiated features. Called before STARTUP is sent, because the node may compress
   * its response to it. Requests are compressed once the connection is ready.
   */
  useFeatures(features: ProtocolFeatures, compressor: Compressor | undefined): void {
    assert(features.compression === compressor?.name, 'a compressor that was not negotiated')
    this.#features = features
    this.#compressor = compressor
    this.#parser.useVersion(features.version)
    if (features.version === ProtocolVersion.V4) this.#parser.compressor = compressor
  }

  #transition(to: ConnectionState): void {
    assert((nextStates[this.#state]! & (1 << to)) !== 0, `connection ${this.#state} → ${to}`)
    this.#state = to
  }

  /**
   * Encodes a request into the output buffer.
   *
   * @returns whether the connection took it, which it does while it {@link hasRoom}
   * @throws what the request's `encode` throws; the connection is as before
   */
  send(request: ConnectionRequest): boolean {
    return this.hasRoom && this.#send(request)
  }

  /**
   * Does the same as {@link send} for the driver's own requests. They are also sent during the
   * handshake, and {@link reservedStreamCount} ids are reserved for them.
   */
  sendInternal(request: ConnectionRequest): boolean {
    const isOpen =
      this.#state === ConnectionState.ready || this.#state === ConnectionState.negotiating
    const countMax = inFlightCountMax + reservedStreamCount
    return isOpen && this.#ids.inFlightCount < countMax && this.#send(request)
  }

  #send(request: ConnectionRequest): boolean {
    const id = this.#ids.acquire()
    if (id === -1) return false
    const output = this.#output
    const { writer } = output
    const start = writer.offset
    try {
      request.encode(writer, id, this)
      this.#framing.complete(writer, start)
    } catch (error) {
      output.rollBack(start)
      this.#ids.release(id)
      throw error
    }
    const end = writer.offset
    request.streamId = id
    this.#inFlight[id] = request
    this.#deadlines[id] = request.deadlineMs
    this.#flushNumbers[id] = output.flushCount
    this.#frameStarts[id] = start
    this.#frameEnds[id] = end
    if (request.dependsOnKeyspace) {
      this.#isText[id] = 1
      this.keyspace.beginText()
    }
    this.#inFlightBytes += end - start
    this.#budget.add(end - start)
    if (!output.isFlushScheduled) this.#scheduleFlush()
    output.flushLarge()
    return true
  }

  /** A single request leaves at once; otherwise the requests of one turn leave together. */
  #scheduleFlush(): void {
    this.#deadlineTimer.tickFinely()
    const isAlone = this.#ids.inFlightCount === 1
    this.#output.flushLater(isAlone ? this.#runtime.nextTick : this.#runtime.nextTurn)
  }

  /** @internal Sends what the output buffer holds. */
  flush(): void {
    this.#output.flush()
  }

  /**
   * Abandons a request. Its frame is withdrawn if it was not flushed; otherwise its id is orphaned.
   *
   * @returns whether the frame may have reached the server
   */
  abandon(request: ConnectionRequest): boolean {
    const id = request.streamId
    assert(this.#inFlight[id] === request, 'a request was abandoned where it is not in flight')
    this.#inFlight[id] = undefined
    const wasSpent = this.#releaseBytes(id)
    const start = this.#frameStarts[id]!
    const end = this.#frameEnds[id]!
    if (this.#output.withdraw(this.#flushNumbers[id]!, start, end)) {
      this.#release(id)
      this.#afterRelease(wasSpent)
      return false
    }
    this.#ids.orphan(id)
    if (this.#ids.orphanCount >= orphanCountMax) {
      this.destroy(
        this.#lost(`the node has left ${orphanCountMax} requests unanswered after their deadlines`),
      )
    } else {
      this.#afterRelease(wasSpent)
    }
    return true
  }

  #wasWritten(id: number): boolean {
    return this.#output.hasLeft(this.#flushNumbers[id]!)
  }

  /** @returns whether the byte budget of the session was spent before */
  #releaseBytes(id: number): boolean {
    // destroy() releases the bytes of all requests at once.
    if (this.#state === ConnectionState.closed) return false
    const wasSpent = this.#budget.isSpent
    const bytes = this.#frameEnds[id]! - this.#frameStarts[id]!
    this.#inFlightBytes -= bytes
    this.#budget.remove(bytes)
    return wasSpent
  }

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    if (this.#state === ConnectionState.closed) return
    this.#lastReceivedMs = this.#deadlineTimer.nowMs()
    this.isSuspect = false
    if (this.firstByte === -1) this.firstByte = bytes[start]!
    try {
      if (this.#segments === undefined) this.#parser.push(bytes, start, end)
      else this.#segments.push(bytes, start, end)
    } catch (error) {
      this.destroy(asProtocolError(error))
    }
  }

  onFrame(
    flags: number,
    streamId: number,
    opcode: number,
    bytes: Buffer,
    bodyStart: number,
    bodyEnd: number,
  ): void {
    if (streamId < 0) {
      if (streamId === eventStreamId) this.#onEvent(bytes, bodyStart, bodyEnd)
      return
    }
    const request = this.#inFlight[streamId]
    if (request === undefined) {
      this.#onUnawaitedResponse(streamId)
      return
    }
    this.#inFlight[streamId] = undefined
    this.#release(streamId)
    const wasSpent = this.#releaseBytes(streamId)
    request.onResponse(flags, opcode, bytes, bodyStart, bodyEnd, this)
    this.#afterRelease(wasSpent)
  }

  #onEvent(bytes: Buffer, start: number, end: number): void {
    if (!isGracefulDisconnect(bytes, start, end)) {
      this.#listener.onEvent(bytes, start, end)
      return
    }
    if (this.#state !== ConnectionState.ready) return
    if (this.#listener.onLeaving === undefined) void this.drain()
    else this.#listener.onLeaving(this)
  }

  #onUnawaitedResponse(streamId: number): void {
    if (!this.#ids.isOrphan(streamId)) {
      throw new ProtocolError(`${this.address} answered on stream ${streamId}, which is not in use`)
    }
    this.#release(streamId)
    this.#afterRelease(false)
  }

  /** The node does nothing more for the request that had the id. */
  #release(id: number): void {
    this.#ids.release(id)
    if (this.#isText[id] === 0) return
    this.#isText[id] = 0
    this.keyspace.endText()
  }

  /** @param wasSpent whether the byte budget was spent, so that no connection took requests */
  #afterRelease(wasSpent: boolean): void {
    if (wasSpent) this.#budget.notifyRoom()
    else if (this.#state === ConnectionState.ready) this.#listener.onRoom(this)
    const isDraining = this.#state === ConnectionState.draining
    if (isDraining && this.#ids.inFlightCount === 0) this.#onDrained?.()
  }

  onTick(nowMs: number): void {
    this.heartbeat?.onTick(nowMs)
    if (this.#ids.inFlightCount === 0) return
    this.#deadlineTimer.tickFinely()
    const { length } = this.#deadlines
    for (let id = 0; id < length; id++) {
      if (this.#deadlines[id]! > nowMs) continue
      const request = this.#inFlight[id]
      if (request !== undefined) this.#onOverdue(request, nowMs)
    }
  }

  #onOverdue(request: ConnectionRequest, nowMs: number): void {
    if (request.sentMs >= this.#lastReceivedMs && this.#wasWritten(request.streamId)) {
      this.isSuspect = true
      this.heartbeat?.probe()
    }
    const laterMs = request.onOverdue(nowMs)
    // onOverdue() may have settled the request.
    if (this.#inFlight[request.streamId] !== request) return
    if (laterMs > nowMs) this.#deadlines[request.streamId] = laterMs
    else request.onTimeout(this.abandon(request))
  }

  /** Refuses new requests, waits for those in flight, then closes. */
  async drain(): Promise<void> {
    if (this.#state === ConnectionState.ready) {
      this.#transition(ConnectionState.draining)
      if (this.#ids.inFlightCount > 0) {
        await new Promise<void>((resolve) => {
          this.#onDrained = resolve
        })
      }
    }
    this.destroy(this.endedError())
  }

  /** Why a request cannot be sent here although nothing has failed: other connections take it. */
  endedError(): ConnectionError {
    return new ConnectionError(
      this.address,
      'the connection takes no more requests: it is closed, or full',
      'not_applied',
    )
  }

  /** Closes at once; every request in flight fails. */
  destroy(error: TsyllaError): void {
    if (this.#state === ConnectionState.closed) return
    this.#transition(ConnectionState.closed)
    this.closedError = error
    this.#deadlineTimer.removeListener(this)
    this.#parser.stop()
    this.#link?.destroy()
    const wasSpent = this.#budget.isSpent
    this.#budget.remove(this.#inFlightBytes)
    this.#inFlightBytes = 0
    for (const [id, request] of this.#inFlight.entries()) {
      if (request === undefined) continue
      this.#inFlight[id] = undefined
      request.onLost(error, this.#wasWritten(id))
    }
    this.#output.close()
    this.keyspace.endTexts()
    this.#onDrained?.()
    this.#listener.onClosed(this, error)
    if (wasSpent) this.#budget.notifyRoom()
  }

  onClosed(error: Error | undefined): void {
    this.destroy(this.#lost(error?.message ?? 'the node closed the connection', error))
  }

  #lost(reason: string, cause?: Error): ConnectionError {
    const options = cause === undefined ? {} : { cause }
    return new ConnectionError(this.address, `connection lost: ${reason}`, 'unknown', options)
  }
}

function asProtocolError(error: unknown): TsyllaError {
  if (TsyllaError.is(error)) return error
  return new ProtocolError('A response could not be handled', { cause: error })
}
