/**
 * What the nodes of the benchmark answer, with bytes that are encoded beforehand: Void to an
 * EXECUTE of the insert and to a BATCH, one row to the select, 5,000 rows to the page, and what
 * clients read about the cluster when they connect.
 */
import { writeFileSync } from 'node:fs'
import {
  Opcode,
  ProtocolVersion,
  ResultKind,
  WireWriter,
  writeResponse,
  type Response,
} from '../../src/protocol/index.ts'
import { encodeValue } from '../../src/codec/index.ts'
import { type ColumnSpec, type CqlType, nativeTypes } from '../../src/types/index.ts'
import {
  pageColumns,
  pageRowCount,
  pageValues,
  selectColumns,
  selectValues,
  statements,
} from './workload.ts'

/** The answer to the requests of one kind. The first one that matches a request is sent. */
export interface Answer {
  readonly node: number
  readonly opcode: number
  /** The body of the request contains these bytes. For EXECUTE: the beginning of the id. */
  readonly contains: string
  readonly replyOpcode: number
  readonly body: Buffer
}

const tokensPerNode = 256

function column(name: string, kind: keyof typeof nativeTypes): ColumnSpec {
  return { keyspace: 'bench', table: 't', name, type: nativeTypes[kind] }
}

function bodyOf(response: Response): Buffer {
  const writer = new WireWriter(1 << 20)
  writeResponse(writer, response)
  return Buffer.from(writer.copyFrom(0))
}

/** A RESULT of rows whose cells are encoded already. `noMetadata`: without their columns. */
function rows(
  columns: readonly ColumnSpec[],
  cells: readonly (readonly Uint8Array[])[],
  noMetadata = false,
): Buffer {
  return bodyOf({
    opcode: Opcode.RESULT,
    kind: ResultKind.ROWS,
    metadata: {
      columns,
      columnCount: columns.length,
      pagingState: undefined,
      noMetadata,
      newMetadataId: undefined,
    },
    rows: cells,
  })
}

function encodeRow(columns: readonly ColumnSpec[], values: readonly unknown[]): Uint8Array[] {
  return columns.map((spec, i) => encodeValue(spec.type, values[i]))
}

/** A RESULT with the same row `count` times. */
function repeated(
  columns: readonly ColumnSpec[],
  values: readonly unknown[],
  count: number,
  noMetadata: boolean,
): Buffer {
  const row = encodeRow(columns, values)
  const cells = Array.from({ length: count }, () => row)
  return rows(columns, cells, noMetadata)
}

const selectSpecs = selectColumns.map(([name, kind]) => column(name, kind))
const shortSpecs = selectSpecs.slice(0, -1)
const shortValues = selectValues.slice(0, -1)
const pageSpecs = pageColumns.map(([name, kind]) => column(name, kind))

/** The tokens of a node, evenly spread over the ring and interleaved with those of the others. */
function tokensOf(node: number, nodeCount: number): ReadonlySet<string> {
  const step = 2n ** 64n / BigInt(tokensPerNode * nodeCount)
  const first = -(2n ** 63n) + BigInt(node) * step
  return new Set(
    Array.from({ length: tokensPerNode }, (_, i) =>
      String(first + BigInt(i * nodeCount) * step + 1n),
    ),
  )
}

/** Node 0 is the contact point. All nodes have one port, because `system.peers` has none. */
export function addressOf(node: number): string {
  return `127.0.0.${node + 1}`
}

type NamedCells = readonly (readonly [ColumnSpec, unknown])[]

/** Some columns of a node, in the order of the query of the Rust driver. */
function rustCells(node: number, nodeCount: number): NamedCells {
  const tokens: ColumnSpec = {
    ...column('tokens', 'text'),
    type: { kind: 'set', element: nativeTypes.text, frozen: false },
  }
  return [
    [column('host_id', 'uuid'), `6ba7b81${node}-9dad-11d1-80b4-00c04fd430c8`],
    [column('rpc_address', 'inet'), addressOf(node)],
    [column('data_center', 'text'), 'dc1'],
    [column('rack', 'text'), 'r1'],
    [tokens, tokensOf(node, nodeCount)],
  ]
}

/** The columns that drivers read about a node, from `system.local` and `system.peers`. */
function nodeCells(node: number, nodeCount: number): NamedCells {
  return [
    ...rustCells(node, nodeCount),
    [column('release_version', 'text'), '3.11.0'],
    [column('schema_version', 'uuid'), '6ba7b811-9dad-11d1-80b4-00c04fd430c8'],
  ]
}

