import type { ClusterNode, Exclusions } from '../../cluster/index.ts'
import {
  AbortedError,
  ConfigError,
  consistencyName,
  faultOf,
  type Outcome,
  RequestTimeoutError,
  type ServerError,
  ServerErrorCode,
  serverErrorOutcome,
  TsyllaError,
} from '../../errors/index.ts'
import { Opcode, readError, readResponsePrefix, WireReader } from '../../protocol/index.ts'
import type { Connection } from '../../transport/index.ts'
import { type Abortable, abortRegistry, assert, sleep, type Timer } from '../../util/index.ts'
import { policyAttemptCountMax } from '../../policies/index.ts'
import type { ResultSet } from '../result/result-set.ts'
import type { CallTrace } from './call-trace.ts'
import type { RequestAttempt } from './request-attempt.ts'
import { RequestSetbacks } from './request-setbacks.ts'
import { askRetryPolicy, type CheckedDecision, noRetry } from './retry-decision.ts'
import type { DispatchedRequest, QueuePlace } from './dispatcher.ts'
import type { ExecutionContext } from './execution-context.ts'
import { describeStatement, lostError, throwAtCaller, unreadableError } from './failures.ts'
import type { Message } from './message.ts'
import { type GatheredPages, handleResult, type ResultTarget } from './result-handler.ts'
import type { SettledRequest } from './slow-requests.ts'
import { reportLatency, speculationDelayMs } from './speculation.ts'

/**
 * Where a request is; it is settled exactly once. `active`: attempts are in flight, it waits in the
 * queue, or a PREPARE comes first. `completing`: it was carried out, and what has to follow on
 * other nodes is awaited.
 */
const RequestState = { active: 0, completing: 1, settled: 2 } as const
type RequestState = (typeof RequestState)[keyof typeof RequestState]

/** Reused for answers: they are read inside one callback, never across two. */
const sharedReader = new WireReader()

export interface RequestOptions {
  readonly signal: AbortSignal | undefined
  /** Takes the report of the request, when the call is observed. */
  readonly trace: CallTrace | undefined
  /** `all`: to the last page, into one result. `one`: a single page. */
  readonly pages: 'all' | 'one'
  /** Paging state of the server at which the first page starts. */
  readonly pagingState: Uint8Array | undefined
}

/**
 * One call of a user: it owns deadline, outcome, pages and attempts. Its message decides what is
 * sent, the dispatcher decides where, and the retry policy decides what follows a failure.
 */
export class UserRequest implements Abortable, DispatchedRequest, ResultTarget {
  readonly context: ExecutionContext
  readonly message: Message
  readonly pages: 'all' | 'one'
  pagingState: Uint8Array | undefined
  gathered: GatheredPages | undefined
  deadlineMs = 0
  readonly #resolve: (result: ResultSet<unknown> | Promise<never>) => void
  readonly #signal: AbortSignal | undefined
  readonly #trace: CallTrace | undefined
  #state: RequestState = RequestState.active
  /** Attempts in flight; nearly always there is only the first. */
  #first: RequestAttempt | undefined
  #setbacks: RequestSetbacks | undefined
  #attemptCount = 0
  /** Attempts of the pages before. */
  #earlierAttemptCount = 0
  /** The connection that answered last, or that the last attempt was sent on. */
  #lastConnection: Connection | undefined
  /** {@link DeadlineTimer.usOf} the time that the deadline counts from. */
  #startedUs = 0
  /** Where the request waits while it does. */
  #place: QueuePlace | undefined

  constructor(
    context: ExecutionContext,
    message: Message,
    { signal, trace, pages, pagingState }: RequestOptions,
    resolve: (result: ResultSet<unknown> | Promise<never>) => void,
  ) {
    this.context = context
    this.message = message
    this.pages = pages
    this.pagingState = pagingState
    this.#signal = signal
    this.#trace = trace
    this.#resolve = resolve
  }

  get isSettled(): boolean {
    return this.#state === RequestState.settled
  }

  /** What the choice of a node has to respect; `undefined` before anything has failed. */
  get exclusions(): Exclusions | undefined {
    return this.#first === undefined && this.#setbacks === undefined ? undefined : this
  }

  /** Whether it may wait for a node while none has a connection. */
  get mayWaitForNode(): boolean {
    return this.message.isIdempotent
  }

  get excludedNodes(): ReadonlySet<ClusterNode> | undefined {
    return this.#setbacks?.excludedNodes
  }

