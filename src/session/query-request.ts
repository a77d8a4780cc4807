import type { RequestKind, ServerError } from '../errors/index.ts'
import {
  endFrame,
  Opcode,
  type WireWriter,
  writeExecuteHead,
  writeQueryHead,
} from '../protocol/index.ts'
import type { Connection } from '../transport/index.ts'
import { Execution, type PagingOptions } from './execution.ts'
import { checkKeyspaceOf, keyspaceMoved } from './keyspace-moved.ts'
import { isStamped, type PreparedEntry, takesTimestamp } from './prepared-entry.ts'
import { kindOfStatement } from './request-kind.ts'
import type { ResultSet } from './result-set.ts'
import type { SessionCore } from './session-core.ts'
import type { ExecutionSettings } from './settings.ts'
import type { ShapeCache } from './shape-cache.ts'
import type { CachedStatement } from './statement-cache.ts'

/** One QUERY (native_protocol_v4.spec §4.1.4): a text without values, not worth preparing yet. */
export class QueryRequest extends Execution {
  readonly #statement: CachedStatement
  /** Set when the text means a keyspace that connections have left: its prepared form means it. */
  #prepared: PreparedEntry | undefined
  readonly #timestamp: number | bigint | undefined

  constructor(
    core: SessionCore,
    statement: CachedStatement,
    settings: ExecutionSettings,
    signal: AbortSignal | undefined,
    paging: PagingOptions,
    resolve: (result: ResultSet<unknown>) => void,
    reject: (error: unknown) => void,
  ) {
    super(core, settings, signal, paging, resolve, reject)
    this.#statement = statement
    const { facts } = statement
    const isStampable = takesTimestamp(facts, facts.mayUpdateCounter)
    this.#timestamp = settings.timestamp ?? (isStampable ? core.nextTimestamp() : undefined)
  }

  override get kind(): RequestKind {
    const { facts } = this.#statement
    return kindOfStatement(facts, {
      isCounterUpdate: facts.mayUpdateCounter,
      // The text may say `IN`.
      isSinglePartition: false,
    })
  }

  override get isIdempotent(): boolean {
    const { facts } = this.#statement
    const isInferred = facts.isIdempotent && isStamped(facts, this.#timestamp)
    return this.settings.isIdempotent ?? isInferred
  }

  protected override get shapes(): ShapeCache {
    return this.core.queryShapes
  }

  override route(): undefined {
    return undefined
  }

  override encode(writer: WireWriter, streamId: number, connection: Connection): void {
    const { text, facts, keyspace } = this.#statement
    const prepared = this.#prepared?.state
    if (prepared === undefined && facts.kind !== 'use') checkKeyspaceOf(connection, keyspace)
    const { consistency } = this.settings
    const opcode = prepared === undefined ? Opcode.QUERY : Opcode.EXECUTE
    const start = this.begin(writer, streamId, opcode)
    const timestamp = this.#timestamp
    const flags = this.parameterFlags(timestamp !== undefined)
    if (prepared === undefined) writeQueryHead(writer, text, consistency, flags)
    else writeExecuteHead(writer, prepared.idOn(connection.address), consistency, flags)
    this.writeTail(writer, flags, timestamp)
    endFrame(writer, start)
  }

  override onEncodeFailed(error: unknown): void {
    if (error !== keyspaceMoved) return super.onEncodeFailed(error)
    this.resumeAfter(this.#prepare(), () => this.host.dispatch(this))
  }

  async #prepare(): Promise<void> {
    this.#prepared = await this.core.prepare(this.#statement)
  }

  override estimatedBytes(): number {
    return 64 + this.#statement.text.length
  }

  /** A QUERY is never unprepared; a server that says so gets its own words back. */
  protected override prepareAgain(connection: Connection, error: ServerError): Promise<void> {
    if (this.#prepared === undefined) return Promise.reject(error)
    return this.core.prepareOn(connection, this.#prepared)
  }
}
