import { missingPackage } from '../util/index.ts'
import type { Outcome } from './outcome.ts'
import { TsyllaErrorBase } from './tsylla-error.ts'

/** An argument or option is wrong. Raised before anything is sent. */
export class ConfigError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_CONFIG'
  /**
   * Where in a nested argument, such as the data of an event. As data of the caller it is in no
   * message, and printing the error omits it.
   */
  declare readonly path: string | undefined

  constructor(message: string, outcome?: Outcome, options?: ErrorOptions & { path?: string }) {
    super(message, outcome, options)
    this.hide('path', options?.path)
  }
}

/** What is wrong with the bind values of a statement. */
export type BindErrorCode =
  | 'TSYLLA_BIND_COUNT'
  | 'TSYLLA_BIND_MISSING'
  | 'TSYLLA_BIND_EXTRA'
  | 'TSYLLA_BIND_AMBIGUOUS'
  | 'TSYLLA_BIND_NULL'
  | 'TSYLLA_BIND_UNSET'
  | 'TSYLLA_BIND_VALUE'

export interface BindErrorDetails {
  /** Name of the marker or column, when one value is at fault. */
  readonly column?: string
  /** CQL type that was expected, as CQL text. */
  readonly cqlType?: string
  /** Kind of the value that was given (`string`, `bigint`, `Map`, …), never the value. */
  readonly valueKind?: string
}

/** Bind values do not fit the markers of a statement. Raised before anything is sent. */
export class BindError extends TsyllaErrorBase {
  readonly code: BindErrorCode
  readonly column: string | undefined
  readonly cqlType: string | undefined
  readonly valueKind: string | undefined
  constructor(code: BindErrorCode, message: string, details: BindErrorDetails = {}) {
    super(message)
    this.code = code
    this.column = details.column
    this.cqlType = details.cqlType
    this.valueKind = details.valueKind
  }
}

/** A text or parts given to a CQL value class are not a valid value of it (`Uuid.parse('x')`). */
export class ValueError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_VALUE'
}

/** A value cannot be encoded as its CQL type; the bind plan turns it into a {@link BindError}. */
export class EncodeError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_ENCODE'
  readonly cqlType: string
  readonly valueKind: string
  constructor(cqlType: string, valueKind: string, reason: string) {
    super(`Cannot encode ${valueKind} as ${cqlType}: ${reason}`)
    this.cqlType = cqlType
    this.valueKind = valueKind
  }
}

/**
 * The server's bytes are well-formed but have no value in JavaScript (a timestamp beyond `Date`).
 */
export class DecodeError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_DECODE'
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'unknown', options)
  }
}

/** The peer broke the native protocol. The connection it came over is closed. */
export class ProtocolError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_PROTOCOL'
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'unknown', options)
  }
}

/** No response within the deadline, which covers every attempt of the request. */
export class RequestTimeoutError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_REQUEST_TIMEOUT'
  readonly timeoutMs: number
  constructor(timeoutMs: number, outcome: Outcome, what = 'No response') {
    super(`${what} within ${timeoutMs} ms`, outcome)
    this.timeoutMs = timeoutMs
  }
}

/** The caller's `AbortSignal` fired; `cause` is its reason. */
export class AbortedError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_ABORTED'
  constructor(outcome: Outcome, reason: unknown) {
    super('The request was aborted by its signal', outcome, { cause: reason })
  }
}

/** The session, engine or iterator was closed. */
export class ClosedError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_CLOSED'
  constructor(what: string, outcome: Outcome = 'not_applied') {
    super(`The ${what} is closed`, outcome)
  }
}

/** A connection was lost, refused, or failed its handshake. */
export class ConnectionError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_CONNECTION'
  /** Address of the node, `host:port`. */
  readonly node: string
  constructor(node: string, message: string, outcome: Outcome, options?: ErrorOptions) {
    super(`${node}: ${message}`, outcome, options)
    this.node = node
  }
}

/** The TLS handshake failed: untrusted chain, wrong name, no common version. */
export class TlsError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_TLS'
  readonly node: string
  constructor(node: string, message: string, options?: ErrorOptions) {
    super(`${node}: TLS handshake failed: ${message}`, 'not_applied', options)
    this.node = node
  }
}

