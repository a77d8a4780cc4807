import type { Cluster } from '../../cluster/index.ts'
import {
  BindError,
  ClosedError,
  ConfigError,
  type Outcome,
  TsyllaError,
} from '../../errors/index.ts'
import type { ExecutionProfile } from '../../policies/index.ts'
import { WireWriter } from '../../protocol/index.ts'
import {
  Batch,
  type BindValues,
  type ExecuteOptions,
  PreparedStatement,
  Statement,
  StatementBase,
  type StatementOptions,
} from '../../types/index.ts'
import { mergeProfile } from '../execution-options.ts'
import { openPagingState, pagingDigest, sealPagingState } from '../result/paging-state.ts'
import { ResultSet } from '../result/result-set.ts'
import type { StatementPreparer } from '../statement/preparer.ts'
import { type StatementCache, StatementHandle } from '../statement/statement-cache.ts'
import { awaitWithin } from './await-within.ts'
import { BatchMessage, type BatchParts, resolveInBatch } from './batch-message.ts'
import { ExecuteMessage, mayBeStale } from './execute-message.ts'
import type { ExecutionContext } from './execution-context.ts'
import type { Message } from './message.ts'
import { describeStatement, throwAtCaller } from './failures.ts'
import { QueryMessage } from './query-message.ts'
import { Request, type RequestOptions } from './request.ts'
import { snapshotOf } from './value-snapshot.ts'

type AnyStatement = string | Statement | PreparedStatement
type AnyResult = ResultSet<unknown>

/** One call of a user with everything it says, resolved once. */
export interface ExecutionRequest {
  readonly statement: AnyStatement
  /** Copied when the call was made. */
  readonly values: BindValues | undefined
  readonly profile: ExecutionProfile
  readonly signal: AbortSignal | undefined
  readonly pages: 'one' | 'all'
  /** Of the server, where the first page starts. */
  readonly pagingState: Uint8Array | undefined
  /** Time of the ticker that the deadline counts from. */
  readonly startedMs: number
}

export interface RunnerOptions {
  readonly context: ExecutionContext
  readonly statements: StatementCache
  readonly profile: ExecutionProfile
}

/** Turns calls of users into requests: finds or prepares the statement, resolves the options. */
export class StatementRunner {
  readonly #context: ExecutionContext
  readonly #cluster: Cluster
  readonly #preparer: StatementPreparer
  readonly #statements: StatementCache
  readonly #profile: ExecutionProfile

  constructor({ context, statements, profile }: RunnerOptions) {
    this.#context = context
    this.#cluster = context.cluster
    this.#preparer = context.preparer
    this.#statements = statements
    this.#profile = profile
  }

  /**
   * Runs a statement to its last page. A statement that is prepared already takes the short way: no
   * promise is made but the returned one, which also carries what is wrong with options or values.
   */
  run(
    statement: AnyStatement,
    values: BindValues | undefined,
    options: ExecuteOptions | undefined,
  ): Promise<AnyResult> {
    if (options?.pagingState === undefined) {
      if (typeof statement === 'string') {
        const handle = this.#statements.get(this.#cluster.keyspace, statement)
        if (this.#isReady(handle)) return this.#runNow(handle, values, undefined, options)
      } else if (statement instanceof PreparedStatement && this.#isOwn(statement.source)) {
        const handle = statement.source
        const carried = statement.hasOptions ? statement.options : undefined
        if (this.#isReady(handle)) return this.#runNow(handle, values, carried, options)
      }
    }
    return this.#runLater(statement, values, options, 'all')
  }

  /** Whether a handle can be executed without anything that has to be awaited. */
  #isReady(handle: StatementHandle): boolean {
    return (
      handle.metadata !== undefined &&
      handle.facts.kind !== 'use' &&
      !this.#preparer.isStale(handle)
    )
  }

  #isOwn(source: object): source is StatementHandle {
    return source instanceof StatementHandle && source.owner === this.#statements
  }