/** A RESULT of rows and its columns, which PREPARE needs. */
interface Table {
  readonly columns: readonly ColumnSpec[]
  readonly body: Buffer
}

/** The first `count` rows. When `count` is 0, the first row supplies the columns. */
function rowsOf(cells: readonly NamedCells[], count: number = cells.length): Table {
  const columns = cells[0]!.map(([spec]) => spec)
  const values = cells.slice(0, count).map((row) => row.map(([, value]) => value))
  const encoded = values.map((row) => encodeRow(columns, row))
  return { columns, body: rows(columns, encoded) }
}

const clusterName = [column('cluster_name', 'text'), 'bench'] as const

function localRow(node: number, nodeCount: number): Table {
  return rowsOf([
    [
      [column('key', 'text'), 'local'],
      clusterName,
      [column('partitioner', 'text'), 'org.apache.cassandra.dht.Murmur3Partitioner'],
      ...nodeCells(node, nodeCount),
    ],
  ])
}

/** Rows of the other nodes with the given cells. */
function peerRows(
  node: number,
  nodeCount: number,
  cellsOf: (peer: number, nodeCount: number) => NamedCells,
): Table {
  const peers = Array.from({ length: nodeCount }, (_, i) => i).filter((other) => other !== node)
  return peers.length > 0
    ? rowsOf(peers.map((peer) => cellsOf(peer, nodeCount)))
    : rowsOf([cellsOf(node, nodeCount)], 0)
}

function peerCells(peer: number, nodeCount: number): NamedCells {
  return [[column('peer', 'inet'), addressOf(peer)], ...nodeCells(peer, nodeCount)]
}

const keyspaceCells: NamedCells = [
  [column('keyspace_name', 'text'), 'bench'],
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
  [column('durable_writes', 'boolean'), true],
]

type Query = readonly [part: string, table: Table]

/** No rows of a query of version 0.13 of the Rust driver, whose columns are texts but for some. */
function emptySchema(query: string): Query {
  const list: CqlType = { kind: 'list', element: nativeTypes.text, frozen: true }
  const types: { readonly [name: string]: CqlType } = {
    ...{ position: nativeTypes.int, field_names: list, field_types: list },
  }
  const names = /^select (.*) from/i.exec(query)![1]!.split(', ')
  const columns = names.map((name) => ({
    ...column(name, 'text'),
    type: types[name] ?? nativeTypes.text,
  }))
  return [query, { columns, body: rows(columns, []) }]
}

const emptySchemas = [
  'select keyspace_name, type_name, field_names, field_types from system_schema.types',
  'select keyspace_name, table_name, column_name, kind, position, type from system_schema.columns',
  'select keyspace_name, table_name, partitioner from system_schema.scylla_tables',
  'SELECT keyspace_name, table_name FROM system_schema.tables',
  'SELECT keyspace_name, view_name, base_table_name FROM system_schema.views',
].map(emptySchema)

function errorBody(code: number, message: string): Buffer {
  const payload = Buffer.alloc(6 + message.length)
  payload.writeInt32BE(code)
  payload.writeInt16BE(message.length, 4)
  payload.write(message, 6)
  return payload
}

/** The few queries that clients send when they connect, by a part of their text. */
function queriesOf(node: number, nodeCount: number): Query[] {
  const columns = 'SELECT host_id, rpc_address, data_center, rack, tokens'
  // Version 0.13, which @lambda-group/scylladb is built on.
  const early = columns.replace('SELECT', 'select')
  return [
    [
      `${columns}, cluster_name FROM system.local`,
      rowsOf([[...rustCells(node, nodeCount), clusterName]]),
    ],
    [`${columns} FROM system.peers`, peerRows(node, nodeCount, rustCells)],
    [`${early} from system.peers`, peerRows(node, nodeCount, rustCells)],
    [`${early} from system.local`, rowsOf([rustCells(node, nodeCount)])],
    [
      'select keyspace_name, replication from system_schema.keyspaces',
      rowsOf([keyspaceCells.slice(0, 2)]),
    ],
    ...emptySchemas,
    [
      'SELECT schema_version FROM system.local',
      rowsOf([[[column('schema_version', 'uuid'), '6ba7b811-9dad-11d1-80b4-00c04fd430c8']]]),
    ],
    ['system.local', localRow(node, nodeCount)],
    ['system.peers', peerRows(node, nodeCount, peerCells)],
    ['', rowsOf([keyspaceCells])],
  ]
}

