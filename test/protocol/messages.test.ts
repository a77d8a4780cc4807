import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ConsistencyCode,
  ProtocolError,
  ServerError,
  type ServerErrorDetails,
} from '../../src/errors/index.ts'
import {
  BatchTypeCode,
  HeaderFlag,
  MetadataBytes,
  Opcode,
  QueryFlag,
  readBindMetadata,
  readColumnSpecs,
  readRequest,
  readRequestPayload,
  readResponse,
  readResponsePrefix,
  readRowsHead,
  readTypeSpec,
  type Request,
  type Response,
  type ResponsePrefix,
  responsePrefixFlags,
  ResultKind,
  RowsHead,
  UNSET,
  WireReader,
  WireWriter,
  writeAuthToken,
  writeBatchHead,
  writeBatchPrepared,
  writeBatchQuery,
  writeBatchTail,
  writeBindMetadata,
  writeExecuteHead,
  writeParametersTail,
  writePrepare,
  writeQueryHead,
  writeRawValues,
  writeRegister,
  writeResponse,
  writeResponsePrefix,
  writeRowsMetadata,
  writeStartup,
  writeTypeSpec,
} from '../../src/protocol/index.ts'
import { type CqlType, Inet, nativeTypes } from '../../src/types/index.ts'

const id = Uint8Array.of(1, 2, 3, 4)

function bodyOf(write: (writer: WireWriter) => void): WireReader {
  const writer = new WireWriter(1)
  write(writer)
  return new WireReader(writer.copyFrom(0))
}
function request(opcode: number, write: (writer: WireWriter) => void): Request {
  return readRequest(bodyOf(write), opcode)
}

