/**
 * A node that answers without thinking: every EXECUTE of the insert with Void, of the select with
 * one row, of the page with 5,000 rows. Runs in a process of its own, so that what is measured is
 * the client.
 */
import { createServer } from 'node:net'
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

function rows(columns: readonly ColumnSpec[], values: readonly unknown[], count: number): Response {
  const cells = columns.map((spec, i) => encodeValue(spec.type, values[i]))
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
    rows: Array.from({ length: count }, () => cells),
  }
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
  s: frame(Opcode.RESULT, body(rows(selectSpecs, selectValues, 1))),
  p: frame(Opcode.RESULT, body(rows(pageSpecs, pageValues, pageRowCount))),
}

const localColumns = [
  ['key', 'text', 'local'],
  ['host_id', 'uuid', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
  ['data_center', 'text', 'dc1'],
  ['rack', 'text', 'r1'],
  ['cluster_name', 'text', 'bench'],
  ['partitioner', 'text', 'org.apache.cassandra.dht.Murmur3Partitioner'],
  ['release_version', 'text', '3.11.0'],
  ['schema_version', 'uuid', '6ba7b811-9dad-11d1-80b4-00c04fd430c8'],
] as const

/** Answers of the few texts that clients ask on connecting. */
function answerQuery(text: string): Buffer {
  const local = localColumns.map(([name, kind]) => column(name, kind))
  const tokens: ColumnSpec = {
    ...column('tokens', 'text'),
    type: { kind: 'set', element: nativeTypes.text, frozen: false },
  }
  if (/system\.local/.test(text)) {
    const values = [...localColumns.map(([, , value]) => value), new Set(['0'])]
    return body(rows([...local, tokens], values, 1))
  }
  if (/^USE/i.test(text)) {
    return body({ opcode: Opcode.RESULT, kind: ResultKind.SET_KEYSPACE, keyspace: 'bench' })
  }
  return body(rows([column('keyspace_name', 'text')], ['bench'], 0))
}

function onFrame(chunk: Buffer, at: number, length: number, out: Buffer[]): void {
  const opcode = chunk[at + 4]
  const reply = (replyOpcode: number, payload: Buffer): void => {
    const bytes = frame(replyOpcode, payload)
    bytes[2] = chunk[at + 2]!
    bytes[3] = chunk[at + 3]!
    out.push(bytes)
  }
  switch (opcode) {
    case Opcode.EXECUTE: {
      const kind = String.fromCharCode(chunk[at + 11]!) as keyof typeof answers
      const bytes = Buffer.from(answers[kind])
      bytes[2] = chunk[at + 2]!
      bytes[3] = chunk[at + 3]!
      out.push(bytes)
      return
    }
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
      return reply(
        Opcode.RESULT,
        answerQuery(chunk.toString('utf8', at + 13, at + 13 + textLength)),
      )
    }
  }
}

const server = createServer((socket) => {
  let rest: Buffer = Buffer.alloc(0)
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (data) => {
    const chunk = rest.length === 0 ? data : Buffer.concat([rest, data])
    const out: Buffer[] = []
    let at = 0
    while (chunk.length - at >= 9) {
      // A peer that begins with another version is told ours, as Cassandra does.
      if (chunk[at] !== 4) {
        const error = Buffer.from('Invalid or unsupported protocol version')
        const payload = Buffer.concat([Buffer.from([0, 0, 0, 10, 0, error.length]), error])
        socket.write(frame(Opcode.ERROR, payload))
        return
      }
      const length = chunk.readInt32BE(at + 5)
      if (chunk.length - at - 9 < length) break
      onFrame(chunk, at, length, out)
      at += 9 + length
    }
    rest = chunk.subarray(at)
    if (out.length > 0) socket.write(Buffer.concat(out))
  })
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object') process.send?.(address?.port)
})
