import { AbortedError, ClosedError } from '../errors/index.ts'
import { assert, type Clock, type Timer } from '../util/index.ts'
import { type AnswerLimits, AnswerMemory } from './answer-memory.ts'
import { type LongRead, type QueuedRead, ReadQueue } from './read-queue.ts'
import type { CooperativeScheduler } from './storage/index.ts'

/**
 * Time after which reads that memory keeps from going on give up their snapshots. A snapshot on
 * disk keeps every page that is replaced after it was taken, so that the file grows meanwhile.
 */
export const blockedMsMax = 1_000

/**
 * The long reads of one engine. One of them reads one slice per turn of the event loop: clients
 * take turns, and so do the reads of a client, as far as memory allows. A client that does not read
 * its answers gets no further ones. When the memory of the engine is used up, only the read that
 * came first goes on.
 */
export class LongReads {
  readonly #scheduler: CooperativeScheduler
  readonly #limits: AnswerLimits
  readonly #clock: Clock
  readonly #clients: Set<AnswerMemory> = new Set()
  /** Queues that have reads; the client whose turn is next comes first. */
  readonly #queues: Map<AnswerMemory, ReadQueue> = new Map()
  #readNumber = 0
  #openCount = 0
  #buildingBytes = 0
  /** Bytes of the values of all reads. */
  #valueBytes = 0
  #isScheduled = false
  #isClosed = false
  /** Set while reads are kept from going on. */
  #timer: Timer | undefined

  constructor(scheduler: CooperativeScheduler, limits: AnswerLimits, clock: Clock) {
    this.#scheduler = scheduler
    this.#limits = limits
    this.#clock = clock
  }

  /** Whether no read is under way, so that a new one goes on with what it has read. */
  get isIdle(): boolean {
    return this.#queues.size === 0
  }

  /** Reads that hold a snapshot. */
  get openCount(): number {
    return this.#openCount
  }

  /** Bytes of the answers to all clients, complete or not, and of the values of their reads. */
  get bytes(): number {
    return this.#buildingBytes + this.#valueBytes + this.#answerBytes()
  }