const resultColumnsOf: { readonly [statement: string]: readonly ColumnSpec[] } = {
  select: selectSpecs,
  readShort: shortSpecs,
  page: pageSpecs,
}

/** PREPARED, as a node of protocol `version` sends it. */
function preparedBody(
  id: string,
  markers: readonly ColumnSpec[],
  resultColumns: readonly ColumnSpec[],
  version: ProtocolVersion,
): Buffer {
  return bodyOf({
    opcode: Opcode.RESULT,
    kind: ResultKind.PREPARED,
    id: Buffer.from(id.padEnd(16)),
    ...(version === ProtocolVersion.V5 ? { resultMetadataId: Buffer.alloc(16, 1) } : {}),
    bind: { flags: 0, markers, partitionKeyIndexes: markers.length > 0 ? [0] : [] },
    resultColumns,
  })
}

/** The answers of all nodes. With version 5, EXECUTE asks for rows without their columns. */
export function answersOf(
  nodeCount: number,
  version: ProtocolVersion = ProtocolVersion.V4,
): readonly Answer[] {
  const isV5 = version === ProtocolVersion.V5
  const empty = Buffer.alloc(0)
  const done = bodyOf({ opcode: Opcode.RESULT, kind: ResultKind.VOID })
  const answers: Answer[] = []
  const keyspaceSet = bodyOf({
    opcode: Opcode.RESULT,
    kind: ResultKind.SET_KEYSPACE,
    keyspace: 'bench',
  })
  const offers = new Map([
    ['COMPRESSION', ['lz4']],
    ['PROTOCOL_VERSIONS', isV5 ? ['4/v4', '5/v5'] : ['4/v4']],
  ])
  for (let node = 0; node < nodeCount; node++) {
    const add = (opcode: number, contains: string, replyOpcode: number, body: Buffer): void => {
      answers.push({ node, opcode, contains, replyOpcode, body })
    }
    add(Opcode.EXECUTE, 'insert', Opcode.RESULT, done)
    add(Opcode.EXECUTE, 'select', Opcode.RESULT, repeated(selectSpecs, selectValues, 1, isV5))
    add(Opcode.EXECUTE, 'readShort', Opcode.RESULT, repeated(shortSpecs, shortValues, 1, isV5))
    add(Opcode.EXECUTE, 'page', Opcode.RESULT, repeated(pageSpecs, pageValues, pageRowCount, isV5))
    add(Opcode.BATCH, '', Opcode.RESULT, done)
    for (const [name, { text, markers }] of Object.entries(statements)) {
      const specs = markers.map(([one, kind]) => column(one, kind))
      const prepared = preparedBody(name, specs, resultColumnsOf[name] ?? [], version)
      add(Opcode.PREPARE, text, Opcode.RESULT, prepared)
    }
    add(Opcode.QUERY, 'system.peers_v2', Opcode.ERROR, errorBody(0x2200, 'no such table'))
    add(Opcode.QUERY, 'USE ', Opcode.RESULT, keyspaceSet)
    for (const [i, [part, { columns, body }]] of queriesOf(node, nodeCount).entries()) {
      // The Rust driver prepares its queries. Their ids begin with capital letters.
      const id = String.fromCharCode(65 + i)
      add(Opcode.QUERY, part, Opcode.RESULT, body)
      add(Opcode.PREPARE, part, Opcode.RESULT, preparedBody(id, [], columns, version))
      add(Opcode.EXECUTE, id, Opcode.RESULT, body)
    }
    add(Opcode.OPTIONS, '', Opcode.SUPPORTED, bodyOf({ opcode: Opcode.SUPPORTED, options: offers }))
    add(Opcode.STARTUP, '', Opcode.READY, empty)
    add(Opcode.REGISTER, '', Opcode.READY, empty)
  }
  return answers
}

/** Writes the answers for the responder in Rust: one per line, fields by tabs, bytes in hex. */
export function writeAnswers(path: string, nodeCount: number, version: ProtocolVersion): void {
  const hex = (bytes: Buffer): string => bytes.toString('hex')
  const lines = answersOf(nodeCount, version).map(({ node, opcode, contains, replyOpcode, body }) =>
    [node, opcode, hex(Buffer.from(contains)), replyOpcode, hex(body)].join('\t'),
  )
  writeFileSync(path, `${lines.join('\n')}\n`)
}
