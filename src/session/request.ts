import {
  AbortedError,
  type Attempt,
  type RequestKind,
  RequestTimeoutError,
  type ServerError,
  ServerErrorCode,
  serverErrorOutcome,
  TsyllaError,
} from '../errors/index.ts'
import { decideRetry } from '../policies/index.ts'
import {
  Opcode,
  readError,
  readResponsePrefix,
  WireReader,
  type WireWriter,
} from '../protocol/index.ts'
import type { ClusterNode, Route } from '../cluster/index.ts'
import type { Connection } from '../transport/index.ts'
import type { Timer } from '../util/index.ts'
import type { Abortable } from './abort-registry.ts'
import type { Dispatchable, RequestHost } from './request-host.ts'
import type { ExecutionSettings } from './settings.ts'

/**
 * Where a request is; it is settled exactly once. `preparing`: its attempt was not carried out, a
 * PREPARE comes first. `following`: it was, and what has to follow on other nodes is waited for.
 */
const RequestState = {
  idle: 0,
  queued: 1,
  inFlight: 2,
  preparing: 3,
  following: 4,
  settled: 5,
} as const
type RequestState = (typeof RequestState)[keyof typeof RequestState]

/** Reused for answers: they are read inside one callback, never across two. */
const sharedReader = new WireReader()

/**
 * One request of a caller over all its attempts and pages: deadline, abort, retries. What it sends
 * and how it reads a RESULT is its subclass's.
 */
export abstract class Request<T> implements Dispatchable, Abortable {
  deadlineMs = 0
  streamId = -1
  readonly settings: ExecutionSettings
  protected readonly host: RequestHost
  /** Node of the last attempt. */
  protected connection: Connection | undefined
  readonly #resolve: (value: T) => void
  readonly #reject: (error: unknown) => void
  readonly #signal: AbortSignal | undefined
  #state: RequestState = RequestState.idle
  #attempts: Attempt[] | undefined
  #attemptCount = 0
  #tried: Set<ClusterNode> | undefined
  /** PREPAREs over all attempts, and whether this attempt has had its one. */
  #prepareCount = 0
  #wasPrepared = false
  #queuedBytes = 0

  constructor(
    host: RequestHost,
    settings: ExecutionSettings,
    signal: AbortSignal | undefined,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.host = host
    this.settings = settings
    this.#signal = signal
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Decides the outcome of failures. */
  abstract readonly kind: RequestKind
  /** Whether it may be repeated although it may have been applied. */
  abstract readonly isIdempotent: boolean
  abstract route(): Route | undefined
  abstract encode(writer: WireWriter, streamId: number, connection: Connection): void
  abstract estimatedBytes(): number
  /** A RESULT body. Calls {@link succeed}, or {@link continueWith}, or throws. */
  protected abstract onResult(reader: WireReader, flags: number): void
  /** The node does not know the statement. Prepares it there. */
  protected abstract prepareAgain(connection: Connection, error: ServerError): Promise<void>

  get triedNodes(): ReadonlySet<ClusterNode> | undefined {
    return this.#tried
  }

  get isSettled(): boolean {
    return this.#state === RequestState.settled
  }

  /**
   * Sends it for the first time.
   *
   * @param startedMs time of the ticker that the deadline counts from
   */
  start(startedMs: number = this.host.ticker.nowMs()): void {
    this.host.onAccepted()
    const signal = this.#signal
    if (signal !== undefined) {
      if (signal.aborted) {
        this.fail(new AbortedError('not_applied', signal.reason))
        return
      }
      this.host.aborts.add(signal, this)
    }
    this.deadlineMs = startedMs + this.settings.timeoutMs
    this.host.dispatch(this)
  }

  onQueued(bytes: number): void {
    this.#state = RequestState.queued
    this.#queuedBytes = bytes
  }

  #leaveQueue(): void {
    if (this.#state === RequestState.queued) this.host.onLeftQueue(this.#queuedBytes)
  }

  onSent(connection: Connection): void {
    this.#leaveQueue()
    this.#state = RequestState.inFlight
    this.connection = connection
    this.#attemptCount++
  }

  onResponse(
    flags: number,
    opcode: number,
    bytes: Buffer,
    start: number,
    end: number,
    connection: Connection,
  ): void {
    const reader = sharedReader
    reader.reset(bytes, start, end)
    try {
      if (opcode === Opcode.RESULT) {
        this.onResult(reader, flags)
        return
      }
      readResponsePrefix(reader, flags)
      if (opcode !== Opcode.ERROR) {
        throw new TypeError(`opcode 0x${opcode.toString(16)} answers no request`)
      }
      this.#onServerError(readError(reader), connection)
    } catch (error) {
      this.fail(TsyllaError.is(error) ? error : this.host.malformed(connection, error))
    }
  }

  #onServerError(error: ServerError, connection: Connection): void {
    const isUnprepared = error.serverCode === ServerErrorCode.UNPREPARED
    if (isUnprepared && !this.#wasPrepared && this.#prepareCount < prepareCountMax) {
      this.#prepareCount++
      this.#wasPrepared = true
      // Nothing was tried yet, as far as the retry policy counts.
      this.#attemptCount--
      this.resumeAfter(this.prepareAgain(connection, error), () =>
        this.host.dispatchTo(connection, this),
      )
      return
    }
    error.outcome = serverErrorOutcome(error, this.kind)
    this.#failed(error)
  }

