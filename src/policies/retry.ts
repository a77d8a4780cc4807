import { ServerError, ServerErrorCode, type TsyllaError } from '../errors/index.ts'

/** What to do with a failed attempt. */
export type RetryDecision = 'same_node' | 'next_node' | 'rethrow'

export interface FailedAttempt {
  readonly error: TsyllaError
  /** Whether the statement may be repeated although it may have been applied. */
  readonly isIdempotent: boolean
  /** Attempts made so far, this one included. */
  readonly attemptCount: number
}

/** Decides what follows a failed attempt. */
export interface RetryPolicy {
  decide(failed: FailedAttempt): RetryDecision
}

/** Most attempts of one request, whatever fails: a bound that no healthy cluster reaches. */
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
      // A replica failed, often the coordinator's own; another coordinator may pick others. What
      // fails there too (too many tombstones) is not worth a third scan.
      return isFirst && isIdempotent ? 'next_node' : 'rethrow'
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

/** The replica that owed the data was slow, the digests came: asking again picks another one. */
function enoughRepliesButNoData(error: ServerError): boolean {
  const { received, required, dataPresent } = error.details
  return received !== undefined && required !== undefined && received >= required && !dataPresent
}