/**
 * Credentials were refused, are missing, or the server asks for an authenticator we do not trust.
 */
export class AuthenticationError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_AUTHENTICATION'
  readonly node: string
  constructor(node: string, message: string, options?: ErrorOptions) {
    super(`${node}: ${message}`, 'not_applied', options)
    this.node = node
  }
}

/** No node could take the request; `errors` holds the reason of each node, by address. */
export class NoNodeAvailableError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_NO_NODE_AVAILABLE'
  readonly errors: ReadonlyMap<string, TsyllaErrorBase>
  constructor(errors: ReadonlyMap<string, TsyllaErrorBase>, message = 'No node is available') {
    const reasons = [...errors.values()].map((error) => error.message)
    super(reasons.length === 0 ? message : `${message}: ${reasons.join('; ')}`)
    this.errors = errors
  }
}

/** More requests wait than `queueCountMax` or `queueBytesMax` allow. Nothing was sent. */
export class OverloadedError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_OVERLOADED'
}

/** `execute` would hold more than `resultBytesMax` bytes of rows. Use `stream()`. */
export class ResultTooLargeError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_RESULT_TOO_LARGE'
  readonly resultBytesMax: number
  constructor(resultBytesMax: number) {
    super(
      `The result is larger than ${resultBytesMax} bytes (resultBytesMax): read it with stream() or page()`,
    )
    this.resultBytesMax = resultBytesMax
  }
}

/**
 * A result does not have the shape the caller asked for (`singleRow()` of a result without rows, or
 * with several).
 */
export class RowCountError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_ROW_COUNT'
  readonly rowCount: number
  constructor(rowCount: number) {
    super(`Expected exactly one row, got ${rowCount}`)
    this.rowCount = rowCount
  }
}

/** A paging state is malformed, or belongs to another statement or to other values. */
export class PagingStateError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_PAGING_STATE'
}

/** The nodes did not agree on one schema version in time. */
export class SchemaAgreementError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_SCHEMA_AGREEMENT'
  constructor(timeoutMs: number) {
    super(`The nodes did not agree on a schema version within ${timeoutMs} ms`, 'unknown')
  }
}

/**
 * A trace is not there, or not complete, within the time given. The server has carried the request
 * out all the same.
 */
export class TraceError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_TRACE'
  /** UUID of the trace. */
  readonly tracingId: string
  constructor(tracingId: string, timeoutMs: number, wasFound: boolean, options?: ErrorOptions) {
    const state = wasFound
      ? 'is not complete, as its duration is missing'
      : 'is not there: the tables system_traces keep traces for a day at most, and the embedded engine the last 256'
    super(
      `After ${timeoutMs} ms the trace ${tracingId} ${state}. Servers write traces in the background: ask again later, or give a longer timeoutMs`,
      'not_applied',
      options,
    )
    this.tracingId = tracingId
  }
}

/** The keyspace of the session does not exist. */
export class KeyspaceError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_KEYSPACE'
  readonly keyspace: string
  constructor(keyspace: string, options?: ErrorOptions) {
    super(
      `Keyspace ${JSON.stringify(keyspace)} does not exist; create it first, or pass createKeyspace to build() or connect()`,
      'not_applied',
      options,
    )
    this.keyspace = keyspace
  }
}

/** An optional package that a feature needs is not installed, or does not load. */
export class DependencyMissingError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_DEPENDENCY_MISSING'
  readonly packageName: string
  constructor(packageName: string, feature: string, options?: ErrorOptions) {
    super(
      `${feature} needs the package ${packageName}${remedy(packageName, options?.cause)}`,
      'not_applied',
      options,
    )
    this.packageName = packageName
  }
}

function remedy(packageName: string, cause: unknown): string {
  const missing = missingPackage(cause)
  if (missing === packageName || !(cause instanceof Error)) return `: npm i ${packageName}`
  if (missing === undefined) return `, which does not load: ${cause.message}`
  return `, whose dependency ${missing} is not installed: install ${packageName} again`
}
