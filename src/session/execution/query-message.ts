import type { RequestKind, ServerError } from '../../errors/index.ts'
import type { ExecutionProfile } from '../../policies/index.ts'
import { Opcode, type WireWriter, writeExecuteHead, writeQueryHead } from '../../protocol/index.ts'
import type { Connection } from '../../transport/index.ts'
import type { ResultMetadataCache } from '../result/result-metadata-cache.ts'
import type { PreparedMetadata } from '../statement/prepared-metadata.ts'
import { hasFixedTimestamp, repeatabilityOfText } from '../statement/repeatability.ts'
import type { StatementHandle } from '../statement/statement-cache.ts'
import type { ExecutionContext } from './execution-context.ts'
import { beginMessage, type Message, parameterFlags, parametersV5Of, writeTail } from './message.ts'
import type { ValueSize } from './value-size.ts'

/** QUERY (native_protocol_v4.spec §4.1.4): a text without values, not worth preparing yet. */
export class QueryMessage implements Message {
  readonly profile: ExecutionProfile
  consistency: number
  readonly kind: RequestKind
  readonly isIdempotent: boolean
  readonly #context: ExecutionContext
  readonly #handle: StatementHandle
  /** Set when the text means a keyspace that connections have left: its prepared form means it. */
  #prepared: PreparedMetadata | undefined
  readonly #timestamp: number | bigint | undefined

  constructor(context: ExecutionContext, handle: StatementHandle, profile: ExecutionProfile) {
    const { facts } = handle
    const { kind, isIdempotent, acceptsClientTimestamp } = repeatabilityOfText(facts)
    this.#context = context
    this.#handle = handle
    this.profile = profile
    this.consistency = profile.consistency
    this.kind = kind
    this.#timestamp =
      profile.timestamp ?? (acceptsClientTimestamp ? context.timestamps?.next() : undefined)
    this.isIdempotent =
      profile.isIdempotent ?? (isIdempotent && hasFixedTimestamp(facts, this.#timestamp))
  }

  get resultMetadata(): ResultMetadataCache {
    return this.#context.queryMetadata
  }

  get text(): string {
    return this.#handle.text
  }

  get boundValues(): readonly unknown[] {
    return []
  }

  dependsOnKeyspace(connection: Connection): boolean {
    return this.#prepared === undefined && this.#keyspaceFor(connection) === undefined
  }

  /** The keyspace to send, since the connection is in another one. */
  #keyspaceFor(connection: Connection): string | undefined {
    const { facts, keyspace } = this.#handle
    if (facts.kind === 'use' || !connection.canNameKeyspace) return undefined
    return connection.keyspace.isIn(keyspace) ? undefined : keyspace
  }

  routing(): undefined {
    return undefined
  }

  get routedTable(): undefined {
    return undefined
  }

  prepareFor(connection: Connection): Promise<void> | undefined {
    const { facts, keyspace } = this.#handle
    if (this.#prepared !== undefined || facts.kind === 'use') return undefined
    if (connection.canNameKeyspace && keyspace !== undefined) return undefined
    return connection.keyspace.isIn(keyspace) ? undefined : this.#prepare()
  }

  async #prepare(): Promise<void> {
    await this.#context.preparer.prepare(this.#handle)
    this.#prepared = this.#handle.metadata
  }

  encode(
    writer: WireWriter,
    streamId: number,
    connection: Connection,
    pagingState: Uint8Array | undefined,
  ): undefined {
    const { profile } = this
    const { consistency } = this
    const { features } = connection
    const prepared = this.#prepared
    const timestamp = this.#timestamp
    const keyspace = prepared === undefined ? this.#keyspaceFor(connection) : undefined
    const parametersV5 = parametersV5Of(profile, connection, keyspace)
    const flags = parameterFlags(pagingState, timestamp, parametersV5)
    const opcode = prepared === undefined ? Opcode.QUERY : Opcode.EXECUTE
    beginMessage(writer, profile, streamId, opcode, connection)
    if (prepared === undefined) {
      writeQueryHead(writer, this.text, consistency, flags, features.version)
    } else {
      writeExecuteHead(writer, prepared.idOn(connection.address), consistency, flags, features)
    }
    writeTail(writer, flags, profile, pagingState, timestamp, parametersV5)
    // Without values no tablet is known.
    if (prepared !== undefined && features.tablets === 2) writer.writeByte(0)
  }

  size(): ValueSize {
    return { bytes: 64 + this.text.length, large: undefined }
  }

  repair(): undefined {
    return undefined
  }

  /** A QUERY is never unprepared; a server that claims so gets its own error back. */
  async prepareAgain(connection: Connection, error: ServerError): Promise<void> {
    if (this.#prepared === undefined) throw error
    await this.#context.preparer.prepareOn(connection, this.#handle)
    this.#prepared = this.#handle.metadata
  }
}
