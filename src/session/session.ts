import type { Cluster, ClusterData } from '../cluster/index.ts'
import type { CodecOptions } from '../codec/index.ts'
import {
  BindError,
  ClosedError,
  ConfigError,
  KeyspaceError,
  type Outcome,
  ServerError,
  ServerErrorCode,
} from '../errors/index.ts'
import type { TimestampGenerator } from '../policies/index.ts'
import { WireWriter } from '../protocol/index.ts'
import type { Ticker } from '../transport/index.ts'
import {
  Batch,
  type BindValues,
  type ExecuteOptions,
  type Executor,
  type Page,
  PreparedStatement,
  type Result,
  RowPager,
  type RowStream,
  Statement,
  StatementBase,
  type StatementOptions,
  type UnknownColumns,
} from '../types/index.ts'
import { awaitWithin } from './await-within.ts'
import { BatchExecution } from './batch-execution.ts'
import { BatchPart } from './batch-part.ts'
import type { Dispatcher } from './dispatcher.ts'
import { ExecuteRequest } from './execute-request.ts'
import { allPages, type PagingOptions } from './execution.ts'
import { checkKeyspace, int32Max, integer, type ResolvedOptions } from './options.ts'
import { openPagingState, pagingDigest, sealPagingState } from './paging-token.ts'
import { PreparedEntry } from './prepared-entry.ts'
import { Router } from './router.ts'
import { QueryRequest } from './query-request.ts'
import { ResultSet } from './result-set.ts'
import type { SchemaLog } from './schema-log.ts'
import type { SessionCore } from './session-core.ts'
import { defaultSettings, type ExecutionSettings, mergeSettings } from './settings.ts'
import { ShapeCache } from './shape-cache.ts'
import { type CachedStatement, StatementCache } from './statement-cache.ts'
import { StatementPreparer } from './statement-preparer.ts'

/** @internal What a session is made of; `SessionBuilder` puts it together. */
export interface SessionParts {
  readonly options: ResolvedOptions
  readonly cluster: Cluster
  readonly dispatcher: Dispatcher
  readonly ticker: Ticker
  readonly codecOptions: CodecOptions
  readonly timestamps: TimestampGenerator
  readonly schemaLog: SchemaLog
}

export interface CloseOptions {
  /** How long requests that were accepted may still take. Default 5,000. */
  readonly graceMs?: number
}

type Settle = (result: ResultSet<unknown>) => void