  /** @param unsentBytes returns the bytes that were sent and that the client has not taken */
  addClient(unsentBytes: () => number): AnswerMemory {
    const memory = new AnswerMemory(unsentBytes, this.#limits.clientBytesMax, () => {
      this.#schedule()
    })
    this.#clients.add(memory)
    return memory
  }

  /** Ends the reads of a client. What it has not taken still counts. */
  endReads(memory: AnswerMemory): void {
    this.#end(memory, (read) => new AbortedError('not_applied', read.signal?.reason))
    this.#schedule()
  }

  /** Ends the reads of a client that is gone, whose answers no longer take memory. */
  removeClient(memory: AnswerMemory): void {
    this.#clients.delete(memory)
    this.endReads(memory)
  }

  /**
   * Reads to the end. A read that has begun already goes on with what it has if it is the only one,
   * see {@link isIdle}.
   *
   * @throws ClosedError, AbortedError, and what the read throws
   */
  run<T>(read: LongRead<T>, client: AnswerMemory): Promise<T> {
    assert(!this.#isClosed, 'a read began after the engine was closed')
    let queue = this.#queues.get(client)
    if (queue === undefined) {
      queue = new ReadQueue(client, this.#limits)
      this.#queues.set(client, queue)
    }
    const isOpen = read.bytes > 0
    assert(!isOpen || queue.isEmpty, 'a read began before others of its client')
    this.#valueBytes += read.valueBytes
    client.holdValues(read.valueBytes)
    const answer = new Promise<T>((resolve, reject) => {
      const settle = resolve as (answer: unknown) => void
      queue.push({ read, resolve: settle, reject, number: this.#readNumber++, isOpen })
    })
    if (isOpen) {
      this.#openCount++
      this.#grow(queue, read.bytes)
    }
    this.#schedule()
    return answer
  }

  /** Ends all reads, before what they read from is closed. */
  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    for (const memory of [...this.#queues.keys()]) {
      this.#end(memory, () => new ClosedError('engine'))
    }
  }

  #end(memory: AnswerMemory, errorOf: (read: LongRead<unknown>) => Error): void {
    const queue = this.#queues.get(memory)
    while (queue !== undefined && !queue.isEmpty) {
      const { first } = queue
      this.#remove(queue, first)
      first.reject(errorOf(first.read))
    }
  }

  #schedule(): void {
    if (this.#isScheduled || this.#queues.size === 0) return
    this.#isScheduled = true
    void this.#scheduler.yieldTurn().then(this.#takeTurn)
  }

  /** When memory keeps all reads from going on, the next client that takes bytes wakes them. */
  readonly #takeTurn = (): void => {
    this.#isScheduled = false
    if (this.#continueOne()) this.#schedule()
  }

  /** @returns whether a read could go on */
  #continueOne(): boolean {
    const { engineBytesMax } = this.#limits
    const answerBytes = this.#answerBytes()
    if (answerBytes >= engineBytesMax) {
      for (const queue of this.#queues.values()) this.#noteBlocked(queue)
      return false
    }
    const completeBytes = answerBytes + this.#valueBytes
    if (completeBytes + this.#buildingBytes >= engineBytesMax) this.#discardWhereFull()
    const isSpent = completeBytes + this.#buildingBytes >= engineBytesMax
    return isSpent ? this.#continueFirst() : this.#continueInTurn()
  }

  #continueFirst(): boolean {
    let first: ReadQueue | undefined
    for (const queue of this.#queues.values()) {
      if (this.#isBlocked(queue)) continue
      if (first === undefined || queue.first.number < first.first.number) first = queue
    }
    if (first === undefined) return false
    this.#readSlice(first, first.first)
    return true
  }

  #continueInTurn(): boolean {
    const { engineReadCountMax } = this.#limits
    if (this.#openCount >= engineReadCountMax) this.#discardWhereFull()
    const canOpen = this.#openCount < engineReadCountMax
    for (const [memory, queue] of this.#queues) {
      if (this.#isBlocked(queue)) continue
      const queued = queue.pick(canOpen)
      if (queued === undefined) continue
      this.#queues.delete(memory)
      this.#queues.set(memory, queue)
      this.#readSlice(queue, queued)
      return true
    }
    return false
  }

  /**
   * Takes snapshots and incomplete answers from clients that do not read what they were sent. Their
   * reads begin again when they do.
   */
  #discardWhereFull(): void {
    for (const queue of this.#queues.values()) {
      if (queue.memory.hasFullAnswers) this.#discard(queue)
    }
  }

  #discard(queue: ReadQueue): void {
    this.#openCount -= queue.discard()
    this.#grow(queue, -queue.buildingBytes)
  }

  /** Whether the client must take answers before its reads go on. */
  #isBlocked(queue: ReadQueue): boolean {
    const isBlocked = queue.memory.hasFullAnswers
    if (isBlocked) this.#noteBlocked(queue)
    return isBlocked
  }

  #noteBlocked(queue: ReadQueue): void {
    if (!queue.hasOpen) return
    queue.blockedSinceMs ??= this.#clock.monotonicMs()
    this.#timer ??= this.#clock.schedule(blockedMsMax, this.#discardBlocked)
  }

  readonly #discardBlocked = (): void => {
    this.#timer = undefined
    const nowMs = this.#clock.monotonicMs()
    const isEngineFull = this.#answerBytes() >= this.#limits.engineBytesMax
    let leftMs: number | undefined
    for (const queue of this.#queues.values()) {
      if (!isEngineFull && !queue.memory.hasFullAnswers) queue.blockedSinceMs = undefined
      if (queue.blockedSinceMs === undefined) continue
      const queueLeftMs = queue.blockedSinceMs + blockedMsMax - nowMs
      if (queueLeftMs <= 0) this.#discard(queue)
      else leftMs = Math.min(leftMs ?? queueLeftMs, queueLeftMs)
    }
    if (leftMs !== undefined) this.#timer = this.#clock.schedule(leftMs, this.#discardBlocked)
  }

  #readSlice(queue: ReadQueue, queued: QueuedRead): void {
    const { read } = queued
    queue.blockedSinceMs = undefined
    if (!queued.isOpen) {
      queued.isOpen = true
      this.#openCount++
    }
    const { bytes } = read
    try {
      if (read.signal?.aborted) throw new AbortedError('not_applied', read.signal.reason)
      const answer = read.readSlice()
      this.#grow(queue, read.bytes - bytes)
      if (answer === undefined) return
      this.#remove(queue, queued)
      queued.resolve(answer)
    } catch (error) {
      this.#remove(queue, queued)
      queued.reject(error)
    }
  }

  #grow(queue: ReadQueue, bytes: number): void {
    queue.buildingBytes += bytes
    this.#buildingBytes += bytes
    assert(queue.buildingBytes >= 0, 'the bytes of incomplete answers are miscounted')
  }

  #remove(queue: ReadQueue, queued: QueuedRead): void {
    const { read } = queued
    if (queued.isOpen) this.#openCount--
    read.discard()
    queue.remove(queued)
    this.#grow(queue, queue.countBytes() - queue.buildingBytes)
    if (queue.isEmpty) this.#queues.delete(queue.memory)
    this.#valueBytes -= read.valueBytes
    queue.memory.releaseValues(read.valueBytes)
  }

  /** Bytes of complete answers. It asks every client, so a turn calls it once. */
  #answerBytes(): number {
    let bytes = 0
    for (const memory of this.#clients) bytes += memory.answerBytes
    return bytes
  }
}
