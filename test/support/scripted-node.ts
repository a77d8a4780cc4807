import { encodeValue } from '../../src/codec/index.ts'
import {
  beginResponse,
  emptyResponsePrefix,
  endFrame,
  FrameParser,
  initialFeatures,
  type Lz4Compressor,
  Opcode,
  type ProtocolFeatures,
  ProtocolVersion,
  readRequest,
  readRequestPayload,
  type Request,
  type Response,
  responsePrefixFlags,
  type ResponsePrefix,
  ResultKind,
  type RowsResult,
  SegmentParser,
  SegmentSealer,
  WireReader,
  WireWriter,
  writeResponse,
  writeResponsePrefix,
} from '../../src/protocol/index.ts'
import {
  type Endpoint,
  type Link,
  type LinkHandler,
  openMemoryLink,
} from '../../src/transport/index.ts'
import { type ColumnSpec, type CqlType, nativeTypes } from '../../src/types/index.ts'
import { type Clock, systemClock, systemRuntime } from '../../src/util/index.ts'

/** One request that reached the node, and the ways to answer it. */
export interface Exchange {
  readonly request: Request
  readonly streamId: number
  readonly connection: ScriptedConnection
  /** What follows the request in its frame. */
  readonly rest: Uint8Array
  reply(response: Response, prefix?: ResponsePrefix): void
}

/** Answers a request, or says that the node should do what it does by itself. */
export type Script = (exchange: Exchange) => 'default' | 'done'

export const voidResult: Response = { opcode: Opcode.RESULT, kind: ResultKind.VOID }

/** A RESULT of rows from plain values. */
export function rowsOf(
  columns: readonly (readonly [name: string, type: CqlType])[],
  rows: readonly (readonly unknown[])[],
  pagingState?: Uint8Array,
): RowsResult {
  const specs: ColumnSpec[] = columns.map(([name, type]) => ({
    keyspace: 'ks',
    table: 't',
    name,
    type,
  }))
  return {
    opcode: Opcode.RESULT,
    kind: ResultKind.ROWS,
    metadata: {
      columns: specs,
      columnCount: specs.length,
      pagingState,
      noMetadata: false,
      newMetadataId: undefined,
    },
    rows: rows.map((row) =>
      row.map((value, i) => (value === null ? null : encodeValue(specs[i]!.type, value))),
    ),
  }
}

const { text, uuid, int } = nativeTypes
const textSet: CqlType = { kind: 'set', element: text, frozen: false }

/** A node in this process that does as it is told; what it is not told it does reasonably. */
export class ScriptedNode implements Endpoint {
  readonly address: string
  /** Like a node far away, so that it is probed when it is silent. */
  readonly network = { host: 'scripted', port: 9042 }
  readonly clock: Clock
  readonly connections: ScriptedConnection[] = []
  script: Script = () => 'default'
  /** What it offers. With `PROTOCOL_VERSIONS` that contain `5/v5` it speaks version 5 only. */
  supported: ReadonlyMap<string, readonly string[]> = new Map()
  /** Compression of version 5. */
  compressor: Lz4Compressor | undefined
  /** Requests by opcode, handshake and system tables excluded. */
  readonly received: Request[] = []
  releaseCount = 0

  constructor(clock: Clock = systemClock, address = 'scripted:') {
    this.clock = clock
    this.address = address
  }

  /** As a contact point: `knownNode(node.contactPoint)`. */
  get contactPoint(): never {
    return { [Symbol.for('tsylla.contact-point/1')]: async () => this } as never
  }

  open(handler: LinkHandler): Promise<Link> {
    return Promise.resolve(
      openMemoryLink(
        handler,
        (link) => {
          const connection = new ScriptedConnection(this, link)
          this.connections.push(connection)
          return connection
        },
        systemRuntime,
      ),
    )
  }

  release(): Promise<void> {
    this.releaseCount++
    return Promise.resolve()
  }

  onRequest(exchange: Exchange): void {
    const { request } = exchange
    const reply = (response: Response): void => exchange.reply(response)
    if (this.script(exchange) === 'done') return
    switch (request.opcode) {
      case Opcode.OPTIONS:
        return reply({ opcode: Opcode.SUPPORTED, options: this.supported })
      case Opcode.STARTUP:
      case Opcode.REGISTER:
        return reply({ opcode: Opcode.READY })
      case Opcode.QUERY:
        return reply(answerText(request.text))
      case Opcode.PREPARE:
        return reply(prepare(request.text))
      default:
        return reply(voidResult)
    }
  }
}

