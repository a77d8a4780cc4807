import { type AnyTsyllaError, TsyllaError } from './any-error.ts'

/**
 * Where the cause of an error lies.
 *
 * - `caller`: the arguments, the values, the statement or the schema; repeating changes nothing.
 * - `transient`: a node, a connection or a replica set; a later attempt can succeed.
 * - `permanent`: neither: the session is closed, access is refused, a file is broken.
 */
export type Fault = 'caller' | 'transient' | 'permanent'

/** The compiler refuses a code that has no entry here. */
const faults: { readonly [Code in AnyTsyllaError['code']]: Fault } = {
  TSYLLA_ABORTED: 'permanent',
  TSYLLA_ALREADY_CONNECTED: 'permanent',
  TSYLLA_AUTHENTICATION: 'permanent',
  TSYLLA_BIND_AMBIGUOUS: 'caller',
  TSYLLA_BIND_COUNT: 'caller',
  TSYLLA_BIND_EXTRA: 'caller',
  TSYLLA_BIND_MISSING: 'caller',
  TSYLLA_BIND_NULL: 'caller',
  TSYLLA_BIND_UNSET: 'caller',
  TSYLLA_BIND_VALUE: 'caller',
  TSYLLA_CACHE_VALUE: 'caller',
  TSYLLA_CLOCK_DRIFT: 'permanent',
  TSYLLA_CLOSED: 'permanent',
  TSYLLA_CONCURRENCY_CONFLICT: 'permanent',
  TSYLLA_CONFIG: 'caller',
  TSYLLA_CONNECTION: 'transient',
  TSYLLA_CQL_SYNTAX: 'caller',
  TSYLLA_DECODE: 'permanent',
  TSYLLA_DEPENDENCY_MISSING: 'permanent',
  TSYLLA_ENCODE: 'caller',
  TSYLLA_ENGINE_LOCKED: 'permanent',
  TSYLLA_ENGINE_STORAGE: 'permanent',
  TSYLLA_FACTORY_TIMEOUT: 'transient',
  TSYLLA_KEYSPACE: 'permanent',
  TSYLLA_LOCK_HELD: 'permanent',
  TSYLLA_LOCK_LOST: 'permanent',
  TSYLLA_NOT_CONNECTED: 'permanent',
  TSYLLA_NO_NODE_AVAILABLE: 'transient',
  TSYLLA_OVERLOADED: 'transient',
  TSYLLA_PAGING_STATE: 'permanent',
  TSYLLA_PROTOCOL: 'transient',
  TSYLLA_RATE_LIMITED: 'permanent',
  TSYLLA_REQUEST_TIMEOUT: 'transient',
  TSYLLA_RESULT_TOO_LARGE: 'permanent',
  TSYLLA_REVISION_CONFLICT: 'permanent',
  TSYLLA_ROW_COUNT: 'permanent',
  TSYLLA_ROW_EXISTS: 'permanent',
  TSYLLA_ROW_NOT_FOUND: 'permanent',
  TSYLLA_SCHEMA_AGREEMENT: 'permanent',
  TSYLLA_SCHEMA_MISMATCH: 'permanent',
  TSYLLA_SERVER: 'transient',
  TSYLLA_SERVER_ALREADY_EXISTS: 'permanent',
  TSYLLA_SERVER_BAD_CREDENTIALS: 'permanent',
  TSYLLA_SERVER_BOOTSTRAPPING: 'transient',
  TSYLLA_SERVER_CAS_WRITE_UNKNOWN: 'transient',
  TSYLLA_SERVER_CDC_WRITE_FAILURE: 'transient',
  TSYLLA_SERVER_CONFIG: 'permanent',
  TSYLLA_SERVER_FUNCTION_FAILURE: 'permanent',
  TSYLLA_SERVER_INVALID: 'caller',
  TSYLLA_SERVER_OTHER: 'permanent',
  TSYLLA_SERVER_OVERLOADED: 'transient',
  TSYLLA_SERVER_PROTOCOL: 'permanent',
  TSYLLA_SERVER_RATE_LIMIT: 'transient',
  TSYLLA_SERVER_READ_FAILURE: 'transient',
  TSYLLA_SERVER_READ_TIMEOUT: 'transient',
  TSYLLA_SERVER_SYNTAX: 'caller',
  TSYLLA_SERVER_TRUNCATE: 'transient',
  TSYLLA_SERVER_UNAUTHORIZED: 'permanent',
  TSYLLA_SERVER_UNAVAILABLE: 'transient',
  TSYLLA_SERVER_UNPREPARED: 'transient',
  TSYLLA_SERVER_WRITE_FAILURE: 'transient',
  TSYLLA_SERVER_WRITE_TIMEOUT: 'transient',
  TSYLLA_SESSION_DATA: 'caller',
  TSYLLA_SESSION_INVALID: 'permanent',
  TSYLLA_TLS: 'permanent',
  TSYLLA_TRACE: 'transient',
  TSYLLA_VALUE: 'caller',
}

/** Returns where the cause of a failure lies: `permanent` for errors that are not tsylla's. */
export function faultOf(error: unknown): Fault {
  if (!TsyllaError.is(error)) return 'permanent'
  // No node could be reached: its cause is that of the nodes, when they say so.
  if (error.code === 'TSYLLA_NO_NODE_AVAILABLE' && error.errors.size > 0) {
    const isTransient = [...error.errors.values()].some((reason) => faultOf(reason) === 'transient')
    return isTransient ? 'transient' : 'permanent'
  }
  return faults[error.code] ?? 'permanent'
}
