import type { Cluster, ClusterNode, Exclusions } from '../../cluster/index.ts'
import { ClosedError, OverloadedError } from '../../errors/index.ts'
import type { RetryBudget } from '../../policies/index.ts'
import type { Connection, TickListener, DeadlineTimer } from '../../transport/index.ts'
import { assert, RingQueue } from '../../util/index.ts'
import { RequestAttempt, type AttemptOwner } from './request-attempt.ts'
import { HeldBytes, type ValueSize } from './value-size.ts'

export interface DispatcherOptions {
  readonly cluster: Cluster
  readonly deadlineTimer: DeadlineTimer
  readonly queueCountMax: number
  readonly queueBytesMax: number
  /** Bounds the attempts besides the first ones; `undefined` for no bound. */
  readonly retryBudget?: RetryBudget | undefined
}

/** A request as the dispatcher sees it. */
export interface DispatchedRequest extends AttemptOwner, Exclusions {
  readonly deadlineMs: number
  /** Connections that have an attempt of the request in flight. */
  readonly connectionsInFlight: readonly Connection[]
  /** What the choice of a node has to respect; `undefined` before anything has failed. */
  readonly exclusions: Exclusions | undefined
  /** Whether it may wait for a node while none has a connection. */
  readonly mayWaitForNode: boolean
  readonly isSettled: boolean
  /** Returns when an attempt that is sent now counts as stalled. */
  attemptDeadlineMs(nowMs: number): number
  /** Whether the request has a place in a queue. */
  readonly isQueued: boolean
  onSent(attempt: RequestAttempt): void
  /** The request waits until it is sent, or until it leaves the queue. */
  onQueued(place: QueuePlace): void
  /** The deadline has passed while it waited. */
  onQueueTimeout(): void
  /** The message could not be encoded; nothing was sent. */
  onEncodeFailed(error: unknown): void
  /** Dispatches again after a PREPARE that other requests may share. */
  resumeAfter(work: Promise<void>): void
  /** No node is left to try. */
  failWithoutNode(): void
  fail(error: unknown): void
}

/** A place in a queue. It stays there, empty, after its request was sent or given up. */
export interface QueuePlace {
  request: DispatchedRequest | undefined
  /** `undefined` for a request in flight: its connection counts its bytes. */
  readonly size: ValueSize | undefined
  /** Grows from place to place, over all queues. */
  readonly arrival: number
}

/** Requests that fail at their deadline in one turn of the event loop; more follow in the next. */
export const expiredPerTurnMax = 1_000

/** Requests that wait for the same nodes, oldest first. */
type Queue = RingQueue<QueuePlace>

/** Returns when the oldest place of a queue was taken. */
function arrivalOf(queue: Queue): number {
  return queue.peek()?.arrival ?? Number.POSITIVE_INFINITY
}

const newestFirst = (one: Queue, other: Queue): number => arrivalOf(other) - arrivalOf(one)

/** Empty places that a queue may have besides as many as requests wait. */
const emptyPlaceCountMax = 64

/**
 * Sends requests over connections. Requests that find no room wait, with a bound, together with
 * those that may go to the same nodes: what only a full node could serve is no obstacle to what
 * another node can.
 */
