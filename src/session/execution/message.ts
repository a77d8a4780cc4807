import { ConfigError, type RequestKind } from '../../errors/index.ts'
import type { ExecutionProfile, RequestFacts, RoutingInfo } from '../../policies/index.ts'
import {
  beginRequest,
  HeaderFlag,
  type Opcode,
  type ParametersV5,
  ProtocolVersion,
  QueryFlag,
  type WireWriter,
  writeParametersTail,
} from '../../protocol/index.ts'
import type { ServerError } from '../../errors/index.ts'
import type { Connection } from '../../transport/index.ts'
import type { KnownColumns, ResultMetadataCache } from '../result/result-metadata-cache.ts'
import type { ValueSize } from './value-size.ts'

/** A table, as far as its statement tells. */
export interface RoutedTable {
  readonly keyspace: string | undefined
  readonly table: string | undefined
}

/**
 * What a request sends: EXECUTE, QUERY or BATCH. A message knows how it is encoded and routed and
 * what it means to repeat it; it knows nothing of deadlines, attempts or connections in use.
 */
export interface Message extends RequestFacts {
  /** Decides the outcome of failures. */
  readonly kind: RequestKind
  /** Whether it may be repeated although it may have been applied. */
  readonly isIdempotent: boolean
  readonly profile: ExecutionProfile
  /** Wire code: that of the profile, unless a retry policy has chosen another one. */
  consistency: number
  readonly resultMetadata: ResultMetadataCache
  /** Text of the statement, or of all statements of a batch. */
  readonly text: string
  /** In marker order; for a batch a list per statement. */
  readonly boundValues: readonly unknown[]
  /** Whether it contains a text that means the keyspace that the connection is in. */
  dependsOnKeyspace(connection: Connection): boolean
  /** The table that {@link routing} is about. */
  readonly routedTable: RoutedTable | undefined
  /** @throws BindError when the partition key cannot be encoded */
  routing(): RoutingInfo | undefined
  /**
   * Returns what has to happen before the message can be sent on the connection, or `undefined`
   * when it can be sent.
   */
  prepareFor(connection: Connection): Promise<void> | undefined
  /**
   * Begins one frame and writes its body; the connection completes it.
   *
   * @returns the columns that the node may leave out of its answer
   * @throws BindError
   */
  encode(
    writer: WireWriter,
    streamId: number,
    connection: Connection,
    pagingState: Uint8Array | undefined,
  ): KnownColumns | undefined
  /**
   * Returns what may make the message encodable after all, or `undefined` when the error is final.
   * The promise rejects with the error when it is final.
   */
  repair(error: unknown): Promise<void> | undefined
  /** The node does not know a statement: prepares it there. */
  prepareAgain(connection: Connection, error: ServerError): Promise<void>
  /** Roughly what it takes on the wire: what waits is bounded by it. */
  size(): ValueSize
}

/** Begins a frame with its header and the custom payload. */
export function beginMessage(
  writer: WireWriter,
  { isTraced, customPayload }: ExecutionProfile,
  streamId: number,
  opcode: Opcode,
  { features }: Connection,
): void {
  const flags =
    (isTraced ? HeaderFlag.TRACING : 0) |
    (customPayload === undefined ? 0 : HeaderFlag.CUSTOM_PAYLOAD)
  beginRequest(writer, flags, streamId, opcode, features.version)
  if (customPayload !== undefined) writer.writeBytesMap(customPayload)
}

/** Query flags that do not depend on the statement: those of {@link writeTail}. */
export function parameterFlags(
  pagingState: Uint8Array | undefined,
  timestamp: number | bigint | undefined,
  parametersV5: ParametersV5,
): number {
  return (
    QueryFlag.PAGE_SIZE |
    QueryFlag.SERIAL_CONSISTENCY |
    (pagingState === undefined ? 0 : QueryFlag.PAGING_STATE) |
    (timestamp === undefined ? 0 : QueryFlag.TIMESTAMP) |
    flagsV5(parametersV5)
  )
}

/** Flags of the parameters that only v5 has. */
export function flagsV5({ keyspace, nowInSeconds }: ParametersV5): number {
  return (
    (keyspace === undefined ? 0 : QueryFlag.KEYSPACE) |
    (nowInSeconds === undefined ? 0 : QueryFlag.NOW_IN_SECONDS)
  )
}

const noParametersV5: ParametersV5 = Object.freeze({})

/**
 * Returns the parameters that only v5 has.
 *
 * @param keyspace what the texts of the message mean, when it has to be said
 * @throws ConfigError when the caller's need version 5, and the connection speaks another one
 */
export function parametersV5Of(
  { nowInSeconds }: ExecutionProfile,
  { address, features: { version } }: Connection,
  keyspace?: string,
): ParametersV5 {
  if (nowInSeconds === undefined && keyspace === undefined) return noParametersV5
  if (version >= ProtocolVersion.V5) return { keyspace, nowInSeconds }
  throw new ConfigError(
    `nowInSeconds needs protocol version 5, but ${address} speaks version ${version}`,
  )
}

/** Writes the parameters after the values, which QUERY and EXECUTE share. */
export function writeTail(
  writer: WireWriter,
  flags: number,
  { pageSize, serialConsistency }: ExecutionProfile,
  pagingState: Uint8Array | undefined,
  timestamp: number | bigint | undefined,
  parametersV5: ParametersV5,
): void {
  writeParametersTail(
    writer,
    flags,
    pageSize,
    pagingState,
    serialConsistency,
    timestamp ?? 0,
    parametersV5,
  )
}
