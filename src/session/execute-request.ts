import type { Route } from '../cluster/index.ts'
import { BindError, type RequestKind } from '../errors/index.ts'
import {
  endFrame,
  Opcode,
  QueryFlag,
  type WireWriter,
  writeExecuteHead,
} from '../protocol/index.ts'
import type { Connection } from '../transport/index.ts'
import type { BindValues } from '../types/index.ts'
import { Execution, type PagingOptions } from './execution.ts'
import { isStamped, type PreparedEntry, type PreparedState } from './prepared-entry.ts'
import { kindOfStatement } from './request-kind.ts'
import type { ResultSet } from './result-set.ts'
import { estimateValueBytes, type SessionCore } from './session-core.ts'
import type { ExecutionSettings } from './settings.ts'
import type { ShapeCache } from './shape-cache.ts'

/** One EXECUTE (native_protocol_v4.spec §4.1.6), encoded anew for every attempt. */
export class ExecuteRequest extends Execution {
  readonly #entry: PreparedEntry
  /** In marker order, an array of our own. */
  #values: readonly unknown[]
  #state: PreparedState
  #wasRefreshed = false
  /** Drawn once: every attempt writes at the same time. */
  readonly #timestamp: number | bigint | undefined

  constructor(
    core: SessionCore,
    entry: PreparedEntry,
    values: BindValues | undefined,
    settings: ExecutionSettings,
    signal: AbortSignal | undefined,
    paging: PagingOptions,
    resolve: (result: ResultSet<unknown>) => void,
    reject: (error: unknown) => void,
  ) {
    super(core, settings, signal, paging, resolve, reject)
    this.#entry = entry
    this.#state = entry.state
    this.#values = entry.state.plan.resolve(values)
    this.#timestamp =
      settings.timestamp ?? (entry.state.takesTimestamp ? core.nextTimestamp() : undefined)
  }

  override get kind(): RequestKind {
    return kindOfStatement(this.#entry.facts, this.#state)
  }

  override get isIdempotent(): boolean {
    const inferred = this.#state.isIdempotent && isStamped(this.#entry.facts, this.#timestamp)
    return this.settings.isIdempotent ?? inferred
  }

  protected override get shapes(): ShapeCache {
    return this.#entry.shapes
  }

  override route(): Route | undefined {
    return this.core.router.route(this.#state, this.#values)
  }

  override encode(writer: WireWriter, streamId: number, connection: Connection): void {
    const { settings } = this
    const { plan } = this.#state
    const id = this.#state.idOn(connection.address)
    const start = this.begin(writer, streamId, Opcode.EXECUTE)
    const timestamp = this.#timestamp
    const flags = this.parameterFlags(timestamp !== undefined) | QueryFlag.VALUES
    writeExecuteHead(writer, id, settings.consistency, flags)
    plan.write(writer, this.#values)
    this.writeTail(writer, flags, timestamp)
    endFrame(writer, start)
  }

  override estimatedBytes(): number {
    return estimateValueBytes(this.#values)
  }

  /**
   * A user-defined type may have grown since PREPARE: then the values are right, the plan is old.
   */
  override onEncodeFailed(error: unknown): void {
    const mayBeStale =
      error instanceof BindError &&
      error.code === 'TSYLLA_BIND_VALUE' &&
      this.#state.hasUserTypes &&
      !this.#wasRefreshed
    if (!mayBeStale) {
      this.fail(error)
      return
    }
    this.#wasRefreshed = true
    this.resumeAfter(this.#refresh(error), () => this.host.dispatch(this))
  }

  /** @throws the error given, unless PREPARE now says something else than before */
  async #refresh(error: BindError): Promise<void> {
    const before = this.#state
    await this.core.refresh(this.#entry).catch(() => {
      throw error
    })
    this.#takeState()
    if (this.#state === before) throw error
  }

  protected override async prepareAgain(connection: Connection): Promise<void> {
    await this.core.prepareOn(connection, this.#entry)
    this.#takeState()
  }

  /** What PREPARE says now: of the same text, so that every value keeps its place. */
  #takeState(): void {
    const { state } = this.#entry
    if (state === this.#state) return
    this.#values = state.plan.resolve(this.#values)
    this.#state = state
  }
}
