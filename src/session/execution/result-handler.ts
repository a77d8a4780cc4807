import type { Row } from '../../codec/index.ts'
import { ProtocolError, ResultTooLargeError } from '../../errors/index.ts'
import { warn } from '../../observability/index.ts'
import {
  emptyResponsePrefix,
  readResponsePrefix,
  readSchemaChange,
  type ResponsePrefix,
  ResultKind,
  type WireReader,
} from '../../protocol/index.ts'
import type { KnownColumns } from '../result/result-metadata-cache.ts'
import { type ResultExtras, ResultSet } from '../result/result-set.ts'
import type { ExecutionContext } from './execution-context.ts'
import type { Message } from './message.ts'
import type { RequestAttempt } from './request-attempt.ts'

/** Rows of the pages before the last, and what came with them. */
export interface GatheredPages {
  readonly rows: Row[]
  readonly warnings: string[]
  bytes: number
}

/** The request whose result is read. */
export interface ResultTarget {
  readonly context: ExecutionContext
  readonly message: Message
  readonly pages: 'all' | 'one'
  gathered: GatheredPages | undefined
  succeed(result: ResultSet<unknown>): void
  succeedAfter(following: Promise<unknown>, result: ResultSet<unknown>): void
  fetchNextPage(pagingState: Uint8Array): void
}

/** Reads a RESULT, and settles or continues its request. */
export function handleResult(
  request: ResultTarget,
  { connection, knownColumns }: Pick<RequestAttempt, 'connection' | 'knownColumns'>,
  reader: WireReader,
  flags: number,
): void {
  const prefix = flags === 0 ? emptyResponsePrefix : readResponsePrefix(reader, flags)
  if (prefix.customPayload !== undefined) learnTablet(request, connection, prefix.customPayload)
  const kind = reader.readInt()
  const { address } = connection
  switch (kind) {
    case ResultKind.ROWS:
      return readRows(request, address, knownColumns, reader, prefix)
    case ResultKind.VOID:
      return request.succeed(withoutRows(request, address, prefix))
    case ResultKind.SET_KEYSPACE: {
      const result = withoutRows(request, address, prefix)
      const following = request.context.cluster.useKeyspace(reader.readString())
      return request.succeedAfter(following, result)
    }
    case ResultKind.SCHEMA_CHANGE: {
      const result = withoutRows(request, address, prefix)
      const change = readSchemaChange(reader)
      const following = request.context.cluster.onSchemaChange(change, connection)
      return request.succeedAfter(following, result)
    }
    default:
      throw new ProtocolError(`${address} answered with a result of kind ${kind}`)
  }
}

/** A node that has no replica of the partition says in the payload which nodes have. */
function learnTablet(
  { message, context }: ResultTarget,
  connection: RequestAttempt['connection'],
  payload: ReadonlyMap<string, Uint8Array | null>,
): void {
  const { keyspace, table } = message.routedTable ?? {}
  if (connection.recorder !== undefined && bringsTablet(connection, payload)) {
    connection.recorder.misroutedCount++
  }
  if (keyspace === undefined || table === undefined) return
  if (context.cluster.learnTablet({ keyspace, table }, connection, payload)) return
  warn(connection.address, `A description of a tablet of ${keyspace}.${table} is malformed`)
}

function bringsTablet(
  { features: { tablets } }: RequestAttempt['connection'],
  payload: ReadonlyMap<string, unknown>,
): boolean {
  return tablets !== undefined && payload.has(`tablets-routing-v${tablets}`)
}

function withoutRows(
  { context }: ResultTarget,
  address: string,
  prefix: ResponsePrefix,
): ResultSet<unknown> {
  const extras = extrasOf(context, prefix)
  if (extras === undefined) return new ResultSet(address)
  return new ResultSet<unknown>(address, undefined, undefined, undefined, extras)
}

/** Returns what came with a result, and how to read its trace if it has one. */
export function extrasOf(
  { readTrace }: ExecutionContext,
  prefix: ResponsePrefix,
): ResultExtras | undefined {
  if (prefix === emptyResponsePrefix) return undefined
  const { tracingId } = prefix
  if (tracingId === undefined) return prefix
  return { ...prefix, readTrace: (options) => readTrace(tracingId, options) }
}

function readRows(
  request: ResultTarget,
  address: string,
  knownColumns: KnownColumns | undefined,
  reader: WireReader,
  prefix: ResponsePrefix,
): void {
  const { message, context } = request
  const byteCount = reader.remaining
  const { columns, rows, pagingState } = message.resultMetadata.readPage(reader, knownColumns)
  const isConditional = message.kind === 'lwt'
  if (isConditional) context.timestamps?.onLwtResult()
  const isWhole =
    request.pages === 'one' || (pagingState === undefined && request.gathered === undefined)
  if (isWhole) {
    checkSize(request, byteCount)
    const extras = extrasOf(context, prefix)
    request.succeed(
      new ResultSet<unknown>(address, columns, rows, pagingState, extras, isConditional),
    )
    return
  }
  const decoded = Array.isArray(rows) ? rows : rows.decodeRows()
  const gathered = gather(request, decoded, byteCount, prefix)
  if (pagingState !== undefined) {
    request.fetchNextPage(pagingState)
    return
  }
  const extras = { ...extrasOf(context, prefix), warnings: gathered.warnings }
  request.succeed(
    new ResultSet<unknown>(address, columns, gathered.rows, undefined, extras, isConditional),
  )
}

/** Adds a page to those before it. */
function gather(
  request: ResultTarget,
  rows: readonly Row[],
  byteCount: number,
  prefix: ResponsePrefix,
): GatheredPages {
  const gathered = (request.gathered ??= { rows: [], warnings: [], bytes: 0 })
  gathered.bytes += byteCount
  checkSize(request, gathered.bytes)
  for (const row of rows) gathered.rows.push(row)
  gathered.warnings.push(...prefix.warnings)
  return gathered
}

function checkSize({ pages, context }: ResultTarget, byteCount: number): void {
  const { resultBytesMax } = context
  if (pages === 'all' && byteCount > resultBytesMax) throw new ResultTooLargeError(resultBytesMax)
}
