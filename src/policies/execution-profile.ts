import type { RetryPolicy, SpeculativeExecutionPolicy } from '../types/index.ts'
import type { TargetPolicy } from './target-policy.ts'

/**
 * Everything about one execution that is neither statement nor values, checked and complete: what
 * the options of session, statement and call resolve to.
 */
export interface ExecutionProfile {
  /** Wire code. */
  readonly consistency: number
  /** Wire code. */
  readonly serialConsistency: number
  readonly pageSize: number
  /** Deadline over all attempts and pages. */
  readonly timeoutMs: number
  /** Microseconds since the epoch, when the caller chose the timestamp. */
  readonly timestamp: bigint | undefined
  readonly isTraced: boolean
  /** What the caller says; `undefined` leaves it to inference. */
  readonly isIdempotent: boolean | undefined
  readonly customPayload: ReadonlyMap<string, Uint8Array> | undefined
  /** Keyspace that the caller chose for unqualified names. */
  readonly keyspace: string | undefined
  /** Seconds since the epoch, when the caller chose the time that TTLs end by. */
  readonly nowInSeconds: number | undefined
  readonly loadBalancing: TargetPolicy
  readonly retry: RetryPolicy
  readonly speculation: SpeculativeExecutionPolicy
}
