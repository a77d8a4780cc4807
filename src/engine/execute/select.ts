import { type RawValue, UNSET } from '../../protocol/index.ts'
import type { SelectPlan } from '../analyze/select.ts'
import type { Term } from '../evaluate/term.ts'
import { invalid } from '../errors.ts'
import type { AnswerMemory } from '../answer-memory.ts'
import type { QueryContext } from '../query-context.ts'
import type { LongRead } from '../read-queue.ts'
import { RowContext } from '../evaluate/row-context.ts'
import { clusteringKeyOf, partitionComponents } from '../keys/index.ts'
import type { RowReader, RowSnapshot, RowStore } from '../rows/index.ts'
import { clusteringKeysOf, partitionKeysOf } from './key-values.ts'
import { aggregationOverKeys, aggregationWithoutKey, limitNotPositive } from './messages.ts'
import { decodePagingState, encodePagingState, type PagePosition } from './paging-state.ts'
import type { EncodedRows } from './result.ts'
import { type SelectLimits, SelectRun, unlimited } from './select-run.ts'
import { writePassthroughRow } from './wire-cells.ts'
import { ByteWriter, int32Of } from '../../values/index.ts'

export interface SelectOptions {
  /** Rows per page; 0 or less disables paging. */
  readonly pageSize: number
  readonly pagingState: Uint8Array | undefined
  readonly signal: AbortSignal | undefined
  /** Counts the bytes of answers to the client that asks. */
  readonly memory: AnswerMemory
  /** Returns the plan for the current schema, which may have changed since the request. */
  currentPlan(): SelectPlan
}

const pagedOrderByIn =
  'Cannot page queries with both ORDER BY and a IN restriction on the partition key; you must either remove the ORDER BY or the IN and sort client side, or disable paging for this query'
/** Memory of a read that waits for its turn, besides its values: measured, and rounded up. */
const waitingReadBytes = 1536
const noWarnings: readonly string[] = Object.freeze([])

function limitValue(term: Term | undefined, query: QueryContext): number {
  if (term === undefined) return unlimited
  const value = term.evaluate(query)
  if (value === null) throw invalid('Invalid null value of limit')
  if (value === UNSET) return unlimited
  const limit = int32Of(value)
  if (limit <= 0) throw invalid(limitNotPositive)
  return limit
}

function limitsOf(
  plan: SelectPlan,
  query: QueryContext,
  { pageSize }: SelectOptions,
  resume: PagePosition | undefined,
): SelectLimits {
  const limit = limitValue(plan.limit, query)
  const perPartition = limitValue(plan.perPartitionLimit, query)
  const isFolded = plan.isAggregate && plan.groupBy.length === 0
  const sorts = plan.sortColumns.length > 0
  return {
    limit: isFolded || sorts ? unlimited : (resume?.remaining ?? limit),
    perPartition,
    page: pageSize > 0 && !isFolded ? pageSize : unlimited,
    sorted: limit,
    folded: resume?.remaining ?? unlimited,
  }
}

function warningsOf({ isAggregate, restrictions }: SelectPlan): readonly string[] {
  if (!isAggregate) return noWarnings
  if (restrictions.partitionKey === 'none') return [aggregationWithoutKey]
  return restrictions.partitionKey === 'in' ? [aggregationOverKeys] : noWarnings
}

/**
 * SelectStatement.execute: a page that holds all that LIMIT lets through is read without a pager,
 * and a paging state is ignored then.
 */
function usesPager(plan: SelectPlan, query: QueryContext, { pageSize }: SelectOptions): boolean {
  return plan.isAggregate || (pageSize > 0 && limitValue(plan.limit, query) > pageSize)
}

/**
 * Reads one page. Short reads are done at once. One that visits many rows or returns many bytes
 * goes on in later turns of the event loop on a snapshot, so that other requests do not wait.
 */
export function executeSelect(
  plan: SelectPlan,
  query: QueryContext,
  options: SelectOptions,
  reader: RowReader,
): EncodedRows | Promise<EncodedRows> {
  if (plan.isPoint && options.pageSize !== 1 && options.pagingState === undefined) {
    return readPoint(plan, query, reader)
  }
  const run = openRun(plan, query, options, reader)
  const { longReads, scheduler } = query.services
  if (run.run(scheduler.isContended)) return resultOf(plan, run)
  const read = new LongSelect(plan, query, options, reader)
  if (longReads.isIdle) read.continue(run)
  return longReads.run(read, options.memory)
}