describe('requests a client writes are what a node reads', () => {
  test('STARTUP, OPTIONS, AUTH_RESPONSE, REGISTER, PREPARE', () => {
    const options = new Map([['CQL_VERSION', '3.0.0']])
    expect(request(Opcode.STARTUP, (w) => writeStartup(w, options))).toEqual({
      opcode: Opcode.STARTUP,
      options,
    })
    expect(request(Opcode.OPTIONS, () => {})).toEqual({ opcode: Opcode.OPTIONS })
    expect(request(Opcode.AUTH_RESPONSE, (w) => writeAuthToken(w, id))).toEqual({
      opcode: Opcode.AUTH_RESPONSE,
      token: id,
    })
    expect(request(Opcode.AUTH_RESPONSE, (w) => writeAuthToken(w, null))).toMatchObject({
      token: null,
    })
    expect(request(Opcode.REGISTER, (w) => writeRegister(w, ['STATUS_CHANGE']))).toEqual({
      opcode: Opcode.REGISTER,
      eventTypes: ['STATUS_CHANGE'],
    })
    expect(request(Opcode.PREPARE, (w) => writePrepare(w, 'SELECT 1'))).toEqual({
      opcode: Opcode.PREPARE,
      text: 'SELECT 1',
    })
  })

  test('QUERY with nothing but a text', () => {
    const read = request(Opcode.QUERY, (w) => {
      writeQueryHead(w, 'USE k', ConsistencyCode.ONE, 0)
      writeParametersTail(w, 0, 0, undefined, 0, 0n)
    })
    expect(read).toEqual({
      opcode: Opcode.QUERY,
      text: 'USE k',
      parameters: {
        consistency: 'ONE',
        values: [],
        names: undefined,
        skipMetadata: false,
        pageSize: undefined,
        pagingState: undefined,
        serialConsistency: undefined,
        timestamp: undefined,
      },
    })
  })

  test('EXECUTE with every parameter, null and UNSET kept apart', () => {
    const flags =
      QueryFlag.VALUES |
      QueryFlag.SKIP_METADATA |
      QueryFlag.PAGE_SIZE |
      QueryFlag.PAGING_STATE |
      QueryFlag.SERIAL_CONSISTENCY |
      QueryFlag.TIMESTAMP
    for (const timestamp of [-5n, -5] as const) {
      const read = request(Opcode.EXECUTE, (w) => {
        writeExecuteHead(w, id, ConsistencyCode.LOCAL_QUORUM, flags)
        writeRawValues(w, [id, null, UNSET, new Uint8Array(0)])
        writeParametersTail(w, flags, 5000, Uint8Array.of(9), ConsistencyCode.SERIAL, timestamp)
      })
      expect(read).toMatchObject({
        opcode: Opcode.EXECUTE,
        id,
        parameters: {
          consistency: 'LOCAL_QUORUM',
          skipMetadata: true,
          pageSize: 5000,
          pagingState: Uint8Array.of(9),
          serialConsistency: 'SERIAL',
          timestamp: -5n,
        },
      })
      const values = (read as Extract<Request, { opcode: 10 }>).parameters.values
      expect([...(values[0] as Uint8Array)]).toEqual([1, 2, 3, 4])
      expect(values.slice(1, 3)).toEqual([null, UNSET])
      expect(values[3]).toHaveLength(0)
    }
  })

  test('QUERY with values by name, as other drivers send it', () => {
    const read = request(Opcode.QUERY, (w) => {
      const flags = QueryFlag.VALUES | QueryFlag.NAMED_VALUES
      writeQueryHead(w, 'SELECT', ConsistencyCode.ONE, flags)
      w.writeShort(2)
      w.writeString('a')
      w.writeBytes(id)
      w.writeString('b')
      w.writeInt(-2)
    })
    expect(read).toMatchObject({ parameters: { names: ['a', 'b'], values: [{}, UNSET] } })
  })

  test('BATCH of a text and a prepared statement', () => {
    const flags = QueryFlag.SERIAL_CONSISTENCY | QueryFlag.TIMESTAMP
    const read = request(Opcode.BATCH, (w) => {
      writeBatchHead(w, BatchTypeCode.UNLOGGED, 2)
      writeBatchQuery(w, 'INSERT')
      writeRawValues(w, [])
      writeBatchPrepared(w, id)
      writeRawValues(w, [null, UNSET])
      writeBatchTail(w, ConsistencyCode.ONE, flags, ConsistencyCode.LOCAL_SERIAL, 77)
    })
    expect(read).toEqual({
      opcode: Opcode.BATCH,
      type: BatchTypeCode.UNLOGGED,
      entries: [
        { text: 'INSERT', values: [] },
        { id, values: [null, UNSET] },
      ],
      consistency: 'ONE',
      serialConsistency: 'LOCAL_SERIAL',
      timestamp: 77n,
    })
  })

  test('a batch counts 65,535 statements and no more', () => {
    const writer = new WireWriter(8)
    writeBatchHead(writer, BatchTypeCode.LOGGED, 0xffff)
    expect([...writer.copyFrom(0)]).toEqual([0, 0xff, 0xff])
    expect(() => writeBatchHead(writer, BatchTypeCode.LOGGED, 0x10000)).toThrow('too long')
  })

  test('a custom payload goes before the body', () => {
    const payload = new Map([['k', id]])
    const reader = bodyOf((w) => {
      w.writeBytesMap(payload)
      writePrepare(w, 'SELECT')
    })
    expect(readRequestPayload(reader, HeaderFlag.CUSTOM_PAYLOAD)).toEqual(payload)
    expect(readRequest(reader, Opcode.PREPARE)).toMatchObject({ text: 'SELECT' })
    expect(readRequestPayload(reader, 0)).toBe(undefined)
  })

  test('malformed ones are protocol errors', () => {
    const cases: [number, (w: WireWriter) => void][] = [
      [Opcode.RESULT, () => {}],
      [0x7f, () => {}],
      [Opcode.BATCH, (w) => w.writeByte(3)],
      [Opcode.BATCH, (w) => w.writeRaw(Uint8Array.of(0, 0, 1, 2, 0, 0, 0, 0))],
      [Opcode.BATCH, (w) => w.writeRaw(Uint8Array.of(0, 0, 0, 0, 1, 0x40))],
      [Opcode.BATCH, (w) => w.writeRaw(Uint8Array.of(0, 0xff, 0xff, 0))],
      [Opcode.QUERY, (w) => writeQueryHead(w, 'x', 99, 0)],
      [
        Opcode.QUERY,
        (w) => {
          writeQueryHead(w, 'x', 1, QueryFlag.SERIAL_CONSISTENCY)
          w.writeShort(ConsistencyCode.ONE)
        },
      ],
    ]
    for (const [opcode, write] of cases) {
      expect(() => request(opcode, write)).toThrow(ProtocolError)
    }
  })
})

function roundTrip(response: Response): Response {
  const reader = bodyOf((w) => writeResponse(w, response))
  const read = readResponse(reader, response.opcode)
  expect(reader.remaining).toBe(0)
  return read
}

const column = (name: string, type: CqlType) => ({ keyspace: 'k', table: 't', name, type })

