import type { Route } from '../cluster/index.ts'
import type { RequestKind } from '../errors/index.ts'
import {
  BatchTypeCode,
  endFrame,
  Opcode,
  QueryFlag,
  type WireWriter,
  writeBatchHead,
  writeBatchPrepared,
  writeBatchQuery,
  writeBatchTail,
} from '../protocol/index.ts'
import type { Connection } from '../transport/index.ts'
import type { BatchType } from '../types/index.ts'
import type { BatchPart } from './batch-part.ts'
import { allPages, Execution } from './execution.ts'
import { checkKeyspaceOf, keyspaceMoved } from './keyspace-moved.ts'
import { isPlainWrite, isStamped, type PreparedState } from './prepared-entry.ts'
import type { ResultSet } from './result-set.ts'
import type { SessionCore } from './session-core.ts'
import type { ExecutionSettings } from './settings.ts'
import type { ShapeCache } from './shape-cache.ts'

const typeCodes = {
  logged: BatchTypeCode.LOGGED,
  unlogged: BatchTypeCode.UNLOGGED,
  counter: BatchTypeCode.COUNTER,
} as const

/** One BATCH (native_protocol_v4.spec §4.1.7). */
export class BatchExecution extends Execution {
  readonly #type: BatchType
  readonly #parts: readonly BatchPart[]
  readonly #timestamp: number | bigint | undefined

  constructor(
    core: SessionCore,
    type: BatchType,
    parts: readonly BatchPart[],
    settings: ExecutionSettings,
    signal: AbortSignal | undefined,
    resolve: (result: ResultSet<unknown>) => void,
    reject: (error: unknown) => void,
  ) {
    super(core, settings, signal, allPages, resolve, reject)
    this.#type = type
    this.#parts = parts
    const takesTimestamp = type !== 'counter' && parts.every(({ facts }) => isPlainWrite(facts))
    this.#timestamp = settings.timestamp ?? (takesTimestamp ? core.nextTimestamp() : undefined)
  }

  override get kind(): RequestKind {
    if (this.#type === 'counter') return 'counter'
    if (this.#parts.some(({ facts }) => facts.isConditional)) return 'lwt'
    return this.#type === 'logged' ? 'logged_batch' : 'unlogged_batch'
  }

  override get isIdempotent(): boolean {
    const { isIdempotent } = this.settings
    if (isIdempotent !== undefined) return isIdempotent
    if (this.#type === 'counter') return false
    return this.#parts.every((part) => part.isIdempotent(isStamped(part.facts, this.#timestamp)))
  }

  protected override get shapes(): ShapeCache {
    return this.core.queryShapes
  }

  /** Where its first prepared statement goes: batches are for one partition, or pay for more. */
  override route(): Route | undefined {
    const first = this.#parts[0]
    if (first?.state === undefined) return undefined
    return this.core.router.route(first.state, first.values)
  }

  override encode(writer: WireWriter, streamId: number, connection: Connection): void {
    const { settings } = this
    const start = this.begin(writer, streamId, Opcode.BATCH)
    writeBatchHead(writer, typeCodes[this.#type], this.#parts.length)
    for (const [index, part] of this.#parts.entries()) {
      if (part.state !== undefined) {
        writeBatchPrepared(writer, part.state.idOn(connection.address))
        this.#writeValues(writer, part.state, part.values, index)
      } else {
        checkKeyspaceOf(connection, part.text!.keyspace)
        writeBatchQuery(writer, part.text!.text)
        writer.writeShort(0)
      }
    }
    const timestamp = this.#timestamp
    const flags = QueryFlag.SERIAL_CONSISTENCY | (timestamp === undefined ? 0 : QueryFlag.TIMESTAMP)
    writeBatchTail(writer, settings.consistency, flags, settings.serialConsistency, timestamp ?? 0)
    endFrame(writer, start)
  }

  #writeValues(
    writer: WireWriter,
    state: PreparedState,
    values: readonly unknown[],
    index: number,
  ): void {
    try {
      state.plan.write(writer, values)
    } catch (error) {
      if (error instanceof Error)
        error.message = `Statement ${index} of the batch: ${error.message}`
      throw error
    }
  }

  override estimatedBytes(): number {
    return this.#parts.reduce((bytes, part) => bytes + part.estimatedBytes(), 64)
  }

  override onEncodeFailed(error: unknown): void {
    if (error !== keyspaceMoved) return super.onEncodeFailed(error)
    this.resumeAfter(this.#prepareTexts(), () => this.host.dispatch(this))
  }

  async #prepareTexts(): Promise<void> {
    await Promise.all(
      this.#parts.map(async (part) => {
        if (part.text !== undefined) part.prepareAs(await this.core.prepare(part.text))
      }),
    )
  }

  /** The error names the first statement the node does not know; it may not know the others. */
  protected override async prepareAgain(connection: Connection): Promise<void> {
    const entries = new Set(this.#parts.map(({ entry }) => entry))
    entries.delete(undefined)
    await Promise.all([...entries].map((entry) => this.core.prepareOn(connection, entry!)))
    for (const part of this.#parts) part.takeState()
  }
}
