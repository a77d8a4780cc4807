import { connect, type Socket } from 'node:net'
import {
  eventStreamId,
  headerBytes,
  Opcode,
  ProtocolVersion,
  readRequest,
  responseBit,
  SegmentSealer,
  type ServerEvent,
  WireReader,
} from '../protocol/index.ts'
import type { Clock, RandomSource, Timer } from '../util/index.ts'
import {
  type ActiveRule,
  type ProxiedFrame,
  requestNameOf,
  type RequestName,
} from './fault-rule.ts'
import { errorFrame, eventFrame, type ForgedError } from './forged-frames.ts'
import { FrameSplitter } from './frame-splitter.ts'
import type { NodeAddresses, NodeSocketAddress } from './node-addresses.ts'

/** What a {@link FaultProxy} has passed on, and what it has done. */
export interface FaultProxyCounters {
  /** Connections that were accepted. */
  connections: number
  requests: number
  responses: number
  events: number
  delayed: number
  lostRequests: number
  lostResponses: number
  duplicated: number
  cut: number
  reset: number
  forgedErrors: number
  halfClosed: number
  blackHoles: number
}

/** What a connection needs of its proxy. */
export interface ProxyHost {
  readonly node: NodeSocketAddress
  readonly addresses: NodeAddresses
  readonly clock: Clock
  readonly counters: FaultProxyCounters
  /** The rules in effect, in the order in which they were injected. */
  readonly rules: () => Iterable<ActiveRule>
  readonly onClosed: (connection: ProxiedConnection) => void
}

const streamOffset = 2
const opcodeOffset = 4
const noBytes: Uint8Array = new Uint8Array(0)

/** A connection of a client, and the one to the node that belongs to it. */
export class ProxiedConnection {
  readonly number: number
  readonly #host: ProxyHost
  readonly #random: RandomSource
  readonly #client: Socket
  #node: Socket | undefined
  readonly #fromClient = new FrameSplitter('request')
  readonly #fromNode = new FrameSplitter('response')
  /** Puts frames into segments, once the connection speaks v5. */
  #sealer: SegmentSealer | undefined
  #isCompressed = false
  /** Requests without an answer yet, by stream id. */
  readonly #requests = new Map<number, RequestName | undefined>()
  readonly #timers = new Set<Timer>()
  /** Events that the client has registered for, and the version that it speaks. */
  readonly #eventTypes = new Set<string>()
  #versionByte: number = ProtocolVersion.V4
  /** Whether nothing passes any more while the connection stays open. */
  #isSilent = false
  #isClosed = false

