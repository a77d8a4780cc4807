import { describe, expect, test } from 'vitest'
import { availableCompressors, Engine, EngineNode, MemoryStore } from '../../../src/engine/index.ts'
import type { KvStore } from '../../../src/engine/storage/index.ts'
import { Secret, ServerErrorCode } from '../../../src/errors/index.ts'
import {
  Opcode,
  type PreparedResult,
  QueryFlag,
  ResultKind,
  type Response,
  writeAuthToken,
  writeBatchHead,
  writeBatchPrepared,
  writeBatchQuery,
  writeBatchTail,
  writeExecuteHead,
  writeQueryHead,
  writeRawValue,
  writeRawValues,
  type WireWriter,
} from '../../../src/protocol/index.ts'
import { openNode, readyClient, TestClient, writeParametersTail } from './test-client.ts'

const keyspace = `CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`
const int = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return Uint8Array.from(bytes)
}

const betaFlag = 0x10
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

function errorOf(response: Response): { code: number; message: string } {
  if (response.opcode !== Opcode.ERROR) throw new Error(`no error but ${response.opcode}`)
  return { code: response.error.serverCode, message: response.error.message }
}

function tableClient(node = openNode()): TestClient {
  const client = readyClient(node)
  client.query(keyspace)
  client.query('USE k')
  client.query('CREATE TABLE t (p int, c int, v text, PRIMARY KEY (p, c))')
  return client
}

function prepared(client: TestClient, text: string): PreparedResult {
  const response = client.prepare(text)
  if (response.opcode !== Opcode.RESULT || response.kind !== ResultKind.PREPARED) {
    throw new Error(`not prepared: ${JSON.stringify(response)}`)
  }
  return response
}

function execute(client: TestClient, id: Uint8Array, values: Uint8Array[], flags = 0): Response {
  return client.ask(Opcode.EXECUTE, (writer) => {
    writeExecuteHead(writer, id, 1, flags | (values.length > 0 ? QueryFlag.VALUES : 0))
    if (values.length > 0) writeRawValues(writer, values)
  })
}