  get failedNodes(): ReadonlySet<ClusterNode> | undefined {
    return this.#setbacks?.failedNodes
  }

  get connectionsInFlight(): readonly Connection[] {
    if (this.#first === undefined) return []
    return [this.#first, ...(this.#setbacks?.others ?? [])].map(({ connection }) => connection)
  }

  isInFlightOn(connection: Connection): boolean {
    return (
      this.#first?.connection === connection ||
      this.#setbacks?.others.some((attempt) => attempt.connection === connection) === true
    )
  }

  /** @param startedMs time of the deadline timer that the deadline counts from */
  start(startedMs: number): void {
    const { dispatcher } = this.context
    dispatcher.onAccepted()
    dispatcher.onRequest()
    this.#startedUs = dispatcher.deadlineTimer.usOf(startedMs)
    this.deadlineMs = startedMs + this.message.profile.timeoutMs
    const signal = this.#signal
    if (signal !== undefined) {
      if (signal.aborted) {
        this.fail(new AbortedError('not_applied', signal.reason))
        return
      }
      abortRegistry.add(signal, this)
    }
    dispatcher.dispatch(this, startedMs)
  }

  /** Returns when an attempt that is sent now counts as stalled. */
  attemptDeadlineMs(nowMs: number): number {
    const { profile } = this.message
    const inFlightCount = this.#first === undefined ? 1 : 2 + (this.#setbacks?.others.length ?? 0)
    const delayMs = speculationDelayMs(profile, inFlightCount)
    return delayMs === undefined ? this.deadlineMs : Math.min(nowMs + delayMs, this.deadlineMs)
  }

  get isQueued(): boolean {
    return this.#place !== undefined
  }

  onQueued(place: QueuePlace): void {
    this.#place = place
  }

  #leaveQueue(): void {
    const place = this.#place
    if (place === undefined) return
    this.#place = undefined
    this.context.dispatcher.leaveQueue(place)
  }

  onSent(attempt: RequestAttempt): void {
    this.#leaveQueue()
    this.#attemptCount++
    this.#lastConnection = attempt.connection
    if (this.#setbacks !== undefined || this.#first !== undefined) this.#countAttempt()
    if (this.#first === undefined) this.#first = attempt
    else (this.#setbacks ??= new RequestSetbacks()).others.push(attempt)
  }

  /** Counts an attempt that may not be the first one. */
  #countAttempt(): void {
    const { recorder } = this.context
    const setbacks = (this.#setbacks ??= new RequestSetbacks())
    if (setbacks.next === 'retry') recorder.retryCount++
    else if (setbacks.next === undefined && this.#first !== undefined) {
      recorder.speculativeExecutionCount++
      setbacks.speculativeExecutionCount++
    }
    setbacks.next = undefined
  }

  #endAttempt(attempt: RequestAttempt): void {
    const others = this.#setbacks?.others
    if (this.#first === attempt) {
      this.#first = others?.shift()
      return
    }
    const index = others?.indexOf(attempt) ?? -1
    assert(index >= 0, 'an attempt ended that its request does not have')
    others?.splice(index, 1)
  }

  /** @returns whether an attempt may have reached its node. @param isAnswered by a faster one */
  #abandonAttempts(isAnswered: boolean): boolean {
    // The room that this makes is for other requests.
    this.#leaveQueue()
    let wasWritten = false
    for (let attempt = this.#first; attempt !== undefined; attempt = this.#first) {
      this.#endAttempt(attempt)
      if (isAnswered) this.#reportLatency(attempt.sentMs)
      wasWritten = attempt.connection.abandon(attempt) || wasWritten
    }
    return wasWritten
  }

  onResponse(
    attempt: RequestAttempt,
    flags: number,
    opcode: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    this.#endAttempt(attempt)
    this.#lastConnection = attempt.connection
    const us = this.context.dispatcher.deadlineTimer.usSince(attempt.sentMs, attempt.sentUs)
    attempt.connection.recorder?.latency.record(us)
    this.#reportLatency(attempt.sentMs)
    const reader = sharedReader
    reader.reset(bytes, start, end)
    try {
      if (opcode === Opcode.RESULT) {
        handleResult(this, attempt, reader, flags)
        return
      }
      readResponsePrefix(reader, flags)
      if (opcode !== Opcode.ERROR) {
        throw new TypeError(`opcode 0x${opcode.toString(16)} answers no request`)
      }
      const { connection } = attempt
      this.#onServerError(readError(reader, connection.features), connection)
    } catch (error) {
      const { address } = attempt.connection
      const own = TsyllaError.is(error) ? error.changeable() : unreadableError(address, error)
      // The node has answered, so it may have carried the statement out.
      own.outcome = 'unknown'
      this.fail(own)
    }
  }

  #reportLatency(sentMs: number): void {
    const { speculation } = this.message.profile
    if (speculation.onLatency === undefined) return
    reportLatency(speculation, this.context.dispatcher.deadlineTimer.nowMs() - sentMs)
  }

  #onServerError(error: ServerError, connection: Connection): void {
    error.outcome = serverErrorOutcome(error, this.message.kind)
    if (error.serverCode === ServerErrorCode.OVERLOADED) {
      this.context.cluster.nodeOf(connection)?.pool.onOverloaded()
    }
    if (error.serverCode !== ServerErrorCode.UNPREPARED) {
      this.#onFailure(error, connection)
      return
    }
    // The statement was not executed, so this is no attempt as far as the retry policy counts.
    this.#attemptCount--
    this.resumeAfter(this.#prepareAgain(connection, error), connection, error)
  }

  async #prepareAgain(connection: Connection, error: ServerError): Promise<void> {
    const setbacks = (this.#setbacks ??= new RequestSetbacks())
    setbacks.next = 'repetition'
    const delayMs = setbacks.nextPrepareDelayMs(connection.address)
    if (delayMs > 0) {
      await sleep(this.context.dispatcher.deadlineTimer.clock, delayMs)
      if (this.isSettled) return
    }
    await this.message.prepareAgain(connection, error)
  }

  /**
   * Continues after work that other requests may share, unless the deadline comes first.
   *
   * @param connection where it continues, if that still takes requests
   * @param reason what made the work necessary; reported when it is needed once too often
   */
  resumeAfter(work: Promise<void>, connection?: Connection, reason?: ServerError): void {
    this.#leaveQueue()
    const { pagingState } = this
    // Another attempt may have been answered meanwhile.
    const isObsolete = (): boolean =>
      this.#state !== RequestState.active || this.pagingState !== pagingState
    const isHopeless = this.#setbacks?.isPreparedTooOften === true
    const timer = this.#atDeadline(() => {
      if (isObsolete()) return
      if (reason !== undefined && isHopeless) this.fail(reason)
      else this.onTimeout()
    })
    work
      .finally(() => timer.cancel())
      .then(() => {
        if (!isObsolete()) this.#dispatch(connection)
      })
      .catch((error: unknown) => {
        if (!isObsolete()) this.#onFailure(error as TsyllaError, connection)
      })
  }

  /** @param connection where it is sent, if that still takes requests */
  #dispatch(connection?: Connection): void {
    const { dispatcher } = this.context
    // It may now wait for other nodes than before.
    this.#leaveQueue()
    if (connection === undefined) dispatcher.dispatch(this)
    else dispatcher.dispatchTo(connection, this)
  }

  /** Milliseconds until the deadline. */
  get #leftMs(): number {
    return Math.max(0, this.deadlineMs - this.context.dispatcher.deadlineTimer.nowMs())
  }

  /** Schedules the deadline of phases in which no connection watches it. */
  #atDeadline(giveUp: () => void): Timer {
    return this.context.dispatcher.deadlineTimer.clock.schedule(this.#leftMs, giveUp, true)
  }

  onLost(attempt: RequestAttempt, error: TsyllaError, wasWritten: boolean): void {
    this.#endAttempt(attempt)
    const { isClosed } = this.context.dispatcher
    const lost = lostError(error, this.#outcomeOf(wasWritten), isClosed)
    this.#onFailure(lost, attempt.connection)
  }

  #outcomeOf(wasWritten: boolean): Outcome {
    return wasWritten && this.message.kind !== 'read' ? 'unknown' : 'not_applied'
  }

  /** An attempt has stalled: another node may be faster. The attempt stays in flight. */
  onOverdue(nowMs: number): number {
    if (nowMs >= this.deadlineMs) {
      this.#leaveQueue()
      return 0
    }
    const { dispatcher } = this.context
    const mayStart = this.message.isIdempotent && !this.isQueued && dispatcher.takeAttempt(nowMs)
    if (mayStart) dispatcher.dispatchElsewhere(this, nowMs)
    return this.deadlineMs
  }

  onAttemptTimeout(attempt: RequestAttempt, wasWritten: boolean): void {
    this.#endAttempt(attempt)
    countTimeout(attempt)
    this.onTimeout(wasWritten)
  }

  /** The deadline has passed. */
  onTimeout(wasWritten = false): void {
    if (this.#first !== undefined) countTimeout(this.#first)
    this.#setbacks?.others.forEach(countTimeout)
    const mayBeApplied = this.#abandonAttempts(false) || wasWritten
    const { timeoutMs } = this.message.profile
    this.fail(new RequestTimeoutError(timeoutMs, this.#outcomeOf(mayBeApplied)))
  }

  /** The deadline has passed while the request waited for a connection. */
  onQueueTimeout(): void {
    const { dispatcher } = this.context
    try {
      const isNodeMissing = this.#first === undefined && !dispatcher.mayWait(this, false)
      if (isNodeMissing) this.failWithoutNode()
      else this.onTimeout()
    } catch (error) {
      this.fail(error)
    }
  }

  onAborted(reason: unknown): void {
    if (this.isSettled) return
    const wasCarriedOut = this.#state === RequestState.completing
    const mayBeApplied = this.#abandonAttempts(false) || wasCarriedOut
    this.fail(new AbortedError(this.#outcomeOf(mayBeApplied), reason))
  }

  /** An attempt failed: the retry policy decides. */
  #onFailure(error: TsyllaError, connection: Connection | undefined): void {
    if (this.isSettled) return
    const { dispatcher, cluster } = this.context
    const { retry, afterMs } = this.#decide(error)
    // The policy has failed, or has ended the request.
    if (this.isSettled) return
    const isLast =
      retry === 'rethrow' ||
      connection === undefined ||
      dispatcher.isClosed ||
      (afterMs > 0 && afterMs >= this.#leftMs) ||
      !this.#mayRepeat(error)
    if (isLast && !this.#mayStillSucceed(error)) {
      this.fail(error)
      return
    }
    const setbacks = (this.#setbacks ??= new RequestSetbacks())
    if (connection !== undefined) setbacks.failures.push({ node: connection.address, error })
    if (isLast) return
    setbacks.next = 'retry'
    const node = retry === 'same_node' ? undefined : cluster.nodeOf(connection)
    if (node !== undefined) setbacks.avoid(node, error)
    const target = retry === 'same_node' ? connection : undefined
    if (afterMs === 0) this.#dispatch(target)
    else this.resumeAfter(sleep(dispatcher.deadlineTimer.clock, afterMs), target)
  }

  /**
   * Whether the budget of the session allows one more attempt. A lost connection is no sign of
   * load, and takes all its requests at once: these may go elsewhere whatever the budget says.
   */
  #mayRepeat(error: TsyllaError): boolean {
    const { dispatcher } = this.context
    const isLost = error.code === 'TSYLLA_CONNECTION' || error.code === 'TSYLLA_PROTOCOL'
    return isLost || dispatcher.takeAttempt(dispatcher.deadlineTimer.nowMs())
  }

  /**
   * Asks the retry policy, and takes over the consistency that it has chosen. When the policy
   * fails, the request fails with it.
   */
  #decide(error: TsyllaError): CheckedDecision {
    const { message } = this
    if (this.#attemptCount >= policyAttemptCountMax) return noRetry
    try {
      const decision = askRetryPolicy(message.profile.retry, {
        error,
        isIdempotent: message.isIdempotent,
        isConditional: message.kind === 'lwt',
        consistency: consistencyName(message.consistency)!,
        attemptCount: this.#attemptCount,
      })
      message.consistency = decision.consistency ?? message.consistency
      return decision
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      const options = { cause: error }
      this.fail(new ConfigError(`retryPolicy has failed: ${reason}`, error.outcome, options))
      return noRetry
    }
  }

  /** Whether another attempt in flight may still succeed after this error. */
  #mayStillSucceed(error: unknown): boolean {
    if (this.#first === undefined || this.context.dispatcher.isClosed) return false
    return faultOf(error) !== 'caller'
  }

  /** The message could not be encoded; nothing was sent. */
  onEncodeFailed(error: unknown): void {
    const repair = this.message.repair(error)
    if (repair === undefined) this.#failUnlessInFlight(error)
    else this.resumeAfter(repair)
  }

  #failUnlessInFlight(error: unknown): void {
    if (this.#mayStillSucceed(error)) this.#leaveQueue()
    else this.fail(error)
  }

  /** No node is left to try: the last failure says more than "no node". */
  failWithoutNode(): void {
    if (this.#first !== undefined) {
      this.#leaveQueue()
      return
    }
    const last = this.#setbacks?.failures.pop()
    this.fail(last?.error ?? this.context.cluster.unavailableError())
  }

  /** Reads on: the request continues with its next page. */
  fetchNextPage(pagingState: Uint8Array): void {
    this.#abandonAttempts(true)
    this.pagingState = pagingState
    this.message.consistency = this.message.profile.consistency
    this.#earlierAttemptCount += this.#attemptCount
    this.#attemptCount = 0
    this.#setbacks?.endPage()
    this.#dispatch()
  }

  succeed(result: ResultSet<unknown>): void {
    this.#settle(true)
    this.#resolve(result)
  }

  /** The statement was carried out; what has to follow on other nodes is awaited. */
  succeedAfter(following: Promise<unknown>, result: ResultSet<unknown>): void {
    this.#state = RequestState.completing
    this.#abandonAttempts(true)
    const what = 'The statement was carried out, but not all nodes followed'
    const timer = this.#atDeadline(() => {
      const { timeoutMs } = this.message.profile
      this.fail(new RequestTimeoutError(timeoutMs, this.#outcomeOf(true), what))
    })
    void following
      .finally(() => timer.cancel())
      .then(
        () => {
          if (this.isSettled) return
          this.context.dispatcher.deadlineTimer.nowMs()
          this.succeed(result)
        },
        (error: unknown) => {
          const own = TsyllaError.is(error) ? error.copy() : error
          if (TsyllaError.is(own)) own.outcome = 'unknown'
          this.fail(own)
        },
      )
  }

  fail(error: unknown): void {
    if (this.isSettled) return
    const own = TsyllaError.is(error) ? error.changeable() : error
    if (TsyllaError.is(own)) this.#complete(own)
    this.context.dispatcher.deadlineTimer.nowMs()
    this.context.recorder.onFailed(own)
    this.#settle(false, TsyllaError.is(own) ? own : undefined)
    this.#resolve(throwAtCaller(own))
  }

  /** Adds what the last attempt alone cannot know: an earlier one may have been applied. */
  #complete(error: TsyllaError): void {
    describeStatement(error, this.message.text)
    const isRead = this.message.kind === 'read'
    if (isRead) error.outcome = 'not_applied'
    const failures = this.#setbacks?.failures
    const wasWritten = this.#first !== undefined && this.#abandonAttempts(false)
    if (!isRead && wasWritten) error.outcome = 'unknown'
    if (failures === undefined || failures.length === 0) return
    error.attempts = failures
    if (!isRead && failures.some((failure) => failure.error.outcome === 'unknown')) {
      error.outcome = 'unknown'
    }
  }

  /** The latest time of the deadline timer is that of the end. */
  #settle(isAnswered: boolean, error?: TsyllaError): void {
    const { dispatcher, recorder } = this.context
    const startedMs = this.deadlineMs - this.message.profile.timeoutMs
    const us = dispatcher.deadlineTimer.usSince(startedMs, this.#startedUs)
    recorder.onSettled(us)
    if (us >= recorder.slowUs || this.#trace !== undefined) this.#report(us, error)
    this.#state = RequestState.settled
    if (this.#first !== undefined) this.#abandonAttempts(isAnswered)
    this.#leaveQueue()
    if (this.#signal !== undefined) abortRegistry.remove(this.#signal, this)
    dispatcher.onSettled()
  }

  #report(us: number, error: TsyllaError | undefined): void {
    const { recorder, cluster } = this.context
    const connection = this.#lastConnection
    const settled: SettledRequest = {
      message: this.message,
      us,
      attemptCount: this.#earlierAttemptCount + this.#attemptCount,
      speculativeExecutionCount: this.#setbacks?.speculativeExecutionCount ?? 0,
      node: connection === undefined ? undefined : cluster.nodeOf(connection)?.info,
      error,
    }
    this.#trace?.onSettled(settled)
    if (us >= recorder.slowUs) recorder.slowRequests?.report(settled)
  }
}

function countTimeout({ connection: { recorder } }: RequestAttempt): void {
  if (recorder !== undefined) recorder.timeoutCount++
}
