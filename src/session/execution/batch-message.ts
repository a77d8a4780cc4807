import type { StatementFacts } from '../../cql/index.ts'
import type { RequestKind } from '../../errors/index.ts'
import type { ExecutionProfile, RoutingInfo } from '../../policies/index.ts'
import {
  BatchTypeCode,
  Opcode,
  QueryFlag,
  type WireWriter,
  writeBatchHead,
  writeBatchPrepared,
  writeBatchQuery,
  writeBatchTail,
} from '../../protocol/index.ts'
import type { Connection } from '../../transport/index.ts'
import type { BatchType, BindValues } from '../../types/index.ts'
import type { ResultMetadataCache } from '../result/result-metadata-cache.ts'
import type { PreparedMetadata } from '../statement/prepared-metadata.ts'
import {
  batchAcceptsClientTimestamp,
  hasFixedTimestamp,
  kindOfBatch,
} from '../statement/repeatability.ts'
import type { StatementHandle } from '../statement/statement-cache.ts'
import { mayBeStale } from './execute-message.ts'
import type { ExecutionContext } from './execution-context.ts'
import { beginMessage, flagsV5, type Message, parametersV5Of } from './message.ts'
import { estimateValues, type ValueSize } from './value-size.ts'
import { attachedValues, type DateMarkers, detachValues, moveValues } from './value-snapshot.ts'

const typeCodes = {
  logged: BatchTypeCode.LOGGED,
  unlogged: BatchTypeCode.UNLOGGED,
  counter: BatchTypeCode.COUNTER,
} as const

/**
 * The statements of one batch, as parallel lists: a batch of a hundred statements makes no object
 * per statement but the copy of its values.
 */
export interface BatchParts {
  readonly handles: readonly StatementHandle[]
  /** By statement; `undefined` for a text without values, which is sent as a text. */
  readonly metadata: (PreparedMetadata | undefined)[]
  /** By statement, in marker order; the caller cannot change them. */
  readonly values: (readonly unknown[])[]
  /** By statement, which of its values were a `Date`. */
  readonly dates: DateMarkers[]
  /**
   * By statement, what its own option says; the list is missing when no statement says anything.
   */
  readonly idempotent: readonly (boolean | undefined)[] | undefined
}

/** BATCH (native_protocol_v4.spec §4.1.7). */
export class BatchMessage implements Message {
  readonly profile: ExecutionProfile
  consistency: number
  readonly #context: ExecutionContext
  readonly #type: BatchType
  readonly #parts: BatchParts
  /** Of each statement; of statements that repeat the one before them, once. */
  readonly #facts: readonly StatementFacts[]
  readonly #timestamp: number | bigint | undefined
  /** Statement that was being written last, which is the one that an error is about. */
  #writingIndex = 0
  readonly #refreshed = new Set<StatementHandle>()

