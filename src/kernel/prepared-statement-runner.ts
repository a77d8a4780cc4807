import {
  type Consistency,
  RequestTimeoutError,
  type SerialConsistency,
  TsyllaError,
} from '../errors/index.ts'
import {
  Batch,
  type BindValues,
  type ExecuteOptions,
  type Executor,
  type Page,
  type PreparedStatement,
  type Result,
  type RowOf,
  runtimeOf,
  type UnknownColumns,
} from '../types/index.ts'
import type { Clock } from '../util/index.ts'
import { sharedState } from './shared-state.ts'

export interface PreparedStatementRunnerOptions {
  /**
   * Serial level of conditional writes and of {@link PreparedStatementRunner.runSerial}; a read at
   * another level than the write's can miss it. Default: conditional writes use that of the
   * executor.
   */
  readonly serialConsistency?: SerialConsistency | undefined
  /** Level of statements that are given none. Default: that of the executor. */
  readonly consistency?: Consistency | undefined
  /** Default: the clock of the runtime of the executor. */
  readonly clock?: Clock | undefined
}

/**
 * Runs the statements of one pattern: prepares each once, however many callers come at the same
 * time, and sends all of them at one serial level. The `timeout` of a call covers the PREPARE too.
 */
export class PreparedStatementRunner {
  readonly #executor: Executor
  readonly #serialConsistency: SerialConsistency | undefined
  readonly #consistency: Consistency | undefined
  readonly #clock: Clock
  readonly #prepared = new Map<string, PreparedStatement>()
  readonly #preparing = new Map<string, Promise<PreparedStatement>>()

  constructor(executor: Executor, options: PreparedStatementRunnerOptions = {}) {
    this.#executor = executor
    this.#serialConsistency = options.serialConsistency
    this.#consistency = options.consistency
    this.#clock = options.clock ?? runtimeOf(executor).clock
  }

  async run<C = UnknownColumns>(
    text: string,
    values: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<C>> {
    const { prepared, remaining } = await this.#prepareWithin(text, options)
    return await hinted(
      this.#executor.executePrepared<C>(prepared, values, this.#complete(remaining)),
    )
  }

  /** A read that completes or supersedes the conditional writes that are still in progress. */
  async runSerial<C = UnknownColumns>(
    text: string,
    values: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<C>> {
    const consistency = this.#serialConsistency ?? 'LOCAL_SERIAL'
    return await this.run<C>(text, values, { ...options, consistency })
  }

  /** Runs statements as one logged batch. */
  async runBatch<C = UnknownColumns>(
    statements: readonly (readonly [text: string, values: BindValues])[],
    options?: ExecuteOptions,
  ): Promise<Result<C>> {
    let batch = new Batch('logged')
    let left = options
    for (const [text] of statements) {
      const { prepared, remaining } = await this.#prepareWithin(text, left)
      batch = batch.appendPrepared(prepared)
      left = remaining
    }
    const values = statements.map(([, ofStatement]) => ofStatement)
    return await hinted(this.#executor.batch<C>(batch, values, this.#complete(left)))
  }

  async page<C = UnknownColumns>(
    text: string,
    values: BindValues,
    options?: ExecuteOptions,
  ): Promise<Page<C>> {
    const { prepared, remaining } = await this.#prepareWithin(text, options)
    return await hinted(this.#executor.page<C>(prepared, values, this.#complete(remaining)))
  }

  /** @param options whose `timeout` is that of every page, and that of the PREPARE too */
  async *stream<C>(
    text: string,
    values: BindValues,
    options?: ExecuteOptions,
  ): AsyncGenerator<RowOf<C>> {
    const { prepared } = await this.#prepareWithin(text, options)
    try {
      yield* this.#executor.stream<C>(prepared, values, this.#complete(options))
    } catch (error) {
      throw withHint(error)
    }
  }

  /**
   * State that all patterns of `kind` on the same table of this executor share.
   *
   * @param probe a statement of the pattern: the server says which table it means, because the same
   *   name is another table in another keyspace
   * @param options whose `timeout` and `signal` bound the PREPARE
   */
  async share<T>(
    kind: string,
    probe: string,
    create: () => T,
    options?: ExecuteOptions,
  ): Promise<T> {
    const { prepared } = await this.#prepareWithin(probe, options)
    const [marker] = prepared.getMarkers()
    const table = marker === undefined ? probe : `${marker.keyspace}.${marker.table}`
    return sharedState(this.#executor, `${kind} ${table}`, create)
  }

  /** The prepared statement, and the options with what is left of their timeout. */
  async #prepareWithin(text: string, options: ExecuteOptions | undefined): Promise<Prepared> {
    const known = this.#prepared.get(text)
    if (known !== undefined) return { prepared: known, remaining: options }
    const timeoutMs = options?.timeout
    if (timeoutMs === undefined) return { prepared: await this.#prepare(text), remaining: options }
    const startMs = this.#clock.monotonicMs()
    const prepared = await this.#orTimeout(this.#prepare(text), timeoutMs)
    const elapsedMs = this.#clock.monotonicMs() - startMs
    const timeout = Math.max(1, Math.ceil(timeoutMs - elapsedMs))
    return { prepared, remaining: { ...options, timeout } }
  }

  /** Waits for work that other callers share; the work continues when this caller gives up. */
  #orTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const onTimeout = (): void => reject(new RequestTimeoutError(timeoutMs, 'not_applied'))
      const timer = this.#clock.schedule(timeoutMs, onTimeout, true)
      void work.then(resolve, reject).finally(() => timer.cancel())
    })
  }

  /** Callers of the same statement share one PREPARE. A failure is not kept. */
  #prepare(text: string): Promise<PreparedStatement> {
    const running = this.#preparing.get(text)
    if (running !== undefined) return running
    const preparing = this.#prepareAlone(text).finally(() => this.#preparing.delete(text))
    this.#preparing.set(text, preparing)
    return preparing
  }

  async #prepareAlone(text: string): Promise<PreparedStatement> {
    const known = this.#prepared.get(text)
    if (known !== undefined) return known
    const prepared = await hinted(this.#executor.prepare(text))
    this.#prepared.set(text, prepared)
    return prepared
  }

  #complete(options: ExecuteOptions | undefined): ExecuteOptions | undefined {
    const [serialConsistency, consistency] = [this.#serialConsistency, this.#consistency]
    if (serialConsistency === undefined && consistency === undefined) return options
    return {
      ...(consistency !== undefined && { consistency }),
      ...options,
      ...(serialConsistency !== undefined && { serialConsistency }),
    }
  }
}

interface Prepared {
  readonly prepared: PreparedStatement
  readonly remaining: ExecuteOptions | undefined
}

async function hinted<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw withHint(error)
  }
}

/** The wording of Cassandra, then that of ScyllaDB and of Cassandra before 4. */
const missingTable = /^table \S+ does not exist$|^unconfigured (table|columnfamily) /
/** A table of an earlier version lacks columns: the wording of Cassandra, then of ScyllaDB. */
const missingColumn = /^Undefined column name |^Unknown identifier |^Unrecognized name /

/** The server reports that a table or a column is missing; the hint adds how to create it. */
function withHint(error: unknown): unknown {
  if (!TsyllaError.is(error) || error.code !== 'TSYLLA_SERVER_INVALID') return error
  if (!missingTable.test(error.message) && !missingColumn.test(error.message)) return error
  const named = error.copy()
  named.replaceMessage(`${error.message}: call createTables() of the pattern first`)
  named.cause = error
  return named
}
