import type {
  AbortedError,
  AuthenticationError,
  BindError,
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
import type { CqlSyntaxError } from './cql-syntax-error.ts'
import type { Outcome } from './outcome.ts'
import type { EngineLockedError, StorageError } from './engine-errors.ts'
import type {
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
import type { AnyServerError } from './server-errors.ts'
import { TsyllaErrorBase } from './tsylla-error.ts'

/**
 * Every error there is: checking `error.code` narrows the type to one class and its fields, and for
 * errors of the server to the `details` of that code.
 */
export type AnyTsyllaError =
  | AbortedError
  | AlreadyConnectedError
  | AnyServerError
  | AuthenticationError
  | BindError
  | CacheValueError
  | ClockDriftError
  | ClosedError
  | ConcurrencyConflictError
  | ConfigError
  | ConnectionError
  | CqlSyntaxError
  | DecodeError
  | DependencyMissingError
  | EncodeError
  | EngineLockedError
  | FactoryTimeoutError
  | KeyspaceError
  | LockHeldError
  | LockLostError
  | NoNodeAvailableError
  | NotConnectedError
  | OverloadedError
  | PagingStateError
  | ProtocolError
  | RateLimitedError
  | RequestTimeoutError
  | ResultTooLargeError
  | RevisionConflictError
  | RowCountError
  | RowExistsError
  | RowNotFoundError
  | SchemaAgreementError
  | SchemaMismatchError
  | SessionDataError
  | SessionInvalidError
  | StorageError
  | TlsError
  | TraceError
  | ValueError

interface TsyllaErrorStatics {
  /** Works across the ESM and CJS builds, where `instanceof` does not. */
  is(value: unknown): value is AnyTsyllaError
  readonly prototype: TsyllaErrorBase
}

type BaseConstructor = abstract new (
  message: string,
  outcome?: Outcome,
  options?: ErrorOptions,
) => TsyllaErrorBase

// Every error with the brand is one of the classes above; only this file knows all of them.
const typed: unknown = TsyllaErrorBase

/**
 * Base of every error tsylla throws or rejects with. Distinguish them by `code`, which is stable;
 * `message` is for people and never contains a secret or a bound value.
 */
export const TsyllaError: TsyllaErrorStatics & BaseConstructor = typed as TsyllaErrorStatics &
  BaseConstructor
export type TsyllaError = TsyllaErrorBase

/**
 * Rejects with a copy of an error. Callers that share work do not share its error: each adds what
 * it knows to its own.
 */
export function rejectWithCopy(error: unknown): never {
  throw TsyllaError.is(error) ? error.copy() : error
}
