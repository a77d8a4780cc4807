import { type Consistency, isSerialConsistency, type WriteType } from './consistency.ts'
import type { Outcome } from './outcome.ts'
import { TsyllaErrorBase } from './tsylla-error.ts'

/** Error codes of the protocol (native_protocol_v4.spec §9; 1700 is v5). */
export const ServerErrorCode = {
  SERVER: 0x0000,
  PROTOCOL: 0x000a,
  BAD_CREDENTIALS: 0x0100,
  UNAVAILABLE: 0x1000,
  OVERLOADED: 0x1001,
  IS_BOOTSTRAPPING: 0x1002,
  TRUNCATE: 0x1003,
  WRITE_TIMEOUT: 0x1100,
  READ_TIMEOUT: 0x1200,
  READ_FAILURE: 0x1300,
  FUNCTION_FAILURE: 0x1400,
  WRITE_FAILURE: 0x1500,
  CDC_WRITE_FAILURE: 0x1600,
  CAS_WRITE_UNKNOWN: 0x1700,
  SYNTAX: 0x2000,
  UNAUTHORIZED: 0x2100,
  INVALID: 0x2200,
  CONFIG: 0x2300,
  ALREADY_EXISTS: 0x2400,
  UNPREPARED: 0x2500,
} as const

/**
 * The `code` of a {@link ServerError}; `TSYLLA_SERVER_OTHER` for numbers outside the specification.
 */
export type ServerErrorName =
  | 'TSYLLA_SERVER'
  | 'TSYLLA_SERVER_PROTOCOL'
  | 'TSYLLA_SERVER_BAD_CREDENTIALS'
  | 'TSYLLA_SERVER_UNAVAILABLE'
  | 'TSYLLA_SERVER_OVERLOADED'
  | 'TSYLLA_SERVER_BOOTSTRAPPING'
  | 'TSYLLA_SERVER_TRUNCATE'
  | 'TSYLLA_SERVER_WRITE_TIMEOUT'
  | 'TSYLLA_SERVER_READ_TIMEOUT'
  | 'TSYLLA_SERVER_READ_FAILURE'
  | 'TSYLLA_SERVER_FUNCTION_FAILURE'
  | 'TSYLLA_SERVER_WRITE_FAILURE'
  | 'TSYLLA_SERVER_CDC_WRITE_FAILURE'
  | 'TSYLLA_SERVER_CAS_WRITE_UNKNOWN'
  | 'TSYLLA_SERVER_SYNTAX'
  | 'TSYLLA_SERVER_UNAUTHORIZED'
  | 'TSYLLA_SERVER_INVALID'
  | 'TSYLLA_SERVER_CONFIG'
  | 'TSYLLA_SERVER_ALREADY_EXISTS'
  | 'TSYLLA_SERVER_UNPREPARED'
  | 'TSYLLA_SERVER_RATE_LIMIT'
  | 'TSYLLA_SERVER_OTHER'

const names: ReadonlyMap<number, ServerErrorName> = new Map([
  [ServerErrorCode.SERVER, 'TSYLLA_SERVER'],
  [ServerErrorCode.PROTOCOL, 'TSYLLA_SERVER_PROTOCOL'],
  [ServerErrorCode.BAD_CREDENTIALS, 'TSYLLA_SERVER_BAD_CREDENTIALS'],
  [ServerErrorCode.UNAVAILABLE, 'TSYLLA_SERVER_UNAVAILABLE'],
  [ServerErrorCode.OVERLOADED, 'TSYLLA_SERVER_OVERLOADED'],
  [ServerErrorCode.IS_BOOTSTRAPPING, 'TSYLLA_SERVER_BOOTSTRAPPING'],
  [ServerErrorCode.TRUNCATE, 'TSYLLA_SERVER_TRUNCATE'],
  [ServerErrorCode.WRITE_TIMEOUT, 'TSYLLA_SERVER_WRITE_TIMEOUT'],
  [ServerErrorCode.READ_TIMEOUT, 'TSYLLA_SERVER_READ_TIMEOUT'],
  [ServerErrorCode.READ_FAILURE, 'TSYLLA_SERVER_READ_FAILURE'],
  [ServerErrorCode.FUNCTION_FAILURE, 'TSYLLA_SERVER_FUNCTION_FAILURE'],
  [ServerErrorCode.WRITE_FAILURE, 'TSYLLA_SERVER_WRITE_FAILURE'],
  [ServerErrorCode.CDC_WRITE_FAILURE, 'TSYLLA_SERVER_CDC_WRITE_FAILURE'],
  [ServerErrorCode.CAS_WRITE_UNKNOWN, 'TSYLLA_SERVER_CAS_WRITE_UNKNOWN'],
  [ServerErrorCode.SYNTAX, 'TSYLLA_SERVER_SYNTAX'],
  [ServerErrorCode.UNAUTHORIZED, 'TSYLLA_SERVER_UNAUTHORIZED'],
  [ServerErrorCode.INVALID, 'TSYLLA_SERVER_INVALID'],
  [ServerErrorCode.CONFIG, 'TSYLLA_SERVER_CONFIG'],
  [ServerErrorCode.ALREADY_EXISTS, 'TSYLLA_SERVER_ALREADY_EXISTS'],
  [ServerErrorCode.UNPREPARED, 'TSYLLA_SERVER_UNPREPARED'],
])

/**
 * Fields that error bodies carry besides code and message (native_protocol_v4.spec §9). The engine
 * writes what the client reads, so one shape serves both directions.
 */
