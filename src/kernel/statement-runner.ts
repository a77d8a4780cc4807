import { type SerialConsistency, ServerError, TsyllaError } from '../errors/index.ts'
import {
  Batch,
  type BindValues,
  type ExecuteOptions,
  type Executor,
  type Page,
  type PreparedStatement,
  type Result,
  type RowOf,
  type UnknownColumns,
} from '../types/index.ts'
import { sharedState } from './shared-state.ts'

/**
 * Runs the statements of one pattern: prepares each once, however many callers come at the same
 * time, and sends all of them at one serial level.
 */
export class StatementRunner {
  readonly #executor: Executor
  readonly #serialConsistency: SerialConsistency | undefined
  readonly #prepared = new Map<string, Promise<PreparedStatement>>()

  /**
   * @param serialConsistency of conditional writes and of {@link runSerial}; a read at another one
   *   than the write's can miss it. Default: conditional writes follow the executor
   */
  constructor(executor: Executor, serialConsistency?: SerialConsistency) {
    this.#executor = executor
    this.#serialConsistency = serialConsistency
  }

  async run<C = UnknownColumns>(
    text: string,
    values: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<C>> {
    const prepared = await this.#prepare(text)
    return await hinted(
      this.#executor.executePrepared<C>(prepared, values, this.#complete(options)),
    )
  }

  /** A read that finishes or supersedes the conditional writes that are still in flight. */
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
    for (const [text] of statements) batch = batch.appendPrepared(await this.#prepare(text))
    const values = statements.map(([, ofStatement]) => ofStatement)
    return await hinted(this.#executor.batch<C>(batch, values, this.#complete(options)))
  }

  async page<C = UnknownColumns>(
    text: string,
    values: BindValues,
    options?: ExecuteOptions,
  ): Promise<Page<C>> {
    const prepared = await this.#prepare(text)
    return await hinted(this.#executor.page<C>(prepared, values, options))
  }

  async *stream<C>(text: string, values: BindValues): AsyncGenerator<RowOf<C>> {
    const prepared = await this.#prepare(text)
    try {
      yield* this.#executor.stream<C>(prepared, values)
    } catch (error) {
      throw withHint(error)
    }
  }

  /**
   * What all patterns of `kind` on the same table of this executor share.
   *
   * @param probe a statement of the pattern: the server tells which table it is of, for the name
   *   alone means another one in another keyspace
   */
  async share<T>(kind: string, probe: string, create: () => T): Promise<T> {
    const prepared = await this.#prepare(probe)
    const [marker] = prepared.getMarkers()
    const table = marker === undefined ? probe : `${marker.keyspace}.${marker.table}`
    return sharedState(this.#executor, `${kind} ${table}`, create)
  }

  #prepare(text: string): Promise<PreparedStatement> {
    let prepared = this.#prepared.get(text)
    if (prepared === undefined) {
      prepared = hinted(this.#executor.prepare(text))
      this.#prepared.set(text, prepared)
      // A failure is not kept: the table may exist the next time.
      prepared.catch(() => this.#prepared.delete(text))
    }
    return prepared
  }

  #complete(options: ExecuteOptions | undefined): ExecuteOptions | undefined {
    if (this.#serialConsistency === undefined) return options
    return { ...options, serialConsistency: this.#serialConsistency }
  }
}

async function hinted<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw withHint(error)
  }
}

/** Cassandra's words, then those of ScyllaDB and of Cassandra before 4. */
const missingTable = /^table \S+ does not exist$|^unconfigured (table|columnfamily) /

/** The server knows that a table is missing; that a pattern can make it, only we know. */
function withHint(error: unknown): unknown {
  if (!TsyllaError.is(error) || error.code !== 'TSYLLA_SERVER_INVALID') return error
  if (!missingTable.test(error.message)) return error
  const message = `${error.message}: call createTables() of the pattern first`
  const named = new ServerError(error.serverCode, message, error.details)
  named.outcome = error.outcome
  named.attempts = error.attempts
  named.cause = error
  return named
}