  constructor(number: number, client: Socket, host: ProxyHost, random: RandomSource) {
    this.number = number
    this.#client = client
    this.#host = host
    this.#random = random
    client.setNoDelay(true)
    client.on('error', () => this.destroy())
    client.on('close', () => this.destroy())
    client.on('data', (bytes) => this.#onClientBytes(bytes))
    client.pause()
  }

  start(): void {
    const connecting = { connection: this.number, on: 'connect', request: undefined } as const
    this.#pass({ ...connecting, bytes: noBytes }, () => this.#connect())
    if (this.#isSilent) this.#client.resume()
  }

  /** Ends both sides, with a reset when `isReset`. */
  destroy(isReset = false): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    for (const socket of [this.#client, this.#node]) {
      if (isReset) socket?.resetAndDestroy()
      else socket?.destroy()
    }
    this.#host.onClosed(this)
  }

  #connect(): void {
    const { host, port } = this.#host.node
    const node = connect({ host, port, noDelay: true })
    this.#node = node
    node.on('error', () => this.destroy())
    node.on('close', () => this.destroy())
    node.on('data', (bytes) => this.#onNodeBytes(bytes))
    this.#client.resume()
  }

  #onClientBytes(bytes: Buffer): void {
    for (const frame of this.#framesOf(this.#fromClient, bytes)) {
      if (this.#fromClient.isOpaque) {
        this.#toNode(frame)
        continue
      }
      if (frame[opcodeOffset] === Opcode.REGISTER && !this.#isCompressed) this.#noteRegister(frame)
      if (frame[opcodeOffset] === Opcode.STARTUP) this.#isCompressed = asksForCompression(frame)
      const request = requestNameOf(frame[opcodeOffset]!)
      this.#host.counters.requests++
      this.#requests.set(frame.readInt16BE(streamOffset), request)
      const proxied = { connection: this.number, on: 'request', request, bytes: frame } as const
      const sealer = this.#sealer
      this.#pass(proxied, () => this.#toNode(frame, sealer))
    }
  }

  /** Bytes that are no segments, where there have to be segments, end the connection. */
  #framesOf(splitter: FrameSplitter, bytes: Buffer): readonly Buffer[] {
    try {
      return splitter.push(bytes)
    } catch {
      this.destroy()
      return []
    }
  }

  /**
   * Follows the connection into v5 when the node has answered STARTUP in it. Of segments that are
   * compressed nothing is known.
   */
  #followVersion(answer: Buffer): void {
    const opcode = answer[opcodeOffset]
    const isAnswer = opcode === Opcode.READY || opcode === Opcode.AUTHENTICATE
    if (!isAnswer || answer[0] !== (ProtocolVersion.V5 | responseBit)) return
    for (const splitter of [this.#fromClient, this.#fromNode]) {
      if (this.#isCompressed) splitter.beginOpaque()
      else splitter.beginSegments()
    }
    if (!this.#isCompressed) this.#sealer = new SegmentSealer(undefined)
  }

  #onNodeBytes(bytes: Buffer): void {
    for (const frame of this.#framesOf(this.#fromNode, bytes)) {
      if (this.#fromNode.isOpaque) {
        this.#toClient(frame)
        continue
      }
      this.#host.addresses.replaceIn(frame)
      const streamId = frame.readInt16BE(streamOffset)
      const isEvent = streamId === eventStreamId
      this.#host.counters[isEvent ? 'events' : 'responses']++
      const request = this.#requests.get(streamId)
      this.#requests.delete(streamId)
      const on = isEvent ? 'event' : 'response'
      const proxied = { connection: this.number, on, request, bytes: frame } as const
      const sealer = this.#sealer
      this.#pass(proxied, () => this.#toClient(frame, sealer))
      if (sealer === undefined) this.#followVersion(frame)
    }
  }

  /** Passes a frame on, unless a rule strikes it: the first one does. */
  #pass(frame: ProxiedFrame, forward: () => void): void {
    if (this.#isSilent || this.#isClosed) return
    for (const rule of this.#host.rules()) {
      if (rule.strikes(frame, this.#random)) return this.#strike(rule, frame, forward)
    }
    forward()
  }

  #strike(rule: ActiveRule, frame: ProxiedFrame, forward: () => void): void {
    const { counters } = this.#host
    switch (rule.fault) {
      case 'delay':
        counters.delayed++
        return this.#later(rule.delayMs(this.#random), forward)
      case 'loseRequest':
        counters.lostRequests++
        return
      case 'loseResponse':
        counters.lostResponses++
        return
      case 'duplicate':
        counters.duplicated++
        forward()
        return forward()
      case 'cut':
        counters.cut++
        return this.#cut(frame)
      case 'reset':
        counters.reset++
        return this.destroy(true)
      case 'forgeError':
        counters.forgedErrors++
        return this.#forge(rule.error!, frame)
      case 'halfClose':
        counters.halfClosed++
        ;(frame.on === 'request' ? this.#node : this.#client)?.end()
        return
      case 'blackHole':
        counters.blackHoles++
        this.#isSilent = true
    }
  }

  /** Answers a request with an error, in the place of the node or of its answer. */
  #forge(error: ForgedError, { bytes }: ProxiedFrame): void {
    const { buffer, byteOffset, length } = bytes
    const streamId = new DataView(buffer, byteOffset, length).getInt16(streamOffset)
    this.#requests.delete(streamId)
    this.#toClient(errorFrame(error, streamId, bytes[0]!), this.#sealer)
  }

  /** @returns whether the client has registered for such events */
  sendEvent(event: ServerEvent): boolean {
    if (this.#isSilent || this.#isClosed || !this.#eventTypes.has(event.type)) return false
    this.#toClient(eventFrame(event, this.#versionByte), this.#sealer)
    return true
  }

  /** Remembers the events that a REGISTER asks for. */
  #noteRegister(frame: Buffer): void {
    const request = readRequest(new WireReader(frame.subarray(headerBytes)), Opcode.REGISTER)
    if (request.opcode !== Opcode.REGISTER) return
    this.#versionByte = frame[0]!
    for (const type of request.eventTypes) this.#eventTypes.add(type)
  }

  #later(delayMs: number, forward: () => void): void {
    const timer = this.#host.clock.schedule(delayMs, () => {
      this.#timers.delete(timer)
      if (!this.#isSilent) forward()
    })
    this.#timers.add(timer)
  }

  /** Sends a part of the frame, and closes the connection behind it. */
  #cut({ on, bytes }: ProxiedFrame): void {
    const sent = this.#sealer?.seal(bytes) ?? bytes
    const length = 1 + Math.floor(this.#random() * (sent.length - 1))
    const target = on === 'request' ? this.#node : this.#client
    this.#isSilent = true
    target?.end(sent.subarray(0, length), () => this.destroy())
  }

  /** @param sealer that of the moment when the frame came: it may pass later */
  #toNode(frame: Uint8Array, sealer?: SegmentSealer): void {
    const bytes = sealer?.seal(frame) ?? frame
    if (this.#node !== undefined) write(this.#node, bytes, this.#client)
  }

  #toClient(frame: Uint8Array, sealer?: SegmentSealer): void {
    write(this.#client, sealer?.seal(frame) ?? frame, this.#node)
  }
}

/** Whether a STARTUP asks for compression. */
function asksForCompression(frame: Buffer): boolean {
  const request = readRequest(new WireReader(frame.subarray(headerBytes)), Opcode.STARTUP)
  return request.opcode === Opcode.STARTUP && request.options.has('COMPRESSION')
}

/** Writes to one side; the other is not read while it takes nothing. */
function write(target: Socket, bytes: Uint8Array, source: Socket | undefined): void {
  if (target.destroyed || target.write(bytes) || source === undefined) return
  if (source.isPaused()) return
  source.pause()
  target.once('drain', () => source.resume())
}