  #runNow(
    handle: StatementHandle,
    values: BindValues | undefined,
    carried: StatementOptions | undefined,
    options: ExecuteOptions | undefined,
  ): Promise<AnyResult> {
    return new Promise((resolve) => {
      const context = this.#context
      try {
        if (context.dispatcher.isClosing) throw new ClosedError('session')
        const profile = this.#profileOf(carried, options)
        const message = new ExecuteMessage(context, handle, values, profile)
        const paging =
          options?.signal === undefined ? allPages : { ...allPages, signal: options.signal }
        const request = new Request(context, message, paging, resolve)
        request.start(context.dispatcher.ticker.nowMs())
      } catch (error) {
        resolve(failed(error, handle.text))
      }
    })
  }

  /** Runs a statement for exactly one page. */
  page(
    statement: AnyStatement,
    values: BindValues | undefined,
    options: ExecuteOptions | undefined,
  ): Promise<AnyResult> {
    return this.#runLater(statement, values, options, 'one')
  }

  /**
   * Returns what fetches the pages of a statement one by one: from the paging state of the options
   * first, then from those of the server.
   */
  pager(
    statement: AnyStatement,
    values: BindValues | undefined,
    options: ExecuteOptions | undefined,
  ): (pagingState: Uint8Array | undefined) => Promise<AnyResult> {
    const own = snapshotOf(valuesOf(statement, values))
    const sealed = options?.pagingState
    let first: Promise<Uint8Array | undefined> | undefined
    return (pagingState) =>
      this.accept(statement, async () => {
        const request = this.#requestOf(statement, own, options, 'one')
        first ??= sealed === undefined ? Promise.resolve(undefined) : this.#open(request, sealed)
        return await this.#execute({ ...request, pagingState: pagingState ?? (await first) })
      })
  }

  /** The way of every call that may have to wait before its request can be sent. */
  #runLater(
    statement: AnyStatement,
    values: BindValues | undefined,
    options: ExecuteOptions | undefined,
    pages: 'one' | 'all',
  ): Promise<AnyResult> {
    const own = snapshotOf(valuesOf(statement, values))
    return this.accept(statement, async () => {
      const request = this.#requestOf(statement, own, options, pages)
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
  ): ExecutionRequest {
    const carried = statement instanceof StatementBase ? statement.options : undefined
    return {
      statement,
      values,
      profile: this.#profileOf(carried, options),
      signal: options?.signal,
      pages,
      pagingState: undefined,
      startedMs: this.#context.dispatcher.ticker.nowMs(),
    }
  }

  #profileOf(
    carried: StatementOptions | undefined,
    options: ExecuteOptions | undefined,
  ): ExecutionProfile {
    let profile = this.#profile
    if (carried !== undefined) profile = mergeProfile(profile, carried)
    return options === undefined ? profile : mergeProfile(profile, options)
  }

  async #execute(request: ExecutionRequest): Promise<AnyResult> {
    const handle = this.#handleOf(request.statement)
    const { facts } = handle
    if (facts.kind === 'use' && facts.keyspace !== undefined) {
      return await this.#use(facts.keyspace, request)
    }
    if (!this.#isWorthPreparing(request, handle)) {
      return await this.#send(new QueryMessage(this.#context, handle, request.profile), request)
    }
    await this.#within(request, () => this.#preparer.ensureCurrent(handle))
    const message = new ExecuteMessage(this.#context, handle, request.values, request.profile)
    return await this.#send(message, request)
  }

  #handleOf(statement: AnyStatement): StatementHandle {
    if (statement instanceof PreparedStatement) {
      const { source } = statement
      // Another session may have prepared it.
      return this.#isOwn(source) ? source : this.#statements.get(source.keyspace, source.text)
    }
    return this.#statements.get(this.#cluster.keyspace, textOf(statement))
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
      new Request(this.#context, message, request, resolve).start(request.startedMs)
    })
  }

  /** `USE` as a text: the whole session follows, also when its caller waits no longer. */
  async #use(keyspace: string, request: ExecutionRequest): Promise<AnyResult> {
    const using = () => this.#cluster.useKeyspace(keyspace, request.profile)
    const { coordinator, prefix } = await this.#within(request, using, 'unknown')
    return new ResultSet<unknown>(coordinator, undefined, undefined, undefined, prefix)
  }

  /** Prepares a statement for its user. */
  prepare(statement: string | Statement): Promise<PreparedStatement> {
    return this.accept(statement, async () => {
      const handle = this.#statements.get(this.#cluster.keyspace, textOf(statement))
      await this.#preparer.prepare(handle)
      return new PreparedStatement(handle, typeof statement === 'string' ? {} : statement.options)
    })
  }

  /** Runs a batch; `values[i]` belong to its i-th statement. */
  batch(
    batch: Batch,
    values: readonly (BindValues | undefined)[],
    options: ExecuteOptions | undefined,
  ): Promise<AnyResult> {
    const { dispatcher } = this.#context
    return new Promise((resolve) => {
      try {
        if (dispatcher.isClosing) throw new ClosedError('session')
        this.#runBatch(batch, values, options, resolve)
      } catch (error) {
        resolve(failed(error))
      }
    })
  }

  #runBatch(
    batch: Batch,
    values: readonly (BindValues | undefined)[],
    options: ExecuteOptions | undefined,
    resolve: (result: AnyResult | Promise<never>) => void,
  ): void {
    const { dispatcher } = this.#context
    checkBatch(batch, values)
    const profile = this.#profileOf(batch.hasOptions ? batch.options : undefined, options)
    const startedMs = dispatcher.ticker.nowMs()
    const paging: RequestOptions =
      options?.signal === undefined ? allPages : { ...allPages, signal: options.signal }
    const entries = batch.entries()
    const handles = entries.map((entry) => this.#handleOf(entry))
    const start = (given: readonly (BindValues | undefined)[]): void => {
      const parts = this.#partsOf(entries, handles, given)
      const message = new BatchMessage(this.#context, batch.type, parts, profile)
      new Request(this.#context, message, paging, resolve).start(startedMs)
    }
    const isWaiting = (handle: StatementHandle, i: number): boolean =>
      this.#isUnprepared(handle, entries[i]!, values[i])
    if (!handles.some(isWaiting)) {
      start(values)
      return
    }
    const own = entries.map((entry, i) => snapshotOf(valuesOf(entry, values[i])))
    const unprepared = new Set(handles.filter(isWaiting))
    const preparing = async (): Promise<void> => {
      await Promise.all([...unprepared].map((handle) => this.#preparer.ensureCurrent(handle)))
    }
    const request = { profile, signal: options?.signal, startedMs }
    const accepted = this.#accept(async () => {
      await this.#within(request, preparing)
      start(own)
    })
    accepted.catch((error: unknown) => resolve(failed(error)))
  }

  /** Whether a statement of a batch has to be prepared before the batch can be sent. */
  #isUnprepared(
    handle: StatementHandle,
    entry: Statement | PreparedStatement,
    values: BindValues | undefined,
  ): boolean {
    if (handle.metadata !== undefined) return this.#preparer.isStale(handle)
    if (entry instanceof PreparedStatement) return true
    return handle.facts.markers.length > 0 || !isEmpty(valuesOf(entry, values))
  }

  #partsOf(
    entries: readonly (Statement | PreparedStatement)[],
    handles: readonly StatementHandle[],
    given: readonly (BindValues | undefined)[],
  ): BatchParts {
    const metadata: BatchParts['metadata'] = []
    const values: BatchParts['values'] = []
    let idempotent: (boolean | undefined)[] | undefined
    for (let i = 0; i < handles.length; i++) {
      const entry = entries[i]!
      const known = handles[i]!.metadata
      const own = valuesOf(entry, given[i])
      metadata.push(known)
      values.push(known === undefined ? noValues : resolveInBatch(known, own, i))
      if (entry.hasOptions) (idempotent ??= [])[i] = entry.options.idempotent
    }
    return { handles, metadata, values, idempotent }
  }

  async #open(request: ExecutionRequest, sealed: Uint8Array): Promise<Uint8Array> {
    return openPagingState(sealed, await this.#digestOf(request))
  }

  /** Returns what a paging state of this statement with these values is sealed with. */
  async #digestOf(request: ExecutionRequest): Promise<Uint8Array> {
    const { statement, values } = request
    const handle = this.#handleOf(statement)
    const isPlain = isEmpty(values) && handle.facts.markers.length === 0
    if (isPlain && !(statement instanceof PreparedStatement)) {
      return pagingDigest(handle.keyspace, handle.text, new Uint8Array(0))
    }
    return await this.#within(request, async () => {
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

  /** Waits for shared work as long as a call may take. */
  #within<T>(
    request: Pick<ExecutionRequest, 'profile' | 'signal' | 'startedMs'>,
    work: () => Promise<T>,
    outcome: Outcome = 'not_applied',
  ): Promise<T> {
    const { profile, signal, startedMs } = request
    const { timeoutMs } = profile
    const { aborts, ticker } = this.#context.dispatcher
    const leftMs = Math.max(0, startedMs + timeoutMs - ticker.nowMs())
    const timeoutError = (): TsyllaError | undefined =>
      this.#cluster.isAvailable() ? undefined : this.#cluster.unavailableError()
    const { clock } = ticker
    return awaitWithin(work, { aborts, clock, signal, timeoutMs, leftMs, outcome, timeoutError })
  }

  /**
   * Does what a caller asked for; closing waits for it. Errors get the text of the statement and a
   * stack that begins at the caller.
   *
   * @throws ClosedError
   */
  accept<T>(statement: AnyStatement | undefined, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      this.#accept(work).then(resolve, (error: unknown) =>
        resolve(failed(error, anyTextOf(statement))),
      )
    })
  }

  async #accept<T>(work: () => Promise<T>): Promise<T> {
    const { dispatcher } = this.#context
    if (dispatcher.isClosing) throw new ClosedError('session')
    dispatcher.onAccepted()
    try {
      return await work()
    } finally {
      dispatcher.onSettled()
    }
  }
}

