import {
  ConnectionError,
  ProtocolError,
  RequestTimeoutError,
  ServerError,
  TsyllaError,
} from '../errors/index.ts'
import {
  beginRequest,
  endFrame,
  Opcode,
  type PreparedResult,
  QueryFlag,
  readResponse,
  readResponsePrefix,
  type Response,
  ResultKind,
  type RowsResult,
  WireReader,
  type WireWriter,
  writeParametersTail,
  writePrepare,
  writeQueryHead,
} from '../protocol/index.ts'
import { createDeferred, type Deferred } from '../util/index.ts'
import {
  type Connection,
  type ConnectionRequest,
  inFlightCountMax,
  ownCountMax,
} from './connection.ts'
import type { Ticker } from './ticker.ts'

/** One request of the driver itself, and how long it may take. */
export interface CallOptions {
  readonly ticker: Ticker
  readonly timeoutMs: number
}

/**
 * A request whose answer is read whole: handshake, PREPARE, USE, system tables, heartbeat. Users'
 * requests have a lighter way.
 */
class Call implements ConnectionRequest {
  readonly deadlineMs: number
  streamId = -1
  readonly deferred: Deferred<Response> = createDeferred()
  readonly #opcode: number
  readonly #timeoutMs: number
  readonly #writeBody: (writer: WireWriter) => void

  constructor(opcode: number, writeBody: (writer: WireWriter) => void, options: CallOptions) {
    this.#opcode = opcode
    this.#writeBody = writeBody
    this.#timeoutMs = options.timeoutMs
    this.deadlineMs = options.ticker.nowMs() + options.timeoutMs
  }

  encode(writer: WireWriter, streamId: number): void {
    const start = beginRequest(writer, 0, streamId, this.#opcode)
    this.#writeBody(writer)
    endFrame(writer, start)
  }

  onResponse(flags: number, opcode: number, bytes: Buffer, start: number, end: number): void {
    try {
      const reader = new WireReader(bytes, start, end)
      readResponsePrefix(reader, flags)
      const response = readResponse(reader, opcode)
      if (response.opcode === Opcode.ERROR) this.onLost(response.error)
      else this.deferred.resolve(response)
    } catch (error) {
      this.onLost(
        TsyllaError.is(error) ? error : new ProtocolError('Malformed response', { cause: error }),
      )
    }
  }

  /**
   * Nothing the driver asks for itself changes what is stored. The error of a connection is that of
   * all its requests: each adds to its own copy.
   */
  onLost(error: TsyllaError): void {
    const own = error.copy()
    own.outcome = 'not_applied'
    this.deferred.reject(own)
  }

  onTimeout(): void {
    this.deferred.reject(new RequestTimeoutError(this.#timeoutMs, 'not_applied'))
  }
}

/** Sends a request and gives its answer. @throws ServerError and what connections fail with */
export function call(
  connection: Connection,
  opcode: number,
  writeBody: (writer: WireWriter) => void,
  options: CallOptions,
): Promise<Response> {
  const request = new Call(opcode, writeBody, options)
  try {
    if (!connection.send(request, inFlightCountMax + ownCountMax)) {
      request.onLost(connection.closedError ?? new ProtocolError('The connection has no room'))
    }
  } catch (error) {
    request.deferred.reject(error)
  }
  return request.deferred.promise
}

/** Runs a text without values at consistency ONE, as tables of the node itself are read. */
export async function callQuery(
  connection: Connection,
  text: string,
  options: CallOptions,
): Promise<Response> {
  const consistencyOne = 1
  const flags = QueryFlag.PAGE_SIZE
  return await call(
    connection,
    Opcode.QUERY,
    (writer) => {
      writeQueryHead(writer, text, consistencyOne, flags)
      writeParametersTail(writer, flags, systemPageSize, undefined, 0, 0)
    },
    options,
  )
}

/** Rows of one page of a system table; more pages follow until there is no paging state. */
const systemPageSize = 1024

/** All rows of a system query, page by page, with their columns. */
export async function callRows(
  connection: Connection,
  text: string,
  options: CallOptions,
): Promise<Pick<RowsResult, 'metadata' | 'rows'>> {
  const rows: (readonly (Uint8Array | null)[])[] = []
  let pagingState: Uint8Array | undefined
  for (;;) {
    const state = pagingState
    const flags = QueryFlag.PAGE_SIZE | (state === undefined ? 0 : QueryFlag.PAGING_STATE)
    const response = await call(
      connection,
      Opcode.QUERY,
      (writer) => {
        writeQueryHead(writer, text, 1, flags)
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

/**
 * Sets the keyspace of one connection. Without an answer that says whether it is set, the
 * connection is closed: what is asked on it could mean either keyspace.
 */
export async function callUse(
  connection: Connection,
  keyspace: string,
  options: CallOptions,
): Promise<void> {
  // The name may be one that a server gave: it stays inside its quotes.
  const name = keyspace.replaceAll('"', '""')
  connection.beginUse()
  try {
    const response = await callQuery(connection, `USE "${name}"`, options)
    if (!isKeyspaceSet(response, keyspace)) {
      throw new ProtocolError(`${connection.address} did not answer USE with the keyspace`)
    }
    connection.endUse(keyspace)
  } catch (error) {
    connection.endUse(undefined)
    if (!(error instanceof ServerError)) {
      const { address } = connection
      const reason = 'connection closed: USE was not answered'
      connection.destroy(new ConnectionError(address, reason, 'unknown', { cause: error }))
    }
    throw error
  }
}

function isKeyspaceSet(response: Response, keyspace: string): boolean {
  if (response.opcode !== Opcode.RESULT || response.kind !== ResultKind.SET_KEYSPACE) return false
  return response.keyspace.toLowerCase() === keyspace.toLowerCase()
}

export async function callPrepare(
  connection: Connection,
  text: string,
  options: CallOptions,
): Promise<PreparedResult> {
  const response = await call(
    connection,
    Opcode.PREPARE,
    (writer) => writePrepare(writer, text),
    options,
  )
  if (response.opcode !== Opcode.RESULT || response.kind !== ResultKind.PREPARED) {
    throw new ProtocolError(`${connection.address} did not answer PREPARE with a statement`)
  }
  return response
}