describe('handshake', () => {
  test('OPTIONS may come before STARTUP and returns what is supported', () => {
    const client = new TestClient(openNode())
    const supported = client.ask(Opcode.OPTIONS)
    expect(supported).toMatchObject({
      opcode: Opcode.SUPPORTED,
      options: new Map([
        ['CQL_VERSION', ['3.4.7']],
        ['COMPRESSION', []],
        ['PROTOCOL_VERSIONS', ['4/v4']],
      ]),
    })
    expect(client.startup().opcode).toBe(Opcode.READY)
  })

  test.each([
    [5, 'Invalid or unsupported protocol version (5); supported versions are (4/v4)'],
    [3, 'Invalid or unsupported protocol version (3); supported versions are (4/v4)'],
    [66, 'Invalid or unsupported protocol version (66); supported versions are (4/v4)'],
    [6, 'Invalid or unsupported protocol version (6); supported versions are (4/v4)'],
  ])('version %i is answered in version 4, and the client may go on in it', (version, message) => {
    for (const flags of [0, betaFlag]) {
      const client = new TestClient(openNode())
      client.connection.push(Uint8Array.from([version, flags, 0, 9, Opcode.OPTIONS, 0, 0, 0, 0]))
      expect(client.chunks[0]![0]).toBe(0x84)
      expect(client.answers[0]!.streamId).toBe(9)
      expect(errorOf(client.answers[0]!.response)).toEqual({
        code: ServerErrorCode.PROTOCOL,
        message,
      })
      expect(client.isEnded).toBe(false)
      expect(client.startup().opcode).toBe(Opcode.READY)
    }
  })

  test.each([
    ['bytes of another protocol', Buffer.from('GET / HTTP/1.1')],
    ['version 0', Buffer.alloc(9)],
  ])('%s end the connection', (_, bytes) => {
    const client = new TestClient(openNode())
    client.connection.push(bytes)
    expect(client.isEnded).toBe(true)
  })

  test('versions are tried a few times only, and not after STARTUP', () => {
    const options = Uint8Array.from([5, 0, 0, 9, Opcode.OPTIONS, 0, 0, 0, 0])
    const client = new TestClient(openNode())
    for (let i = 0; i < 7; i++) client.connection.push(options)
    expect(client.isEnded).toBe(false)
    client.connection.push(options)
    expect(client.isEnded).toBe(true)
    const ready = readyClient()
    ready.connection.push(options)
    expect(ready.isEnded).toBe(true)
  })

  test('versions 1 and 2 are answered with their own short header', () => {
    const node = openNode()
    const chunks: Uint8Array[] = []
    const output = {
      write: (bytes: Uint8Array) => {
        chunks.push(Uint8Array.from(bytes))
        return false
      },
      end: () => {},
    }
    const client = new TestClient(openNode())
    const connection = node.connect(output, {
      address: client.connection.describe()['address'] as never,
      port: 1,
    })
    connection.push(Uint8Array.from([2, 0, 7, Opcode.OPTIONS, 0, 0, 0, 0, 0]))
    const frame = Buffer.from(chunks[0]!)
    expect([frame[0], frame[2], frame[3]]).toEqual([0x82, 7, Opcode.ERROR])
    expect(frame.readInt32BE(4)).toBe(frame.length - 8)
  })

  test('only OPTIONS and STARTUP are allowed first, and STARTUP only once', () => {
    const client = new TestClient(openNode())
    expect(errorOf(client.query('SELECT key FROM system.local'))).toEqual({
      code: ServerErrorCode.PROTOCOL,
      message: 'Unexpected message QUERY, expecting STARTUP or OPTIONS',
    })
    client.startup()
    expect(errorOf(client.startup()).message).toBe(
      'Unexpected message STARTUP, the connection is already initialized',
    )
    expect(client.query('SELECT key FROM system.local').opcode).toBe(Opcode.RESULT)
  })

  test.each([
    [
      { CQL_VERSION: '2.0.0' },
      'CQL version 2.0.0 is not supported by the binary protocol (supported version are >= 3.0.0)',
    ],
    [{ CQL_VERSION: 'new' }, 'Invalid version value: new'],
    [{ COMPRESSION: 'zip' }, 'Unknown compression algorithm: zip'],
  ])('STARTUP with %o is refused', (options, message) => {
    const client = new TestClient(openNode())
    expect(errorOf(client.startup(options)).message).toBe(message)
  })

  test('a node with a user asks for the password', () => {
    const credentials = { user: 'ada', password: new Secret('lovelace') }
    const node = openNode({ credentials })
    const login = (token: string): Response => {
      const client = new TestClient(node)
      expect(client.startup()).toMatchObject({
        opcode: Opcode.AUTHENTICATE,
        authenticator: 'org.apache.cassandra.auth.PasswordAuthenticator',
      })
      expect(errorOf(client.query('SELECT key FROM system.local')).message).toBe(
        'Unexpected message QUERY, expecting SASL_RESPONSE',
      )
      return client.ask(Opcode.AUTH_RESPONSE, (writer) =>
        writeAuthToken(writer, Buffer.from(token)),
      )
    }
    expect(login('\0ada\0lovelace').opcode).toBe(Opcode.AUTH_SUCCESS)
    expect(errorOf(login('\0ada\0babbage'))).toEqual({
      code: ServerErrorCode.BAD_CREDENTIALS,
      message: 'Provided username ada and/or password are incorrect',
    })
    expect(errorOf(login('ada')).code).toBe(ServerErrorCode.BAD_CREDENTIALS)
  })

  test.each(['lz4', 'snappy'])(
    '%s compresses both ways once STARTUP has named it',
    async (name) => {
      const node = openNode()
      const compressors = await availableCompressors()
      node.offerCompression(compressors)
      const client = new TestClient(node)
      client.startup({ COMPRESSION: name })
      client.compressor = compressors.find((each) => each.name === name)!
      const before = client.chunks.length
      const result = client.query('SELECT * FROM system_schema.columns')
      expect(result).toMatchObject({ opcode: Opcode.RESULT, kind: ResultKind.ROWS })
      expect(client.chunks[before]![1]! & 1).toBe(1)
    },
  )
})

