import type { StatementFacts } from '../../cql/index.ts'
import type { Cluster } from '../../cluster/index.ts'
import { ClosedError, ConfigError, type Outcome, TsyllaError } from '../../errors/index.ts'
import { requestChannel, type RequestTrace, traced } from '../../observability/index.ts'
import type { ExecutionProfile } from '../../policies/index.ts'
import {
  Batch,
  type BindValues,
  type ExecuteOptions,
  PreparedStatement,
  Statement,
  StatementBase,
  type StatementOptions,
} from '../../types/index.ts'
import { type ExecutionProfiles, mergeProfile } from '../execution-options.ts'
import { type StatementCache, StatementHandle } from '../statement/statement-cache.ts'
import { awaitWithin } from './await-within.ts'
import { CallTrace } from './call-trace.ts'
import type { ExecutionContext } from './execution-context.ts'
import { describeStatement, throwAtCaller } from './failures.ts'
import { ShownStatement } from './shown-statement.ts'
import type { RequestOptions } from './user-request.ts'

/** The trace that {@link traced} has made is passed on to the work. */
type TracedWork<T> = (trace?: RequestTrace) => Promise<T>

export type AnyStatement = string | Statement | PreparedStatement

export interface CallScopeOptions {
  readonly context: ExecutionContext
  readonly statements: StatementCache
  readonly profiles: ExecutionProfiles
}

/** Until when the work of a call may be awaited, and what aborts it. */
export interface CallLimits {
  readonly profile: ExecutionProfile
  readonly signal: AbortSignal | undefined
  /** Time of the deadline timer that the deadline counts from. */
  readonly startedMs: number
}

/** What all calls of a session share: statements, defaults, and whether calls are still taken. */
export class CallScope {
  readonly context: ExecutionContext
  readonly statements: StatementCache
  readonly #cluster: Cluster
  readonly #profiles: ExecutionProfiles

  constructor({ context, statements, profiles }: CallScopeOptions) {
    this.context = context
    this.statements = statements
    this.#cluster = context.cluster
    this.#profiles = profiles
  }

  /** @throws ConfigError */
  profileOf(
    carried: StatementOptions | undefined,
    options: ExecuteOptions | undefined,
  ): ExecutionProfile {
    const name = options?.executionProfile ?? carried?.executionProfile
    let profile = this.#profiles.get(name)
    if (carried !== undefined) profile = mergeProfile(profile, carried)
    return options === undefined ? profile : mergeProfile(profile, options)
  }

  /**
   * Returns the keyspace that a text means, or would mean if its execution profile existed.
   *
   * @param carried options of the statement
   */
  keyspaceOf(options: ExecuteOptions | undefined, carried?: StatementOptions): string | undefined {
    const chosen = options?.keyspace ?? carried?.keyspace
    if (chosen !== undefined) return chosen
    const profile = this.#profiles.find(options?.executionProfile ?? carried?.executionProfile)
    return profile?.keyspace ?? this.#cluster.keyspace
  }

  isOwn(source: object): source is StatementHandle {
    return source instanceof StatementHandle && source.owner === this.statements
  }

