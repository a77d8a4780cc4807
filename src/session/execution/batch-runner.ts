import { BindError, ClosedError, ConfigError } from '../../errors/index.ts'
import {
  Batch,
  type BatchEntry,
  type BindValues,
  type ExecuteOptions,
  PreparedStatement,
  type StatementOptions,
} from '../../types/index.ts'
import type { ResultSet } from '../result/result-set.ts'
import type { PreparedMetadata } from '../statement/prepared-metadata.ts'
import type { StatementHandle } from '../statement/statement-cache.ts'
import {
  BatchMessage,
  type BatchParts,
  bindPart,
  detachPart,
  textOfBatch,
} from './batch-message.ts'
import type { CallTrace } from './call-trace.ts'
import { allPages, type CallScope, isEmpty, valuesOf } from './call-scope.ts'
import { UserRequest, type RequestOptions } from './user-request.ts'
import { type DateMarkers, snapshotOf } from './value-snapshot.ts'

type BatchValues = readonly (BindValues | undefined)[]
interface BatchCall {
  readonly options: ExecuteOptions | undefined
  readonly trace: CallTrace | undefined
}

type Settle = (result: ResultSet<unknown> | Promise<never>) => void

/**
 * Runs batches. When all statements are prepared, a batch becomes a request within the call: there
 * is no promise per statement.
 */
export class BatchRunner {
  readonly #scope: CallScope

  constructor(scope: CallScope) {
    this.#scope = scope
  }

  /** Runs a batch; `values[i]` belong to its i-th statement. */
  run(
    batch: Batch,
    values: BatchValues,
    options: ExecuteOptions | undefined,
    trace?: CallTrace,
  ): Promise<ResultSet<unknown>> {
    const { dispatcher } = this.#scope.context
    return new Promise((resolve) => {
      try {
        if (dispatcher.isClosing) throw new ClosedError('session')
        this.#start(batch, values, { options, trace }, resolve)
      } catch (error) {
        resolve(this.#scope.fail(error))
      }
    })
  }

  #start(batch: Batch, values: BatchValues, { options, trace }: BatchCall, resolve: Settle): void {
    const { dispatcher } = this.#scope.context
    checkBatch(batch, values)
    const profile = this.#scope.profileOf(batch.hasOptions ? batch.options : undefined, options)
    const startedMs = dispatcher.deadlineTimer.nowMs()
    const paging: RequestOptions = { ...allPages, signal: options?.signal, trace }
    const entries = batch.entries()
    const handles = this.#handlesOf(entries, profile.keyspace)
    const fail = (error: unknown): void => resolve(this.#scope.fail(error, textOfBatch(handles)))
    this.#scope.checkConsistency({ kind: 'batch' }, profile)
    const start = (given: BatchValues): void => {
      try {
        const parts = this.#partsOf(entries, handles, given)
        const message = new BatchMessage(this.#scope.context, batch.type, parts, profile)
        new UserRequest(this.#scope.context, message, paging, resolve).start(startedMs)
      } catch (error) {
        fail(error)
      }
    }
    const isWaiting = (handle: StatementHandle, i: number): boolean =>
      this.#isUnprepared(handle, entries[i]!, values[i])
    // What was prepared is prepared for all statements that repeat it.
    const isRepeated = (handle: StatementHandle, i: number): boolean =>
      handle.metadata !== undefined && handle === handles[i - 1]
    if (!handles.some((handle, i) => !isRepeated(handle, i) && isWaiting(handle, i))) {
      start(values)
      return
    }
    const own = entries.map((entry, i) => snapshotOf(valuesOf(entry, values[i])))
    const unprepared = new Set(handles.filter(isWaiting))
    const preparing = async (): Promise<void> => {
      await Promise.all(
        [...unprepared].map((handle) => this.#scope.context.preparer.ensureCurrent(handle)),
      )
    }
    const request = { profile, signal: options?.signal, startedMs }
    const accepted = this.#scope.hold(async () => {
      await this.#scope.within(request, preparing)
      start(own)
    })
    accepted.catch(fail)
  }

  /** Many batches repeat one statement, which is looked up once. */
  #handlesOf(entries: readonly BatchEntry[], keyspace: string | undefined): StatementHandle[] {
    const handles = new Array<StatementHandle>(entries.length)
    for (let i = 0; i < entries.length; i++) {
      const isRepeated = i > 0 && entries[i] === entries[i - 1]
      handles[i] = isRepeated ? handles[i - 1]! : this.#scope.handleOf(entries[i]!, keyspace)
    }
    return handles
  }

  /** Whether a statement of a batch has to be prepared before the batch can be sent. */
  #isUnprepared(
    handle: StatementHandle,
    entry: BatchEntry,
    values: BindValues | undefined,
  ): boolean {
    if (handle.metadata !== undefined) return this.#scope.context.preparer.isStale(handle)
    if (entry instanceof PreparedStatement) return true
    return handle.facts.markers.length > 0 || !isEmpty(valuesOf(entry, values))
  }

  #partsOf(
    entries: readonly BatchEntry[],
    handles: readonly StatementHandle[],
    given: BatchValues,
  ): BatchParts {
    const count = handles.length
    const metadata = new Array<PreparedMetadata | undefined>(count)
    const values = new Array<readonly unknown[]>(count)
    const dates = new Array<DateMarkers>(count)
    let idempotent: (boolean | undefined)[] | undefined
    for (let i = 0; i < count; i++) {
      const entry = entries[i]!
      const known = handles[i]!.metadata
      metadata[i] = known
      const own = known === undefined ? [] : bindPart(known, valuesOf(entry, given[i]), i)
      dates[i] = known === undefined ? 0 : detachPart(known, own, i)
      values[i] = own
      if (entry.hasOptions) (idempotent ??= [])[i] = entry.options.idempotent
    }
    return { handles, metadata, values, dates, idempotent }
  }
}

/** @throws ConfigError, BindError */
function checkBatch(batch: Batch, values: readonly (BindValues | undefined)[]): void {
  if (!(batch instanceof Batch)) throw new ConfigError('batch must be a Batch')
  if (!Array.isArray(values)) {
    throw new ConfigError('The values of a batch must be a list with the values of each statement')
  }
  const entries = batch.entries()
  if (entries.length === 0) {
    throw new ConfigError(
      'The batch is empty. Batches are immutable: keep what append returns, as in `batch = batch.append(statement)`',
    )
  }
  if (values.length > entries.length) {
    throw new BindError(
      'TSYLLA_BIND_COUNT',
      `The batch has ${entries.length} statements, but there are values for ${values.length}`,
    )
  }
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!
    if (entry.hasOptions) checkPartOptions(entry.options, i)
  }
}

/**
 * A batch has one timestamp, one consistency and one deadline; its parts have none of their own.
 */
function checkPartOptions(options: StatementOptions, index: number): void {
  for (const [name, value] of Object.entries(options)) {
    if (name === 'idempotent' || value === undefined) continue
    const hint =
      name === 'timestamp' ? ' or write USING TIMESTAMP into the text of the statement' : ''
    throw new ConfigError(
      `Statement ${index} of the batch has the option ${name}, which a batch cannot apply to one of its statements: set it on the batch${hint}`,
    )
  }
}