export class Dispatcher implements TickListener {
  readonly deadlineTimer: DeadlineTimer
  readonly #cluster: Cluster
  readonly #options: DispatcherOptions
  /** Requests of the default scope that no node has refused: nearly all of them. */
  readonly #common: Queue = new RingQueue()
  /**
   * Requests that may go to other nodes, that some nodes have refused, or that are in flight, by
   * their scope, the host ids of the nodes that have refused, and the connections in use; by their
   * scope alone when there are no such nodes and connections.
   */
  readonly #restricted = new Map<string, Queue>()
  /** Numbers of the connections that occur in those keys. */
  readonly #connectionNumbers = new WeakMap<Connection, number>()
  #lastConnectionNumber = 0
  /** Requests that wait; queues also have empty places. */
  #waitingCount = 0
  /** Those of them that are in flight and wait to be sent once more: they count for no limit. */
  #stalledCount = 0
  readonly #held = new HeldBytes()
  #placeCount = 0
  /** Queues that are still to be drained, the one with the oldest request last. */
  readonly #undrained: Queue[] = []
  #isDraining = false
  /** More requests have to fail at their deadline than one turn allows. */
  #isExpiring = false
  #isClosing = false
  #isClosed = false
  /** Accepted calls that are not settled yet. */
  #acceptedCount = 0
  #onIdle: (() => void) | undefined

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#cluster = options.cluster
    this.deadlineTimer = options.deadlineTimer
  }

  /** Whether new calls are refused. */
  get isClosing(): boolean {
    return this.#isClosing
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get queuedCount(): number {
    return this.#waitingCount
  }

  get queuedBytes(): number {
    return this.#held.total
  }

  /** Sends a request wherever there is room, or queues it. */
  dispatch(request: DispatchedRequest, nowMs?: number): void {
    if (this.#isClosed) {
      request.fail(new ClosedError('session'))
      return
    }
    const common = this.#common
    if (this.#waitingCount > 0) {
      this.#dispatchBehindOthers(request, nowMs)
      return
    }
    if (common.length > 0) common.keep(() => false)
    if (!this.#trySend(request, nowMs)) this.#enqueue(request)
  }

  #dispatchBehindOthers(request: DispatchedRequest, nowMs?: number): void {
    try {
      if (this.#comesAfterOthers(request)) {
        if (this.mayWait(request)) this.#enqueue(request)
        else request.failWithoutNode()
      } else if (!this.#trySend(request, nowMs)) this.#enqueue(request)
    } catch (error) {
      request.onEncodeFailed(error)
    }
  }

  /**
   * Whether other requests wait for the same nodes: they go first, or a steady stream of new ones
   * would starve them.
   */
  #comesAfterOthers(request: DispatchedRequest): boolean {
    const isFirst = request.exclusions === undefined
    if (!isFirst || this.#isDraining) return false
    const scope = this.#scopeOf(request)
    const queue = scope === '' ? this.#common : this.#restricted.get(scope)
    return queue !== undefined && queue.length > 0
  }

  /** Returns a name for the nodes that may serve a request, empty for those of the default. */
  #scopeOf({ message }: DispatchedRequest): string {
    return this.#cluster.scopeOf(message.profile.loadBalancing, message)
  }

  /** Sends on that connection if it still can, else wherever there is room. */
  dispatchTo(connection: Connection, request: DispatchedRequest): void {
    try {
      const maySend = !this.#isClosed && !request.isInFlightOn(connection)
      if (!maySend || !this.#sendOn(connection, request)) this.dispatch(request)
    } catch (error) {
      request.onEncodeFailed(error)
    }
  }

  /** Sends one more attempt of a request in flight as soon as another connection has room. */
  dispatchElsewhere(request: DispatchedRequest, nowMs: number): void {
    if (this.#isClosed) return
    try {
      const connection = this.#select(request)
      if (connection !== undefined && this.#sendOn(connection, request, nowMs)) return
      if (!request.isQueued) this.#enqueue(request)
    } catch {
      // The attempt in flight was encoded; it may still be answered.
    }
  }

  #select(request: DispatchedRequest): Connection | undefined {
    const { message } = request
    return this.#cluster.select(
      message.profile.loadBalancing,
      message,
      message.routing(),
      request.exclusions,
    )
  }

  /** @returns false when no connection that the request may use has room */
  #trySend(request: DispatchedRequest, nowMs?: number): boolean {
    try {
      const connection = this.#select(request)
      if (connection !== undefined) return this.#sendOn(connection, request, nowMs)
      if (this.mayWait(request)) return false
      request.failWithoutNode()
    } catch (error) {
      request.onEncodeFailed(error)
    }
    return true
  }

  /**
   * Whether a node that the request may go to has a connection, or may have one while it waits.
   *
   * @throws ConfigError when a policy of the user fails
   */
  mayWait(request: DispatchedRequest, mayWaitForNode: boolean = request.mayWaitForNode): boolean {
    const { message, excludedNodes } = request
    const { loadBalancing } = message.profile
    const reach = this.#cluster.reachOf(loadBalancing, message, excludedNodes)
    return reach === 'up' || (reach === 'down' && mayWaitForNode)
  }

  /** @returns whether the connection took the request, or a PREPARE comes first */
  #sendOn(
    connection: Connection,
    request: DispatchedRequest,
    nowMs = this.deadlineTimer.nowMs(),
  ): boolean {
    const preparing = request.message.prepareFor(connection)
    if (preparing !== undefined) {
      request.resumeAfter(preparing)
      return true
    }
    const attemptDeadlineMs = request.attemptDeadlineMs(nowMs)
    // The policy that was asked may have aborted it.
    if (request.isSettled) return true
    const attempt = new RequestAttempt(request, connection, nowMs, attemptDeadlineMs)
    attempt.sentUs = this.deadlineTimer.usOf(nowMs)
    if (!connection.send(attempt)) return false
    request.onSent(attempt)
    return true
  }

  #enqueue(request: DispatchedRequest): void {
    const isInFlight = request.connectionsInFlight.length > 0
    const size = isInFlight ? undefined : request.message.size()
    if (size !== undefined && !this.#hasRoomFor(size)) {
      request.fail(this.#overloadedError())
      return
    }
    const queue = this.#findQueue(request)
    // A policy that was asked may have failed, or aborted it.
    if (queue === undefined || request.isSettled) return
    if (this.#waitingCount === 0) {
      this.deadlineTimer.addListener(this)
      this.deadlineTimer.tickFinely()
    }
    const place: QueuePlace = { request, size, arrival: this.#placeCount++ }
    this.#waitingCount++
    if (size === undefined) this.#stalledCount++
    else this.#held.add(size)
    queue.push(place)
    if (queue.length > 2 * this.#waitingCount + emptyPlaceCountMax) {
      queue.keep((one) => one.request !== undefined)
    }
    request.onQueued(place)
  }

  #hasRoomFor(size: ValueSize): boolean {
    const { queueCountMax, queueBytesMax } = this.#options
    const bytes = this.#held.total + this.#held.addedBy(size)
    return this.#countedCount < queueCountMax && bytes <= queueBytesMax
  }

  /** Waiting requests that count towards the limits of the queue. */
  get #countedCount(): number {
    return this.#waitingCount - this.#stalledCount
  }

  #overloadedError(): OverloadedError {
    const { queueCountMax, queueBytesMax } = this.#options
    return new OverloadedError(
      `The request finds no room on a connection, and ${this.#countedCount} requests of ${this.#held.total} bytes wait already (queueCountMax ${queueCountMax}, queueBytesMax ${queueBytesMax})`,
    )
  }

  #findQueue(request: DispatchedRequest): Queue | undefined {
    try {
      return this.#queueOf(request)
    } catch (error) {
      request.onEncodeFailed(error)
      return undefined
    }
  }

  #queueOf(request: DispatchedRequest): Queue {
    const { excludedNodes, connectionsInFlight } = request
    const scope = this.#scopeOf(request)
    const isCommon = excludedNodes === undefined && connectionsInFlight.length === 0
    if (isCommon && scope === '') return this.#common
    const key = isCommon ? scope : this.#keyOf(scope, excludedNodes, connectionsInFlight)
    let queue = this.#restricted.get(key)
    if (queue === undefined) {
      queue = new RingQueue()
      this.#restricted.set(key, queue)
    }
    return queue
  }

  /** Returns the key of the requests that some nodes have refused, or that are in flight. */
  #keyOf(
    scope: string,
    excludedNodes: ReadonlySet<ClusterNode> | undefined,
    connectionsInFlight: readonly Connection[],
  ): string {
    const excluded = [...(excludedNodes ?? [])].map(({ hostId }) => hostId).sort()
    const inFlight = connectionsInFlight.map((one) => this.#numberOf(one)).sort((a, b) => a - b)
    return JSON.stringify([scope, excluded, inFlight])
  }

  #numberOf(connection: Connection): number {
    let number = this.#connectionNumbers.get(connection)
    if (number === undefined) {
      number = ++this.#lastConnectionNumber
      this.#connectionNumbers.set(connection, number)
    }
    return number
  }

  /** The request of the place waits no longer. */
  leaveQueue(place: QueuePlace): void {
    assert(place.request !== undefined, 'a request left its place in the queue twice')
    place.request = undefined
    this.#waitingCount--
    if (place.size === undefined) this.#stalledCount--
    else this.#held.remove(place.size)
    assert(this.#countedCount > 0 === this.#held.total > 0, 'bytes of the queue')
    if (this.#waitingCount === 0) this.deadlineTimer.removeListener(this)
  }

  /**
   * Tries again what waits.
   *
   * @param connection has room now; without it nodes came or went
   */
  onRoom(connection?: Connection): void {
    if (this.#waitingCount === 0 || this.#isDraining || this.#isExpiring || this.#isClosed) return
    this.#isDraining = true
    if (this.#restricted.size === 0) {
      this.#drain(this.#common, connection, Number.POSITIVE_INFINITY)
    } else this.#drainByArrival(connection)
    this.#isDraining = false
  }

  /** Drains all queues, so that a request never takes the room of one that has waited longer. */
  #drainByArrival(connection: Connection | undefined): void {
    const queues = this.#undrained
    queues.push(this.#common, ...this.#restricted.values())
    queues.sort(newestFirst)
    for (let queue = queues.pop(); queue !== undefined; queue = queues.pop()) {
      const next = queues.at(-1)
      const until = next === undefined ? Number.POSITIVE_INFINITY : arrivalOf(next)
      if (!this.#drain(queue, connection, until)) continue
      let index = queues.length
      while (index > 0 && arrivalOf(queues[index - 1]!) < arrivalOf(queue)) index--
      queues.splice(index, 0, queue)
    }
    for (const [key, queue] of this.#restricted) {
      if (queue.length === 0) this.#restricted.delete(key)
    }
  }

  /**
   * Sends what waits in one queue.
   *
   * @param until arrival from which on the requests of another queue come first
   * @returns whether it stopped there; otherwise nothing more of the queue can be sent now
   */
  #drain(queue: Queue, connection: Connection | undefined, until: number): boolean {
    const nowMs = this.deadlineTimer.nowMs()
    for (let head = queue.peek(); head !== undefined; head = queue.peek()) {
      // All other connections were full before and still are.
      if (connection?.hasRoom === false || this.#isExpiring) return false
      if (head.request !== undefined && head.request.deadlineMs <= nowMs) {
        this.#expire(nowMs)
        if (this.#isExpiring) return false
      }
      if (head.request !== undefined && !this.#trySend(head.request, nowMs)) return false
      if (queue.peek() === head) queue.shift()
      if (arrivalOf(queue) > until) return true
    }
    return false
  }

  onTick(nowMs: number): void {
    this.deadlineTimer.tickFinely()
    if (!this.#isExpiring) this.#expire(nowMs)
  }

  /** Fails what waits beyond its deadline, a bounded number per turn. */
  #expire(nowMs: number): void {
    let expiredCount = 0
    const expire = ({ request }: QueuePlace): void => {
      if (request === undefined || request.deadlineMs > nowMs) return
      if (expiredCount++ < expiredPerTurnMax) request.onQueueTimeout()
    }
    this.#common.forEach(expire)
    for (const queue of this.#restricted.values()) queue.forEach(expire)
    this.#isExpiring = expiredCount > expiredPerTurnMax
    if (this.#isExpiring) this.deadlineTimer.runtime.nextTurn(() => this.#expire(nowMs))
    else this.onRoom()
  }

  /** Whether the session may send an attempt that comes on top of its requests. */
  takeAttempt(nowMs: number): boolean {
    return this.#options.retryBudget?.take(nowMs) !== false
  }

  /** A request of the user begins: the session may repeat a share of them. */
  onRequest(): void {
    this.#options.retryBudget?.add()
  }

  onAccepted(): void {
    this.#acceptedCount++
  }

  onSettled(): void {
    this.#acceptedCount--
    if (this.#acceptedCount === 0) this.#onIdle?.()
  }

  /** Takes no more calls. @returns a promise that resolves when all accepted calls are settled */
  whenIdle(): Promise<void> {
    this.#isClosing = true
    if (this.#acceptedCount === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onIdle = resolve
    })
  }

  /** Fails all waiting requests, and every request from now on. */
  close(): void {
    this.#isClosing = true
    this.#isClosed = true
    for (const queue of [this.#common, ...this.#restricted.values()]) {
      // Requests add details to their error, so they share none.
      queue.forEach(({ request }) => request?.fail(new ClosedError('session')))
      queue.keep(() => false)
    }
  }
}