/** @throws ServerError when the page cannot be read */
function openRun(
  plan: SelectPlan,
  query: QueryContext,
  options: SelectOptions,
  reader: RowReader,
): SelectRun {
  const { pagingState } = options
  const position =
    pagingState === undefined ? undefined : decodePagingState(pagingState, plan.table)
  const resume = usesPager(plan, query, options) ? position : undefined
  const limits = limitsOf(plan, query, options, resume)
  const run = new SelectRun(plan, query, limits, resume, reader)
  // SelectStatement.execute: a query that reads nothing has no pager, an aggregation always has.
  const isPaged = options.pageSize > 0 && (plan.isAggregate || !run.readsNothing)
  if (isPaged && plan.sortColumns.length > 0) throw invalid(pagedOrderByIn)
  return run
}

/** A page that is read in several turns, on a snapshot from its first slice on. */
class LongSelect implements LongRead<EncodedRows> {
  readonly valueBytes: number
  #query: QueryContext
  readonly #options: SelectOptions
  readonly #reader: RowReader
  /** The plan at the time of the request. */
  readonly #requested: SelectPlan
  #plan: SelectPlan
  #run: SelectRun | undefined
  #snapshot: RowSnapshot | undefined

  constructor(plan: SelectPlan, query: QueryContext, options: SelectOptions, reader: RowReader) {
    this.#requested = plan
    this.#plan = plan
    this.#query = query
    this.#options = options
    this.#reader = reader
    this.valueBytes = waitingReadBytes + bytesOf(query.values)
  }

  get signal(): AbortSignal | undefined {
    return this.#options.signal
  }

  get bytes(): number {
    return this.#run?.bytes ?? 0
  }

  /** Continues a read that began without a snapshot, while nothing has been written since. */
  continue(run: SelectRun): void {
    this.#run = run
    this.#snapshot = snapshotOf(this.#reader)
    if (this.#snapshot !== undefined) run.continueOn(this.#snapshot)
  }

  readSlice(): EncodedRows | undefined {
    const run = this.#run ?? this.#begin()
    if (!run.run()) return undefined
    const result = resultOf(this.#plan, run)
    return this.#plan === this.#requested ? result : { ...result, isReplanned: true }
  }

  /**
   * Starts with the current plan: DDL or TRUNCATE may have run since the request. It starts with
   * the current time, too: the store keeps no values of what has expired since.
   */
  #begin(): SelectRun {
    this.#plan = this.#options.currentPlan()
    const nowMs = this.#query.services.nowMs()
    this.#query = { ...this.#query, nowMs, nowSeconds: Math.floor(nowMs / 1000) }
    this.#snapshot = snapshotOf(this.#reader)
    const reader = this.#snapshot ?? this.#reader
    this.#run = openRun(this.#plan, this.#query, this.#options, reader)
    return this.#run
  }

  discard(): void {
    this.#snapshot?.release()
    this.#snapshot = undefined
    this.#run = undefined
  }
}

/** Takes a snapshot. Tables of the node itself need none: they are made per request. */
function snapshotOf(reader: RowReader): RowSnapshot | undefined {
  return 'snapshot' in reader ? (reader as RowStore).snapshot() : undefined
}

function bytesOf(values: readonly RawValue[]): number {
  let bytes = 0
  for (const value of values) if (value instanceof Uint8Array) bytes += value.length
  return bytes
}

/** Reads one row by its full key, without a cursor or paging. */
function readPoint(plan: SelectPlan, query: QueryContext, reader: RowReader): EncodedRows {
  const { table, restrictions } = plan
  const key = partitionKeysOf(restrictions, query)[0]!
  const clustering =
    table.clustering.length === 0
      ? clusteringKeyOf(table, noComponents)
      : clusteringKeysOf(restrictions, query)[0]!
  const context = new RowContext(query)
  const readOptions = { nowSeconds: query.nowSeconds, statics: plan.readsStatics }
  // The static row is a copy; the row is in memory that the next read overwrites, so it comes last.
  if (plan.readsStatics) context.statics = reader.readStatic(table, key, readOptions)
  const row = reader.readRow(table, key, clustering, readOptions)
  const sink = pointSink
  sink.length = 0
  if (row !== undefined) {
    context.partition = partitionComponents(table, key)
    context.row = row
    writePassthroughRow(sink, plan.passthroughColumns!, context)
  }
  return {
    kind: 'rows',
    columns: plan.columns,
    rowCount: row === undefined ? 0 : 1,
    content: Buffer.from(sink.bytes.subarray(0, sink.length)),
    pagingState: undefined,
    warnings: noWarnings,
  }
}

/** Reused for all point reads, which end before the next one starts. */
const pointSink: ByteWriter = new ByteWriter(4096)
const noComponents: readonly Uint8Array[] = Object.freeze([])

function resultOf(plan: SelectPlan, run: SelectRun): EncodedRows {
  const { sink, position } = run
  return {
    kind: 'rows',
    columns: plan.columns,
    rowCount: run.rowCount,
    content: sink.bytes.subarray(0, sink.length),
    pagingState: position === undefined ? undefined : encodePagingState(position),
    warnings: warningsOf(plan),
  }
}
