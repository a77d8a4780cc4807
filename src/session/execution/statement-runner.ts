import type { Cluster } from '../../cluster/index.ts'
import { withEitherSignal } from '../../util/index.ts'
import { ClosedError } from '../../errors/index.ts'
import { WireWriter } from '../../protocol/index.ts'
import {
  type BindValues,
  type ExecuteOptions,
  PreparedStatement,
  type Statement,
  StatementBase,
  type StatementOptions,
} from '../../types/index.ts'
import { openPagingState, pagingDigest, sealPagingState } from '../result/paging-state.ts'
import { ResultSet } from '../result/result-set.ts'
import type { StatementPreparer } from '../statement/preparer.ts'
import type { StatementCache, StatementHandle } from '../statement/statement-cache.ts'
import {
  allPages,
  type AnyStatement,
  type CallLimits,
  type CallScope,
  checkPreparedKeyspace,
  isEmpty,
  textOf,
  valuesOf,
} from './call-scope.ts'
import type { CallTrace } from './call-trace.ts'
import { ExecuteMessage, mayBeStale } from './execute-message.ts'
import type { ExecutionContext } from './execution-context.ts'
import type { Message } from './message.ts'
import { QueryMessage } from './query-message.ts'
import { extrasOf } from './result-handler.ts'
import { UserRequest } from './user-request.ts'
import { snapshotOf } from './value-snapshot.ts'

type AnyResult = ResultSet<unknown>

/** One call of a user with everything it says, resolved once. */
export interface ExecutionRequest extends CallLimits {
  readonly statement: AnyStatement
  /** Copied when the call was made. */
  readonly values: BindValues | undefined
  readonly trace: CallTrace | undefined
  readonly pages: 'one' | 'all'
  /** Paging state of the server at which the first page starts. */
  readonly pagingState: Uint8Array | undefined
}

/** Turns calls of users into requests: finds or prepares the statement, resolves the options. */
export class StatementRunner {
  readonly #scope: CallScope
  readonly #context: ExecutionContext
  readonly #cluster: Cluster
  readonly #preparer: StatementPreparer
  readonly #statements: StatementCache

  constructor(scope: CallScope) {
    const { context, statements } = scope
    this.#scope = scope
    this.#context = context
    this.#cluster = context.cluster
    this.#preparer = context.preparer
    this.#statements = statements
  }