describe('responses a node writes are what a client reads', () => {
  const responses: Response[] = [
    { opcode: Opcode.READY },
    { opcode: Opcode.AUTHENTICATE, authenticator: 'PasswordAuthenticator' },
    { opcode: Opcode.SUPPORTED, options: new Map([['COMPRESSION', ['lz4', 'snappy']]]) },
    { opcode: Opcode.AUTH_CHALLENGE, token: id },
    { opcode: Opcode.AUTH_SUCCESS, token: null },
    { opcode: Opcode.RESULT, kind: ResultKind.VOID },
    { opcode: Opcode.RESULT, kind: ResultKind.SET_KEYSPACE, keyspace: 'Ks' },
    {
      opcode: Opcode.RESULT,
      kind: ResultKind.ROWS,
      metadata: {
        columns: [column('a', nativeTypes.int), { ...column('b', nativeTypes.text), table: 'u' }],
        columnCount: 2,
        pagingState: Uint8Array.of(5),
        noMetadata: false,
        newMetadataId: undefined,
      },
      rows: [
        [Uint8Array.of(0, 0, 0, 1), null],
        [new Uint8Array(0), id],
      ],
    },
    {
      opcode: Opcode.RESULT,
      kind: ResultKind.ROWS,
      metadata: {
        columns: [],
        columnCount: 1,
        pagingState: undefined,
        noMetadata: true,
        newMetadataId: id,
      },
      rows: [[id]],
    },
    {
      opcode: Opcode.RESULT,
      kind: ResultKind.PREPARED,
      id,
      bind: {
        flags: 1,
        markers: [column('id', nativeTypes.uuid), column('[ttl]', nativeTypes.int)],
        partitionKeyIndexes: [0],
      },
      resultColumns: [column('v', { kind: 'list', element: nativeTypes.int, frozen: false })],
    },
    {
      opcode: Opcode.RESULT,
      kind: ResultKind.PREPARED,
      id,
      bind: { flags: -0x8000_0000, markers: [], partitionKeyIndexes: [] },
      resultColumns: [],
    },
  ]
  test.each(responses.map((r) => [r] as const))('%o', (response) => {
    expect(roundTrip(response)).toEqual(response)
  })

  test('schema changes of every target, as result and as event', () => {
    for (const target of ['KEYSPACE', 'TABLE', 'TYPE', 'FUNCTION', 'AGGREGATE']) {
      const schemaChange = {
        change: 'CREATED',
        target,
        keyspace: 'k',
        name: target === 'KEYSPACE' ? undefined : 'n',
        argumentTypes: ['FUNCTION', 'AGGREGATE'].includes(target) ? ['int', 'text'] : undefined,
      }
      for (const response of [
        { opcode: Opcode.RESULT, kind: ResultKind.SCHEMA_CHANGE, schemaChange },
        { opcode: Opcode.EVENT, event: { type: 'SCHEMA_CHANGE', schemaChange } },
      ] as const) {
        expect(roundTrip(response)).toEqual(response)
      }
    }
  })

  test('topology, status and unknown events', () => {
    for (const type of ['TOPOLOGY_CHANGE', 'STATUS_CHANGE'] as const) {
      const change = 'UP'
      const event = { type, change, address: Inet.parse('10.0.0.1'), port: 9042 }
      const read = roundTrip({ opcode: Opcode.EVENT, event })
      expect(read).toMatchObject({ event: { type, change, port: 9042 } })
      expect(String((read as { event: { address: Inet } }).event.address)).toBe('10.0.0.1')
    }
    const unknown = { type: 'UNKNOWN', name: 'CLIENT_ROUTES_CHANGE' } as const
    expect(roundTrip({ opcode: Opcode.EVENT, event: unknown })).toMatchObject({ event: unknown })
  })

  const replicas = { consistency: 'QUORUM', received: 1, required: 2 } as const
  const errors: [number, ServerErrorDetails][] = [
    [0x0000, {}],
    [0x000a, {}],
    [0x0100, {}],
    [0x1000, { consistency: 'ALL', required: 3, alive: 2 }],
    [0x1001, {}],
    [0x1002, {}],
    [0x1003, {}],
    [0x1100, { ...replicas, writeType: 'CAS' }],
    [0x1200, { ...replicas, dataPresent: true }],
    [0x1300, { ...replicas, failures: 1, dataPresent: false }],
    [0x1400, { keyspace: 'k', functionName: 'f', argumentTypes: ['int'] }],
    [0x1500, { ...replicas, failures: 2, writeType: 'SOMETHING_NEW' }],
    [0x1600, {}],
    [0x1700, replicas],
    [0x2000, {}],
    [0x2100, {}],
    [0x2200, {}],
    [0x2300, {}],
    [0x2400, { keyspace: 'k', table: '' }],
    [0x2500, { statementId: id }],
    [0x4321, {}],
  ]
  test.each(errors)('ERROR %i', (code, details) => {
    const error = new ServerError(code, 'because', details)
    const read = roundTrip({ opcode: Opcode.ERROR, error }) as { error: ServerError }
    expect(read.error).toMatchObject({ code: error.code, serverCode: code, message: 'because' })
    expect(read.error.details).toEqual(details)
  })

  test('tracing id, warnings and custom payload stand before the body', () => {
    const prefix: ResponsePrefix = {
      tracingId: '12345678-1234-1234-1234-123456789abc',
      warnings: ['slow'],
      customPayload: new Map([['tablets-routing-v1', id]]),
    }
    const flags = responsePrefixFlags(prefix)
    expect(flags).toBe(0x0e)
    const reader = bodyOf((w) => writeResponsePrefix(w, prefix))
    expect(readResponsePrefix(reader, flags)).toEqual(prefix)
    expect(reader.remaining).toBe(0)
  })

  test('malformed ones are protocol errors', () => {
    const int =
      (...values: number[]) =>
      (w: WireWriter) =>
        values.forEach((v) => w.writeInt(v))
    const cases: [number, (w: WireWriter) => void][] = [
      [Opcode.QUERY, () => {}],
      [0x55, () => {}],
      [Opcode.RESULT, int(9)],
      [Opcode.RESULT, int(2, 0, -1)],
      [Opcode.RESULT, int(2, 0, 70_000)],
      [Opcode.RESULT, int(2, 4, 2, 2_000_000_000)],
      [Opcode.RESULT, int(2, 4, 0, 2_000_000_000)],
      [Opcode.RESULT, int(2, 4, 2, -1)],
      [Opcode.RESULT, int(2, 0, 0x7fff)],
    ]
    for (const [opcode, write] of cases) {
      expect(() => readResponse(bodyOf(write), opcode)).toThrow(ProtocolError)
    }
    for (const keyCount of [-1, 2_000_000_000]) {
      expect(() => readBindMetadata(bodyOf(int(0, 1, keyCount)))).toThrow(ProtocolError)
    }
    const outside = bodyOf((w) => writeBindMetadata(w, [column('a', nativeTypes.int)], [1]))
    expect(() => readBindMetadata(outside)).toThrow(ProtocolError)
    const repeated = bodyOf((w) => writeBindMetadata(w, [column('a', nativeTypes.int)], [0, 0]))
    expect(() => readBindMetadata(repeated)).toThrow('a partition key of 2 of 1 markers')
  })
})