const allPages: RequestOptions = Object.freeze({
  signal: undefined,
  pages: 'all',
  pagingState: undefined,
})
const noValues: readonly unknown[] = Object.freeze([])
const digestWriter = new WireWriter()

function digestOfValues(handle: StatementHandle, values: BindValues | undefined): Uint8Array {
  const { plan } = handle.metadata!
  digestWriter.offset = 0
  plan.write(digestWriter, plan.resolve(values))
  return pagingDigest(handle.keyspace, handle.text, digestWriter.copyFrom(0))
}

/** Returns a promise that rejects at the caller, with the text of the statement. */
function failed(error: unknown, text?: string): Promise<never> {
  if (text !== undefined && TsyllaError.is(error)) describeStatement(error, text)
  return throwAtCaller(error)
}

function anyTextOf(statement: AnyStatement | undefined): string | undefined {
  if (typeof statement === 'string' || statement === undefined) return statement
  if (statement instanceof PreparedStatement) return statement.source.text
  return statement instanceof Statement ? statement.text : undefined
}

function textOf(statement: string | Statement): string {
  if (typeof statement === 'string') return statement
  if (statement instanceof Statement) return statement.text
  throw new ConfigError('A statement is a CQL text, a Statement or a PreparedStatement')
}

/** Returns the values of a call, or else those that the statement carries. */
function valuesOf(statement: AnyStatement, values: BindValues | undefined): BindValues | undefined {
  if (values !== undefined || typeof statement === 'string') return values
  return statement instanceof Statement ? statement.values : undefined
}

