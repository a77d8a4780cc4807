import { AbortedError } from '../../errors/index.ts'
import { UNSET } from '../../protocol/index.ts'
import type { SelectPlan } from '../analyze/select.ts'
import type { Term } from '../evaluate/term.ts'
import { invalid } from '../errors.ts'
import type { EngineServices, QueryContext } from '../query-context.ts'
import { RowContext } from '../evaluate/row-context.ts'
import { clusteringKeyOf, partitionComponents } from '../keys/index.ts'
import type { RowReader, RowStore } from '../rows/index.ts'
import { clusteringKeysOf, partitionKeysOf } from './key-values.ts'
import { aggregationOverKeys, aggregationWithoutKey, limitNotPositive } from './messages.ts'
import { decodePagingState, encodePagingState, type PagePosition } from './paging-state.ts'
import type { EncodedRows } from './result.ts'
import { type SelectLimits, SelectRun, unlimited } from './select-run.ts'
import { writePassthroughRow } from './wire-cells.ts'
import { ByteWriter, int32Of } from '../../values/index.ts'

export interface SelectOptions {
  /** Rows of a page; 0 or less is no paging. */
  readonly pageSize: number
  readonly pagingState: Uint8Array | undefined
  readonly signal: AbortSignal | undefined
}

const pagedOrderByIn =
  'Cannot page queries with both ORDER BY and a IN restriction on the partition key; you must either remove the ORDER BY or the IN and sort client side, or disable paging for this query'
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
  }
}

function warningsOf({ isAggregate, restrictions }: SelectPlan): readonly string[] {
  if (!isAggregate) return noWarnings
  if (!restrictions.hasPartition) return [aggregationWithoutKey]
  return restrictions.hasPartitionIn ? [aggregationOverKeys] : noWarnings
}

/**
 * SelectStatement.execute: a page that holds all that LIMIT lets through is read without a pager,
 * and a paging state is not looked at then.
 */
function usesPager(plan: SelectPlan, query: QueryContext, { pageSize }: SelectOptions): boolean {
  return plan.isAggregate || (pageSize > 0 && limitValue(plan.limit, query) > pageSize)
}

/**
 * Reads one page. Short reads are done at once; one that visits many rows goes on in later turns of
 * the event loop on a snapshot, so that other requests do not wait for it.
 */
export function executeSelect(
  plan: SelectPlan,
  query: QueryContext,
  options: SelectOptions,
  reader: RowReader,
): EncodedRows | Promise<EncodedRows> {
  const { pagingState } = options
  if (plan.isPoint && options.pageSize !== 1 && pagingState === undefined) {
    return readPoint(plan, query, reader)
  }
  const position =
    pagingState === undefined ? undefined : decodePagingState(pagingState, plan.table)
  const resume = usesPager(plan, query, options) ? position : undefined
  const limits = limitsOf(plan, query, options, resume)
  const run = new SelectRun(plan, query, limits, resume, reader)
  // SelectStatement.execute: a query that reads nothing has no pager, an aggregation always has.
  const isPaged = options.pageSize > 0 && (plan.isAggregate || !run.readsNothing)
  if (isPaged && plan.sortColumns.length > 0) throw invalid(pagedOrderByIn)
  const { longReads, scheduler } = query.services
  if (run.run(scheduler.isContended)) return resultOf(plan, run)
  return longReads.run(() => continueLater(plan, run, options, reader, query.services))
}

async function continueLater(
  plan: SelectPlan,
  run: SelectRun,
  options: SelectOptions,
  reader: RowReader,
  { longReads, scheduler }: EngineServices,
): Promise<EncodedRows> {
  const snapshot = 'snapshot' in reader ? (reader as RowStore).snapshot() : undefined
  try {
    if (snapshot !== undefined) run.continueOn(snapshot)
    do {
      await scheduler.yieldTurn()
      longReads.checkOpen()
      if (options.signal?.aborted) throw new AbortedError('not_applied', options.signal.reason)
    } while (!run.run())
    return resultOf(plan, run)
  } finally {
    snapshot?.release()
  }
}

/** One row by its whole key: no cursor, no page, nothing to be continued. */
function readPoint(plan: SelectPlan, query: QueryContext, reader: RowReader): EncodedRows {
  const { table, restrictions } = plan
  const key = partitionKeysOf(restrictions, query)[0]!
  const clustering =
    table.clustering.length === 0
      ? clusteringKeyOf(table, noComponents)
      : clusteringKeysOf(restrictions, query)[0]!
  const context = new RowContext(query)
  const readOptions = { nowSeconds: query.nowSeconds, statics: plan.readsStatics }
  const row = reader.readRow(table, key, clustering, readOptions)
  const sink = pointSink
  sink.length = 0
  if (row !== undefined) {
    context.partition = partitionComponents(table, key)
    context.row = row
    if (plan.readsStatics) context.statics = reader.readStatic(table, key, readOptions)
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

/** Used again for every point read, which ends before the next one begins. */
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
