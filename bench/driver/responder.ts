/**
 * Nodes that answer at once, with bytes that are encoded beforehand: Void to an EXECUTE of the
 * insert and to a BATCH, one row to the select, 5,000 rows to the page. They run in a process of
 * their own, so that only the client is measured. The argument is the number of nodes.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import {
  Opcode,
  ResultKind,
  WireWriter,
  writeResponse,
  type Response,
} from '../../src/protocol/index.ts'
import { encodeValue } from '../../src/codec/index.ts'
import { type ColumnSpec, nativeTypes } from '../../src/types/index.ts'
import {
  pageColumns,
  pageRowCount,
  pageValues,
  selectColumns,
  selectValues,
  statements,
} from './workload.ts'

const nodeCount = Number(process.argv[2] ?? 1)
const tokensPerNode = 256
const outBytes = 1 << 18

function column(name: string, kind: keyof typeof nativeTypes): ColumnSpec {
  return { keyspace: 'bench', table: 't', name, type: nativeTypes[kind] }
}

function body(response: Response): Buffer {
  const writer = new WireWriter(1 << 20)
  writeResponse(writer, response)
  return Buffer.from(writer.copyFrom(0))
}

function frame(opcode: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(9 + payload.length)
  bytes[0] = 0x84
  bytes[4] = opcode
  bytes.writeInt32BE(payload.length, 5)
  payload.copy(bytes, 9)
  return bytes
}

/** A RESULT of rows whose cells are encoded already. */
function rows(columns: readonly ColumnSpec[], cells: readonly (readonly Uint8Array[])[]): Response {
  return {
    opcode: Opcode.RESULT,
    kind: ResultKind.ROWS,
    metadata: {
      columns,
      columnCount: columns.length,
      pagingState: undefined,
      noMetadata: false,
      newMetadataId: undefined,
    },
    rows: cells,
  }
}

function encodeRow(columns: readonly ColumnSpec[], values: readonly unknown[]): Uint8Array[] {
  return columns.map((spec, i) => encodeValue(spec.type, values[i]))
}

/** A RESULT with the same row `count` times. */
function repeated(
  columns: readonly ColumnSpec[],
  values: readonly unknown[],
  count: number,
): Response {
  const row = encodeRow(columns, values)
  return rows(
    columns,
    Array.from({ length: count }, () => row),
  )
}

const selectSpecs = selectColumns.map(([name, kind]) => column(name, kind))
const pageSpecs = pageColumns.map(([name, kind]) => column(name, kind))
const prepared = new Map<string, Buffer>(
  Object.entries(statements).map(([name, { text, markers }]) => {
    const id = Buffer.from(name.padEnd(16))
    const resultColumns = name === 'select' ? selectSpecs : name === 'page' ? pageSpecs : []
    return [
      text,
      body({
        opcode: Opcode.RESULT,
        kind: ResultKind.PREPARED,
        id,
        bind: {
          flags: 0,
          markers: markers.map(([n, k]) => column(n, k)),
          partitionKeyIndexes: [0],
        },
        resultColumns,
      }),
    ]
  }),
)
const answers = {
  i: frame(Opcode.RESULT, body({ opcode: Opcode.RESULT, kind: ResultKind.VOID })),
  s: frame(Opcode.RESULT, body(repeated(selectSpecs, selectValues, 1))),
  p: frame(Opcode.RESULT, body(repeated(pageSpecs, pageValues, pageRowCount))),
}

/** The tokens of a node, evenly spread over the ring and interleaved with those of the others. */
function tokensOf(node: number): ReadonlySet<string> {
  const step = 2n ** 64n / BigInt(tokensPerNode * nodeCount)
  const first = -(2n ** 63n) + BigInt(node) * step
  return new Set(
    Array.from({ length: tokensPerNode }, (_, i) =>
      String(first + BigInt(i * nodeCount) * step + 1n),
    ),
  )
}

/** The columns that drivers read about a node, from `system.local` and `system.peers`. */
function nodeCells(node: number): NamedCells {
  const address = addressOf(node)
  const tokens: ColumnSpec = {
    ...column('tokens', 'text'),
    type: { kind: 'set', element: nativeTypes.text, frozen: false },
  }
  return [
    [column('host_id', 'uuid'), `6ba7b81${node}-9dad-11d1-80b4-00c04fd430c8`],
    [column('data_center', 'text'), 'dc1'],
    [column('rack', 'text'), 'r1'],
    [column('release_version', 'text'), '3.11.0'],
    [column('schema_version', 'uuid'), '6ba7b811-9dad-11d1-80b4-00c04fd430c8'],
    [column('rpc_address', 'inet'), address],
    [tokens, tokensOf(node)],
  ]
}

type NamedCells = readonly (readonly [ColumnSpec, unknown])[]

/** A RESULT of the first `count` rows. When `count` is 0, the first row supplies the columns. */
function rowsOf(cells: readonly NamedCells[], count: number = cells.length): Buffer {
  const columns = cells[0]!.map(([spec]) => spec)
  const values = cells.slice(0, count).map((row) => row.map(([, value]) => value))
  return body(
    rows(
      columns,
      values.map((row) => encodeRow(columns, row)),
    ),
  )
}

function localRow(node: number): Buffer {
  return rowsOf([
    [
      [column('key', 'text'), 'local'],
      [column('cluster_name', 'text'), 'bench'],
      [column('partitioner', 'text'), 'org.apache.cassandra.dht.Murmur3Partitioner'],
      ...nodeCells(node),
    ],
  ])
}

