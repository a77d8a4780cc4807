import { type Consistency, ServerError, ServerErrorCode } from '../errors/index.ts'
import type { FailedAttempt, RetryDecision, RetryPolicy } from '../types/index.ts'

/** Most attempts of one request, whatever a policy decides. */
export const policyAttemptCountMax = 100

/** Most attempts of one request by the default policy, which no healthy cluster reaches. */
export const attemptCountMax = 8

/**
 * Decides by outcome: what cannot have been applied may go to another node, what may have been only
 * when the statement is idempotent. Statement errors are final; an overloaded or failing replica
 * set is not asked again by those it already refused.
 */
export const defaultRetryPolicy: RetryPolicy = Object.freeze({ decide: decideRetry })

function decideRetry(failed: FailedAttempt): RetryDecision {
  const { error } = failed
  if (failed.attemptCount >= attemptCountMax) return 'rethrow'
  const mayRepeat = failed.isIdempotent || error.outcome === 'not_applied'
  // A connection is also lost when another response on it is malformed, or does not come.
  if (error.code === 'TSYLLA_CONNECTION' || error.code === 'TSYLLA_PROTOCOL') {
    return mayRepeat ? 'next_node' : 'rethrow'
  }
  return error instanceof ServerError ? decideServerError(error, failed, mayRepeat) : 'rethrow'
}

function decideServerError(
  error: ServerError,
  { isIdempotent, attemptCount }: FailedAttempt,
  mayRepeat: boolean,
): RetryDecision {
  const isFirst = attemptCount === 1
  switch (error.serverCode) {
    case ServerErrorCode.IS_BOOTSTRAPPING:
      return 'next_node'
    case ServerErrorCode.SERVER:
    case ServerErrorCode.OVERLOADED:
    case ServerErrorCode.TRUNCATE:
      return isIdempotent ? 'next_node' : 'rethrow'
    case ServerErrorCode.READ_FAILURE:
    case ServerErrorCode.WRITE_FAILURE:
      if (!isIdempotent) return 'rethrow'
      // A replica failed, often the coordinator's own; another coordinator may pick others.
      if (isFirst) return 'next_node'
      return isPassing(error) ? { retry: 'same_node', afterMs: pauseMs(attemptCount) } : 'rethrow'
    case ServerErrorCode.UNAVAILABLE:
      // Another coordinator may see more replicas alive; a third will not.
      return isFirst && mayRepeat ? 'next_node' : 'rethrow'
    case ServerErrorCode.READ_TIMEOUT:
      // A conditional write can report a read timeout too, of its Paxos round.
      return isFirst && mayRepeat && enoughRepliesButNoData(error) ? 'same_node' : 'rethrow'
    case ServerErrorCode.WRITE_TIMEOUT:
      return isFirst && isIdempotent && error.details.writeType === 'BATCH_LOG'
        ? 'same_node'
        : 'rethrow'
    default:
      return 'rethrow'
  }
}

/** First pause before replicas that have failed are asked a third time; later ones double. */
const pauseMsMin = 25

function pauseMs(attemptCount: number): number {
  return pauseMsMin * 2 ** (attemptCount - 2)
}

/**
 * Reasons of failed replicas that pass: a node that stops or starts, a schema that it does not know
 * yet. What scans too much (tombstones, size, indexes) is not worth a third scan. Numbers and names
 * are those of `RequestFailureReason` of Cassandra.
 */
const passingReasons: ReadonlySet<number> = new Set([0, 2, 3, 5])
const passingNames = /\b(?:UNKNOWN|TIMEOUT|INCOMPATIBLE_SCHEMA|NODE_DOWN) from /
const lastingNames = /\b(?:READ_TOO_MANY_\w+|READ_SIZE|INDEX_NOT_AVAILABLE) from /

/** Version 4 of the protocol has the reasons in the message alone; other servers have none. */
function isPassing({ details, message }: ServerError): boolean {
  const reasons = [...(details.failureReasons?.values() ?? [])]
  if (reasons.length > 0) return reasons.every((reason) => passingReasons.has(reason))
  return passingNames.test(message) && !lastingNames.test(message)
}

/** The replica that owed the data was slow, the digests came: asking again picks another one. */
function enoughRepliesButNoData(error: ServerError): boolean {
  const { received, required, dataPresent } = error.details
  return received !== undefined && required !== undefined && received >= required && !dataPresent
}

/** Reports every failure at once. */
export const fallthroughRetryPolicy: RetryPolicy = Object.freeze({
  decide: (): RetryDecision => 'rethrow',
})

/**
 * Tries a second time with the consistency that the replicas which have answered suffice for, and
 * otherwise decides as {@link defaultRetryPolicy} does. Such a read may miss what was written with
 * the consistency that was asked for, and such a write be missed by it. A write that has timed out
 * is never reported as done.
 */
export const downgradingConsistencyRetryPolicy: RetryPolicy = Object.freeze({
  decide(failed: FailedAttempt): RetryDecision {
    const consistency = failed.attemptCount === 1 ? lowerConsistency(failed) : undefined
    return consistency === undefined
      ? defaultRetryPolicy.decide(failed)
      : { retry: 'same_node', consistency }
  },
})

function lowerConsistency({
  error,
  consistency,
  isConditional,
  isIdempotent,
}: FailedAttempt): Consistency | undefined {
  const isSerial = consistency === 'SERIAL' || consistency === 'LOCAL_SERIAL'
  if (!(error instanceof ServerError) || isConditional || isSerial) return undefined
  const { alive, received, required, writeType } = error.details
  switch (error.serverCode) {
    case ServerErrorCode.UNAVAILABLE:
      return consistencyOf(alive)
    case ServerErrorCode.READ_TIMEOUT:
      return (received ?? 0) < (required ?? 0) ? consistencyOf(received) : undefined
    case ServerErrorCode.WRITE_TIMEOUT:
      // The parts of an unlogged batch are independent: those that failed may succeed with less.
      return isIdempotent && writeType === 'UNLOGGED_BATCH' ? consistencyOf(received) : undefined
    default:
      return undefined
  }
}

/** The highest consistency that so many replicas suffice for. */
function consistencyOf(replicaCount = 0): Consistency | undefined {
  if (replicaCount >= 3) return 'THREE'
  if (replicaCount === 2) return 'TWO'
  return replicaCount === 1 ? 'ONE' : undefined
}