function answerText(cql: string): Response {
  if (/FROM system\.local/.test(cql)) {
    return rowsOf(
      [
        ['host_id', uuid],
        ['data_center', text],
        ['rack', text],
        ['schema_version', uuid],
        ['tokens', textSet],
      ],
      [
        [
          '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
          'dc1',
          'r1',
          '6ba7b811-9dad-11d1-80b4-00c04fd430c8',
          new Set(['0']),
        ],
      ],
    )
  }
  if (/FROM system/.test(cql)) return rowsOf([['keyspace_name', text]], [])
  const keyspace = /^USE "?(\w+)"?/.exec(cql)?.[1]
  if (keyspace !== undefined)
    return { opcode: Opcode.RESULT, kind: ResultKind.SET_KEYSPACE, keyspace }
  return voidResult
}

/** Every `?` is an int. */
export function prepare(
  cql: string,
  id: Uint8Array = Buffer.from(cql.slice(0, 16).padEnd(16)),
): Response {
  const count = cql.split('?').length - 1
  const markers = Array.from({ length: count }, (_, i) => ({
    keyspace: 'ks',
    table: 't',
    name: `c${i}`,
    type: int,
  }))
  return {
    opcode: Opcode.RESULT,
    kind: ResultKind.PREPARED,
    id,
    bind: { flags: 0, markers, partitionKeyIndexes: count > 0 ? [0] : [] },
    resultColumns: [],
  }
}

const systemText = /^(SELECT .* FROM system|USE )/

export class ScriptedConnection implements LinkHandler {
  readonly #node: ScriptedNode
  readonly #link: Link
  readonly #parser = new FrameParser(
    {
      onFrame: (flags, id, opcode, bytes, start, end) =>
        this.#onFrame(flags, id, opcode, bytes, start, end),
    },
    { direction: 'request' },
  )
  isClosed = false
  #features: ProtocolFeatures = initialFeatures
  #segments: SegmentParser | undefined
  #sealer: SegmentSealer | undefined

  constructor(node: ScriptedNode, link: Link) {
    this.#node = node
    this.#link = link
  }

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    if (this.#segments === undefined) this.#parser.push(bytes, start, end)
    else this.#segments.push(bytes, start, end)
  }

  onClosed(): void {
    this.isClosed = true
  }

  #onFrame(
    flags: number,
    streamId: number,
    opcode: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const reader = new WireReader(Buffer.from(bytes.subarray(start, end)))
    readRequestPayload(reader, flags)
    const request = readRequest(reader, opcode, this.#features)
    const isOurs =
      request.opcode === Opcode.EXECUTE ||
      request.opcode === Opcode.BATCH ||
      request.opcode === Opcode.PREPARE ||
      (request.opcode === Opcode.QUERY && !systemText.test(request.text))
    if (isOurs) this.#node.received.push(request)
    this.#node.onRequest({
      request,
      streamId,
      connection: this,
      rest: reader.bytes.subarray(reader.offset, reader.end),
      reply: (response, prefix) => this.reply(streamId, response, prefix),
    })
  }

  /** Sends a response on any stream. */
  reply(streamId: number, response: Response, prefix: ResponsePrefix = emptyResponsePrefix): void {
    const writer = new WireWriter()
    const flags = responsePrefixFlags(prefix)
    const { version } = this.#features
    const start = beginResponse(writer, flags, streamId, response.opcode, version)
    writeResponsePrefix(writer, prefix)
    writeResponse(writer, response, version)
    endFrame(writer, start)
    const frame = writer.copyFrom(0)
    this.send(this.#sealer === undefined ? frame : this.#sealer.seal(frame))
    this.#follow(response)
  }

  /** Changes the version after SUPPORTED, and the framing after the answer to STARTUP. */
  #follow({ opcode }: Response): void {
    const { supported, compressor } = this.#node
    const isV5 = supported.get('PROTOCOL_VERSIONS')?.includes('5/v5') === true
    if (!isV5) return
    if (opcode === Opcode.SUPPORTED) {
      this.#parser.useVersion(ProtocolVersion.V5)
      this.#features = { ...initialFeatures, version: ProtocolVersion.V5, hasMetadataId: true }
    } else if (this.#sealer === undefined) {
      this.#sealer = new SegmentSealer(compressor)
      this.#segments = new SegmentParser(this.#parser, compressor)
    }
  }

  /** Sends bytes as they are. */
  send(bytes: Uint8Array): void {
    this.#link.write(bytes)
  }

  destroy(): void {
    this.#link.destroy()
  }
}
