import type { RequestKind } from '../../errors/index.ts'
import type { ExecutionProfile, RoutingInfo } from '../../policies/index.ts'
import {
  beginRequest,
  HeaderFlag,
  type Opcode,
  QueryFlag,
  type WireWriter,
  writeParametersTail,
} from '../../protocol/index.ts'
import type { ServerError } from '../../errors/index.ts'
import type { Connection } from '../../transport/index.ts'
import type { ResultMetadataCache } from '../result/result-metadata-cache.ts'
import type { ValueSize } from './value-size.ts'

/**
 * What a request sends: EXECUTE, QUERY or BATCH. A message knows how it is encoded and routed and
 * what it means to repeat it; it knows nothing of deadlines, attempts or connections in use.
 */
export interface Message {
  /** Decides the outcome of failures. */
  readonly kind: RequestKind
  /** Whether it may be repeated although it may have been applied. */
  readonly isIdempotent: boolean
  readonly profile: ExecutionProfile
  readonly resultMetadata: ResultMetadataCache
  /** Text of the statement, or of all statements of a batch. */
  readonly text: string
  /** Whether it is sent as a text, which means the keyspace that its connection is in. */
  readonly isText: boolean
  /** @throws BindError when the partition key cannot be encoded */
  routing(): RoutingInfo | undefined
  /**
   * Returns what has to happen before the message can be sent on the connection, or `undefined`
   * when it can be sent.
   */
  prepareFor(connection: Connection): Promise<void> | undefined
  /** Begins one frame and writes its body; the connection completes it. @throws BindError */
  encode(
    writer: WireWriter,
    streamId: number,
    connection: Connection,
    pagingState: Uint8Array | undefined,
  ): void
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
): void {
  const flags =
    (isTraced ? HeaderFlag.TRACING : 0) |
    (customPayload === undefined ? 0 : HeaderFlag.CUSTOM_PAYLOAD)
  beginRequest(writer, flags, streamId, opcode)
  if (customPayload !== undefined) writer.writeBytesMap(customPayload)
}

/** Query flags that do not depend on the statement: those of {@link writeTail}. */
export function parameterFlags(
  pagingState: Uint8Array | undefined,
  timestamp: number | bigint | undefined,
): number {
  return (
    QueryFlag.PAGE_SIZE |
    QueryFlag.SERIAL_CONSISTENCY |
    (pagingState === undefined ? 0 : QueryFlag.PAGING_STATE) |
    (timestamp === undefined ? 0 : QueryFlag.TIMESTAMP)
  )
}

/** Writes the parameters after the values, which QUERY and EXECUTE share. */
export function writeTail(
  writer: WireWriter,
  flags: number,
  { pageSize, serialConsistency }: ExecutionProfile,
  pagingState: Uint8Array | undefined,
  timestamp: number | bigint | undefined,
): void {
  writeParametersTail(writer, flags, pageSize, pagingState, serialConsistency, timestamp ?? 0)
}
