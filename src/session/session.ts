import {
  type Cluster,
  type ClusterData,
  runOnAnyNode,
  selectAll,
  type TopologyListener,
} from '../cluster/index.ts'
import type { CodecOptions } from '../codec/index.ts'
import {
  ClosedError,
  ConfigError,
  KeyspaceError,
  ServerError,
  ServerErrorCode,
} from '../errors/index.ts'
import { isObserved, requestChannel } from '../observability/index.ts'
import type { SchemaMetadata } from '../metadata/index.ts'
import { defaultRetryPolicy, type TimestampGenerator } from '../policies/index.ts'
import type { DeadlineTimer, InternalRequestOptions } from '../transport/index.ts'
import {
  type Batch,
  bindRuntime,
  type BindValues,
  type ExecuteOptions,
  type ExecutionProfileOptions,
  type Executor,
  type NotInferred,
  type Page,
  type PreparedStatement,
  type Result,
  RowPager,
  type RowStream,
  type Statement,
  type TypedPreparedStatement,
  type TypedStatement,
  type UnknownColumns,
} from '../types/index.ts'
import type { Dispatcher } from './execution/dispatcher.ts'
import { RoutingKeyEncoder } from './execution/routing-key.ts'
import { BatchRunner } from './execution/batch-runner.ts'
import { CallScope } from './execution/call-scope.ts'
import type { CallTrace } from './execution/call-trace.ts'
import { SlowRequestLog } from './execution/slow-requests.ts'
import { StatementRunner } from './execution/statement-runner.ts'
import { ExecutionProfiles } from './execution-options.ts'
import { checkKeyspace, int32Max, integer, type ResolvedOptions } from './options.ts'
import { ResultMetadataCache } from './result/result-metadata-cache.ts'
import type { ResultSet } from './result/result-set.ts'
import { type SessionMetrics, SessionRecorder } from './session-metrics.ts'
import { StatementPreparer } from './statement/preparer.ts'
import type { SchemaChangeTracker } from './statement/schema-tracker.ts'
import { StatementCache } from './statement/statement-cache.ts'

/** The parts of a session, which `SessionBuilder` puts together. */
export interface SessionParts {
  readonly options: ResolvedOptions
  readonly cluster: Cluster
  readonly dispatcher: Dispatcher
  readonly deadlineTimer: DeadlineTimer
  readonly codecOptions: CodecOptions
  readonly timestamps: TimestampGenerator
  readonly schema: SchemaChangeTracker
  readonly metadata: SchemaMetadata
}

export interface CloseOptions {
  /** Time in milliseconds that requests in flight have to finish. Default 5,000. */
  readonly graceMs?: number
}

/**
 * A session on a cluster or on an embedded engine; all requests go through it. The entry point
 * exports it as `Session`, with the additional function `connect`.
 */
