import { ConfigError, type Consistency, type SerialConsistency } from '../errors/index.ts'
import type { LoadBalancingPolicy, RetryPolicy, SpeculativeExecutionPolicy } from './policies.ts'
import { shareAcrossBuilds } from '../util/index.ts'

declare global {
  // ECMAScript has no `AbortSignal`. This merges with the one of Node or of browsers, and makes the
  // published types compile in projects that have neither.
  interface AbortSignal {}
}

/**
 * Values of a statement: a list binds by position, an object by name. A name is that of the marker
 * (`:name`) or of the column; a column with several markers takes `column_start`, `column_end` and
 * so on, and an error lists the names that each marker accepts.
 */
export type BindValues = readonly unknown[] | { readonly [name: string]: unknown }

/** Options of one call; those left out come from the statement, then from the session. */
export interface ExecuteOptions {
  /** Replicas that must answer. Default `LOCAL_QUORUM`. */
  readonly consistency?: Consistency | undefined
  /** Level at which a conditional statement is agreed on. Default `LOCAL_SERIAL`. */
  readonly serialConsistency?: SerialConsistency | undefined
  /** Rows per page, 1 … 2³¹−1. Default 5,000. */
  readonly pageSize?: number | undefined
  /** Start from the end of another page of the same statement with the same values. */
  readonly pagingState?: Uint8Array | undefined
  /** Write timestamp in microseconds since the epoch. Default: see `SessionOptions.timestamps`. */
  readonly timestamp?: bigint | undefined
  /**
   * Deadline over all attempts and pages of the call, in milliseconds. Default 12,000. Deadlines
   * are looked at every 25 ms, so a call fails up to 25 ms later.
   */
  readonly timeout?: number | undefined
  /** Ask the server to trace the request: `result.tracingId()`. Default `false`. */
  readonly tracing?: boolean | undefined
  /** Whether repeating the statement is harmless. Default: inferred from its text. */
  readonly idempotent?: boolean | undefined
  /** Ends the call with an `AbortedError`. The server may have acted already: see its `outcome`. */
  readonly signal?: AbortSignal | undefined
  /**
   * Keyspace that unqualified names mean, as the server spells it. Default: that of the session. A
   * statement that was prepared has the keyspace that it was prepared in.
   */
  readonly keyspace?: string | undefined
  /**
   * The time, in seconds since the epoch, by which TTLs of this request are computed and expired
   * values are left out, 0 … 2³¹−1. For tests. It needs protocol version 5.
   */
  readonly nowInSeconds?: number | undefined
  /** Decides which nodes it may go to. Default `tokenAwareLoadBalancing()`. */
  readonly loadBalancingPolicy?: LoadBalancingPolicy | undefined
  /** Decides what follows a failed attempt. Default `defaultRetryPolicy`. */
  readonly retryPolicy?: RetryPolicy | undefined
  /**
   * Decides when an idempotent request goes to one more node. Default: when it has taken a quarter
   * of its deadline, at most two seconds.
   */
  readonly speculativeExecutionPolicy?: SpeculativeExecutionPolicy | undefined
  /**
   * Name of the execution profile whose options apply where neither the statement nor the call has
   * its own. Default `default`.
   */
  readonly executionProfile?: string | undefined
  /** Custom payload of the frame, by key. */
  readonly customPayload?: { readonly [key: string]: Uint8Array } | undefined
}

/** The options a statement can carry with it. */
export type StatementOptions = Omit<ExecuteOptions, 'pagingState' | 'signal'>

/**
 * Options of all requests that name an execution profile: see
 * {@link ExecuteOptions.executionProfile}.
 */
export type ExecutionProfileOptions = Omit<
  StatementOptions,
  'executionProfile' | 'timestamp' | 'customPayload' | 'nowInSeconds'
>

/** Base of statements: immutable, every `with…` method returns a new object. */
export abstract class StatementBase {
  static {
    shareAcrossBuilds(this, 'StatementBase')
  }

  /** @internal Options in effect; never mutated. */
  readonly options: StatementOptions

  /** @internal Whether any option is set. */
  readonly hasOptions: boolean

  protected constructor(options: StatementOptions) {
    if (typeof options !== 'object' || options === null) {
      throw new ConfigError(
        'The options of a statement must be an object, for example { timeout: 5_000 }',
      )
    }
    this.options = options
    this.hasOptions = Object.keys(options).length > 0
  }

  protected abstract with(options: StatementOptions): this

  withConsistency(consistency: Consistency): this {
    return this.with({ ...this.options, consistency })
  }
  withSerialConsistency(serialConsistency: SerialConsistency): this {
    return this.with({ ...this.options, serialConsistency })
  }
  /** @param pageSize rows per page, 1 … 2³¹−1 */
  withPageSize(pageSize: number): this {
    return this.with({ ...this.options, pageSize })
  }
  /** @param timestamp microseconds since the epoch */
  withTimestamp(timestamp: bigint): this {
    return this.with({ ...this.options, timestamp })
  }
  /** @param timeout milliseconds over all attempts and pages */
  withTimeout(timeout: number): this {
    return this.with({ ...this.options, timeout })
  }
  /** @param nowInSeconds seconds since the epoch, by which TTLs are computed */
  withNowInSeconds(nowInSeconds: number): this {
    return this.with({ ...this.options, nowInSeconds })
  }
  withTracing(tracing: boolean): this {
    return this.with({ ...this.options, tracing })
  }
  withCustomPayload(customPayload: { readonly [key: string]: Uint8Array }): this {
    return this.with({ ...this.options, customPayload })
  }
  withLoadBalancingPolicy(loadBalancingPolicy: LoadBalancingPolicy): this {
    return this.with({ ...this.options, loadBalancingPolicy })
  }
  withRetryPolicy(retryPolicy: RetryPolicy): this {
    return this.with({ ...this.options, retryPolicy })
  }
  withSpeculativeExecutionPolicy(speculativeExecutionPolicy: SpeculativeExecutionPolicy): this {
    return this.with({ ...this.options, speculativeExecutionPolicy })
  }
  /** @param executionProfile name of the execution profile whose options apply */
  withExecutionProfile(executionProfile: string): this {
    return this.with({ ...this.options, executionProfile })
  }
  /** Returns a copy that declares whether repeating it is harmless, instead of inferring it. */
  setIdempotent(idempotent: boolean): this {
    return this.with({ ...this.options, idempotent })
  }
  /**
   * Whether repeating it was declared harmless. What is inferred from the text when the statement
   * is executed is not known here.
   */
  isIdempotent(): boolean {
    return this.options.idempotent ?? false
  }
}

/** A CQL text with options, and optionally its values. `Query` is the same class. */
export class Statement extends StatementBase {
  static {
    shareAcrossBuilds(this, 'Statement')
  }

  readonly text: string
  readonly values: BindValues | undefined

  /**
   * @param text one CQL statement
   * @param values used by calls that pass none
   * @throws ConfigError unless `text` is a string and `options` an object
   */
  constructor(text: string, values?: BindValues, options: StatementOptions = {}) {
    super(options)
    if (typeof text !== 'string') throw new ConfigError('The text of a statement must be a string')
    this.text = text
    this.values = values
  }

  protected override with(options: StatementOptions): this {
    return new Statement(this.text, this.values, options) as this
  }

  /** @param keyspace what unqualified names mean, as the server spells it */
  withKeyspace(keyspace: string): this {
    return this.with({ ...this.options, keyspace })
  }

  /** The CQL text. */
  getContents(): string {
    return this.text
  }
}
