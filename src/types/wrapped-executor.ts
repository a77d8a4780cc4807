import { exhaustive, withEitherSignal } from '../util/index.ts'
import type { Batch } from './batch.ts'
import { bindRuntime, type Executor, rootOf, runtimeOf } from './executor.ts'
import type { PreparedStatement } from './prepared-statement.ts'
import type { Page, Result, RowStream } from './result.ts'
import type { UnknownColumns } from './row.ts'
import { RowPager } from './row-pager.ts'
import type { BindValues, ExecuteOptions, Statement } from './statement.ts'

/** One call of an {@link Executor} as data. A stream is one `page` call per page. */
export type ExecutorCall =
  | {
      readonly verb: 'execute'
      readonly statement: string | Statement
      readonly values: BindValues | undefined
      readonly options: ExecuteOptions | undefined
    }
  | { readonly verb: 'prepare'; readonly statement: string | Statement }
  | {
      readonly verb: 'executePrepared'
      readonly prepared: PreparedStatement
      readonly values: BindValues | undefined
      readonly options: ExecuteOptions | undefined
    }
  | {
      readonly verb: 'batch'
      readonly batch: Batch
      readonly values: readonly (BindValues | undefined)[] | undefined
      readonly options: ExecuteOptions | undefined
    }
  | {
      readonly verb: 'page'
      readonly statement: string | Statement | PreparedStatement
      readonly values: BindValues | undefined
      readonly options: ExecuteOptions | undefined
    }

/**
 * What a call resolves to: a `Page` for `page`, a `PreparedStatement` for `prepare`, else a
 * `Result`.
 */
export type ExecutorAnswer = Result | Page | PreparedStatement

/** Runs a call on the executor that is wrapped. Rejects as the method of the call does. */
export type RunCall = (call: ExecutorCall) => Promise<ExecutorAnswer>

/**
 * Stands between the caller and an executor: it may change the call, run it with `next` any number
 * of times, change the answer, or fail.
 */
export type Interceptor = (call: ExecutorCall, next: RunCall) => Promise<ExecutorAnswer>

export interface WrapOptions {
  /**
   * Whether the wrapped executor reaches other data under the same names, for example because it
   * adds a tenant to keys. Then patterns share nothing with the executor inside. Default `false`.
   */
  readonly isolated?: boolean | undefined
}

/**
 * Wraps an executor: every call passes through `intercept`, whichever of the six methods it came
 * by.
 *
 * @example
 * const timed = wrapExecutor(session, async (call, next) => {
 *   const startMs = performance.now()
 *   try {
 *     return await next(call)
 *   } finally {
 *     record(call.verb, performance.now() - startMs)
 *   }
 * })
 */
export function wrapExecutor(
  inner: Executor,
  intercept: Interceptor,
  options: WrapOptions = {},
): Executor {
  return new WrappedExecutor(inner, intercept, options)
}

/** An executor whose six methods are one: {@link Interceptor}. */
export class WrappedExecutor implements Executor {
  readonly root: Executor | undefined
  readonly #inner: Executor
  readonly #run: RunCall

  constructor(inner: Executor, intercept: Interceptor, { isolated = false }: WrapOptions = {}) {
    this.root = isolated ? undefined : rootOf(inner)
    this.#inner = inner
    if (isolated) bindRuntime(this, runtimeOf(inner))
    const next: RunCall = (call) => runCall(inner, call)
    this.#run = async (call) => await intercept(call, next)
  }

  getKeyspace(): string | undefined {
    return this.#inner.getKeyspace?.()
  }

  execute<Columns = UnknownColumns>(
    statement: string | Statement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<Columns>> {
    return this.#run({ verb: 'execute', statement, values, options }) as Promise<Result<Columns>>
  }

  prepare(statement: string | Statement): Promise<PreparedStatement> {
    return this.#run({ verb: 'prepare', statement }) as Promise<PreparedStatement>
  }

  executePrepared<Columns = UnknownColumns>(
    prepared: PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Result<Columns>> {
    const call = { verb: 'executePrepared', prepared, values, options } as const
    return this.#run(call) as Promise<Result<Columns>>
  }

  batch<Columns = UnknownColumns>(
    batch: Batch,
    values?: readonly (BindValues | undefined)[],
    options?: ExecuteOptions,
  ): Promise<Result<Columns>> {
    return this.#run({ verb: 'batch', batch, values, options }) as Promise<Result<Columns>>
  }

  page<Columns = UnknownColumns>(
    statement: string | Statement | PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): Promise<Page<Columns>> {
    return this.#run({ verb: 'page', statement, values, options }) as Promise<Page<Columns>>
  }

  stream<Columns = UnknownColumns>(
    statement: string | Statement | PreparedStatement,
    values?: BindValues,
    options?: ExecuteOptions,
  ): RowStream<Columns> {
    return new RowPager<Columns>((pagingState, closing) =>
      withEitherSignal(options?.signal, closing, (signal) => {
        const own = pagingState === undefined ? { ...options } : { ...options, pagingState }
        return this.page<Columns>(statement, values, { ...own, signal })
      }),
    )
  }
}

/** Runs a call on an executor. */
function runCall(executor: Executor, call: ExecutorCall): Promise<ExecutorAnswer> {
  switch (call.verb) {
    case 'execute':
      return executor.execute(call.statement, call.values, call.options)
    case 'prepare':
      return executor.prepare(call.statement)
    case 'executePrepared':
      return executor.executePrepared(call.prepared, call.values, call.options)
    case 'batch':
      return executor.batch(call.batch, call.values, call.options)
    case 'page':
      return executor.page(call.statement, call.values, call.options)
    default:
      return exhaustive(call)
  }
}
