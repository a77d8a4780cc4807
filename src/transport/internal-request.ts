import {
  ConnectionError,
  ProtocolError,
  RequestTimeoutError,
  ServerError,
  TsyllaError,
} from '../errors/index.ts'
import {
  beginRequest,
  HeaderFlag,
  initialFeatures,
  Opcode,
  type PreparedResult,
  type ProtocolFeatures,
  type ProtocolVersion,
  QueryFlag,
  readResponse,
  readResponsePrefix,
  type Response,
  type ResponsePrefix,
  ResultKind,
  type RowsResult,
  WireReader,
  type WireWriter,
  writeParametersTail,
  writePrepare,
  writeQueryHead,
} from '../protocol/index.ts'
import { createDeferred, type Deferred } from '../util/index.ts'
import type { Connection, ConnectionRequest } from './connection.ts'
import type { DeadlineTimer } from './deadline-timer.ts'

/** Writes the body of a request in the protocol version of its connection. */
type WriteBody = (writer: WireWriter, version: ProtocolVersion) => void

/** The deadline of a request of the driver itself. */
export interface InternalRequestOptions {
  readonly deadlineTimer: DeadlineTimer
  readonly timeoutMs: number
}

/**
 * A request of the driver itself, whose answer is read whole: handshake, PREPARE, USE, system
 * tables, heartbeat. Users' requests use a cheaper implementation of `ConnectionRequest`.
 */
class InternalRequest implements ConnectionRequest {
  readonly deadlineMs: number
  readonly sentMs: number
  streamId = -1
  readonly dependsOnKeyspace: boolean
  readonly deferred: Deferred<Answer> = createDeferred()
  readonly #flags: number
  readonly #opcode: number
  readonly #timeoutMs: number
  readonly #writeBody: WriteBody
  #features: ProtocolFeatures = initialFeatures

  constructor(
    opcode: number,
    writeBody: WriteBody,
    options: InternalRequestOptions,
    flags: number,
    isUntimed: boolean,
  ) {
    this.#flags = flags
    this.#opcode = opcode
    // All other texts of the driver name their tables in full.
    this.dependsOnKeyspace = opcode === Opcode.PREPARE
    this.#writeBody = writeBody
    this.#timeoutMs = options.timeoutMs
    this.sentMs = options.deadlineTimer.nowMs()
    this.deadlineMs = isUntimed ? Number.POSITIVE_INFINITY : this.sentMs + options.timeoutMs
  }

