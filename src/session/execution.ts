import type { Row } from '../codec/index.ts'
import {
  type RequestKind,
  ProtocolError,
  ResultTooLargeError,
  TsyllaError,
} from '../errors/index.ts'
import {
  beginRequest,
  HeaderFlag,
  type Opcode,
  QueryFlag,
  readResponsePrefix,
  readSchemaChange,
  type ResponsePrefix,
  emptyResponsePrefix,
  ResultKind,
  type WireReader,
  type WireWriter,
  writeParametersTail,
} from '../protocol/index.ts'
import { Request } from './request.ts'
import { ResultSet } from './result-set.ts'
import type { SessionCore } from './session-core.ts'
import type { ExecutionSettings } from './settings.ts'
import type { ShapeCache } from './shape-cache.ts'

/** How one call reads its pages. */
export interface PagingOptions {
  /** `all`: to the last page, into one result. `one`: a single page. */
  readonly pages: 'all' | 'one'
  readonly pagingState: Uint8Array | undefined
}

export const allPages: PagingOptions = Object.freeze({ pages: 'all', pagingState: undefined })

/** Rows of the pages before the last, and what came with them. */
interface Gathered {
  readonly rows: Row[]
  readonly warnings: string[]
  bytes: number
}

type Settle<T> = (value: T) => void

/** A request of a user that is answered by a RESULT: EXECUTE, QUERY or BATCH. */
export abstract class Execution extends Request<ResultSet<unknown>> {
  protected readonly core: SessionCore
  protected pagingState: Uint8Array | undefined
  readonly #pages: 'all' | 'one'
  #gathered: Gathered | undefined

  constructor(
    core: SessionCore,
    settings: ExecutionSettings,
    signal: AbortSignal | undefined,
    paging: PagingOptions,
    resolve: Settle<ResultSet<unknown>>,
    reject: Settle<unknown>,
  ) {
    super(core.host, settings, signal, resolve, reject)
    this.core = core
    this.pagingState = paging.pagingState
    this.#pages = paging.pages
  }

  protected abstract readonly shapes: ShapeCache
  abstract override readonly kind: RequestKind

  /**
   * Begins the frame: its header, and the custom payload before all else.
   *
   * @returns where the frame starts, for `endFrame`
   */
  protected begin(writer: WireWriter, streamId: number, opcode: Opcode): number {
    const { isTraced, customPayload } = this.settings
    const flags =
      (isTraced ? HeaderFlag.TRACING : 0) |
      (customPayload === undefined ? 0 : HeaderFlag.CUSTOM_PAYLOAD)
    const start = beginRequest(writer, flags, streamId, opcode)
    if (customPayload !== undefined) writer.writeBytesMap(customPayload)
    return start
  }

  /** Query flags that do not depend on the statement: those of {@link writeTail}. */
  protected parameterFlags(hasTimestamp: boolean): number {
    return (
      QueryFlag.PAGE_SIZE |
      QueryFlag.SERIAL_CONSISTENCY |
      (this.pagingState === undefined ? 0 : QueryFlag.PAGING_STATE) |
      (hasTimestamp ? QueryFlag.TIMESTAMP : 0)
    )
  }

  /** The parameters after the values, which QUERY and EXECUTE share. */
  protected writeTail(
    writer: WireWriter,
    flags: number,
    timestamp: number | bigint | undefined,
  ): void {
    const { pageSize, serialConsistency } = this.settings
    writeParametersTail(
      writer,
      flags,
      pageSize,
      this.pagingState,
      serialConsistency,
      timestamp ?? 0,
    )
  }

  protected override onResult(reader: WireReader, flags: number): void {
    const prefix = flags === 0 ? emptyResponsePrefix : readResponsePrefix(reader, flags)
    const kind = reader.readInt()
    const address = this.connection!.address
    switch (kind) {
      case ResultKind.ROWS:
        this.#onRows(reader, prefix)
        return
      case ResultKind.VOID:
        this.succeed(this.#withoutRows(address, prefix))
        return
      case ResultKind.SET_KEYSPACE: {
        const result = this.#withoutRows(address, prefix)
        const keyspace = reader.readString()
        this.#succeedAfter(this.core.onSetKeyspace(keyspace, this.connection!), result)
        return
      }
      case ResultKind.SCHEMA_CHANGE: {
        const result = this.#withoutRows(address, prefix)
        const change = readSchemaChange(reader)
        this.#succeedAfter(this.core.onSchemaChange(change, this.connection!), result)
        return
      }
      default:
        throw new ProtocolError(`${address} answered with a result of kind ${kind}`)
    }
  }

  /** The statement has been applied; what has to follow on other nodes is waited for. */
  #succeedAfter(work: Promise<void>, result: ResultSet<unknown>): void {
    const timer = this.follow()
    void work
      .finally(() => timer.cancel())
      .then(
        () => {
          if (!this.isSettled) this.succeed(result)
        },
        (error: unknown) => {
          if (TsyllaError.is(error)) error.outcome = 'unknown'
          this.fail(error)
        },
      )
  }

  #withoutRows(address: string, prefix: ResponsePrefix): ResultSet<unknown> {
    if (prefix === emptyResponsePrefix) return new ResultSet(address)
    return new ResultSet<unknown>(address, undefined, undefined, undefined, prefix)
  }

  #onRows(reader: WireReader, prefix: ResponsePrefix): void {
    const byteCount = reader.remaining
    const { columns, rows, pagingState } = this.shapes.readPage(reader)
    const address = this.connection!.address
    const isConditional = this.kind === 'lwt'
    if (isConditional) this.core.onConditional()
    if (this.#pages === 'one' || (pagingState === undefined && this.#gathered === undefined)) {
      this.#checkSize(byteCount)
      this.succeed(
        prefix === emptyResponsePrefix
          ? new ResultSet<unknown>(address, columns, rows, pagingState, undefined, isConditional)
          : new ResultSet<unknown>(address, columns, rows, pagingState, prefix, isConditional),
      )
      return
    }
    const gathered = this.#gather(typeof rows === 'function' ? rows() : rows, byteCount, prefix)
    if (pagingState !== undefined) {
      this.pagingState = pagingState
      this.continueWith()
      return
    }
    const extras = { ...prefix, warnings: gathered.warnings }
    this.succeed(
      new ResultSet<unknown>(address, columns, gathered.rows, undefined, extras, isConditional),
    )
  }

  /** Adds a page to those before it. */
  #gather(rows: readonly Row[], byteCount: number, prefix: ResponsePrefix): Gathered {
    this.#gathered ??= { rows: [], warnings: [], bytes: 0 }
    const gathered = this.#gathered
    gathered.bytes += byteCount
    this.#checkSize(gathered.bytes)
    for (const row of rows) gathered.rows.push(row)
    gathered.warnings.push(...prefix.warnings)
    return gathered
  }

  #checkSize(byteCount: number): void {
    const { resultBytesMax } = this.core.options
    if (this.#pages === 'all' && byteCount > resultBytesMax) {
      throw new ResultTooLargeError(resultBytesMax)
    }
  }
}