/** A connection to a cluster, or to an embedded engine: everything goes through it. */
export class Session implements Executor, AsyncDisposable {
  readonly #cluster: Cluster
  readonly #dispatcher: Dispatcher
  readonly #statements: StatementCache
  readonly #preparer: StatementPreparer
  readonly #settings: ExecutionSettings
  readonly #core: SessionCore
  readonly #ticker: Ticker
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(parts: SessionParts) {
    if (typeof parts !== 'object') {
      throw new ConfigError('A session is made by Session.connect() or by a SessionBuilder')
    }
    const { options, cluster, dispatcher, codecOptions, timestamps, ticker, schemaLog } = parts
    this.#cluster = cluster
    this.#dispatcher = dispatcher
    this.#ticker = ticker
    this.#statements = new StatementCache(options.preparedCountMax)
    this.#settings = defaultSettings(options)
    this.#preparer = new StatementPreparer({
      cluster,
      call: { ticker, timeoutMs: options.requestTimeoutMs },
      codec: codecOptions,
      schemaLog,
    })
    const nextTimestamp =
      options.timestamps === 'client' ? () => timestamps.next() : () => undefined
    this.#core = {
      options,
      host: dispatcher,
      router: new Router(cluster),
      codecOptions,
      queryShapes: new ShapeCache(codecOptions),
      nextTimestamp,
      onConditional: () => timestamps.onLwtResult(),
      prepare: (statement) => this.#preparer.prepare(statement),
      refresh: (entry) => this.#preparer.refresh(entry),
      prepareOn: (connection, entry) => this.#preparer.prepareOn(connection, entry),
      onSetKeyspace: (keyspace) => cluster.useKeyspace(keyspace),
      onSchemaChange: (change, connection) => cluster.onSchemaChange(change, connection),
    }
  }

  /** Runs a statement and gives its whole result, all pages. */
  execute<Columns = UnknownColumns>(
    statement: string | Statement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<Columns>> {
    if (typeof statement !== 'string' || options?.pagingState !== undefined) {
      const own = copyOf(values)
      return typed(this.#accept(() => this.#all(statement, own, options)))
    }
    const known = this.#statements.get(this.#cluster.keyspace, statement)
    const { prepared } = known
    if (prepared !== undefined && !this.#preparer.isStale(prepared)) {
      return typed(this.#run(prepared, values, undefined, options))
    }
    const own = copyOf(values)
    return typed(this.#accept(() => this.#executeKnown(known, own, undefined, options)))
  }

  /** As `execute`, by the name it has elsewhere. */
  query<Columns = UnknownColumns>(
    statement: string | Statement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<Columns>> {
    return this.execute<Columns>(statement, values, options)
  }

  prepare(statement: string | Statement): Promise<PreparedStatement> {
    return this.#accept(async () => {
      const { text, options } = asStatement(statement)
      const known = this.#statements.get(this.#cluster.keyspace, text)
      return new PreparedStatement(await this.#preparer.prepare(known), options)
    })
  }

  executePrepared<Columns = UnknownColumns>(
    prepared: PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<Columns>> {
    const source = prepared instanceof PreparedStatement ? prepared.source : undefined
    const isOwn = source instanceof PreparedEntry && source.owner === this.#preparer
    if (isOwn && options?.pagingState === undefined && !this.#preparer.isStale(source)) {
      return typed(
        this.#run(source, values, prepared.hasOptions ? prepared.options : undefined, options),
      )
    }
    const own = copyOf(values)
    return typed(this.#accept(() => this.#all(prepared, own, options)))
  }

  /** Runs a batch; `values[i]` belong to its i-th statement. */
  batch<Columns = UnknownColumns>(
    batch: Batch,
    values: readonly (BindValues | undefined)[] = [],
    options?: ExecuteOptions,
  ): Promise<Result<Columns>> {
    const own = Array.isArray(values) ? values.map(copyOf) : values
    return typed(this.#accept(() => this.#batch(batch, own, options)))
  }

  async #batch(
    batch: Batch,
    values: readonly (BindValues | undefined)[],
    options: ExecuteOptions | undefined,
  ): Promise<ResultSet<unknown>> {
    if (!(batch instanceof Batch)) throw new ConfigError('batch is a Batch')
    if (!Array.isArray(values)) throw new ConfigError('The values of a batch are a list')
    const entries = batch.entries()
    if (values.length > entries.length) {
      throw new BindError(
        'TSYLLA_BIND_COUNT',
        `The batch has ${entries.length} statements, there are values for ${values.length}`,
      )
    }
    const startedMs = this.#ticker.nowMs()
    const settings = this.#settingsOf(batch.options, options)
    const prepare = (): Promise<BatchPart[]> =>
      Promise.all(entries.map((entry, i) => this.#toBatchPart(entry, values[i])))
    const parts = await this.#within(prepare, batch.options, options, startedMs)
    return await new Promise((resolve: Settle, reject) => {
      new BatchExecution(
        this.#core,
        batch.type,
        parts,
        settings,
        options?.signal,
        resolve,
        reject,
      ).start(startedMs)
    })
  }

  async #toBatchPart(
    entry: Statement | PreparedStatement,
    values: BindValues | undefined,
  ): Promise<BatchPart> {
    const { idempotent } = entry.options
    if (entry instanceof PreparedStatement) {
      return new BatchPart(await this.#entryOf(entry), values, idempotent)
    }
    const known = this.#statements.get(this.#cluster.keyspace, entry.text)
    const own = values ?? entry.values
    const isPlain = isEmpty(own) && known.facts.markers.length === 0
    return new BatchPart(isPlain ? known : await this.#prepared(known), own, idempotent)
  }

  /** Exactly one page; go on with `{ pagingState: page.pagingState }`. */
  page<Columns = UnknownColumns>(
    statement: string | Statement | PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Page<Columns>> {
    const own = copyOf(values)
    return typed(this.#accept(() => this.#paged(statement, own, options, 'one')))
  }

  /** The pages from the paging state of the options on, which is checked first. */
  async #paged(
    statement: string | Statement | PreparedStatement,
    values: BindValues | undefined,
    options: ExecuteOptions | undefined,
    pages: PagingOptions['pages'],
  ): Promise<ResultSet<unknown>> {
    const startedMs = this.#ticker.nowMs()
    const carried = statement instanceof StatementBase ? statement.options : undefined
    const digesting = (): Promise<Uint8Array> => this.#digestOf(statement, values)
    const digest = await this.#within(digesting, carried, options, startedMs)
    const sealed = options?.pagingState
    const pagingState = sealed === undefined ? undefined : openPagingState(sealed, digest)
    const result = await this.#any(statement, values, options, { pages, pagingState }, startedMs)
    if (result.pagingState === undefined) return result
    return result.withPagingState(sealPagingState(result.pagingState, digest))
  }

  /** All rows, page by page as they are consumed. */
  stream<Columns = UnknownColumns>(
    statement: string | Statement | PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): RowStream<Columns> {
    const own = copyOf(values)
    const first =
      options?.pagingState === undefined
        ? undefined
        : this.#digestOf(statement, own).then((digest) =>
            openPagingState(options.pagingState!, digest),
          )
    first?.catch(() => {})
    return new RowPager<Columns>(async (state) => {
      const pagingState = state ?? (await first)
      const paging = { pages: 'one', pagingState } as const
      return await typed<Columns>(this.#accept(() => this.#any(statement, own, options, paging)))
    })
  }

  /** What a paging state of this statement with these values is sealed with. */
  async #digestOf(
    statement: string | Statement | PreparedStatement,
    values: BindValues | undefined,
  ): Promise<Uint8Array> {
    if (statement instanceof PreparedStatement) {
      return digestOfEntry(await this.#entryOf(statement), values)
    }
    const { text, values: own } = asStatement(statement)
    const bound = values ?? own
    const known = this.#statements.get(this.#cluster.keyspace, text)
    if (isEmpty(bound) && known.facts.markers.length === 0) {
      return pagingDigest(known.keyspace, text, new Uint8Array(0))
    }
    return digestOfEntry(await this.#prepared(known), bound)
  }

  /** The whole result of any form of a statement. */
  async #all(
    statement: string | Statement | PreparedStatement,
    values: BindValues | undefined,
    options: ExecuteOptions | undefined,
  ): Promise<ResultSet<unknown>> {
    if (options?.pagingState === undefined) return await this.#any(statement, values, options)
    return await this.#paged(statement, values, options, 'all')
  }

  /** Every form of a statement, the less frequent ways. */
  async #any(
    statement: string | Statement | PreparedStatement,
    values: BindValues | undefined,
    options: ExecuteOptions | undefined,
    paging: PagingOptions = allPages,
    startedMs: number = this.#ticker.nowMs(),
  ): Promise<ResultSet<unknown>> {
    if (statement instanceof PreparedStatement) {
      const own = (): Promise<PreparedEntry> => this.#entryOf(statement)
      const entry = await this.#within(own, statement.options, options, startedMs)
      return await this.#run(entry, values, statement.options, options, paging, startedMs)
    }
    const { text, values: own, options: carried } = asStatement(statement)
    const known = this.#statements.get(this.#cluster.keyspace, text)
    return await this.#executeKnown(known, values ?? own, carried, options, paging, startedMs)
  }

  /** A text is worth preparing when it has values, or when it comes for the second time. */
  async #executeKnown(
    known: CachedStatement,
    values: BindValues | undefined,
    carried: StatementOptions | undefined,
    options: ExecuteOptions | undefined,
    paging: PagingOptions = allPages,
    startedMs: number = this.#ticker.nowMs(),
  ): Promise<ResultSet<unknown>> {
    const { facts } = known
    if (facts.kind === 'use' && facts.keyspace !== undefined) {
      return await this.#use(facts.keyspace, carried, options, startedMs)
    }
    const hasValues = !isEmpty(values) || facts.markers.length > 0
    const isSchemaChange = facts.kind === 'ddl' || facts.kind === 'use' || facts.kind === 'other'
    const isRepeated = known.useCount++ > 0 && !isSchemaChange
    if (!hasValues && !isRepeated && known.prepared === undefined) {
      const settings = this.#settingsOf(carried, options)
      const signal = options?.signal
      return await new Promise((resolve: Settle, reject) => {
        new QueryRequest(this.#core, known, settings, signal, paging, resolve, reject).start(
          startedMs,
        )
      })
    }
    const prepare = (): Promise<PreparedEntry> => this.#prepared(known)
    const entry = await this.#within(prepare, carried, options, startedMs)
    return await this.#run(entry, values, carried, options, paging, startedMs)
  }

  /** `USE` as a text: the whole session follows, also when its caller waits no longer. */
  async #use(
    keyspace: string,
    carried: StatementOptions | undefined,
    options: ExecuteOptions | undefined,
    startedMs: number | undefined,
  ): Promise<ResultSet<unknown>> {
    const using = (): Promise<void> => this.#cluster.useKeyspace(keyspace)
    await this.#within(using, carried, options, startedMs, 'unknown')
    return new ResultSet(this.#cluster.anyConnection()?.address ?? '')
  }

  /** The prepared form of a statement, as the schema is now. */
  async #prepared(known: CachedStatement): Promise<PreparedEntry> {
    return await this.#current(await this.#preparer.prepare(known))
  }

  async #current(entry: PreparedEntry): Promise<PreparedEntry> {
    if (this.#preparer.isStale(entry)) await this.#preparer.refresh(entry)
    return entry
  }

  /**
   * The hot path: no promise but the one that is returned, which also carries what is wrong with
   * options or values.
   *
   * @param startedMs when the call was accepted, if something was waited for since
   */
  #run(
    entry: PreparedEntry,
    values: BindValues | undefined,
    carried: StatementOptions | undefined,
    options: ExecuteOptions | undefined,
    paging: PagingOptions = allPages,
    startedMs?: number,
  ): Promise<ResultSet<unknown>> {
    const { facts } = entry
    if (facts.kind === 'use' && facts.keyspace !== undefined) {
      const { keyspace } = facts
      return this.#accept(() => this.#use(keyspace, carried, options, startedMs))
    }
    return new Promise((resolve: Settle, reject) => {
      const request = new ExecuteRequest(
        this.#core,
        entry,
        values,
        this.#settingsOf(carried, options),
        options?.signal,
        paging,
        resolve,
        reject,
      )
      if (startedMs === undefined && this.isClosed) reject(new ClosedError('session'))
      else request.start(startedMs)
    })
  }

  #settingsOf(
    carried: StatementOptions | undefined,
    options: ExecuteOptions | undefined,
  ): ExecutionSettings {
    let settings = this.#settings
    if (carried !== undefined) settings = mergeSettings(settings, carried)
    return options === undefined ? settings : mergeSettings(settings, options)
  }

  /** The session's own form of a statement, which another session may have prepared. */
  async #entryOf(prepared: PreparedStatement): Promise<PreparedEntry> {
    const { source } = prepared
    if (source instanceof PreparedEntry && source.owner === this.#preparer) {
      return await this.#current(source)
    }
    return await this.#prepared(this.#statements.get(source.keyspace, source.text))
  }

  /** Waits for shared work as long as this call may take. */
  #within<T>(
    work: () => Promise<T>,
    carried: StatementOptions | undefined,
    options: ExecuteOptions | undefined,
    startedMs: number = this.#ticker.nowMs(),
    outcome: Outcome = 'not_applied',
  ): Promise<T> {
    const { timeoutMs } = this.#settingsOf(carried, options)
    const leftMs = Math.max(0, startedMs + timeoutMs - this.#ticker.nowMs())
    const { aborts } = this.#dispatcher
    const { clock } = this.#ticker
    const signal = options?.signal
    return awaitWithin(work, { aborts, clock, signal, timeoutMs, leftMs, outcome })
  }

  /**
   * Makes `name` the keyspace of all statements that name none.
   *
   * @param caseSensitive take the name as it is spelled; else it is folded to lower case
   * @throws KeyspaceError when it does not exist; nothing is changed
   */
  useKeyspace(name: string, caseSensitive = false): Promise<void> {
    return this.#accept(async () => {
      const keyspace = checkKeyspace(name, caseSensitive)
      try {
        await this.#cluster.useKeyspace(keyspace)
      } catch (error) {
        const isMissing =
          error instanceof ServerError && error.serverCode === ServerErrorCode.INVALID
        throw isMissing ? new KeyspaceError(keyspace, { cause: error }) : error
      }
    })
  }

  /** The keyspace in effect. */
  getKeyspace(): string | undefined {
    return this.#cluster.keyspace
  }

  /** Waits until all nodes have one schema version. @throws SchemaAgreementError */
  awaitSchemaAgreement(): Promise<void> {
    return this.#accept(() => this.#cluster.awaitSchemaAgreement())
  }

  /** Nodes and keyspaces as they are known now. */
  getClusterData(): ClusterData {
    return this.#cluster.data()
  }

  get isClosed(): boolean {
    return this.#closing !== undefined
  }

  /**
   * Takes no more requests, waits for those that were accepted, and closes every connection. May be
   * called again and again.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const graceMs = integer('graceMs', options.graceMs ?? 5_000, 0, int32Max)
    this.#closing ??= this.#close(graceMs)
    await this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#ticker.clock.schedule(graceMs, resolve, true)
      void this.#dispatcher.whenIdle().then(() => {
        timer.cancel()
        resolve()
      })
    })
    const error = new ClosedError('session')
    this.#dispatcher.close(error)
    this.#cluster.destroy(error)
    await this.#cluster.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Does what a caller asked for; closing waits for it. @throws ClosedError */
  async #accept<T>(work: () => Promise<T>): Promise<T> {
    if (this.isClosed) throw new ClosedError('session')
    this.#dispatcher.onAccepted()
    try {
      return await work()
    } finally {
      this.#dispatcher.onSettled()
    }
  }
}