const typeArbitrary: fc.Arbitrary<CqlType> = fc.letrec<{ type: CqlType }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<CqlType>(...Object.values(nativeTypes)),
    fc.record({
      kind: fc.constantFrom('list' as const, 'set' as const),
      element: tie('type'),
      frozen: fc.constant(false),
    }),
    fc.record({
      kind: fc.constant('map' as const),
      key: tie('type'),
      value: tie('type'),
      frozen: fc.constant(false),
    }),
    fc.record({
      kind: fc.constant('tuple' as const),
      elements: fc.array(tie('type'), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constant('udt' as const),
      keyspace: fc.constant('ks'),
      name: fc.string({ minLength: 1 }),
      fields: fc.array(fc.record({ name: fc.string({ minLength: 1 }), type: tie('type') }), {
        maxLength: 3,
      }),
      frozen: fc.constant(false),
    }),
    fc.record({
      kind: fc.constant('vector' as const),
      element: tie('type'),
      dimension: fc.integer({ min: 1, max: 8192 }),
    }),
  ),
})).type

describe('type specifications', () => {
  test('of any type are read as written', () => {
    fc.assert(
      fc.property(typeArbitrary, (type) => {
        expect(readTypeSpec(bodyOf((w) => writeTypeSpec(w, type)))).toEqual(type)
      }),
      { numRuns: 500 },
    )
  })

  const marshal = 'org.apache.cassandra.db.marshal.'
  const named: [string, CqlType][] = [
    [`${marshal}DurationType`, nativeTypes.duration],
    [
      `${marshal}VectorType(${marshal}FloatType , 3)`,
      { kind: 'vector', element: nativeTypes.float, dimension: 3 },
    ],
    [
      `${marshal}FrozenType(${marshal}ListType(${marshal}Int32Type))`,
      {
        kind: 'list',
        element: nativeTypes.int,
        frozen: false,
      },
    ],
    [
      `${marshal}MapType(${marshal}UTF8Type,SetType(LongType))`,
      {
        kind: 'map',
        key: nativeTypes.text,
        value: { kind: 'set', element: nativeTypes.bigint, frozen: false },
        frozen: false,
      },
    ],
    [
      `${marshal}UserType(ks,61646472,7a6970:${marshal}Int32Type)`,
      {
        kind: 'udt',
        keyspace: 'ks',
        name: 'addr',
        fields: [{ name: 'zip', type: nativeTypes.int }],
        frozen: false,
      },
    ],
    [
      `${marshal}TupleType(${marshal}Int32Type,${marshal}UUIDType)`,
      {
        kind: 'tuple',
        elements: [nativeTypes.int, nativeTypes.uuid],
      },
    ],
    ['com.example.Odd', { kind: 'custom', className: 'com.example.Odd' }],
    [
      `${marshal}VectorType(${marshal}FloatType , 0)`,
      {
        kind: 'custom',
        className: `${marshal}VectorType(${marshal}FloatType , 0)`,
      },
    ],
    [
      `${marshal}CompositeType(${marshal}UTF8Type,${marshal}UTF8Type)`,
      {
        kind: 'custom',
        className: `${marshal}CompositeType(${marshal}UTF8Type,${marshal}UTF8Type)`,
      },
    ],
  ]
  test.each(named)('the class name %s', (className, type) => {
    const reader = bodyOf((w) => {
      w.writeShort(0)
      w.writeString(className)
    })
    expect(readTypeSpec(reader)).toEqual(type)
  })

  test('a vector goes as Cassandra 5 writes it', () => {
    const reader = bodyOf((w) =>
      writeTypeSpec(w, { kind: 'vector', element: nativeTypes.float, dimension: 3 }),
    )
    expect(reader.readShort()).toBe(0)
    expect(reader.readString()).toBe(`${marshal}VectorType(${marshal}FloatType , 3)`)
  })

  test('nested too deep is an error, not a stack overflow', () => {
    const reader = bodyOf((w) => {
      for (let i = 0; i < 20_000; i++) w.writeShort(0x20)
      w.writeShort(9)
    })
    expect(() => readTypeSpec(reader)).toThrow(ProtocolError)
    const deep = `${'ListType('.repeat(7000)}Int32Type${')'.repeat(7000)}`
    const custom = bodyOf((w) => {
      w.writeShort(0)
      w.writeString(deep.slice(0, 65_535))
    })
    expect(readTypeSpec(custom).kind).toBe('custom')
  })

  test('an unknown id is an error', () => {
    expect(() => readTypeSpec(bodyOf((w) => w.writeShort(0x77)))).toThrow(ProtocolError)
  })
})