export class ConnectedSession implements Executor, AsyncDisposable {
  readonly #cluster: Cluster
  readonly #dispatcher: Dispatcher
  readonly #scope: CallScope
  readonly #statements: StatementRunner
  readonly #batches: BatchRunner
  readonly #profiles: ExecutionProfiles
  readonly #requestOptions: InternalRequestOptions
  readonly #recorder: SessionRecorder
  /** Keyspaces, tables, views, types, functions and aggregates, read when they are asked for. */
  readonly metadata: SchemaMetadata
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(parts: SessionParts) {
    if (typeof parts !== 'object') {
      throw new ConfigError(
        'A Session cannot be constructed directly: use Session.connect() or a SessionBuilder',
      )
    }
    const { options, cluster, dispatcher, codecOptions, timestamps, deadlineTimer, schema } = parts
    bindRuntime(this, deadlineTimer.runtime)
    this.#profiles = new ExecutionProfiles(options)
    this.#requestOptions = { deadlineTimer, timeoutMs: options.requestTimeoutMs }
    this.metadata = parts.metadata
    const { slowRequest } = options
    this.#recorder = new SessionRecorder(
      slowRequest && new SlowRequestLog(slowRequest, deadlineTimer.runtime),
    )
    this.#cluster = cluster
    this.#dispatcher = dispatcher
    const preparer = new StatementPreparer({
      cluster,
      requestOptions: { deadlineTimer, timeoutMs: options.requestTimeoutMs },
      codec: codecOptions,
      schema,
    })
    const scope: CallScope = new CallScope({
      context: {
        cluster,
        dispatcher,
        preparer,
        routingKeys: new RoutingKeyEncoder(cluster),
        queryMetadata: new ResultMetadataCache(codecOptions),
        timestamps: options.timestamps === 'client' ? timestamps : undefined,
        resultBytesMax: options.resultBytesMax,
        recorder: this.#recorder,
        consistencyCheck: options.consistencyCheck,
        readTrace: async (id, traceOptions) => {
          const { readTrace } = await import('./result/trace-reader.ts')
          const source = { cluster, deadlineTimer }
          return await scope.accept(undefined, () => readTrace(source, id, traceOptions))
        },
      },
      statements: new StatementCache(options.preparedCountMax, codecOptions),
      profiles: this.#profiles,
    })
    this.#scope = scope
    this.#statements = new StatementRunner(scope)
    this.#batches = new BatchRunner(scope)
  }

  /**
   * Runs a statement and returns its complete result, with the rows of all pages.
   *
   * @param statement CQL text, or a `Statement` with options of its own
   * @param values bind values: an array by position, or an object by name
   * @param options override those of the statement and of the session
   * @throws ServerError when the server refuses it; RequestTimeoutError after `timeoutMs`;
   *   ResultTooLargeError above `resultBytesMax`: use `stream` or `page` for such results
   */
  execute<Columns = UnknownColumns>(
    statement: string | Statement | TypedStatement<Columns>,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<Columns>> {
    if (isObserved(requestChannel)) {
      const work = (trace?: CallTrace): Promise<AnyResult> =>
        this.#statements.run(statement, values, options, trace)
      return typed(this.#scope.traced('execute', statement, options, work))
    }
    return typed(this.#statements.run(statement, values, options))
  }

  /** The same as `execute`, under the name that other drivers use. */
  query<Columns = UnknownColumns>(
    statement: string | Statement | TypedStatement<Columns>,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<Columns>> {
    return this.execute<Columns>(statement, values, options)
  }

  /**
   * Prepares a statement on a node, which reports the types of its bind markers and columns.
   * `execute` prepares statements by itself where that is useful.
   *
   * @throws ServerError when the server refuses the statement
   */
  prepare<Columns>(statement: TypedStatement<Columns>): Promise<TypedPreparedStatement<Columns>>
  prepare(statement: string | Statement): Promise<PreparedStatement>
  prepare<Columns, Values extends BindValues = BindValues>(
    statement: string | Statement,
  ): Promise<TypedPreparedStatement<Columns, Values>>
  prepare(statement: string | Statement): Promise<PreparedStatement> {
    const work = (): Promise<PreparedStatement> => this.#statements.prepare(statement)
    return this.#scope.traced('prepare', statement, undefined, work)
  }

  /** Runs a statement that {@link prepare} has returned; otherwise the same as {@link execute}. */
  executePrepared<Columns = UnknownColumns, Values extends BindValues = BindValues>(
    prepared: PreparedStatement | TypedPreparedStatement<Columns, Values>,
    values?: NotInferred<Values>,
    options?: ExecuteOptions,
  ): Promise<Result<Columns>> {
    if (isObserved(requestChannel)) {
      const work = (trace?: CallTrace): Promise<AnyResult> =>
        this.#statements.run(prepared, values, options, trace)
      return typed(this.#scope.traced('executePrepared', prepared, options, work))
    }
    return typed(this.#statements.run(prepared, values, options))
  }

  /** Runs a batch as one request; `values[i]` are the bind values of its i-th statement. */
  batch<Columns = UnknownColumns>(
    batch: Batch,
    values: readonly (BindValues | undefined)[] = [],
    options?: ExecuteOptions,
  ): Promise<Result<Columns>> {
    if (isObserved(requestChannel)) {
      const work = (trace?: CallTrace): Promise<AnyResult> =>
        this.#batches.run(batch, values, options, trace)
      return typed(this.#scope.traced('batch', batch, options, work))
    }
    return typed(this.#batches.run(batch, values, options))
  }

  /**
   * Returns exactly one page, of at most `pageSize` rows. To fetch the next page, pass
   * `{ pagingState: page.pagingState }` as options; after the last page it is `undefined`.
   */
  page<Columns = UnknownColumns>(
    statement: StatementOf<Columns>,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Page<Columns>> {
    const work = (trace?: CallTrace): Promise<AnyResult> =>
      this.#statements.page(statement, values, options, trace)
    return typed(this.#scope.traced('page', statement, options, work))
  }

  /** Returns an async iterable over all rows, which fetches pages as the rows are consumed. */
  stream<Columns = UnknownColumns>(
    statement: StatementOf<Columns>,
    values?: BindValues,
    options?: ExecuteOptions,
  ): RowStream<Columns> {
    const fetchPage = this.#statements.pager(statement, values, options)
    return new RowPager<Columns>((pagingState, closing) => {
      const work = (trace?: CallTrace): Promise<AnyResult> => fetchPage(pagingState, closing, trace)
      return typed<Columns>(this.#scope.traced('page', statement, options, work))
    })
  }

  /**
   * Sets the keyspace in which unqualified table names are resolved, for all later statements.
   *
   * @param caseSensitive use the name as it is spelled. Default `false`: it is lowercased
   * @throws KeyspaceError when the keyspace does not exist; the session then keeps the current one
   */
  useKeyspace(name: string, caseSensitive = false): Promise<void> {
    return this.#scope.accept(undefined, async () => {
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

  /** Returns the current keyspace, or `undefined` when the session has none. */
  getKeyspace(): string | undefined {
    return this.#cluster.keyspace
  }

  /**
   * Waits until all nodes report the same schema version.
   *
   * @throws SchemaAgreementError after `schemaAgreementTimeoutMs`
   */
  awaitSchemaAgreement(): Promise<void> {
    return this.#scope.accept(undefined, () => this.#cluster.awaitSchemaAgreement())
  }

  /** Returns a snapshot of the nodes and keyspaces that the session knows; sends no request. */
  getClusterData(): ClusterData {
    return this.#cluster.data()
  }

  /**
   * Returns what the session has counted of its requests, as a whole and by node, and what is under
   * way. Sends no request.
   */
  metrics(): SessionMetrics {
    return this.#recorder.snapshot(this.#cluster, this.#dispatcher)
  }

  /**
   * Calls `listener` when a node comes, goes, moves to another address, is reached for the first
   * time, or is lost. It is called once the code that runs then has ended. Nodes that are there
   * already are in {@link getClusterData}.
   *
   * @returns what ends listening; closing the session does too
   * @throws ClosedError, ConfigError
   */
  onTopologyChange(listener: TopologyListener): () => void {
    if (this.isClosed) throw new ClosedError('session')
    return this.#cluster.onTopologyChange(listener)
  }

  /** @internal Reads rows of the schema tables on any node. */
  readSchema(text: string): Promise<readonly ReadonlyMap<string, unknown>[]> {
    const run = { cluster: this.#cluster, retry: defaultRetryPolicy, ...this.#requestOptions }
    return this.#scope.accept(text, () =>
      runOnAnyNode(run, (connection, timeoutMs) =>
        selectAll(connection, text, { ...this.#requestOptions, timeoutMs }),
      ),
    )
  }

  /**
   * Replaces the options of the requests that name an execution profile; those that are under way
   * keep theirs. `default` is the profile of requests that name none.
   *
   * @throws ConfigError for wrong options; the profile stays as it is then
   */
  setExecutionProfile(name: string, options: ExecutionProfileOptions): void {
    this.#profiles.set(name, options)
  }

  /** Whether `close` has been called. */
  get isClosed(): boolean {
    return this.#closing !== undefined
  }

  /**
   * Refuses new requests, waits up to `graceMs` for those in flight, then closes every connection.
   * Further calls await the first one; their `graceMs` has no effect.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const graceMs = integer('graceMs', options.graceMs ?? 5_000, 0, int32Max)
    this.#closing ??= this.#close(graceMs)
    await this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#dispatcher.deadlineTimer.clock.schedule(graceMs, resolve, true)
      void this.#dispatcher.whenIdle().then(() => {
        timer.cancel()
        resolve()
      })
    })
    this.#dispatcher.close()
    this.#cluster.destroy(new ClosedError('session'))
    await this.#cluster.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  static {
    // What stack traces and `console.log` show.
    Object.defineProperty(this, 'name', { value: 'Session' })
  }
}

type AnyResult = ResultSet<unknown>

/** What can be read page by page. */
type StatementOf<Columns> =
  | string
  | Statement
  | PreparedStatement
  | TypedStatement<Columns>
  | TypedPreparedStatement<Columns>

/** Casts a result to the column types that the caller has declared. They are not checked. */
function typed<Columns>(result: Promise<ResultSet<unknown>>): Promise<ResultSet<Columns>> {
  return result as Promise<unknown> as Promise<ResultSet<Columns>>
}
