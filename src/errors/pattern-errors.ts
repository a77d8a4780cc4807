import type { Outcome } from './outcome.ts'
import { TsyllaErrorBase } from './tsylla-error.ts'

/** An event stream is not at the version that the caller expected. */
export class ConcurrencyConflictError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_CONCURRENCY_CONFLICT'
  /** The stream. As data of the caller it is in no message, and printing the error omits it. */
  declare readonly streamId: string
  readonly expectedVersion: number
  /** Version the stream has; nothing was appended. */
  readonly actualVersion: number
  constructor(streamId: string, expectedVersion: number, actualVersion: number) {
    super(`The stream is at version ${actualVersion}, expected ${expectedVersion}`)
    this.hide('streamId', streamId)
    this.expectedVersion = expectedVersion
    this.actualVersion = actualVersion
  }
}

/** `create` found a row with that key; it was left as it is. */
export class RowExistsError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_ROW_EXISTS'
  readonly table: string
  constructor(table: string) {
    super(`A row with this key exists in ${table} already`)
    this.table = table
  }
}

/** `update` found no row with that key; none was created. */
export class RowNotFoundError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_ROW_NOT_FOUND'
  readonly table: string
  constructor(table: string) {
    super(`There is no row with this key in ${table}`)
    this.table = table
  }
}

/** A value would not come back from the cache as it went in. Nothing was stored. */
export class CacheValueError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_CACHE_VALUE'
  /**
   * Where in the value, as a path from `value`. As data of the caller it is in no message, and
   * printing the error omits it.
   */
  declare readonly path: string
  constructor(path: string, reason: string) {
    super(
      path === 'value'
        ? `The value cannot be cached: ${reason}`
        : `A part of the value cannot be cached: ${reason} (see the error's \`path\`)`,
    )
    this.hide('path', path)
  }
}

/** `DatabaseManager.session` was asked for before `connect`, or after `close`. */
export class NotConnectedError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_NOT_CONNECTED'
  constructor() {
    super('Database not connected: call connect() first')
  }
}

/** `connect` was called with other arguments than those that are connected. */
export class AlreadyConnectedError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_ALREADY_CONNECTED'
  constructor(name: string) {
    super(
      `Database ${JSON.stringify(name)} is connected with other arguments: close() it first, or use DatabaseManager.named()`,
    )
  }
}

/** The clock of this machine and that of the cluster are further apart than allowed. */
export class ClockDriftError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_CLOCK_DRIFT'
  /** Milliseconds that the cluster is ahead; negative when it is behind. */
  readonly driftMs: number
  readonly driftMsMax: number
  constructor(driftMs: number, driftMsMax: number) {
    super(
      `The clocks of this machine and of the cluster are ${Math.round(Math.abs(driftMs))} ms apart, more than the ${driftMsMax} ms of driftMax: synchronise them, or raise driftMax`,
    )
    this.driftMs = driftMs
    this.driftMsMax = driftMsMax
  }
}

/** A lock is held by another holder, and was until the time to wait for it was over. */
export class LockHeldError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_LOCK_HELD'
  /** Name of the lock. As data of the caller it is in no message, and printing omits it. */
  declare readonly lockName: string
  /** When the lease of the present holder ends, unless it is extended. */
  readonly until: Date
  constructor(lockName: string, until: Date) {
    super(`The lock is held by another holder until ${until.toISOString()}, unless it is extended`)
    this.hide('lockName', lockName)
    this.until = until
  }
}

/**
 * A lease ended before its holder released it: it could not be extended in time. What was done
 * under it since may have overlapped with another holder, except for fenced writes.
 */
export class LockLostError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_LOCK_LOST'
  /** Name of the lock. As data of the caller it is in no message, and printing omits it. */
  declare readonly lockName: string
  /** `undefined` for a permit of a semaphore, which has none. */
  readonly fence: bigint | undefined
  /** @param outcome `unknown` when something was done under the lease */
  constructor(
    lockName: string,
    fence?: bigint,
    outcome: Outcome = 'not_applied',
    options?: ErrorOptions,
  ) {
    const what = fence === undefined ? 'The permit' : `The lease with fence ${fence}`
    super(`${what} ended before it was released`, outcome, options)
    this.hide('lockName', lockName)
    this.fence = fence
  }
}

/** A table exists with another key, or with other types of columns, than a pattern needs. */
export class SchemaMismatchError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_SCHEMA_MISMATCH'
  readonly table: string
  /** One sentence per difference. */
  readonly differences: readonly string[]
  constructor(table: string, differences: readonly string[]) {
    super(
      `Table ${table} is not what the pattern needs: ${differences.join('; ')}. Choose another name with the option table, or move the rows to a new table`,
    )
    this.table = table
    this.differences = differences
  }
}

/** Units of a rate limit do not become free in the time that the caller would wait. */
export class RateLimitedError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_RATE_LIMITED'
  /** Milliseconds until the units can be free, at the earliest; infinite when they never are. */
  readonly retryAfterMs: number
  constructor(retryAfterMs: number, timeoutMs: number) {
    super(
      Number.isFinite(retryAfterMs)
        ? `The rate limit admits the request in ${Math.ceil(retryAfterMs)} ms at the earliest, later than the ${timeoutMs} ms to wait`
        : 'The rate limit never admits as many units at once: ask for fewer, or raise the limit',
    )
    this.retryAfterMs = retryAfterMs
  }
}

/** A value was not made in time. Its factory may go on; what it makes is stored. */
export class FactoryTimeoutError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_FACTORY_TIMEOUT'
  readonly timeoutMs: number
  constructor(timeoutMs: number) {
    super(`The factory has not made the value within the ${timeoutMs} ms of hardTimeout`)
    this.timeoutMs = timeoutMs
  }
}

/** A session is at another revision than `update` expected; nothing was changed. */
export class RevisionConflictError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_REVISION_CONFLICT'
  readonly expectedRevision: number
  readonly actualRevision: number
  constructor(expectedRevision: number, actualRevision: number) {
    super(
      `The session is at revision ${actualRevision}, expected ${expectedRevision}: read it again and repeat the update`,
    )
    this.expectedRevision = expectedRevision
    this.actualRevision = actualRevision
  }
}

/** Data of a session that cannot be stored; nothing was changed. */
export class SessionDataError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_SESSION_DATA'
  /**
   * Where in the data, as a path from `data`. As data of the caller it is in no message, and
   * printing the error omits it.
   */
  declare readonly path: string
  /** What the schema reported, when it was the schema; printing the error omits it. */
  declare readonly issues: readonly { readonly message: string }[]
  constructor(
    path: string,
    reason: string,
    issues: readonly { readonly message: string }[] = [],
    options?: ErrorOptions,
  ) {
    super(
      path === 'data'
        ? `The data of the session cannot be stored: ${reason}`
        : `A part of the data of the session cannot be stored: ${reason} (see the error's \`path\`)`,
      'not_applied',
      options,
    )
    this.hide('path', path)
    this.hide('issues', issues)
  }
}

/** A token is that of no valid session, where a call needs one; nothing was changed. */
export class SessionInvalidError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_SESSION_INVALID'
  /** As `SessionManager.inspectSession` returns it. */
  readonly reason: 'malformed' | 'unknown' | 'idle' | 'absolute' | 'revoked' | 'rotated'
  constructor(reason: SessionInvalidError['reason']) {
    super(`The token is that of no valid session (${reason}): the user has to log in again`)
    this.reason = reason
  }
}
