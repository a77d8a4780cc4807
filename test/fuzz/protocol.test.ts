import { describe, expect, test } from 'vitest'
import { ConsistencyCode, ProtocolError, ServerError } from '../../src/errors/index.ts'
import {
  beginResponse,
  endFrame,
  FrameParser,
  Opcode,
  QueryFlag,
  readRequest,
  readRequestPayload,
  readResponse,
  readResponsePrefix,
  ResultKind,
  UNSET,
  WireReader,
  WireWriter,
  writeBatchHead,
  writeBatchPrepared,
  writeBatchTail,
  writeExecuteHead,
  writeParametersTail,
  writeRawValues,
  writeResponse,
} from '../../src/protocol/index.ts'
import { type ColumnSpec, nativeTypes } from '../../src/types/index.ts'
import { createRandom, type RandomSource } from '../../src/util/index.ts'

/** About two seconds; CI multiplies it to half a minute. */
const runs = 40_000 * Number(process.env['TSYLLA_FUZZ_FACTOR'] ?? 1)

const columns: ColumnSpec[] = [
  { keyspace: 'k', table: 't', name: 'id', type: nativeTypes.uuid },
  {
    keyspace: 'k',
    table: 't',
    name: 'm',
    type: {
      kind: 'map',
      key: nativeTypes.text,
      value: { kind: 'vector', element: nativeTypes.float, dimension: 3 },
      frozen: false,
    },
  },
  {
    keyspace: 'k',
    table: 't',
    name: 'u',
    type: {
      kind: 'udt',
      keyspace: 'k',
      name: 'u',
      fields: [{ name: 'f', type: { kind: 'tuple', elements: [nativeTypes.int] } }],
      frozen: false,
    },
  },
]

function body(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter(64)
  write(writer)
  return writer.copyFrom(0)
}

const all = 0x3f
const responses: [number, Uint8Array][] = [
  [
    Opcode.RESULT,
    body((w) =>
      writeResponse(w, {
        opcode: Opcode.RESULT,
        kind: ResultKind.ROWS,
        metadata: {
          columns,
          columnCount: 3,
          pagingState: Uint8Array.of(1),
          noMetadata: false,
          newMetadataId: undefined,
        },
        rows: [[new Uint8Array(16), null, Uint8Array.of(1)]],
      }),
    ),
  ],
  [
    Opcode.RESULT,
    body((w) =>
      writeResponse(w, {
        opcode: Opcode.RESULT,
        kind: ResultKind.PREPARED,
        id: new Uint8Array(16),
        bind: { flags: 1, markers: columns, partitionKeyIndexes: [0] },
        resultColumns: columns,
      }),
    ),
  ],
  [
    Opcode.ERROR,
    body((w) =>
      writeResponse(w, {
        opcode: Opcode.ERROR,
        error: new ServerError(0x1300, 'm', { consistency: 'ONE' }),
      }),
    ),
  ],
  [Opcode.SUPPORTED, body((w) => w.writeStringMultimap(new Map([['a', ['b', 'c']]])))],
  [Opcode.EVENT, Buffer.from('\0\rSTATUS_CHANGE\0\x02UP\x04\x7f\0\0\x01\0\0\x23\x52', 'latin1')],
]
const requests: [number, Uint8Array][] = [
  [
    Opcode.EXECUTE,
    body((w) => {
      writeExecuteHead(w, new Uint8Array(16), ConsistencyCode.ONE, all)
      writeRawValues(w, [null, UNSET, Uint8Array.of(1)])
      writeParametersTail(w, all, 10, Uint8Array.of(1), ConsistencyCode.SERIAL, 5)
    }),
  ],
  [
    Opcode.BATCH,
    body((w) => {
      writeBatchHead(w, 0, 1)
      writeBatchPrepared(w, new Uint8Array(16))
      writeRawValues(w, [Uint8Array.of(1)])
      writeBatchTail(w, 1, QueryFlag.TIMESTAMP, 8, 5)
    }),
  ],
  [Opcode.STARTUP, body((w) => w.writeStringMap(new Map([['CQL_VERSION', '3.0.0']])))],
]

const interesting = [0, 1, 2, 4, 0x30, 0x31, 0x7f, 0x80, 0xff]

/** A few bytes changed, the end cut off or nonsense appended. */
function mutate(bytes: Uint8Array, random: RandomSource): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const changes = Math.floor(random() * 4)
  for (let i = 0; i < changes && copy.length > 0; i++) {
    const value = random() < 0.5 ? interesting[Math.floor(random() * 9)]! : random() * 256
    copy[Math.floor(random() * copy.length)] = value
  }
  const cut = random() < 0.3 ? Math.floor(random() * (copy.length + 1)) : copy.length
  return copy.subarray(0, cut)
}
function noise(random: RandomSource): Uint8Array {
  const bytes = new Uint8Array(Math.floor(random() * 80))
  for (let i = 0; i < bytes.length; i++) bytes[i] = random() < 0.5 ? 0 : random() * 256
  return bytes
}

/** Whether decoding gave a value; anything but a ProtocolError fails the test. */
function survives(decode: () => unknown): boolean {
  try {
    decode()
    return true
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return false
  }
}

describe('decoding any bytes returns a value or throws a protocol error', () => {
  test('mutated and random responses', () => {
    const random = createRandom(1)
    let values = 0
    for (let i = 0; i < runs; i++) {
      const [opcode, bytes] = responses[Math.floor(random() * responses.length)]!
      const input = i % 4 === 0 ? noise(random) : mutate(bytes, random)
      const flags = random() < 0.1 ? Math.floor(random() * 16) : 0
      const decode = (): unknown => {
        const reader = new WireReader(input)
        readResponsePrefix(reader, flags)
        return readResponse(reader, i % 4 === 0 ? Math.floor(random() * 18) : opcode)
      }
      if (survives(decode)) values++
    }
    expect(values).toBeGreaterThan(runs / 20)
  })

  test('mutated and random requests', () => {
    const random = createRandom(2)
    let values = 0
    for (let i = 0; i < runs; i++) {
      const [opcode, bytes] = requests[Math.floor(random() * requests.length)]!
      const input = i % 4 === 0 ? noise(random) : mutate(bytes, random)
      const flags = random() < 0.1 ? 4 : 0
      const decode = (): unknown => {
        const reader = new WireReader(input)
        readRequestPayload(reader, flags)
        return readRequest(reader, i % 4 === 0 ? Math.floor(random() * 18) : opcode)
      }
      if (survives(decode)) values++
    }
    expect(values).toBeGreaterThan(runs / 20)
  })

  test('mutated streams of frames, in random chunks', () => {
    const random = createRandom(3)
    const writer = new WireWriter(64)
    for (const [opcode, bytes] of responses) {
      const start = beginResponse(writer, 0, 1, opcode)
      writer.writeRaw(bytes)
      endFrame(writer, start)
    }
    const stream = writer.copyFrom(0)
    for (let i = 0; i < runs / 10; i++) {
      const input = mutate(stream, random)
      const reader = new WireReader()
      const onFrame = (
        _flags: number,
        _streamId: number,
        opcode: number,
        bytes: Buffer,
        start: number,
        end: number,
      ): void => {
        reader.reset(bytes, start, end)
        readResponse(reader, opcode)
      }
      const parser = new FrameParser({ onFrame }, { direction: 'response', bodyBytesMax: 10_000 })
      survives(() => {
        for (let at = 0; at < input.length; ) {
          const end = Math.min(input.length, at + 1 + Math.floor(random() * 300))
          parser.push(input, at, end)
          at = end
        }
      })
    }
  })
})