describe('metadata seen before', () => {
  const columns = [column('id', nativeTypes.uuid), column('name', nativeTypes.text)]
  function rows(specs = columns, pagingState?: Uint8Array): WireReader {
    return bodyOf((w) => {
      writeRowsMetadata(w, specs, { pagingState })
      w.writeInt(0)
    })
  }
  function cached(reader: WireReader): MetadataBytes {
    const head = new RowsHead()
    readRowsHead(reader, head)
    const start = reader.offset
    readColumnSpecs(reader, head.flags, head.columnCount)
    return new MetadataBytes(head, reader.bytes, start, reader.offset)
  }
  function matches(known: MetadataBytes, reader: WireReader): boolean {
    const head = new RowsHead()
    readRowsHead(reader, head)
    const start = reader.offset
    const result = known.matches(reader, head)
    expect(reader.offset).toBe(result ? reader.end - 4 : start)
    return result
  }

  test('is recognised, with whatever paging state', () => {
    const known = cached(rows())
    expect(matches(known, rows())).toBe(true)
    expect(matches(known, rows(columns, Uint8Array.of(1, 2, 3)))).toBe(true)
  })

  test('is not when a byte, a type, a flag or the number of columns differs', () => {
    const known = cached(rows())
    const [first, second] = columns as [(typeof columns)[0], (typeof columns)[0]]
    expect(matches(known, rows([first, { ...second, name: 'nam2' }]))).toBe(false)
    expect(matches(known, rows([first, { ...second, type: nativeTypes.ascii }]))).toBe(false)
    expect(matches(known, rows([first, { ...second, table: 'u' }]))).toBe(false)
    expect(matches(known, rows([first]))).toBe(false)
    expect(matches(known, rows([first, second, second]))).toBe(false)
  })
})