  /**
   * Runs a statement to its last page. A statement that is prepared already takes the short way: no
   * promise is made but the returned one, which also carries what is wrong with options or values.
   */
  run(
    statement: AnyStatement,
    values: BindValues | undefined,
    options: ExecuteOptions | undefined,
    trace?: CallTrace,
  ): Promise<AnyResult> {
    if (options?.pagingState === undefined) {
      if (typeof statement === 'string') {
        const handle = this.#statements.get(this.#scope.keyspaceOf(options), statement)
        if (this.#isReady(handle)) return this.#runNow(handle, values, undefined, options, trace)
      } else if (statement instanceof PreparedStatement && this.#scope.isOwn(statement.source)) {
        const handle = statement.source
        const carried = statement.hasOptions ? statement.options : undefined
        if (this.#isReady(handle)) return this.#runNow(handle, values, carried, options, trace)
      }
    }
    return this.#runLater(statement, values, options, 'all', trace)
  }

  /** Whether a handle can be executed without anything that has to be awaited. */
  #isReady(handle: StatementHandle): boolean {
    return (
      handle.metadata !== undefined &&
      handle.facts.kind !== 'use' &&
      !this.#preparer.isStale(handle)
    )
  }

  #runNow(
    handle: StatementHandle,
    values: BindValues | undefined,
    carried: StatementOptions | undefined,
    options: ExecuteOptions | undefined,
    trace: CallTrace | undefined,
  ): Promise<AnyResult> {
    return new Promise((resolve) => {
      const context = this.#context
      try {
        if (context.dispatcher.isClosing) throw new ClosedError('session')
        const profile = this.#scope.profileOf(carried, options)
        checkPreparedKeyspace(handle, profile.keyspace)
        this.#scope.checkConsistency(handle.facts, profile)
        const message = new ExecuteMessage(context, handle, values, profile)
        const signal = options?.signal
        const isPlain = signal === undefined && trace === undefined
        const paging = isPlain ? allPages : { ...allPages, signal, trace }
        const request = new UserRequest(context, message, paging, resolve)
        request.start(context.dispatcher.deadlineTimer.nowMs())
      } catch (error) {
        resolve(this.#scope.fail(error, handle.text))
      }
    })
  }

  /** Runs a statement for exactly one page. */
  page(
    statement: AnyStatement,
    values: BindValues | undefined,
    options: ExecuteOptions | undefined,
    trace?: CallTrace,
  ): Promise<AnyResult> {
    return this.#runLater(statement, values, options, 'one', trace)
  }

  /**
   * Returns what fetches the pages of a statement one by one: from the paging state of the options
   * first, then from those of the server. Besides the signal of the options, `closing` aborts a
   * page.
   */
  pager(
    statement: AnyStatement,
    values: BindValues | undefined,
    options: ExecuteOptions | undefined,
  ): (
    pagingState: Uint8Array | undefined,
    closing: AbortSignal,
    trace?: CallTrace,
  ) => Promise<AnyResult> {
    const own = snapshotOf(valuesOf(statement, values))
    const sealed = options?.pagingState
    let first: Promise<Uint8Array | undefined> | undefined
    return (pagingState, closing, trace) =>
      this.#scope.accept(statement, async () => {
        const request = this.#requestOf(statement, own, options, 'one', trace)
        first ??= sealed === undefined ? Promise.resolve(undefined) : this.#open(request, sealed)
        const start = pagingState ?? (await first)
        return await withEitherSignal(request.signal, closing, (signal) =>
          this.#execute({ ...request, signal, pagingState: start }),
        )
      })
  }

  /** Runs a call that may have to wait before its request can be sent. */
  #runLater(
    statement: AnyStatement,
    values: BindValues | undefined,
    options: ExecuteOptions | undefined,
    pages: 'one' | 'all',
    trace: CallTrace | undefined,
  ): Promise<AnyResult> {
    const own = snapshotOf(valuesOf(statement, values))
    return this.#scope.accept(statement, async () => {
      const request = this.#requestOf(statement, own, options, pages, trace)
      const sealed = options?.pagingState
      if (sealed === undefined && pages === 'all') return await this.#execute(request)
      const digest = await this.#digestOf(request)
      const pagingState = sealed === undefined ? undefined : openPagingState(sealed, digest)
      const result = await this.#execute({ ...request, pagingState })
      if (result.pagingState === undefined) return result
      return result.withPagingState(sealPagingState(result.pagingState, digest))
    })
  }

  #requestOf(
    statement: AnyStatement,
    values: BindValues | undefined,
    options: ExecuteOptions | undefined,
    pages: 'one' | 'all',
    trace: CallTrace | undefined,
  ): ExecutionRequest {
    const carried = statement instanceof StatementBase ? statement.options : undefined
    return {
      statement,
      values,
      profile: this.#scope.profileOf(carried, options),
      signal: options?.signal,
      trace,
      pages,
      pagingState: undefined,
      startedMs: this.#context.dispatcher.deadlineTimer.nowMs(),
    }
  }

  async #execute(request: ExecutionRequest): Promise<AnyResult> {
    const handle = this.#scope.handleOf(request.statement, request.profile.keyspace)
    const { facts } = handle
    this.#scope.checkConsistency(facts, request.profile)
    if (facts.kind === 'use' && facts.keyspace !== undefined) {
      return await this.#use(facts.keyspace, request)
    }
    if (!this.#isWorthPreparing(request, handle)) {
      return await this.#send(new QueryMessage(this.#context, handle, request.profile), request)
    }
    await this.#scope.within(request, () => this.#preparer.ensureCurrent(handle))
    const message = new ExecuteMessage(this.#context, handle, request.values, request.profile)
    return await this.#send(message, request)
  }

  /** A text is worth preparing when it has values, or when it comes for the second time. */
  #isWorthPreparing({ statement, values }: ExecutionRequest, handle: StatementHandle): boolean {
    if (statement instanceof PreparedStatement || handle.metadata !== undefined) return true
    const { kind, markers } = handle.facts
    const isSchemaChange = kind === 'ddl' || kind === 'use' || kind === 'other'
    const isRepeated = handle.useCount++ > 0 && !isSchemaChange
    return isRepeated || markers.length > 0 || !isEmpty(values)
  }

  #send(message: Message, request: ExecutionRequest): Promise<AnyResult> {
    return new Promise((resolve) => {
      new UserRequest(this.#context, message, request, resolve).start(request.startedMs)
    })
  }

  /** `USE` as a text: the whole session follows, also when its caller waits no longer. */
  async #use(keyspace: string, request: ExecutionRequest): Promise<AnyResult> {
    const using = () => this.#cluster.useKeyspace(keyspace, request.profile)
    const { coordinator, prefix } = await this.#scope.within(request, using, 'unknown')
    return new ResultSet<unknown>(
      coordinator,
      undefined,
      undefined,
      undefined,
      extrasOf(this.#context, prefix),
    )
  }

  /** Prepares a statement for its user. */
  prepare(statement: string | Statement): Promise<PreparedStatement> {
    return this.#scope.accept(statement, async () => {
      const text = textOf(statement)
      const carried = typeof statement === 'string' ? {} : statement.options
      const chosen = this.#scope.profileOf(carried, undefined).keyspace
      const handle = this.#statements.get(chosen ?? this.#cluster.keyspace, text)
      await this.#preparer.prepare(handle)
      const { keyspace: _, ...options } = carried
      return new PreparedStatement(handle, options)
    })
  }

  async #open(request: ExecutionRequest, sealed: Uint8Array): Promise<Uint8Array> {
    return openPagingState(sealed, await this.#digestOf(request))
  }

  /** Returns what a paging state of this statement with these values is sealed with. */
  async #digestOf(request: ExecutionRequest): Promise<Uint8Array> {
    const { statement, values, profile } = request
    const handle = this.#scope.handleOf(statement, profile.keyspace)
    const isPlain = isEmpty(values) && handle.facts.markers.length === 0
    if (isPlain && !(statement instanceof PreparedStatement)) {
      return pagingDigest(handle.keyspace, handle.text, new Uint8Array(0))
    }
    return await this.#scope.within(request, async () => {
      await this.#preparer.ensureCurrent(handle)
      try {
        return digestOfValues(handle, values)
      } catch (error) {
        if (!mayBeStale(error)) throw error
        await this.#preparer.refresh(handle)
        return digestOfValues(handle, values)
      }
    })
  }
}

const digestWriter = new WireWriter()

function digestOfValues(handle: StatementHandle, values: BindValues | undefined): Uint8Array {
  const { plan } = handle.metadata!
  digestWriter.offset = 0
  plan.write(digestWriter, plan.resolve(values))
  return pagingDigest(handle.keyspace, handle.text, digestWriter.copyFrom(0))
}