describe('statements', () => {
  test('USE is the connection’s own', () => {
    const node = openNode()
    const client = tableClient(node)
    expect(client.query('USE k')).toMatchObject({ kind: ResultKind.SET_KEYSPACE, keyspace: 'k' })
    const other = readyClient(node)
    expect(errorOf(other.query('SELECT * FROM t')).message).toBe(
      'No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename',
    )
  })

  test('values are bound by place and by name, one name serving several markers', () => {
    const client = tableClient()
    const insert = 'INSERT INTO t (p, c, v) VALUES (:a, :a, :b)'
    const named = (writer: WireWriter): void => {
      writeQueryHead(writer, insert, 1, QueryFlag.VALUES | QueryFlag.NAMED_VALUES)
      writer.writeShort(2)
      writer.writeString('b')
      writeRawValue(writer, Buffer.from('x'))
      writer.writeString('a')
      writeRawValue(writer, int(4))
    }
    expect(client.ask(Opcode.QUERY, named)).toMatchObject({ kind: ResultKind.VOID })
    const byPlace = (writer: WireWriter): void => {
      writeQueryHead(writer, 'SELECT v FROM t WHERE p = ? AND c = ?', 1, QueryFlag.VALUES)
      writeRawValues(writer, [int(4), int(4)])
    }
    expect(client.ask(Opcode.QUERY, byPlace)).toMatchObject({ rows: [[text('x')]] })
    const short = (writer: WireWriter): void => {
      writeQueryHead(writer, 'SELECT v FROM t WHERE p = ? AND c = ?', 1, QueryFlag.VALUES)
      writeRawValues(writer, [int(4)])
    }
    expect(errorOf(client.ask(Opcode.QUERY, short)).message).toBe(
      'Invalid amount of bind variables',
    )
  })

  test('a prepared statement has an id of keyspace and text, markers and routing', () => {
    const client = tableClient()
    const text = 'SELECT * FROM t WHERE c = ? AND p = ?'
    const first = prepared(client, text)
    expect(first.bind.partitionKeyIndexes).toEqual([1])
    expect(first.bind.markers.map(({ name }) => name)).toEqual(['c', 'p'])
    expect(first.resultColumns.map(({ name }) => name)).toEqual(['p', 'c', 'v'])
    expect(prepared(client, text).id).toEqual(first.id)
    expect(prepared(client, 'SELECT * FROM t WHERE p = ? AND c = ?').id).not.toEqual(first.id)
    expect(errorOf(execute(client, first.id, [int(1)])).message).toBe(
      'there were 2 markers(?) in CQL but 1 bound variables',
    )
  })

  test('SKIP_METADATA leaves the columns out', () => {
    const client = tableClient()
    client.query(`INSERT INTO t (p, c, v) VALUES (1, 2, 'x')`)
    const { id } = prepared(client, 'SELECT * FROM t WHERE p = ?')
    const result = execute(client, id, [int(1)], QueryFlag.SKIP_METADATA)
    expect(result).toMatchObject({
      metadata: { noMetadata: true, columnCount: 3 },
      rows: [[int(1), int(2), text('x')]],
    })
  })

  test('DDL makes the node forget a prepared statement, TRUNCATE and other tables do not', () => {
    const client = tableClient()
    client.query(`INSERT INTO t (p, c, v) VALUES (1, 2, 'x')`)
    const { id } = prepared(client, 'SELECT * FROM t WHERE p = 1')
    client.query('CREATE TABLE other (p int PRIMARY KEY)')
    expect(execute(client, id, [])).toMatchObject({ rows: [[int(1), int(2), text('x')]] })
    client.query('TRUNCATE t')
    expect(execute(client, id, [])).toMatchObject({ rows: [] })
    client.query(`INSERT INTO t (p, c, v) VALUES (1, 3, 'y')`)
    expect(execute(client, id, [])).toMatchObject({ rows: [[int(1), int(3), text('y')]] })
    client.query('ALTER TABLE t ADD w int')
    const refused = execute(client, id, [])
    expect(errorOf(refused).code).toBe(ServerErrorCode.UNPREPARED)
    expect(refused).toMatchObject({ error: { details: { statementId: id } } })
    expect(prepared(client, 'SELECT * FROM t WHERE p = 1').resultColumns).toHaveLength(4)
    client.query('DROP TABLE t')
    expect(errorOf(execute(client, id, [])).code).toBe(ServerErrorCode.UNPREPARED)
  })

  test('batches mix texts and prepared statements', () => {
    const client = tableClient()
    const { id } = prepared(client, 'INSERT INTO t (p, c, v) VALUES (?, ?, ?)')
    const batch = (values: Uint8Array[]) => (writer: WireWriter) => {
      writeBatchHead(writer, 0, 2)
      writeBatchQuery(writer, `INSERT INTO t (p, c, v) VALUES (1, 1, 'a')`)
      writeRawValues(writer, [])
      writeBatchPrepared(writer, id)
      writeRawValues(writer, values)
      writeBatchTail(writer, 1, 0, 0, 0)
    }
    const values = [int(1), int(2), text('b')]
    expect(client.ask(Opcode.BATCH, batch(values))).toMatchObject({ kind: ResultKind.VOID })
    expect(client.query('SELECT c FROM t WHERE p = 1')).toMatchObject({
      rows: [[int(1)], [int(2)]],
    })
    expect(errorOf(client.ask(Opcode.BATCH, batch(values.slice(1)))).message).toBe(
      'There were 3 markers(?) in CQL but 2 bound variables',
    )
  })

  test('pages follow each other by their state', () => {
    const client = tableClient()
    for (let c = 0; c < 5; c++) client.query(`INSERT INTO t (p, c) VALUES (1, ${c})`)
    const seen: number[] = []
    let state: Uint8Array | undefined
    do {
      const flags = QueryFlag.PAGE_SIZE | (state === undefined ? 0 : QueryFlag.PAGING_STATE)
      const page = client.ask(Opcode.QUERY, (writer) => {
        writeQueryHead(writer, 'SELECT c FROM t WHERE p = 1', 1, flags)
        writeParametersTail(writer, flags, 2, state, 0, 0)
      })
      if (page.opcode !== Opcode.RESULT || page.kind !== ResultKind.ROWS) throw new Error('no rows')
      for (const [cell] of page.rows) seen.push(Buffer.from(cell!).readInt32BE(0))
      state = page.metadata.pagingState
    } while (state !== undefined)
    expect(seen).toEqual([0, 1, 2, 3, 4])
    const zero = client.ask(Opcode.QUERY, (writer) => {
      writeQueryHead(writer, 'SELECT c FROM t', 1, QueryFlag.PAGE_SIZE)
      writer.writeInt(0)
    })
    expect(errorOf(zero)).toEqual({
      code: ServerErrorCode.PROTOCOL,
      message: 'The page size cannot be 0',
    })
  })

  test('a traced request carries its id and leaves its trace', () => {
    const client = tableClient()
    client.query('SELECT * FROM t', { flags: 0x02 })
    const tracingId = client.answers.at(-1)!.prefix.tracingId!
    expect(tracingId).toMatch(/^[0-9a-f-]{36}$/)
    const session = client.query(
      `SELECT request, parameters FROM system_traces.sessions WHERE session_id = ${tracingId}`,
    )
    expect(session).toMatchObject({
      rows: [[text('Execute CQL3 query'), expect.anything()]],
    })
    client.query('SELECT * FROM nowhere', { flags: 0x02 })
    expect(client.answers.at(-1)!.prefix.tracingId).toBeDefined()
  })

  test('warnings come before the body', () => {
    const client = tableClient()
    client.query('SELECT count(*) FROM t')
    expect(client.answers.at(-1)!.prefix.warnings).toEqual([
      'Aggregation query used without partition key',
    ])
  })

  test('a custom payload is accepted', () => {
    const client = tableClient()
    const result = client.ask(
      Opcode.QUERY,
      (writer) => {
        writer.writeBytesMap(new Map([['key', text('value')]]))
        writeQueryHead(writer, 'SELECT * FROM t', 1, 0)
      },
      { flags: 0x04 },
    )
    expect(result.opcode).toBe(Opcode.RESULT)
  })

  test('system_views.clients and system.prepared_statements show what is there', () => {
    const client = tableClient()
    prepared(client, 'SELECT * FROM t')
    const clients = client.query(
      'SELECT port, keyspace_name, connection_stage FROM system_views.clients',
    )
    expect(clients).toMatchObject({ rows: [[int(4711), text('k'), text('ready')]] })
    const statements = client.query('SELECT query_string FROM system.prepared_statements')
    expect(statements).toMatchObject({ rows: [[text('SELECT * FROM t')]] })
  })
})

