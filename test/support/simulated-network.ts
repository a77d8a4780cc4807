import { ConnectionError } from '../../src/errors/index.ts'
import type { Endpoint, Link, LinkHandler } from '../../src/transport/index.ts'
import type { SimulatedRuntime } from './simulated-runtime.ts'

/** Accepts the connection of a client: takes the way back, and returns what receives its bytes. */
export type Accept = (toClient: Link) => LinkHandler

/** How often the network does harm, each a probability. */
export interface Faults {
  /** A frame is dropped, in either direction; the rest of the stream arrives. */
  readonly lost: number
  /** A frame cuts its connection, and is not delivered. */
  readonly cut: number
  /** From a frame on nothing of its connection arrives any more, in either direction. */
  readonly silent: number
  /** A connection is refused. */
  readonly refused: number
  readonly delayMsMax: number
}

const headerBytes = 9
/** How long an attempt to connect to a host that does not answer takes. */
const connectTimeoutMs = 5_000

/**
 * Connects clients with nodes in one process. Frames are delayed, dropped and cut off as the seed
 * of the runtime says; each direction of a connection keeps its order. `trace` lists what happened.
 */
export class SimulatedNetwork {
  readonly trace: string[] = []
  /** No harm is done without faults. */
  faults: Faults | undefined
  readonly #runtime: SimulatedRuntime
  readonly #nodes = new Map<string, Accept>()
  /** Hosts that are cut off: what is sent there or from there is lost. */
  readonly #unreachable = new Set<string>()
  /** Open connections by host. */
  readonly #wires = new Map<string, Set<Wire>>()
  #connectionCount = 0

  constructor(runtime: SimulatedRuntime) {
    this.#runtime = runtime
  }

  /** Adds a node that listens at a host. */
  listen(host: string, accept: Accept): void {
    this.#nodes.set(host, accept)
  }