  /** Goes on after a PREPARE that other requests share, unless the deadline comes first. */
  protected resumeAfter(work: Promise<void>, resume: () => void): void {
    this.#leaveQueue()
    this.#state = RequestState.preparing
    const timer = this.#atDeadline(() => this.onTimeout(false))
    work
      .finally(() => timer.cancel())
      .then(() => {
        if (!this.isSettled) resume()
      })
      .catch((reason: unknown) => this.#failed(reason as TsyllaError))
  }

  /**
   * The answer says that the statement was carried out; more has to happen before it is told.
   *
   * @returns the timer of the deadline, to be cancelled
   */
  protected follow(): Timer {
    this.#state = RequestState.following
    const what = 'The statement was carried out, but not all nodes followed'
    return this.#atDeadline(() =>
      this.fail(new RequestTimeoutError(this.settings.timeoutMs, this.#outcome(true), what)),
    )
  }

  /** For what no connection watches the deadline of. */
  #atDeadline(giveUp: () => void): Timer {
    const { ticker } = this.host
    const leftMs = Math.max(0, this.deadlineMs - ticker.nowMs())
    return ticker.clock.schedule(leftMs, giveUp, true)
  }

  onLost(error: TsyllaError, wasWritten: boolean): void {
    const lost = this.host.lostError(error, this.#outcome(wasWritten))
    this.#failed(lost)
  }

  #outcome(wasWritten: boolean): 'not_applied' | 'unknown' {
    return wasWritten && this.kind !== 'read' ? 'unknown' : 'not_applied'
  }

  onTimeout(wasWritten: boolean): void {
    const error = new RequestTimeoutError(this.settings.timeoutMs, this.#outcome(wasWritten))
    this.fail(error)
  }

  onAborted(reason: unknown): void {
    if (this.isSettled) return
    const wasWritten =
      this.#state === RequestState.inFlight && this.connection !== undefined
        ? this.connection.abandon(this)
        : this.#state === RequestState.following
    this.fail(new AbortedError(this.#outcome(wasWritten), reason))
  }

  /** An attempt failed: climbs to the retry policy. */
  #failed(error: TsyllaError): void {
    if (this.isSettled) return
    const decision = decideRetry({
      error,
      isIdempotent: this.isIdempotent,
      attemptCount: this.#attemptCount,
    })
    const { connection } = this
    if (decision === 'rethrow' || connection === undefined || this.host.isClosed) {
      this.fail(error)
      return
    }
    this.#attempts ??= []
    this.#attempts.push({ node: connection.address, error })
    this.#state = RequestState.idle
    this.#wasPrepared = false
    if (decision === 'next_node') {
      const node = this.host.nodeOf(connection)
      if (node !== undefined) (this.#tried ??= new Set()).add(node)
      this.host.dispatch(this)
    } else {
      this.host.dispatchTo(connection, this)
    }
  }

  onEncodeFailed(error: unknown): void {
    this.fail(error)
  }

  /** No node is left to try: the last failure says more than "no node". */
  failWithoutNode(): void {
    const last = this.#attempts?.pop()
    this.fail(last?.error ?? this.host.unavailableError())
  }

  /** The same request goes on, for its next page. */
  protected continueWith(): void {
    this.#state = RequestState.idle
    this.#attemptCount = 0
    this.#prepareCount = 0
    this.#wasPrepared = false
    this.#tried = undefined
    this.host.dispatch(this)
  }

  protected succeed(value: T): void {
    this.#settle()
    this.#resolve(value)
  }

  fail(error: unknown): void {
    if (this.isSettled) return
    if (TsyllaError.is(error)) this.#complete(error)
    this.#settle()
    this.#reject(error)
  }

  /** Adds what the last attempt alone cannot know: an earlier one may have been applied. */
  #complete(error: TsyllaError): void {
    const isRead = this.kind === 'read'
    if (isRead) error.outcome = 'not_applied'
    const attempts = this.#attempts
    if (attempts === undefined) return
    error.attempts = attempts
    if (!isRead && attempts.some((attempt) => attempt.error.outcome === 'unknown')) {
      error.outcome = 'unknown'
    }
  }

  #settle(): void {
    this.host.onSettled()
    this.#leaveQueue()
    if (this.#signal !== undefined) this.host.aborts.remove(this.#signal, this)
    this.#state = RequestState.settled
  }
}

/**
 * How often one request may be prepared again, on whatever nodes, before UNPREPARED is its answer.
 */
const prepareCountMax = 2