describe('statements about what an embedded engine does not have', () => {
  // Cassandra without authentication refuses statements about roles, whatever they name, so there
  // is nothing to compare with.
  test.each(['ROLE', 'USER'])('DROP %s IF EXISTS does nothing, also when prepared', (kind) => {
    const client = readyClient()
    const text = `DROP ${kind} IF EXISTS nobody`
    expect(client.query(text)).toMatchObject({ kind: ResultKind.VOID })
    expect(client.prepare(text)).toMatchObject({ kind: ResultKind.PREPARED })
    const message = `DROP ${kind} statements are not supported`
    expect(errorOf(client.query(`DROP ${kind} nobody`)).message).toContain(message)
  })

  // Cassandra warns once per connection. The driver sends USE on behalf of its callers, who could
  // do nothing about the warning.
  test('a statement that is prepared after USE has no warning', () => {
    const client = tableClient()
    client.prepare('SELECT * FROM t')
    expect(client.answers.at(-1)!.response).toMatchObject({ kind: ResultKind.PREPARED })
    client.query('SELECT * FROM t')
    expect(client.answers.map(({ prefix }) => prefix.warnings.length)).not.toContain(1)
  })
})

/** A store whose commits never end. */
function uncommitted(memory: MemoryStore): KvStore {
  return {
    get: (key, into) => memory.get(key, into),
    has: (key) => memory.has(key),
    scan: (range) => memory.scan(range),
    write: (batch) => memory.write(batch),
    commit: () => new Promise(() => {}),
    takeUncommittedRead: () => false,
    snapshot: () => memory.snapshot(),
    stats: () => memory.stats(),
    close: () => memory.close(),
  }
}