  /** The node of a host is gone: its connections are cut, and new ones are refused. */
  unlisten(host: string): void {
    this.#nodes.delete(host)
    this.note(`${host} is down`)
    for (const wire of this.#wires.get(host) ?? []) wire.destroy()
  }

  /** Cuts a host off, or lets it be reached again. Connections that were open stay silent. */
  partition(host: string, isUnreachable: boolean): void {
    this.note(`${host} is ${isUnreachable ? 'cut off' : 'reachable'}`)
    if (!isUnreachable) {
      this.#unreachable.delete(host)
      return
    }
    this.#unreachable.add(host)
    for (const wire of this.#wires.get(host) ?? []) wire.isSilent = true
  }

  /** Number of open connections. */
  get openCount(): number {
    return [...this.#wires.values()].reduce((sum, wires) => sum + wires.size, 0)
  }

  endpoint(host: string): Endpoint {
    return {
      address: `${host}:9042`,
      network: { host, port: 9042 },
      clock: this.#runtime.clock,
      open: (handler, options) => this.#open(host, handler, options?.signal),
      peer: (other) => this.endpoint(other.host!),
      release: () => Promise.resolve(),
    }
  }

  /** A node as a contact point: `knownNode(network.contactPoint(host))`. */
  contactPoint(host: string): never {
    return {
      [Symbol.for('tsylla.contact-point/1')]: async () => this.endpoint(host),
    } as never
  }

  #happens(probability: number | undefined): boolean {
    return probability !== undefined && this.#runtime.random() < probability
  }

  note(event: string): void {
    this.trace.push(`${this.#runtime.clock.monotonicMs().toFixed(3)} ${event}`)
  }

  async #open(host: string, handler: LinkHandler, signal: AbortSignal | undefined): Promise<Link> {
    const { clock } = this.#runtime
    await new Promise<void>((resolve) => void clock.schedule(this.#delayMs(), resolve))
    if (this.#unreachable.has(host)) {
      this.note(`${host} does not answer`)
      return await new Promise((_, reject) => {
        const error = new ConnectionError(`${host}:9042`, 'no answer', 'not_applied')
        const timer = clock.schedule(connectTimeoutMs, () => reject(error))
        const giveUp = (): void => {
          timer.cancel()
          reject(signal?.reason as Error)
        }
        if (signal?.aborted === true) giveUp()
        else signal?.addEventListener('abort', giveUp, { once: true })
      })
    }
    const accept = this.#nodes.get(host)
    if (accept === undefined || this.#happens(this.faults?.refused)) {
      this.note(`${host} refuses`)
      throw new ConnectionError(`${host}:9042`, 'refused', 'not_applied')
    }
    const name = `${host}#${++this.#connectionCount}`
    this.note(`${name} opens`)
    const wires = this.#wires.get(host) ?? new Set()
    this.#wires.set(host, wires)
    const wire = new Wire(() => wires.delete(wire))
    wires.add(wire)
    const toClient = new Direction(this, `${name} ←`, wire)
    const toNode = new Direction(this, `${name} →`, wire)
    wire.ends.push(toClient, toNode)
    toClient.handler = handler
    toNode.handler = accept(toClient)
    return toNode
  }

  #delayMs(): number {
    return this.#runtime.random() * (this.faults?.delayMsMax ?? 1)
  }

  /** @internal Decides what becomes of a frame, and calls back when it arrives. */
  carry(name: string, frame: Uint8Array, wire: Wire, deliver: () => void, afterMs: number): number {
    const { clock } = this.#runtime
    const opcode = frame[4]!
    const streamId = (frame[2]! << 8) | frame[3]!
    const what = `${name} ${opcode.toString(16)} on ${streamId}, ${frame.length} bytes`
    if (this.#happens(this.faults?.cut)) {
      this.note(`${what}: cut`)
      wire.destroy()
      return afterMs
    }
    if (wire.isSilent || this.#happens(this.faults?.silent)) {
      this.note(`${what}: silent`)
      wire.isSilent = true
      return afterMs
    }
    if (this.#happens(this.faults?.lost)) {
      this.note(`${what}: lost`)
      return afterMs
    }
    const atMs = Math.max(afterMs, clock.monotonicMs() + this.#delayMs())
    clock.schedule(atMs - clock.monotonicMs(), () => {
      if (wire.isClosed || wire.isSilent) return
      this.note(what)
      deliver()
    })
    return atMs
  }
}

/** What the two directions of a connection share. */
class Wire {
  readonly ends: Direction[] = []
  isSilent = false
  isClosed = false
  readonly #onClosed: () => void

  constructor(onClosed: () => void) {
    this.#onClosed = onClosed
  }

  destroy(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#onClosed()
    for (const end of this.ends) queueMicrotask(() => end.handler?.onClosed(undefined))
  }
}

/** The link of one end, which carries whole frames to the handler of the other. */
class Direction implements Link {
  handler: LinkHandler | undefined
  readonly #network: SimulatedNetwork
  readonly #name: string
  readonly #wire: Wire
  /** When the last frame arrives: later ones do not overtake it. */
  #lastMs = 0

  constructor(network: SimulatedNetwork, name: string, wire: Wire) {
    this.#network = network
    this.#name = name
    this.#wire = wire
  }

  write(bytes: Uint8Array): boolean {
    const copy = Buffer.from(bytes)
    let end = 0
    for (let start = 0; start < copy.length && !this.#wire.isClosed; start = end) {
      end = start + headerBytes + copy.readUInt32BE(start + 5)
      const frame = copy.subarray(start, end)
      const deliver = (): void => this.handler?.onBytes(frame, 0, frame.length)
      this.#lastMs = this.#network.carry(this.#name, frame, this.#wire, deliver, this.#lastMs)
    }
    return true
  }

  end(): void {
    this.#wire.destroy()
  }

  destroy(): void {
    this.#wire.destroy()
  }
}