  constructor(
    context: ExecutionContext,
    type: BatchType,
    parts: BatchParts,
    profile: ExecutionProfile,
  ) {
    this.#context = context
    this.#type = type
    this.#parts = parts
    this.#facts = factsOf(parts.handles)
    this.profile = profile
    this.consistency = profile.consistency
    const isStampable =
      profile.timestamp === undefined &&
      context.timestamps !== undefined &&
      batchAcceptsClientTimestamp(type, this.#facts)
    this.#timestamp = isStampable ? context.timestamps?.next() : profile.timestamp
  }

  get kind(): RequestKind {
    return kindOfBatch(this.#type, this.#facts)
  }

  get isIdempotent(): boolean {
    const { isIdempotent } = this.profile
    if (isIdempotent !== undefined) return isIdempotent
    if (this.#type === 'counter') return false
    const { handles, metadata, idempotent } = this.#parts
    return handles.every(({ facts }, i) => {
      const inferred = metadata[i]?.repeatability.isIdempotent ?? facts.isIdempotent
      return idempotent?.[i] ?? (inferred && hasFixedTimestamp(facts, this.#timestamp))
    })
  }

  get resultMetadata(): ResultMetadataCache {
    return this.#context.queryMetadata
  }

  get text(): string {
    return textOfBatch(this.#parts.handles)
  }

  get boundValues(): readonly unknown[] {
    const { values, dates } = this.#parts
    return values.map((own, i) => attachedValues(own, dates[i]!))
  }

  dependsOnKeyspace(connection: Connection): boolean {
    return this.#parts.metadata.includes(undefined) && this.#keyspaceFor(connection) === undefined
  }

  /** The keyspace to send, since the connection is in another one than the texts mean. */
  #keyspaceFor(connection: Connection): string | undefined {
    const { handles, metadata } = this.#parts
    if (!connection.canNameKeyspace) return undefined
    const keyspace = handles.find((_, i) => metadata[i] === undefined)?.keyspace
    return connection.keyspace.isIn(keyspace) ? undefined : keyspace
  }

  /** Returns the routing of the first statement: a batch is meant for one partition. */
  routing(): RoutingInfo | undefined {
    const { metadata, values } = this.#parts
    const first = metadata[0]
    this.#writingIndex = 0
    if (first === undefined) return undefined
    return this.#context.routingKeys.routingOf(first, values[0]!, this.#isConditional())
  }

  #isConditional(): boolean {
    const { handles, metadata } = this.#parts
    for (let i = 0; i < handles.length; i++) {
      if (metadata[i]?.isConditional ?? handles[i]!.facts.isConditional) return true
    }
    return false
  }

  get routedTable(): PreparedMetadata | undefined {
    return this.#parts.metadata[0]
  }

  /**
   * A text runs in the keyspace of its connection, its prepared form in the one it was prepared in.
   */
  prepareFor(connection: Connection): Promise<void> | undefined {
    const { handles, metadata } = this.#parts
    if (this.#keyspaceFor(connection) !== undefined) return undefined
    const misplaced = handles.filter(
      ({ keyspace }, i) => metadata[i] === undefined && !connection.keyspace.isIn(keyspace),
    )
    return misplaced.length === 0 ? undefined : this.#prepareTexts()
  }

  async #prepareTexts(): Promise<void> {
    const { handles, metadata } = this.#parts
    const texts = new Set(handles.filter((_, i) => metadata[i] === undefined))
    await Promise.all([...texts].map((handle) => this.#context.preparer.prepare(handle)))
    this.#takeMetadata()
  }

  encode(writer: WireWriter, streamId: number, connection: Connection): undefined {
    const { profile } = this
    const { handles, metadata, values } = this.#parts
    const { address, features } = connection
    const parametersV5 = parametersV5Of(profile, connection, this.#keyspaceFor(connection))
    beginMessage(writer, profile, streamId, Opcode.BATCH, connection)
    const count = handles.length
    writeBatchHead(writer, typeCodes[this.#type], count)
    this.#writingIndex = 0
    try {
      for (let i = 0; i < count; i++) {
        this.#writingIndex = i
        const prepared = metadata[i]
        if (prepared === undefined) {
          writeBatchQuery(writer, handles[i]!.text)
          writer.writeShort(0)
        } else {
          writeBatchPrepared(writer, prepared.idOn(address))
          prepared.plan.write(writer, values[i])
        }
      }
    } catch (error) {
      throw inStatement(error, this.#writingIndex)
    }
    const timestamp = this.#timestamp
    const flags =
      QueryFlag.SERIAL_CONSISTENCY |
      (timestamp === undefined ? 0 : QueryFlag.TIMESTAMP) |
      flagsV5(parametersV5)
    const { consistency } = this
    const { serialConsistency } = profile
    writeBatchTail(
      writer,
      consistency,
      flags,
      serialConsistency,
      timestamp ?? 0,
      features.version,
      parametersV5,
    )
  }

  size(): ValueSize {
    const { handles, metadata, values } = this.#parts
    const textBytes = handles.reduce(
      (bytes, { text }, i) => bytes + (metadata[i] === undefined ? text.length : 64),
      64,
    )
    return estimateValues(values, textBytes)
  }

  repair(error: unknown): Promise<void> | undefined {
    const handle = this.#parts.handles[this.#writingIndex]
    if (handle === undefined || !mayBeStale(error) || this.#refreshed.has(handle)) return undefined
    this.#refreshed.add(handle)
    return this.#refresh(handle, error)
  }

  async #refresh(handle: StatementHandle, error: unknown): Promise<void> {
    const before = handle.metadata
    await this.#context.preparer.refresh(handle).catch(() => {
      throw error
    })
    if (handle.metadata === before) throw error
    this.#takeMetadata()
  }

  /** The error names the first statement the node does not know; it may not know the others. */
  async prepareAgain(connection: Connection): Promise<void> {
    const { handles, metadata } = this.#parts
    const prepared = new Set(handles.filter((_, i) => metadata[i] !== undefined))
    const { preparer } = this.#context
    await Promise.all([...prepared].map((handle) => preparer.prepareOn(connection, handle)))
    this.#takeMetadata()
  }

  /** Takes what PREPARE answers now: the texts are the same, so every value keeps its place. */
  #takeMetadata(): void {
    const { handles, metadata, values, dates } = this.#parts
    for (const [i, handle] of handles.entries()) {
      const before = metadata[i]
      const now = handle.metadata
      if (now === before || now === undefined) continue
      values[i] = moveValues(values[i]!, dates[i]!, now.plan)
      metadata[i] = now
    }
  }
}

function factsOf(handles: readonly StatementHandle[]): StatementFacts[] {
  const facts: StatementFacts[] = []
  for (let i = 0; i < handles.length; i++) {
    if (handles[i] !== handles[i - 1]) facts.push(handles[i]!.facts)
  }
  return facts
}

/** Returns the text of each statement once. */
export function textOfBatch(handles: readonly StatementHandle[]): string {
  return [...new Set(handles.map(({ text }) => text))].join('; ')
}

/**
 * Returns the values of the statement at `index` in marker order, in an array of their own.
 *
 * @throws BindError that names the statement
 */
export function bindPart(
  { plan }: PreparedMetadata,
  given: BindValues | undefined,
  index: number,
): unknown[] {
  try {
    return plan.resolve(given)
  } catch (error) {
    throw inStatement(error, index)
  }
}

/** {@link detachValues}. @throws BindError that names the statement */
export function detachPart(
  { plan }: PreparedMetadata,
  values: unknown[],
  index: number,
): DateMarkers {
  try {
    return detachValues(plan, values)
  } catch (error) {
    throw inStatement(error, index)
  }
}

function inStatement(error: unknown, index: number): unknown {
  if (error instanceof Error) error.message = `Statement ${index} of the batch: ${error.message}`
  return error
}
