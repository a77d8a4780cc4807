import {
  ClosedError,
  ConnectionError,
  type Outcome,
  OverloadedError,
  ProtocolError,
  type TsyllaError,
} from '../errors/index.ts'
import type { Cluster, ClusterNode } from '../cluster/index.ts'
import type { Connection, TickListener, Ticker } from '../transport/index.ts'
import { RingQueue } from '../util/index.ts'
import { AbortRegistry } from './abort-registry.ts'
import type { Dispatchable, RequestHost } from './request-host.ts'

export interface DispatcherOptions {
  readonly cluster: Cluster
  readonly ticker: Ticker
  readonly queueCountMax: number
  readonly queueBytesMax: number
}

/** Gives requests to connections; those that find no room wait in line, with a bound. */
export class Dispatcher implements RequestHost, TickListener {
  readonly aborts: AbortRegistry = new AbortRegistry()
  readonly ticker: Ticker
  readonly #cluster: Cluster
  readonly #options: DispatcherOptions
  readonly #queue = new RingQueue<Dispatchable>()
  /** Of those in the queue that still wait. */
  #waitingCount = 0
  #queuedBytes = 0
  #isDraining = false
  #isClosed = false
  /** Calls that were accepted and have no answer yet. */
  #acceptedCount = 0
  #onIdle: (() => void) | undefined

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#cluster = options.cluster
    this.ticker = options.ticker
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get queuedCount(): number {
    return this.#waitingCount
  }

  dispatch(request: Dispatchable): void {
    if (this.#isClosed) {
      request.fail(new ClosedError('session'))
      return
    }
    // Who waits in line goes first, or a steady stream would starve it.
    if (this.#queue.length > 0 && !this.#isDraining) this.#enqueue(request)
    else if (!this.#trySend(request)) {
      this.#enqueue(request)
    }
  }

  /** Sends on that connection if it still can, else wherever there is room. */
  dispatchTo(connection: Connection, request: Dispatchable): void {
    try {
      if (!this.#isClosed && connection.send(request)) request.onSent(connection)
      else this.dispatch(request)
    } catch (error) {
      request.onEncodeFailed(error)
    }
  }

  /** @returns false when every connection is full */
  #trySend(request: Dispatchable): boolean {
    try {
      const connection = this.#cluster.pick(request.route(), request.triedNodes)
      if (connection === undefined) {
        if (this.#cluster.isAvailable(request.triedNodes)) return false
        request.failWithoutNode()
        return true
      }
      if (!connection.send(request)) return false
      request.onSent(connection)
    } catch (error) {
      request.onEncodeFailed(error)
    }
    return true
  }

  #enqueue(request: Dispatchable): void {
    const bytes = request.estimatedBytes()
    const { queueCountMax, queueBytesMax } = this.#options
    if (this.#waitingCount >= queueCountMax || this.#queuedBytes + bytes > queueBytesMax) {
      request.fail(
        new OverloadedError(
          `${this.#waitingCount} requests of ${this.#queuedBytes} bytes wait already (queueCountMax ${queueCountMax}, queueBytesMax ${queueBytesMax})`,
        ),
      )
      return
    }
    if (this.#queue.length === 0) {
      this.ticker.add(this)
      this.ticker.hasten()
    }
    request.onQueued(bytes)
    this.#queue.push(request)
    this.#waitingCount++
    this.#queuedBytes += bytes
    // The places of those that gave up, once they may be more than the others.
    if (this.#queue.length > 2 * queueCountMax) this.#queue.keep((one) => !one.isSettled)
  }

  onLeftQueue(bytes: number): void {
    this.#waitingCount--
    this.#queuedBytes -= bytes
  }

  /** A connection has room: the line moves. */
  onRoom(): void {
    if (this.#queue.length === 0 || this.#isDraining) return
    this.#isDraining = true
    for (let head = this.#queue.peek(); head !== undefined; head = this.#queue.peek()) {
      if (!head.isSettled && !this.#trySend(head)) break
      this.#queue.shift()
    }
    this.#isDraining = false
    if (this.#queue.length === 0) this.ticker.remove(this)
  }

  onTick(nowMs: number): void {
    this.ticker.hasten()
    this.#queue.forEach((request) => {
      if (!request.isSettled && request.deadlineMs <= nowMs) request.onTimeout(false)
    })
    this.onRoom()
  }

  onAccepted(): void {
    this.#acceptedCount++
  }

  onSettled(): void {
    this.#acceptedCount--
    if (this.#acceptedCount === 0) this.#onIdle?.()
  }

  /** Resolves when everything that was accepted has its answer. */
  whenIdle(): Promise<void> {
    if (this.#acceptedCount === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onIdle = resolve
    })
  }

  /** Everything that waits fails; nothing is taken any more. */
  close(error: TsyllaError): void {
    this.#isClosed = true
    this.ticker.remove(this)
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      next.fail(error)
    }
  }

  nodeOf(connection: Connection): ClusterNode | undefined {
    return this.#cluster.nodeOf(connection)
  }

  unavailableError(): TsyllaError {
    return this.#cluster.unavailableError()
  }

  lostError(error: TsyllaError, outcome: Outcome): TsyllaError {
    if (this.#isClosed || error.code === 'TSYLLA_CLOSED') return new ClosedError('session', outcome)
    if (error instanceof ProtocolError) {
      const protocol = new ProtocolError(error.message, { cause: error })
      protocol.outcome = outcome
      return protocol
    }
    const node = error instanceof ConnectionError ? error.node : 'node'
    const reason = error.message.startsWith(`${node}: `)
      ? error.message.slice(node.length + 2)
      : error.message
    return new ConnectionError(node, reason, outcome, { cause: error })
  }

  malformed(connection: Connection, cause: unknown): ProtocolError {
    return new ProtocolError(`${connection.address} sent a response that cannot be read`, { cause })
  }
}