function peerRows(node: number): Buffer {
  const peers = Array.from({ length: nodeCount }, (_, i) => i).filter((other) => other !== node)
  const cellsOf = (peer: number): NamedCells => [
    [column('peer', 'inet'), addressOf(peer)],
    ...nodeCells(peer),
  ]
  return peers.length > 0 ? rowsOf(peers.map(cellsOf)) : rowsOf([cellsOf(node)], 0)
}

const keyspaceRows = rowsOf([
  [
    [column('keyspace_name', 'text'), 'bench'],
    [column('durable_writes', 'boolean'), true],
    [
      {
        ...column('replication', 'text'),
        type: { kind: 'map', key: nativeTypes.text, value: nativeTypes.text, frozen: true },
      },
      new Map([
        ['class', 'org.apache.cassandra.locator.SimpleStrategy'],
        ['replication_factor', '1'],
      ]),
    ],
  ],
])

/** Answers the few queries that clients send when they connect. */
function answerQuery(node: number, text: string): { opcode: number; payload: Buffer } {
  const result = (payload: Buffer) => ({ opcode: Opcode.RESULT, payload })
  if (/system\.local/.test(text)) return result(localRow(node))
  if (/system\.peers_v2/.test(text)) return { opcode: Opcode.ERROR, payload: noSuchTable }
  if (/system\.peers/.test(text)) return result(peerRows(node))
  if (/^USE/i.test(text)) {
    return result(body({ opcode: Opcode.RESULT, kind: ResultKind.SET_KEYSPACE, keyspace: 'bench' }))
  }
  return result(keyspaceRows)
}

function errorBody(code: number, message: string): Buffer {
  const payload = Buffer.alloc(6 + message.length)
  payload.writeInt32BE(code)
  payload.writeInt16BE(message.length, 4)
  payload.write(message, 6)
  return payload
}

const noSuchTable = errorBody(0x2200, 'table peers_v2 does not exist')
/** Answers a client that begins with another protocol version, in ours, as Cassandra does. */
const otherVersion = errorBody(0x000a, 'Invalid or unsupported protocol version')

/** The connection of one client. The answers to all requests of one read leave in one write. */
class Connection {
  readonly #node: number
  readonly #socket: Socket
  #rest: Buffer = Buffer.alloc(0)
  #out: Buffer = Buffer.allocUnsafe(outBytes)
  #length = 0

  constructor(node: number, socket: Socket) {
    this.#node = node
    this.#socket = socket
  }

  onData(data: Buffer): void {
    const chunk = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data])
    let at = 0
    while (chunk.length - at >= 9) {
      if (chunk[at] !== 4) {
        this.#answer(frame(Opcode.ERROR, otherVersion), chunk, at)
        break
      }
      const length = chunk.readInt32BE(at + 5)
      if (chunk.length - at - 9 < length) break
      if (chunk[at + 4] === Opcode.EXECUTE) {
        this.#answer(
          answers[String.fromCharCode(chunk[at + 11]!) as keyof typeof answers],
          chunk,
          at,
        )
      } else if (chunk[at + 4] === Opcode.BATCH) this.#answer(answers.i, chunk, at)
      else this.#onOther(chunk, at, length)
      at += 9 + length
    }
    this.#rest = chunk.subarray(at)
    this.#flush()
  }

  /** Appends an answer to the output buffer, with the stream id of its request. */
  #answer(bytes: Buffer, request: Buffer, at: number): void {
    if (bytes.length > outBytes - this.#length) this.#flush()
    if (bytes.length > outBytes) {
      const own = Buffer.from(bytes)
      own[2] = request[at + 2]!
      own[3] = request[at + 3]!
      this.#socket.write(own)
      return
    }
    const out = this.#out
    const start = this.#length
    out.set(bytes, start)
    out[start + 2] = request[at + 2]!
    out[start + 3] = request[at + 3]!
    this.#length = start + bytes.length
  }

  #flush(): void {
    if (this.#length === 0) return
    this.#socket.write(this.#out.subarray(0, this.#length))
    // The socket still holds these bytes, so they must not be overwritten.
    if (this.#socket.writableLength > 0) this.#out = Buffer.allocUnsafe(outBytes)
    this.#length = 0
  }

  #onOther(chunk: Buffer, at: number, length: number): void {
    const reply = (opcode: number, payload: Buffer): void =>
      this.#answer(frame(opcode, payload), chunk, at)
    switch (chunk[at + 4]) {
      case Opcode.OPTIONS:
        return reply(Opcode.SUPPORTED, body({ opcode: Opcode.SUPPORTED, options: new Map() }))
      case Opcode.STARTUP:
      case Opcode.REGISTER:
        return reply(Opcode.READY, Buffer.alloc(0))
      case Opcode.PREPARE: {
        const text = chunk.toString('utf8', at + 13, at + 9 + length)
        return reply(Opcode.RESULT, prepared.get(text) ?? Buffer.alloc(0))
      }
      case Opcode.QUERY: {
        const textLength = chunk.readInt32BE(at + 9)
        const text = chunk.toString('utf8', at + 13, at + 13 + textLength)
        const { opcode, payload } = answerQuery(this.#node, text)
        return reply(opcode, payload)
      }
    }
  }
}

/** Node 0 is the contact point. All nodes have one port, because `system.peers` has none. */
function addressOf(node: number): string {
  return `127.0.0.${node + 1}`
}

async function listen(node: number, port: number): Promise<number> {
  const server = createServer((socket) => {
    const connection = new Connection(node, socket)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('data', (data) => connection.onData(data))
  })
  server.listen(port, addressOf(node))
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const port = await listen(0, 0)
for (let node = 1; node < nodeCount; node++) await listen(node, port)
process.send?.(port)