  /**
   * @param keyspace chosen by the caller
   * @throws ConfigError when a prepared statement was prepared in another keyspace
   */
  handleOf(statement: AnyStatement, keyspace: string | undefined): StatementHandle {
    if (!(statement instanceof PreparedStatement)) {
      return this.statements.get(keyspace ?? this.#cluster.keyspace, textOf(statement))
    }
    const { source } = statement
    checkPreparedKeyspace(source, keyspace)
    // Another session may have prepared it.
    return this.isOwn(source) ? source : this.statements.get(source.keyspace, source.text)
  }

  /**
   * Checks the level against what a managed service takes.
   *
   * @throws ConfigError
   */
  checkConsistency(
    { kind }: Pick<StatementFacts, 'kind'>,
    { consistency }: ExecutionProfile,
  ): void {
    const { consistencyCheck } = this.context
    // Changes of the schema have no level.
    if (consistencyCheck === undefined || kind === 'ddl' || kind === 'use' || kind === 'other')
      return
    consistencyCheck.check(kind === 'select', consistency)
  }

  /** Waits for shared work as long as a call may take. */
  within<T>(
    request: CallLimits,
    work: () => Promise<T>,
    outcome: Outcome = 'not_applied',
  ): Promise<T> {
    const { profile, signal, startedMs } = request
    const { timeoutMs } = profile
    const { deadlineTimer } = this.context.dispatcher
    const leftMs = Math.max(0, startedMs + timeoutMs - deadlineTimer.nowMs())
    const timeoutError = (): TsyllaError | undefined =>
      this.#cluster.isAvailable() ? undefined : this.#cluster.unavailableError()
    const { clock } = deadlineTimer
    return awaitWithin(work, { clock, signal, timeoutMs, leftMs, outcome, timeoutError })
  }

  /**
   * Runs work for a caller; closing waits for it. Errors get the text of the statement and a
   * stack that begins at the caller.
   *
   * @throws ClosedError
   */
  accept<T>(statement: AnyStatement | undefined, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      this.hold(work).then(resolve, (error: unknown) =>
        resolve(statement === undefined ? failed(error) : this.fail(error, anyTextOf(statement))),
      )
    })
  }

  /** Counts a call that has failed: otherwise the same as {@link failed}. */
  fail(error: unknown, text?: string): Promise<never> {
    this.context.recorder.onCallFailed(error)
    return failed(error, text)
  }

  /** Publishes a call to `tsylla:request` when that has subscribers. */
  traced<T>(
    verb: RequestTrace['verb'],
    statement: AnyStatement | Batch,
    options: ExecuteOptions | undefined,
    work: (trace?: CallTrace) => Promise<T>,
  ): Promise<T> {
    const isBatch = statement instanceof Batch
    const keyspace = (): string | undefined => this.#keyspaceOfCall(statement, options)
    const trace = (): CallTrace =>
      new CallTrace(
        {
          verb,
          text: isBatch ? undefined : anyTextOf(statement),
          statementCount: isBatch ? statement.statementsCount() : 1,
          keyspace: keyspace(),
          options,
          system: this.#cluster.isScylla ? 'scylladb' : 'cassandra',
          server: this.#cluster.contactAddress,
        },
        () => this.#shownStatements(isBatch ? statement.entries() : [statement], keyspace()),
      )
    const { clock } = this.context.dispatcher.deadlineTimer
    return traced<T, RequestTrace>(requestChannel, clock, trace, work as TracedWork<T>)
  }

  #keyspaceOfCall(
    statement: AnyStatement | Batch,
    options: ExecuteOptions | undefined,
  ): string | undefined {
    if (statement instanceof PreparedStatement) return statement.source.keyspace
    const carried = statement instanceof StatementBase ? statement.options : undefined
    return this.keyspaceOf(options, carried)
  }

  /** Observing a call must not change which statements the cache holds. */
  #shownStatements(
    statements: readonly AnyStatement[],
    keyspace: string | undefined,
  ): readonly ShownStatement[] {
    return statements.flatMap((statement) => {
      if (statement instanceof PreparedStatement && this.isOwn(statement.source)) {
        return statement.source.shown
      }
      const text = anyTextOf(statement)
      if (text === undefined) return []
      return this.statements.peek(keyspace, text)?.shown ?? new ShownStatement(text)
    })
  }

  /** Runs work that closing waits for. @throws ClosedError */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    const { dispatcher } = this.context
    if (dispatcher.isClosing) throw new ClosedError('session')
    dispatcher.onAccepted()
    try {
      return await work()
    } finally {
      dispatcher.onSettled()
    }
  }
}

/** @throws ConfigError when the caller has chosen another keyspace than the statement has */
export function checkPreparedKeyspace(
  source: Pick<StatementHandle, 'keyspace'>,
  keyspace: string | undefined,
): void {
  if (keyspace === undefined || keyspace === source.keyspace) return
  const own = source.keyspace === undefined ? 'no keyspace' : `the keyspace ${source.keyspace}`
  throw new ConfigError(
    `The statement was prepared in ${own}, and cannot be run in ${keyspace}: pass its text, or prepare it there`,
  )
}

/** Options of a request that reads all pages and has no signal. */
export const allPages: RequestOptions = Object.freeze({
  signal: undefined,
  trace: undefined,
  pages: 'all',
  pagingState: undefined,
})

/**
 * Returns a promise that rejects at the caller, with the text of the statement. The error is a
 * copy, because other callers may wait for the same work.
 */
export function failed(error: unknown, text?: string): Promise<never> {
  if (!TsyllaError.is(error)) return throwAtCaller(error)
  const own = error.copy()
  if (text !== undefined) describeStatement(own, text)
  return throwAtCaller(own)
}

function anyTextOf(statement: AnyStatement | undefined): string | undefined {
  if (typeof statement === 'string' || statement === undefined) return statement
  if (statement instanceof PreparedStatement) return statement.source.text
  return statement instanceof Statement ? statement.text : undefined
}

export function textOf(statement: string | Statement): string {
  if (typeof statement === 'string') return statement
  if (statement instanceof Statement) return statement.text
  throw new ConfigError('A statement is a CQL text, a Statement or a PreparedStatement')
}

/** Returns the values of a call, or else those that the statement carries. */
export function valuesOf(
  statement: AnyStatement,
  values: BindValues | undefined,
): BindValues | undefined {
  if (values !== undefined || typeof statement === 'string') return values
  return statement instanceof Statement ? statement.values : undefined
}

/** Whether no values are bound. */
export function isEmpty(values: BindValues | undefined): boolean {
  if (values === undefined) return true
  // Binding refuses it with an error that names the type.
  if (typeof values !== 'object' || values === null) return false
  return Array.isArray(values) ? values.length === 0 : Object.keys(values).length === 0
}