export interface ServerErrorDetails {
  /** 1000, 1100–1300, 1500, 1700 */
  readonly consistency?: Consistency
  /** 1000: replicas needed; elsewhere: acknowledgements needed (`blockfor`). */
  readonly required?: number
  /** 1000: replicas alive. */
  readonly alive?: number
  /** 1100, 1200, 1300, 1500, 1700: acknowledgements received. */
  readonly received?: number
  /** 1300, 1500: replicas that failed. */
  readonly failures?: number
  /**
   * 1300, 1500, in protocol v5: why replicas failed, by address (native_protocol_v5.spec §9, for
   * example 1 for too many tombstones).
   */
  readonly failureReasons?: ReadonlyMap<string, number>
  /** 1100 of a conditional write, in protocol v5: contentions during the Paxos rounds. */
  readonly contentions?: number
  /** 1200, 1300: whether the replica asked for data answered. */
  readonly dataPresent?: boolean
  /** 1100, 1500 */
  readonly writeType?: WriteType
  /** 1400, 2400 */
  readonly keyspace?: string
  /** 2400; empty when the keyspace itself exists. */
  readonly table?: string
  /** 1400 */
  readonly functionName?: string
  /** 1400 */
  readonly argumentTypes?: readonly string[]
  /** 2500: id of the statement the node does not know. */
  readonly statementId?: Uint8Array
  /** Rate limit of ScyllaDB: which limit of the partition was exceeded. */
  readonly operation?: 'read' | 'write'
  /**
   * Rate limit of ScyllaDB: whether the coordinator rejected the request, before any replica saw
   * it.
   */
  readonly isRejectedByCoordinator?: boolean
}

type Fields<Name extends keyof ServerErrorDetails> = {
  readonly [Field in Name]-?: NonNullable<ServerErrorDetails[Field]>
}

/** The fields that an error of each code always has (native_protocol_v4.spec §9). */
interface ServerErrorFields {
  TSYLLA_SERVER_UNAVAILABLE: Fields<'consistency' | 'required' | 'alive'>
  TSYLLA_SERVER_WRITE_TIMEOUT: Fields<'consistency' | 'received' | 'required' | 'writeType'>
  TSYLLA_SERVER_READ_TIMEOUT: Fields<'consistency' | 'received' | 'required' | 'dataPresent'>
  TSYLLA_SERVER_READ_FAILURE: Fields<
    'consistency' | 'received' | 'required' | 'failures' | 'dataPresent'
  >
  TSYLLA_SERVER_WRITE_FAILURE: Fields<
    'consistency' | 'received' | 'required' | 'failures' | 'writeType'
  >
  TSYLLA_SERVER_CAS_WRITE_UNKNOWN: Fields<'consistency' | 'received' | 'required'>
  TSYLLA_SERVER_FUNCTION_FAILURE: Fields<'keyspace' | 'functionName' | 'argumentTypes'>
  TSYLLA_SERVER_ALREADY_EXISTS: Fields<'keyspace' | 'table'>
  TSYLLA_SERVER_UNPREPARED: Fields<'statementId'>
  TSYLLA_SERVER_RATE_LIMIT: Fields<'operation' | 'isRejectedByCoordinator'>
}

/** {@link ServerErrorDetails} as errors of one code have them. */
export type ServerErrorDetailsOf<Code extends ServerErrorName> = ServerErrorDetails &
  (Code extends keyof ServerErrorFields ? ServerErrorFields[Code] : unknown)

/** A {@link ServerError} whose `code` decides the type of its `details`. */
export type AnyServerError = {
  [Code in ServerErrorName]: ServerError & {
    readonly code: Code
    readonly details: ServerErrorDetailsOf<Code>
  }
}[ServerErrorName]

/** An ERROR response of a node. */
export class ServerError extends TsyllaErrorBase {
  readonly code: ServerErrorName
  /** Number of the error in the protocol, 0x2200 for an invalid statement. */
  readonly serverCode: number
  readonly details: ServerErrorDetails
  /** @param code default: that of the number. The number of a rate limit is negotiated. */
  constructor(
    serverCode: number,
    message: string,
    details: ServerErrorDetails = {},
    code: ServerErrorName = names.get(serverCode) ?? 'TSYLLA_SERVER_OTHER',
  ) {
    super(message, 'unknown')
    this.serverCode = serverCode
    this.code = code
    this.details = details
  }
}

/** What a failed request was, as far as it decides whether the server can have acted. */
export type RequestKind = 'read' | 'write' | 'lwt' | 'logged_batch' | 'unlogged_batch' | 'counter'

/**
 * Whether a server that answered with `error` can have applied a request of kind `kind`
 * (`docs/errors.md` has the table). Denies by default: what is not known to be harmless is
 * `unknown`.
 */
export function serverErrorOutcome(error: ServerError, kind: RequestKind): Outcome {
  if (kind === 'read') return 'not_applied'
  const code = error.serverCode
  if (code >= 0x2000 && code < 0x2600) return 'not_applied'
  if (code === ServerErrorCode.IS_BOOTSTRAPPING) return 'not_applied'
  if (error.details.isRejectedByCoordinator === true) return 'not_applied'
  if (code !== ServerErrorCode.UNAVAILABLE) return 'unknown'
  if (kind === 'write' || kind === 'logged_batch') return 'not_applied'
  // An LWT is unavailable either before Paxos (serial level) or at its commit (plain level).
  const level = error.details.consistency
  if (kind === 'lwt' && level !== undefined && isSerialConsistency(level)) return 'not_applied'
  return 'unknown'
}