function isEmpty(values: BindValues | undefined): boolean {
  if (values === undefined) return true
  // Binding refuses it, by name.
  if (typeof values !== 'object' || values === null) return false
  return Array.isArray(values) ? values.length === 0 : Object.keys(values).length === 0
}

/** @throws ConfigError, BindError */
function checkBatch(batch: Batch, values: readonly (BindValues | undefined)[]): void {
  if (!(batch instanceof Batch)) throw new ConfigError('batch must be a Batch')
  if (!Array.isArray(values)) {
    throw new ConfigError('The values of a batch must be a list with the values of each statement')
  }
  const entries = batch.entries()
  if (entries.length === 0) {
    throw new ConfigError(
      'The batch is empty. Batches are immutable: keep what append returns, as in `batch = batch.append(statement)`',
    )
  }
  if (values.length > entries.length) {
    throw new BindError(
      'TSYLLA_BIND_COUNT',
      `The batch has ${entries.length} statements, but there are values for ${values.length}`,
    )
  }
  for (const [i, { hasOptions, options }] of entries.entries()) {
    if (hasOptions) checkPartOptions(options, i)
  }
}

/**
 * A batch has one timestamp, one consistency and one deadline; its parts have none of their own.
 */
function checkPartOptions(options: StatementOptions, index: number): void {
  for (const [name, value] of Object.entries(options)) {
    if (name === 'idempotent' || value === undefined) continue
    const hint =
      name === 'timestamp' ? ' or write USING TIMESTAMP into the text of the statement' : ''
    throw new ConfigError(
      `Statement ${index} of the batch has the option ${name}, which a batch cannot apply to one of its statements: set it on the batch${hint}`,
    )
  }
}