/** Where the caller's word for the columns becomes the type of the rows. */
function typed<Columns>(result: Promise<ResultSet<unknown>>): Promise<ResultSet<Columns>> {
  return result as Promise<unknown> as Promise<ResultSet<Columns>>
}

const digestWriter = new WireWriter()

function digestOfEntry(entry: PreparedEntry, values: BindValues | undefined): Uint8Array {
  const { plan } = entry.state
  digestWriter.offset = 0
  plan.write(digestWriter, plan.resolve(values))
  return pagingDigest(entry.keyspace, entry.text, digestWriter.copyFrom(0))
}

function asStatement(statement: string | Statement): Statement {
  if (typeof statement === 'string') return new Statement(statement)
  if (statement instanceof Statement) return statement
  throw new ConfigError('A statement is a CQL text, a Statement or a PreparedStatement')
}

/** Values are read after something was waited for: what the caller changes then must not show. */
function copyOf(values: BindValues | undefined): BindValues | undefined {
  if (typeof values !== 'object' || values === null) return values
  return isList(values) ? values.slice() : { ...values }
}

function isList(values: BindValues): values is readonly unknown[] {
  return Array.isArray(values)
}

function isEmpty(values: BindValues | undefined): boolean {
  if (values === undefined) return true
  // Binding refuses it, by name.
  if (typeof values !== 'object' || values === null) return false
  return Array.isArray(values) ? values.length === 0 : Object.keys(values).length === 0
}
