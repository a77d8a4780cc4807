import { BindError, isSerialCode, type RequestKind } from '../../errors/index.ts'
import type { ExecutionProfile, RoutingInfo } from '../../policies/index.ts'
import { Opcode, QueryFlag, type WireWriter, writeExecuteHead } from '../../protocol/index.ts'
import type { Connection } from '../../transport/index.ts'
import type { BindValues } from '../../types/index.ts'
import type { KnownColumns, ResultMetadataCache } from '../result/result-metadata-cache.ts'
import type { PreparedMetadata } from '../statement/prepared-metadata.ts'
import { hasFixedTimestamp } from '../statement/repeatability.ts'
import type { StatementHandle } from '../statement/statement-cache.ts'
import type { ExecutionContext } from './execution-context.ts'
import { beginMessage, type Message, parameterFlags, parametersV5Of, writeTail } from './message.ts'
import { estimateValues, type ValueSize } from './value-size.ts'
import { attachedValues, type DateMarkers, detachValues, moveValues } from './value-snapshot.ts'

/** EXECUTE (native_protocol_v4.spec §4.1.6), encoded again for every attempt. */
export class ExecuteMessage implements Message {
  readonly profile: ExecutionProfile
  consistency: number
  readonly #context: ExecutionContext
  readonly #handle: StatementHandle
  /** In marker order; the caller cannot change them. */
  #values: readonly unknown[]
  readonly #dates: DateMarkers
  #metadata: PreparedMetadata
  #wasRefreshed = false
  /** Drawn once: every attempt writes at the same time. */
  readonly #timestamp: number | bigint | undefined

  /** @throws BindError */
  constructor(
    context: ExecutionContext,
    handle: StatementHandle,
    values: BindValues | undefined,
    profile: ExecutionProfile,
  ) {
    const metadata = handle.metadata!
    this.#context = context
    this.#handle = handle
    this.profile = profile
    this.consistency = profile.consistency
    this.#metadata = metadata
    const own = metadata.plan.resolve(values)
    this.#dates = detachValues(metadata.plan, own)
    this.#values = own
    this.#timestamp =
      profile.timestamp ??
      (metadata.repeatability.acceptsClientTimestamp ? context.timestamps?.next() : undefined)
  }

  get kind(): RequestKind {
    return this.#metadata.repeatability.kind
  }

  get isIdempotent(): boolean {
    const inferred =
      this.#metadata.repeatability.isIdempotent &&
      hasFixedTimestamp(this.#handle.facts, this.#timestamp)
    return this.profile.isIdempotent ?? inferred
  }

  get resultMetadata(): ResultMetadataCache {
    return this.#handle.resultMetadata
  }

  get text(): string {
    return this.#handle.text
  }

  get boundValues(): readonly unknown[] {
    return attachedValues(this.#values, this.#dates)
  }

  dependsOnKeyspace(): boolean {
    return false
  }

  routing(): RoutingInfo | undefined {
    const isConditional = this.#metadata.isConditional || isSerialCode(this.profile.consistency)
    return this.#context.routingKeys.routingOf(this.#metadata, this.#values, isConditional)
  }

  get routedTable(): PreparedMetadata {
    return this.#metadata
  }

  prepareFor(): undefined {
    return undefined
  }

  encode(
    writer: WireWriter,
    streamId: number,
    connection: Connection,
    pagingState: Uint8Array | undefined,
  ): KnownColumns | undefined {
    const { profile } = this
    const metadata = this.#metadata
    const timestamp = this.#timestamp
    const { features } = connection
    const parametersV5 = parametersV5Of(profile, connection)
    const known = features.hasMetadataId ? this.resultMetadata.known : undefined
    beginMessage(writer, profile, streamId, Opcode.EXECUTE, connection)
    const flags =
      parameterFlags(pagingState, timestamp, parametersV5) |
      QueryFlag.VALUES |
      (known === undefined ? 0 : QueryFlag.SKIP_METADATA)
    const id = metadata.idOn(connection.address)
    writeExecuteHead(writer, id, this.consistency, flags, features, known?.id)
    metadata.plan.write(writer, this.#values)
    writeTail(writer, flags, profile, pagingState, timestamp, parametersV5)
    if (features.tablets === 2) {
      writer.writeByte(this.#context.routingKeys.tabletVersionByte(metadata, this.#values))
    }
    return known
  }

  size(): ValueSize {
    return estimateValues([this.#values])
  }

  /**
   * Another client may have changed the type of a column, or added a field to a user-defined type,
   * and the event may not be here yet: then the value is right and the plan is old.
   */
  repair(error: unknown): Promise<void> | undefined {
    if (!mayBeStale(error) || this.#wasRefreshed) return undefined
    this.#wasRefreshed = true
    return this.#refresh(error)
  }

  /** @throws the error given, unless PREPARE now answers with other markers than before */
  async #refresh(error: BindError): Promise<void> {
    const before = this.#metadata
    await this.#context.preparer.refresh(this.#handle).catch(() => {
      throw error
    })
    this.#takeMetadata()
    if (this.#metadata === before) throw error
  }

  async prepareAgain(connection: Connection): Promise<void> {
    await this.#context.preparer.prepareOn(connection, this.#handle)
    this.#takeMetadata()
  }

  /** Takes what PREPARE answers now: the text is the same, so every value keeps its place. */
  #takeMetadata(): void {
    const metadata = this.#handle.metadata!
    if (metadata === this.#metadata) return
    this.#values = moveValues(this.#values, this.#dates, metadata.plan)
    this.#metadata = metadata
  }
}

/** Whether a value was refused by its type: the type may be the one from before. */
export function mayBeStale(error: unknown): error is BindError {
  return error instanceof BindError && error.code === 'TSYLLA_BIND_VALUE'
}
