import { describe, expect, test } from 'vitest'
import { ConsistencyCode, ServerError, type ServerErrorDetails } from '../../src/errors/index.ts'
import {
  BatchTypeCode,
  initialFeatures,
  Opcode,
  ProtocolVersion,
  QueryFlag,
  readRequest,
  readResponse,
  type Request,
  ResultKind,
  WireReader,
  WireWriter,
  writeBatchHead,
  writeBatchTail,
  writeExecuteHead,
  writeParametersTail,
  writePrepare,
  writeQueryHead,
  writeRawValues,
  writeResponse,
} from '../../src/protocol/index.ts'
import { nativeTypes } from '../../src/types/index.ts'

const id = Uint8Array.of(1, 2, 3, 4)

function bodyOf(write: (writer: WireWriter) => void): WireReader {
  const writer = new WireWriter(1)
  write(writer)
  return new WireReader(writer.copyFrom(0))
}

const featuresV5 = { ...initialFeatures, version: ProtocolVersion.V5, hasMetadataId: true }
const parametersV5 = { keyspace: 'other', nowInSeconds: 1_700_000_000 }
const flagsV5 = QueryFlag.VALUES | QueryFlag.KEYSPACE | QueryFlag.NOW_IN_SECONDS

describe('protocol version 5', () => {
  const requestV5 = (opcode: number, write: (writer: WireWriter) => void): Request => {
    const reader = bodyOf(write)
    const read = readRequest(reader, opcode, featuresV5)
    expect(reader.remaining).toBe(0)
    return read
  }

  test('QUERY, EXECUTE and BATCH have a keyspace and a time', () => {
    const query = requestV5(Opcode.QUERY, (w) => {
      writeQueryHead(w, 'SELECT', ConsistencyCode.ONE, flagsV5, ProtocolVersion.V5)
      writeRawValues(w, [null])
      writeParametersTail(w, flagsV5, 0, undefined, 0, 0, parametersV5)
    })
    expect(query).toMatchObject({ text: 'SELECT', parameters: { values: [null], ...parametersV5 } })
    const execute = requestV5(Opcode.EXECUTE, (w) => {
      const resultMetadataId = Uint8Array.of(9, 9)
      writeExecuteHead(w, id, ConsistencyCode.ONE, flagsV5, featuresV5, resultMetadataId)
      writeRawValues(w, [null])
      writeParametersTail(w, flagsV5, 0, undefined, 0, 0, parametersV5)
    })
    expect(execute).toMatchObject({
      ...{ id, resultMetadataId: Uint8Array.of(9, 9) },
      parameters: { values: [null], ...parametersV5 },
    })
    const flags = flagsV5 & ~QueryFlag.VALUES
    const batch = requestV5(Opcode.BATCH, (w) => {
      writeBatchHead(w, BatchTypeCode.LOGGED, 0)
      writeBatchTail(w, ConsistencyCode.ONE, flags, 0, 0, ProtocolVersion.V5, parametersV5)
    })
    expect(batch).toMatchObject({ entries: [], ...parametersV5 })
  })

  test.each([undefined, 'other'])('PREPARE in the keyspace %s', (keyspace) => {
    const read = requestV5(Opcode.PREPARE, (w) =>
      writePrepare(w, 'SELECT 1', ProtocolVersion.V5, keyspace),
    )
    expect(read).toEqual({ opcode: Opcode.PREPARE, text: 'SELECT 1', keyspace })
  })

  test('version 4 ignores the flags that only version 5 has', () => {
    const reader = bodyOf((w) => writeQueryHead(w, 'x', 1, QueryFlag.KEYSPACE))
    const read = readRequest(reader, Opcode.QUERY)
    expect(read).toMatchObject({ parameters: { keyspace: undefined, nowInSeconds: undefined } })
  })

  const failureReasons = new Map([
    ['127.0.0.1', 1],
    ['::1', 0],
  ])
  const replicas = { consistency: 'QUORUM', received: 1, required: 2 } as const
  test.each<[number, ServerErrorDetails]>([
    [0x1100, { ...replicas, writeType: 'CAS', contentions: 7 }],
    [0x1100, { ...replicas, writeType: 'SIMPLE' }],
    [0x1300, { ...replicas, failures: 2, failureReasons, dataPresent: true }],
    [0x1500, { ...replicas, failures: 2, failureReasons, writeType: 'BATCH' }],
  ])('the error %i has the details %j', (code, details) => {
    const error = new ServerError(code, 'said the server', details)
    const response = { opcode: Opcode.ERROR, error } as const
    const reader = bodyOf((w) => writeResponse(w, response, ProtocolVersion.V5))
    const read = readResponse(reader, Opcode.ERROR, featuresV5)
    expect(reader.remaining).toBe(0)
    expect(read).toMatchObject({ error: { serverCode: code, details } })
  })

  test('a write that timed out may leave out its contentions', () => {
    const details = { ...replicas, writeType: 'CAS', contentions: 7 } as const
    const error = new ServerError(0x1100, 'x', details)
    const writer = new WireWriter()
    writeResponse(writer, { opcode: Opcode.ERROR, error }, ProtocolVersion.V5)
    const short = new WireReader(writer.copyFrom(0).slice(0, -2))
    const read = readResponse(short, Opcode.ERROR, featuresV5)
    expect(read).toMatchObject({ error: { details: { writeType: 'CAS' } } })
  })

  test('PREPARED has the id of the result columns', () => {
    const resultMetadataId = Uint8Array.of(4, 5)
    const prepared = {
      ...{ opcode: Opcode.RESULT, kind: ResultKind.PREPARED, id, resultMetadataId },
      bind: { flags: 0, markers: [], partitionKeyIndexes: [] },
      resultColumns: [{ keyspace: 'k', table: 't', name: 'a', type: nativeTypes.int }],
    } as const
    const reader = bodyOf((w) => writeResponse(w, prepared, ProtocolVersion.V5))
    expect(readResponse(reader, Opcode.RESULT, featuresV5)).toEqual(prepared)
  })
})
