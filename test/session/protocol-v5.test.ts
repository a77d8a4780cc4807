import { describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { Batch, type ExecuteOptions, type Session, Statement } from '../../src/index.ts'
import {
  Opcode,
  type Request,
  responseBit,
  ResultKind,
  type RowsResult,
  SegmentSealer,
} from '../../src/protocol/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { type Exchange, prepare, rowsOf, ScriptedNode } from '../support/scripted-node.ts'
import { connect, holdExecutes, settle } from '../support/scripted-session.ts'
import { describeOnServers } from '../support/targets.ts'

const { int, text } = nativeTypes
const [idA, idB] = [Uint8Array.of(0xa), Uint8Array.of(0xb)]
const columnsA = rowsOf([['v', int]], [[1]])
const columnsB = rowsOf(
  [
    ['v', int],
    ['added', text],
  ],
  [[2, 'new']],
)

/** The same rows, as a node answers that leaves the columns out. */
function withoutColumns(rows: RowsResult): RowsResult {
  return { ...rows, metadata: { ...rows.metadata, noMetadata: true } }
}

function withId(rows: RowsResult, newMetadataId: Uint8Array): RowsResult {
  return { ...rows, metadata: { ...rows.metadata, newMetadataId } }
}

/** A node of version 5, whose SELECTs have the columns A. */
async function open(): Promise<{ node: ScriptedNode; session: Session; held: Exchange[] }> {
  const node = new ScriptedNode()
  node.supported = new Map([['PROTOCOL_VERSIONS', ['4/v4', '5/v5']]])
  const session = await connect(node, { keyspace: 'ks' })
  onTestFinished(() => session.close())
  const held = holdExecutes(node)
  const holdsExecutes = node.script
  node.script = (exchange) => {
    const { request } = exchange
    if (request.opcode !== Opcode.PREPARE) return holdsExecutes(exchange)
    const answer = prepare(request.text)
    if (answer.opcode !== Opcode.RESULT || answer.kind !== ResultKind.PREPARED) return 'default'
    const resultColumns = columnsA.metadata.columns
    exchange.reply({ ...answer, resultMetadataId: idA, resultColumns })
    return 'done'
  }
  return { node, session, held }
}

const sentOf = (request: Request): unknown =>
  request.opcode === Opcode.EXECUTE
    ? [[...(request.resultMetadataId ?? [])], request.parameters.skipMetadata]
    : request.opcode

async function answersOf(promises: readonly Promise<{ rows(): unknown }>[]): Promise<unknown[]> {
  return await Promise.all(
    promises.map(async (one) => JSON.parse(JSON.stringify((await one).rows()))),
  )
}

describe('columns of results in version 5', () => {
  test('are not sent again while the client knows them', async () => {
    const { session, held } = await open()
    const statement = await session.prepare('SELECT v FROM t WHERE k = ?')
    const first = session.executePrepared(statement, [1])
    await settle()
    expect(sentOf(held[0]!.request)).toEqual([[0xa], true])
    held[0]!.reply(withoutColumns(columnsA))
    expect(await answersOf([first])).toEqual([[{ v: 1 }]])
  })

  test('change under requests in flight: each answer is read by the columns its request named', async () => {
    const { session, held } = await open()
    const statement = await session.prepare('SELECT v FROM t WHERE k = ?')
    const before = [1, 2, 3].map((k) => session.executePrepared(statement, [k]))
    await settle()
    held[1]!.reply(withId(columnsB, idB))
    await before[1]
    const after = session.executePrepared(statement, [4])
    await settle()
    expect(sentOf(held[3]!.request)).toEqual([[0xb], true])
    // A node that has not seen the change yet answers the requests that named the old columns.
    held[3]!.reply(withoutColumns(columnsB))
    held[0]!.reply(withoutColumns(columnsA))
    held[2]!.reply(withoutColumns(columnsA))
    expect(await answersOf([...before, after])).toEqual([
      [{ v: 1 }],
      [{ v: 2, added: 'new' }],
      [{ v: 1 }],
      [{ v: 2, added: 'new' }],
    ])
  })

  test('that have changed, but are left out, are an error: they are never taken for the old', async () => {
    const { session, held } = await open()
    const statement = await session.prepare('SELECT v FROM t WHERE k = ?')
    const selecting = session.executePrepared(statement, [1])
    await settle()
    held[0]!.reply(withoutColumns(withId(columnsA, idB)))
    await expect(selecting).rejects.toMatchObject({ code: 'TSYLLA_PROTOCOL' })
    const next = session.executePrepared(statement, [1])
    await settle()
    expect(sentOf(held[1]!.request)).toEqual([[0xa], true])
    held[1]!.reply(withId(columnsB, idB))
    expect(await answersOf([next])).toEqual([[{ v: 2, added: 'new' }]])
  })

  test('that are missing and not known are an error', async () => {
    const { session, held } = await open()
    const statement = await session.prepare('SELECT v FROM t WHERE k = ?')
    const selecting = session.executePrepared(statement, [1])
    await settle()
    held[0]!.reply(withoutColumns(columnsB))
    await expect(selecting).rejects.toMatchObject({ code: 'TSYLLA_PROTOCOL' })
  })
})

describe('a node of version 5', () => {
  test('is given the password in segments', async () => {
    const node = new ScriptedNode()
    node.supported = new Map([['PROTOCOL_VERSIONS', ['3/v3', '4/v4', '5/v5', '6/v6-beta']]])
    const tokens: unknown[] = []
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode === Opcode.STARTUP) {
        const authenticator = 'org.apache.cassandra.auth.PasswordAuthenticator'
        exchange.reply({ opcode: Opcode.AUTHENTICATE, authenticator })
      } else if (request.opcode === Opcode.AUTH_RESPONSE) {
        tokens.push(Buffer.from(request.token ?? []).toString())
        exchange.reply({ opcode: Opcode.AUTH_SUCCESS, token: null })
      } else return 'default'
      return 'done'
    }
    const session = await connect(node, { user: 'ada', password: 'secret' })
    expect(new Set(tokens)).toEqual(new Set(['\0ada\0secret']))
    expect((await session.execute('SELECT v FROM t')).rows()).toEqual([])
    await session.close()
  })

  const frameOf = (version: number, { streamId }: Exchange): Buffer => {
    const frame = Buffer.alloc(13)
    frame.set([version | responseBit, 0, streamId >> 8, streamId, Opcode.RESULT])
    frame.writeInt32BE(4, 5)
    frame.writeInt32BE(ResultKind.VOID, 9)
    return frame
  }
  const sealer = new SegmentSealer(undefined)

  test.each<[string, string, (exchange: Exchange) => void]>([
    [
      'is lost within a segment',
      'TSYLLA_CONNECTION',
      (exchange) => {
        exchange.connection.send(sealer.seal(frameOf(5, exchange)).subarray(0, 15))
        exchange.connection.destroy()
      },
    ],
    [
      'answers with a frame of version 4',
      'TSYLLA_PROTOCOL',
      (exchange) => exchange.connection.send(sealer.seal(frameOf(4, exchange))),
    ],
    [
      'answers without a segment',
      'TSYLLA_PROTOCOL',
      (exchange) => exchange.connection.send(frameOf(5, exchange)),
    ],
  ])('that %s costs a write that may have been applied', async (_, code, answer) => {
    const { session, held } = await open()
    const write = await session.prepare('UPDATE t SET c = c + 1 WHERE k = ?')
    const writing = session.executePrepared(write, [1])
    await settle()
    answer(held[0]!)
    await expect(writing).rejects.toMatchObject({ code, outcome: 'unknown' })
    // A read waits for the next connection.
    const next = session.execute('SELECT v FROM t WHERE k = ?', [2])
    await vi.waitUntil(() => held.length === 2)
    held[1]!.connection.send(sealer.seal(frameOf(5, held[1]!)))
    expect((await next).rows()).toEqual([])
  })
})