test('what is answered with OVERLOADED has not been executed', () => {
  const memory = new MemoryStore()
  const client = readyClient(new EngineNode(new Engine({ storage: uncommitted(memory) })))
  client.send(Opcode.QUERY, (writer) => writeQueryHead(writer, keyspace, 1, 0))
  const table = 'CREATE TABLE k.t (p int PRIMARY KEY)'
  client.send(Opcode.QUERY, (writer) => writeQueryHead(writer, table, 1, 0))
  const insert = (key: number): void => {
    const text = `INSERT INTO k.t (p) VALUES (${key})`
    client.send(Opcode.QUERY, (writer) => writeQueryHead(writer, text, 1, 0))
  }
  const countMax = 32_768
  for (let i = 2; i < countMax; i++) insert(1)
  const { entryCount } = memory.stats()
  expect(client.answers).toHaveLength(1)
  insert(2)
  expect(errorOf(client.answers[1]!.response).code).toBe(ServerErrorCode.OVERLOADED)
  expect(memory.stats().entryCount).toBe(entryCount)
})

describe('bad frames', () => {
  const bodies: [string, number, number[]][] = [
    ['a query that ends inside its text', Opcode.QUERY, [0, 0, 0, 9, 65]],
    ['a query of negative length', Opcode.QUERY, [255, 255, 255, 255, 0, 1, 0]],
    ['a query without parameters', Opcode.QUERY, [0, 0, 0, 1, 65]],
    ['a consistency nobody knows', Opcode.QUERY, [0, 0, 0, 1, 65, 0, 99, 0]],
    ['more values than the frame holds', Opcode.QUERY, [0, 0, 0, 1, 65, 0, 1, 1, 255, 255]],
    ['a value of length -3', Opcode.QUERY, [0, 0, 0, 1, 65, 0, 1, 1, 0, 1, 255, 255, 255, 253]],
    ['an EXECUTE without id', Opcode.EXECUTE, [0]],
    ['a BATCH of type 9', Opcode.BATCH, [9, 0, 0, 0, 1, 0]],
    ['a BATCH with kind 7', Opcode.BATCH, [0, 0, 1, 7, 0, 0, 0, 0, 0, 1, 0]],
    ['a REGISTER cut short', Opcode.REGISTER, [0, 5]],
    ['an opcode of a response', Opcode.READY, []],
    ['an opcode nobody knows', 0x77, [1, 2, 3]],
    ['an AUTH_RESPONSE nobody asked for', Opcode.AUTH_RESPONSE, [255, 255, 255, 255]],
  ]
  test.each(bodies)('%s is an error, and the connection goes on', (_, opcode, body) => {
    const client = tableClient()
    const refused = client.ask(opcode, (writer) => writer.writeRaw(Uint8Array.from(body)))
    expect(errorOf(refused).code).toBe(ServerErrorCode.PROTOCOL)
    expect(client.query('SELECT * FROM t').opcode).toBe(Opcode.RESULT)
    expect(client.isEnded).toBe(false)
  })

  test.each([
    ['of negative length', [4, 0, 0, 1, Opcode.QUERY, 255, 255, 255, 255]],
    ['of the wrong direction', [0x84, 0, 0, 1, Opcode.QUERY, 0, 0, 0, 0]],
    ['compressed, though nobody agreed to that', [4, 1, 0, 1, Opcode.QUERY, 0, 0, 0, 1, 0]],
  ])('a frame %s ends the connection with an error', (_, bytes) => {
    const client = tableClient()
    client.connection.push(Uint8Array.from(bytes))
    expect(errorOf(client.answers.at(-1)!.response).code).toBe(ServerErrorCode.PROTOCOL)
    expect(client.isEnded).toBe(true)
    const { length } = client.answers
    client.connection.push(Uint8Array.from([4, 0, 0, 1, Opcode.OPTIONS, 0, 0, 0, 0]))
    expect(client.answers).toHaveLength(length)
  })

  const requestBytesMax = 16 * 1024 * 1024

  /** A request frame whose text has spaces up to the size. */
  function paddedQuery(frameBytes: number): Uint8Array {
    const frame = Buffer.alloc(frameBytes, ' ')
    frame.set([4, 0, 0, 7, Opcode.QUERY])
    frame.writeInt32BE(frameBytes - 9, 5)
    frame.writeInt32BE(frameBytes - 16, 9)
    frame.write('SELECT key FROM system.local', 13)
    frame.set([0, 1, 0], frameBytes - 3)
    return frame
  }

  test('a request of 16 MiB is executed, a longer one is an error and the connection goes on', () => {
    const client = readyClient()
    client.connection.push(paddedQuery(requestBytesMax))
    expect(client.answers.at(-1)!.response.opcode).toBe(Opcode.RESULT)
    for (const chunkBytes of [requestBytesMax + 1, 65_536]) {
      const frame = paddedQuery(requestBytesMax + 1)
      const before = client.answers.length
      for (let at = 0; at < frame.length; at += chunkBytes) {
        client.connection.push(frame.subarray(at, at + chunkBytes))
      }
      expect(client.answers.length).toBe(before + 1)
      expect(client.answers.at(-1)!.streamId).toBe(7)
      expect(errorOf(client.answers.at(-1)!.response)).toEqual({
        code: ServerErrorCode.INVALID,
        message: 'Request is too big: length 16777217 exceeds maximum allowed length 16777216.',
      })
      expect(client.query('SELECT key FROM system.local').opcode).toBe(Opcode.RESULT)
    }
  })

  test('a client that has not logged in may send requests of 256 KiB', () => {
    const client = new TestClient(openNode())
    client.connection.push(paddedQuery(256 * 1024 + 1))
    expect(errorOf(client.answers.at(-1)!.response).message).toContain('Request is too big')
    expect(client.startup().opcode).toBe(Opcode.READY)
  })

  test.each(['lz4', 'snappy'])(
    'a frame compressed by %s holds no more than one that is not compressed',
    async (name) => {
      const credentials = { user: 'ada', password: new Secret('lovelace') }
      const compressors = await availableCompressors()
      const compressor = compressors.find((each) => each.name === name)!
      const connect = (bytesMax: number, hasLogin: boolean): void => {
        const node = openNode(hasLogin ? { credentials } : {})
        node.offerCompression(compressors)
        const client = new TestClient(node)
        client.startup({ COMPRESSION: name })
        client.compressor = compressor
        client.send(Opcode.AUTH_RESPONSE, (writer) => {
          writer.writeRaw(new Uint8Array(bytesMax - 9 + 1))
        })
        expect(errorOf(client.answers.at(-1)!.response).message).toBe(
          `A compressed body declares ${bytesMax - 8} bytes, at most ${bytesMax - 9} are accepted`,
        )
        expect(client.isEnded).toBe(true)
      }
      connect(256 * 1024, true)
      connect(requestBytesMax, false)
    },
  )

  test('frames may come in any pieces', () => {
    const client = readyClient()
    const frame = [4, 0, 0, 1, Opcode.OPTIONS, 0, 0, 0, 0]
    for (const byte of [...frame, ...frame]) client.connection.push(Uint8Array.from([byte]))
    expect(client.answers.slice(1).map(({ response }) => response.opcode)).toEqual([
      Opcode.SUPPORTED,
      Opcode.SUPPORTED,
    ])
  })

  test('an error of any length has an answer', () => {
    const client = tableClient()
    const name = 'x'.repeat(100_000)
    expect(errorOf(client.query(`SELECT ${name} FROM t`)).code).toBe(ServerErrorCode.INVALID)
  })
})