  encode(writer: WireWriter, streamId: number, { features }: Connection): void {
    this.#features = features
    beginRequest(writer, this.#flags, streamId, this.#opcode, features.version)
    this.#writeBody(writer, features.version)
  }

  onResponse(flags: number, opcode: number, bytes: Buffer, start: number, end: number): void {
    try {
      const reader = new WireReader(bytes, start, end)
      const prefix = readResponsePrefix(reader, flags)
      const response = readResponse(reader, opcode, this.#features)
      if (response.opcode === Opcode.ERROR) this.onLost(response.error)
      else this.deferred.resolve({ response, prefix })
    } catch (error) {
      this.onLost(
        TsyllaError.is(error) ? error : new ProtocolError('Malformed response', { cause: error }),
      )
    }
  }

  /**
   * Requests of the driver never change stored data, so the outcome is `not_applied`. All requests
   * of a lost connection receive the same error, so each changes a copy.
   */
  onLost(error: TsyllaError): void {
    const own = error.copy()
    own.outcome = 'not_applied'
    this.deferred.reject(own)
  }

  onOverdue(): number {
    return 0
  }

  onTimeout(): void {
    this.deferred.reject(new RequestTimeoutError(this.#timeoutMs, 'not_applied'))
  }
}

/** A response, and the prefix of its body: tracing id, warnings, custom payload. */
export interface Answer {
  readonly response: Response
  readonly prefix: ResponsePrefix
}

/** Sends a request and returns its response. @throws ServerError, ConnectionError, ProtocolError */
export async function sendInternalRequest(
  connection: Connection,
  opcode: number,
  writeBody: WriteBody,
  options: InternalRequestOptions,
): Promise<Response> {
  return (await sendWithPrefix(connection, opcode, writeBody, options)).response
}

/** Sends a request and returns its response with the prefix. @param flags frame header flags */
function sendWithPrefix(
  connection: Connection,
  opcode: number,
  writeBody: WriteBody,
  options: InternalRequestOptions,
  flags = 0,
): Promise<Answer> {
  const request = new InternalRequest(opcode, writeBody, options, flags, connection.isUntimed)
  try {
    if (!connection.sendInternal(request)) {
      request.onLost(connection.closedError ?? connection.endedError())
    }
  } catch (error) {
    request.deferred.reject(error)
  }
  return request.deferred.promise
}

/** Tables of the node itself are read at this level. */
const consistencyOne = 1
/** Rows of one page of a system table; more pages follow until there is no paging state. */
const systemPageSize = 1024

/** Returns all rows of a system query, page by page, with their columns. */
export async function queryAll(
  connection: Connection,
  text: string,
  options: InternalRequestOptions,
): Promise<Pick<RowsResult, 'metadata' | 'rows'>> {
  const rows: (readonly (Uint8Array | null)[])[] = []
  let pagingState: Uint8Array | undefined
  for (;;) {
    const state = pagingState
    const flags = QueryFlag.PAGE_SIZE | (state === undefined ? 0 : QueryFlag.PAGING_STATE)
    const response = await sendInternalRequest(
      connection,
      Opcode.QUERY,
      (writer, version) => {
        writeQueryHead(writer, text, consistencyOne, flags, version)
        writeParametersTail(writer, flags, systemPageSize, state, 0, 0)
      },
      options,
    )
    if (response.opcode !== Opcode.RESULT || response.kind !== ResultKind.ROWS) {
      throw new ProtocolError(`${connection.address} answered a SELECT without rows`)
    }
    rows.push(...response.rows)
    pagingState = response.metadata.pagingState
    if (pagingState === undefined) return { metadata: response.metadata, rows }
  }
}

/** Options of a USE that the user's statement has requested. */
export interface UseFrame {
  readonly isTraced: boolean
  readonly customPayload: ReadonlyMap<string, Uint8Array> | undefined
}

/**
 * Sets the keyspace of one connection, once the node has answered the texts that were sent before.
 * When the response does not show whether the keyspace was set, the connection is closed: later
 * requests on it could run in either keyspace.
 *
 * @returns the prefix of the response: tracing id, warnings
 */
export async function sendUse(
  connection: Connection,
  keyspace: string,
  options: InternalRequestOptions,
  frame?: UseFrame,
): Promise<ResponsePrefix> {
  // The name may come from a server, so quotes in it are escaped.
  const name = keyspace.replaceAll('"', '""')
  connection.keyspace.beginUse()
  try {
    await textsEnded(connection, options)
    const { response, prefix } = await sendWithPrefix(
      connection,
      Opcode.QUERY,
      (writer, version) => writeUse(writer, version, `USE "${name}"`, frame),
      options,
      useFlags(frame),
    )
    if (!isKeyspaceSet(response, keyspace)) {
      throw new ProtocolError(`${connection.address} did not answer USE with the keyspace`)
    }
    connection.keyspace.endUse(keyspace)
    return prefix
  } catch (error) {
    connection.keyspace.endUse(undefined)
    if (!(error instanceof ServerError)) {
      const { address } = connection
      const reason = 'connection closed: USE was not answered'
      connection.destroy(new ConnectionError(address, reason, 'unknown', { cause: error }))
    }
    throw error
  }
}

/** @throws RequestTimeoutError when the node has not answered them in time */
async function textsEnded(
  { keyspace, isUntimed }: Connection,
  { deadlineTimer, timeoutMs }: InternalRequestOptions,
): Promise<void> {
  const ended = keyspace.whenTextsEnd()
  if (ended === undefined) return
  if (isUntimed) return await ended
  await new Promise<void>((resolve, reject) => {
    const fail = (): void => reject(new RequestTimeoutError(timeoutMs, 'not_applied'))
    const timer = deadlineTimer.clock.schedule(timeoutMs, fail, true)
    void ended.then(() => {
      timer.cancel()
      resolve()
    })
  })
}

function useFlags(frame: UseFrame | undefined): number {
  return (
    (frame?.isTraced === true ? HeaderFlag.TRACING : 0) |
    (frame?.customPayload === undefined ? 0 : HeaderFlag.CUSTOM_PAYLOAD)
  )
}

function writeUse(
  writer: WireWriter,
  version: ProtocolVersion,
  text: string,
  frame: UseFrame | undefined,
): void {
  if (frame?.customPayload !== undefined) writer.writeBytesMap(frame.customPayload)
  const flags = QueryFlag.PAGE_SIZE
  writeQueryHead(writer, text, consistencyOne, flags, version)
  writeParametersTail(writer, flags, systemPageSize, undefined, 0, 0)
}

function isKeyspaceSet(response: Response, keyspace: string): boolean {
  if (response.opcode !== Opcode.RESULT || response.kind !== ResultKind.SET_KEYSPACE) return false
  return response.keyspace.toLowerCase() === keyspace.toLowerCase()
}

/** @param keyspace of the text, on connections that can name it; default: that of the connection */
export async function sendPrepare(
  connection: Connection,
  text: string,
  options: InternalRequestOptions,
  keyspace?: string,
): Promise<PreparedResult> {
  const response = await sendInternalRequest(
    connection,
    Opcode.PREPARE,
    (writer, version) => writePrepare(writer, text, version, keyspace),
    options,
  )
  if (response.opcode !== Opcode.RESULT || response.kind !== ResultKind.PREPARED) {
    throw new ProtocolError(`${connection.address} did not answer PREPARE with a statement`)
  }
  return response
}