test('a text names its keyspace while the connection enters another one', async () => {
  const { node, session } = await open()
  const uses: Exchange[] = []
  node.script = (exchange) => {
    const { request } = exchange
    if (request.opcode !== Opcode.QUERY || !request.text.startsWith('USE')) return 'default'
    uses.push(exchange)
    return 'done'
  }
  const using = session.useKeyspace('other')
  await settle()
  await session.execute('SELECT v FROM t')
  expect(node.received).toMatchObject([
    { opcode: Opcode.QUERY, text: 'SELECT v FROM t', parameters: { keyspace: 'ks' } },
  ])
  uses[0]!.reply({ opcode: Opcode.RESULT, kind: ResultKind.SET_KEYSPACE, keyspace: 'other' })
  await using
  await session.execute('SELECT v FROM t')
  expect(node.received[1]).toMatchObject({ parameters: { keyspace: undefined } })
})

describeOnServers('protocol versions', (target) => {
  const versionOf = async (session: Session): Promise<unknown> => {
    const select = 'SELECT protocol_version AS v FROM system_views.clients'
    const rows = await session.execute<{ v: number }>(select)
    return new Set(rows.rows().map(({ v }) => v))
  }

  test('the latest version is spoken that both sides know', async () => {
    const isV4 = target.name === 'engine' || inject('protocolVersionMax') === 4
    expect(await versionOf(target.session)).toContain(isV4 ? 4 : 5)
  })

  test.each([
    [undefined, 4],
    [undefined, 5],
    ['lz4', 4],
    ['lz4', 5],
    ['snappy', 4],
    ['snappy', 5],
  ] as const)(
    'large and small values with the compression %s in version %i',
    async (name, version) => {
      const session = await target.open((builder) =>
        builder.compression(name ?? null).protocolVersionMax(version),
      )
      await session.execute(
        'CREATE TABLE IF NOT EXISTS sizes (k int, c int, v text, PRIMARY KEY (k, c))',
      )
      const sizes = [0, 12, 2_000, 70_000, 200_000, 1_500_000]
      const valueOf = (size: number): string => 'ab01'.repeat(size / 4)
      await Promise.all(
        sizes.map((size, c) =>
          session.execute('INSERT INTO sizes (k, c, v) VALUES (?, ?, ?)', [
            version,
            c,
            valueOf(size),
          ]),
        ),
      )
      const found = await session.execute<{ v: string }>('SELECT v FROM sizes WHERE k = ?', [
        version,
      ])
      expect(found.rows().map(({ v }) => v.length)).toEqual(sizes)
      expect(found.rows().every(({ v }, i) => v === valueOf(sizes[i]!))).toBe(true)
    },
  )

  test('a column that is added and one that is dropped show up in prepared statements', async () => {
    const { session } = target
    await session.execute('CREATE TABLE altered (k int PRIMARY KEY, a int, b int)')
    await session.execute('INSERT INTO altered (k, a, b) VALUES (1, 2, 3)')
    const select = await session.prepare('SELECT * FROM altered WHERE k = ?')
    const read = async (): Promise<unknown> =>
      JSON.parse(JSON.stringify((await session.executePrepared(select, [1])).firstRow()))
    expect(await read()).toEqual({ k: 1, a: 2, b: 3 })
    const other = await target.open()
    await other.execute('ALTER TABLE altered ADD c text')
    await other.execute("UPDATE altered SET c = 'x' WHERE k = 1")
    expect(await read()).toEqual({ k: 1, a: 2, b: 3, c: 'x' })
    await other.execute('ALTER TABLE altered DROP b')
    expect(await read()).toEqual({ k: 1, a: 2, c: 'x' })
  })

  test('a request may name its keyspace: texts, prepared statements, batches, pages', async () => {
    const { session, keyspace } = target
    const other = `${keyspace}_o`
    const replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    await session.execute(`CREATE KEYSPACE ${other} WITH replication = ${replication}`)
    const create = 'CREATE TABLE places (k int PRIMARY KEY, v text)'
    await session.execute(create)
    await session.execute(create, [], { keyspace: other })
    await session.execute("INSERT INTO places (k, v) VALUES (1, 'here')")
    const insert = new Statement('INSERT INTO places (k, v) VALUES (?, ?)')
    const prepared = await session.prepare(insert.withKeyspace(other))
    await session.executePrepared(prepared, [1, 'there'])
    await session.executePrepared(prepared, [1, 'there'], { keyspace: other })
    const batch = new Batch('logged')
      .append("INSERT INTO places (k, v) VALUES (2, 'batch')")
      .append(prepared)
    await session.batch(batch, [[], [3, 'prepared']], { keyspace: other })
    const read = async (options: ExecuteOptions): Promise<unknown[]> => {
      const select = 'SELECT v FROM places WHERE k IN (1, 2, 3)'
      const found = await session.execute<{ v: string }>(select, [], options)
      return found.rows().map(({ v }) => v)
    }
    for (let i = 0; i < 3; i++) {
      expect(await read({})).toEqual(['here'])
      expect(await read({ keyspace: other })).toEqual(['there', 'batch', 'prepared'])
    }
    const page = await session.page('SELECT v FROM places', [], { keyspace: other, pageSize: 2 })
    const { pagingState } = page
    const next = await session.page('SELECT v FROM places', [], {
      ...{ keyspace: other, pageSize: 2, pagingState },
    })
    expect([page.rows().length, next.rows().length]).toEqual([2, 1])
    await expect(session.page('SELECT v FROM places', [], { pagingState })).rejects.toMatchObject({
      code: 'TSYLLA_PAGING_STATE',
    })
    expect(session.getKeyspace()).toBe(keyspace)
    await expect(session.executePrepared(prepared, [1, 'x'], { keyspace })).rejects.toThrow(
      /was prepared in the keyspace/,
    )
    await expect(read({ keyspace: 'x; DROP' })).rejects.toThrow(/A keyspace name is/)
    await expect(read({ keyspace: `${keyspace}_nowhere` })).rejects.toMatchObject({
      code: 'TSYLLA_SERVER_INVALID',
    })
    await session.execute(`DROP KEYSPACE ${other}`)
  })

  test('nowInSeconds decides what has expired, from version 5 on', async () => {
    const { session } = target
    await session.execute('CREATE TABLE expiring (k int PRIMARY KEY, v int)')
    const insert = 'INSERT INTO expiring (k, v) VALUES (?, ?) USING TTL 100'
    const nowInSeconds = Math.floor(Date.now() / 1_000)
    if (target.name === 'engine' || inject('protocolVersionMax') === 4) {
      const refused = session.execute(insert, [1, 2], { nowInSeconds })
      await expect(refused).rejects.toMatchObject({
        ...{ code: 'TSYLLA_CONFIG', message: /nowInSeconds needs protocol version 5/ },
      })
      return
    }
    await session.execute(insert, [1, 2], { nowInSeconds: nowInSeconds - 50 })
    await session.batch(new Batch('logged').append(insert), [[2, 2]], { nowInSeconds })
    const left = async (k: number, options?: ExecuteOptions): Promise<unknown> =>
      (await session.execute('SELECT TTL(v) AS t FROM expiring WHERE k = ?', [k], options))
        .rows()
        .map((row) => row['t'])
    expect(await left(1, { nowInSeconds })).toEqual([50])
    expect(await left(2, { nowInSeconds: nowInSeconds + 1 })).toEqual([99])
    expect(await left(2, { nowInSeconds: nowInSeconds + 101 })).toEqual([])
    await expect(left(1, { nowInSeconds: -1 })).rejects.toThrow(/nowInSeconds is an integer/)
  })
})
