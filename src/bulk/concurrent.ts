import { ConfigError } from '../errors/index.ts'
import {
  Batch,
  type BindValues,
  type ExecuteOptions,
  type Executor,
  PreparedStatement,
  type Result,
  Statement,
  type UnknownColumns,
} from '../types/index.ts'
import { ConcurrentRun, type RunItem } from './concurrent-run.ts'

/** Something to execute: {@link concurrent}. */
export type ConcurrentItem =
  | string
  | Statement
  | PreparedStatement
  | Batch
  | {
      readonly statement: string | Statement | PreparedStatement
      readonly values?: BindValues | undefined
      /** Override those of the statement and of the run; of two signals either one aborts. */
      readonly options?: ExecuteOptions | undefined
    }

/** What is executed, in order. It is read as far as there is room for more requests. */
export type ConcurrentSource<Item> = Iterable<Item> | AsyncIterable<Item>

export interface ConcurrentOptions {
  /** How many requests are in flight, or done and not yet consumed, 1 … 32,768. Default 256. */
  readonly limit?: number | undefined
  /** Whether no further item is started after one has failed. Default `false`. */
  readonly stopOnError?: boolean | undefined
  /** Options of every item. */
  readonly options?: ExecuteOptions | undefined
  /** Ends the run: requests in flight are aborted, and no further item is started. */
  readonly signal?: AbortSignal | undefined
}

const limitDefault = 256
const limitMax = 32_768

/**
 * Executes many statements, up to `limit` at the same time. What becomes of each is an outcome of
 * its own: a failure does not end the run. Nothing is started before the run is consumed, and the
 * source is read only as fast as requests complete and their outcomes are consumed.
 *
 * ```ts
 * const insert = await session.prepare('INSERT INTO users (id, name) VALUES (?, ?)')
 * const { succeededCount, failures } = await concurrent(session, insert, rows).summary()
 * ```
 *
 * @param executor a session, or what wraps one
 * @param statement one statement for all items; `values` has the bind values of each
 * @throws ConfigError for wrong options
 */
export function concurrent<Columns = UnknownColumns>(
  executor: Executor,
  statement: string | Statement | PreparedStatement,
  values: ConcurrentSource<BindValues>,
  options?: ConcurrentOptions,
): ConcurrentRun<Result<Columns>>
/** @param items texts, statements, batches, or statements with their values */
export function concurrent<Columns = UnknownColumns>(
  executor: Executor,
  items: ConcurrentSource<ConcurrentItem>,
  options?: ConcurrentOptions,
): ConcurrentRun<Result<Columns>>
export function concurrent(
  executor: Executor,
  first: ConcurrentItem | ConcurrentSource<ConcurrentItem>,
  second?: ConcurrentSource<BindValues> | ConcurrentOptions,
  third?: ConcurrentOptions,
): ConcurrentRun<Result> {
  if (isStatement(first)) {
    checkSource('values', second)
    const options = third ?? {}
    const shared = executeOptions(options)
    const start: RunItem<BindValues, Result> = (values) =>
      execute(executor, { statement: first, values }, shared)
    return run(second, options, start)
  }
  checkSource('items', first)
  const options = (second as ConcurrentOptions | undefined) ?? {}
  const shared = executeOptions(options)
  const start: RunItem<ConcurrentItem, Result> = (item) => execute(executor, item, shared)
  return run(first, options, start)
}

function run<Item>(
  source: ConcurrentSource<Item>,
  { limit = limitDefault, stopOnError = false, signal }: ConcurrentOptions,
  start: RunItem<Item, Result>,
): ConcurrentRun<Result> {
  if (!Number.isInteger(limit) || limit < 1 || limit > limitMax) {
    throw new ConfigError(
      `concurrent: limit is a whole number from 1 to ${limitMax}, not ${String(limit)}`,
    )
  }
  return new ConcurrentRun<Result>({
    source: source as ConcurrentSource<unknown>,
    start: start as RunItem<unknown, Result>,
    limit,
    stopOnError,
    signal,
  })
}

const optionNames: ReadonlySet<string> = new Set(['limit', 'stopOnError', 'options', 'signal'])

function executeOptions(options: ConcurrentOptions): ExecuteOptions | undefined {
  if (typeof options !== 'object') throw new ConfigError('concurrent: options is an object')
  for (const name of Object.keys(options)) {
    if (!optionNames.has(name)) {
      throw new ConfigError(
        `concurrent: unknown option "${name}"; options of requests belong into options: { … }`,
      )
    }
  }
  const { signal, options: shared } = options
  return signal === undefined ? shared : { ...shared, signal }
}

function isStatement(value: unknown): value is string | Statement | PreparedStatement {
  const isText = typeof value === 'string'
  return isText || value instanceof Statement || value instanceof PreparedStatement
}

function checkSource(name: string, source: unknown): asserts source is ConcurrentSource<never> {
  const isObject = typeof source === 'object' && source !== null
  if (isObject && (Symbol.iterator in source || Symbol.asyncIterator in source)) return
  throw new ConfigError(
    `concurrent: ${name} is an array, an iterable or an async iterable: concurrent(session, statement, [values, …]) or concurrent(session, [statement, …])`,
  )
}

function execute(
  executor: Executor,
  item: ConcurrentItem,
  shared: ExecuteOptions | undefined,
): Promise<Result> {
  if (item instanceof Batch) return executor.batch(item, undefined, shared)
  if (isStatement(item)) return executeStatement(executor, item, undefined, shared)
  if (typeof item !== 'object' || item === null || !isStatement(item.statement)) {
    throw new ConfigError(
      'concurrent: an item is a text, a statement, a batch, or { statement, values, options }',
    )
  }
  const { statement, values, options } = item
  const own = options === undefined ? shared : optionsOf(options, shared)
  return executeStatement(executor, statement, values, own)
}

/** Options of an item over those of the run. The run can be aborted whatever an item says. */
function optionsOf(
  { signal, ...options }: ExecuteOptions,
  shared: ExecuteOptions | undefined,
): ExecuteOptions {
  const signals = [signal, shared?.signal].filter((one) => one !== undefined)
  const all = { ...shared, ...options }
  if (signals.length === 0) return all
  return { ...all, signal: signals.length === 1 ? signals[0]! : AbortSignal.any(signals) }
}

function executeStatement(
  executor: Executor,
  statement: string | Statement | PreparedStatement,
  values: BindValues | undefined,
  options: ExecuteOptions | undefined,
): Promise<Result> {
  return statement instanceof PreparedStatement
    ? executor.executePrepared(statement, values, options)
    : executor.execute(statement, values, options)
}
