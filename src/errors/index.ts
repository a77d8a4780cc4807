export { type AnyTsyllaError, rejectWithCopy, TsyllaError } from './any-error.ts'
export {
  AbortedError,
  AuthenticationError,
  BindError,
  type BindErrorCode,
  type BindErrorDetails,
  ClosedError,
  ConfigError,
  ConnectionError,
  DecodeError,
  DependencyMissingError,
  EncodeError,
  KeyspaceError,
  NoNodeAvailableError,
  OverloadedError,
  PagingStateError,
  ProtocolError,
  RequestTimeoutError,
  ResultTooLargeError,
  RowCountError,
  SchemaAgreementError,
  TlsError,
  TraceError,
  ValueError,
} from './client-errors.ts'
export {
  type Consistency,
  ConsistencyCode,
  consistencyName,
  isSerialCode,
  isSerialConsistency,
  type SerialConsistency,
  type WriteType,
} from './consistency.ts'
export { CqlSyntaxError } from './cql-syntax-error.ts'
export { EngineLockedError, StorageError } from './engine-errors.ts'
export { type Fault, faultOf } from './fault.ts'
export type { Outcome } from './outcome.ts'
export {
  AlreadyConnectedError,
  CacheValueError,
  ClockDriftError,
  ConcurrencyConflictError,
  FactoryTimeoutError,
  LockHeldError,
  LockLostError,
  NotConnectedError,
  RateLimitedError,
  RevisionConflictError,
  RowExistsError,
  RowNotFoundError,
  SchemaMismatchError,
  SessionDataError,
  SessionInvalidError,
} from './pattern-errors.ts'
export { Secret } from './secret.ts'
export {
  type AnyServerError,
  type RequestKind,
  ServerError,
  ServerErrorCode,
  type ServerErrorDetails,
  type ServerErrorDetailsOf,
  type ServerErrorName,
  serverErrorOutcome,
} from './server-errors.ts'
export type { Attempt } from './tsylla-error.ts'
