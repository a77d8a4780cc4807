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
  ValueError,
} from './client-errors.ts'
import type { CqlSyntaxError } from './cql-syntax-error.ts'
import type { Outcome } from './outcome.ts'
import type { EngineLockedError, StorageError } from './engine-errors.ts'
import type {
  AlreadyConnectedError,
  CacheValueError,
  ConcurrencyConflictError,
  NotConnectedError,
  RowExistsError,
  RowNotFoundError,
} from './pattern-errors.ts'
import type { ServerError } from './server-errors.ts'
import { TsyllaError as Base } from './tsylla-error.ts'

/** Every error there is: `error.code` tells which one, and TypeScript then knows its fields. */
export type AnyTsyllaError =
  | AbortedError
  | AlreadyConnectedError
  | AuthenticationError
  | BindError
  | CacheValueError
  | ClosedError
  | ConcurrencyConflictError
  | ConfigError
  | ConnectionError
  | CqlSyntaxError
  | DecodeError
  | DependencyMissingError
  | EncodeError
  | EngineLockedError
  | KeyspaceError
  | NoNodeAvailableError
  | NotConnectedError
  | OverloadedError
  | PagingStateError
  | ProtocolError
  | RequestTimeoutError
  | ResultTooLargeError
  | RowCountError
  | RowExistsError
  | RowNotFoundError
  | SchemaAgreementError
  | ServerError
  | StorageError
  | TlsError
  | ValueError

interface TellsErrors {
  /** Works across the ESM and CJS builds, where `instanceof` does not. */
  is(value: unknown): value is AnyTsyllaError
  readonly prototype: Base
}

type BaseConstructor = abstract new (
  message: string,
  outcome?: Outcome,
  options?: ErrorOptions,
) => Base

// That every error with the brand is one of these is known here, where all of them are.
const typed: unknown = Base

/**
 * Base of every error tsylla throws or rejects with. Tell them apart by `code`, which is stable;
 * `message` is for people and never contains a secret or a bound value.
 */
export const TsyllaError: TellsErrors & BaseConstructor = typed as TellsErrors & BaseConstructor
export type TsyllaError = Base
