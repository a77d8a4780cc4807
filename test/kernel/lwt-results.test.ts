import { describe, expect, test } from 'vitest'
import { decodeValue } from '../../src/codec/index.ts'
import { LwtTable, PreparedStatementRunner } from '../../src/kernel/index.ts'
import { Opcode, type Response, ResultKind } from '../../src/protocol/index.ts'
import { type CqlType, nativeTypes } from '../../src/types/index.ts'
import { type Exchange, rowsOf, ScriptedNode } from '../support/scripted-node.ts'
import { connect } from '../support/scripted-session.ts'

const { boolean, int, uuid } = nativeTypes
const applied = ['[applied]', boolean] as const

interface Row {
  readonly v: number
  readonly op: string
}

/** The markers of the statements of a table with the columns k, v and op. */
const markers: { readonly [verb: string]: readonly (readonly [string, CqlType])[] } = {
  SELECT: [['k', int]],
  INSERT: [
    ['k', int],
    ['v', int],
    ['op', uuid],
    ['[ttl]', int],
  ],
  UPDATE: [
    ['[ttl]', int],
    ['v', int],
    ['op', uuid],
    ['k', int],
    ['v', int],
    ['op', uuid],
  ],
}

/** A node with one row, which reports conditional writes as a server does. */
class LwtNode {
  readonly node = new ScriptedNode()
  row: Row | undefined
  readonly #dialect: 'cassandra' | 'scylla'

  constructor(dialect: 'cassandra' | 'scylla') {
    this.#dialect = dialect
    this.node.script = (exchange) => this.#answer(exchange)
  }

  #answer(exchange: Exchange): 'default' | 'done' {
    const { request } = exchange
    if (request.opcode === Opcode.PREPARE) {
      exchange.reply(prepared(request.text))
      return 'done'
    }
    if (request.opcode !== Opcode.EXECUTE) return 'default'
    const verb = Buffer.from(request.id).toString()
    const values = markers[verb]!.map(([, type], i) => {
      const value = request.parameters.values[i]
      return value instanceof Uint8Array ? decodeValue(type, value) : null
    })
    exchange.reply(this.#execute(verb, values))
    return 'done'
  }

  #execute(verb: string, values: readonly unknown[]): Response {
    const before = this.row
    const { v = null, op = null } = before ?? {}
    const columns = [
      ['v', int],
      ['op', uuid],
    ] as const
    if (verb === 'SELECT') return rowsOf(columns, before === undefined ? [] : [[v, op]])
    const isInsert = verb === 'INSERT'
    const isApplied = isInsert ? before === undefined : values[5] === op
    if (isApplied) this.row = { v: values[1] as number, op: values[2] as string }
    const key = ['k', int] as const
    if (this.#dialect === 'scylla') {
      // The old row, whether the write is applied or not; nulls when there was none.
      return isInsert
        ? rowsOf([applied, key, ...columns], [[isApplied, before === undefined ? null : 1, v, op]])
        : rowsOf([applied, ...columns], [[isApplied, v, op]])
    }
    if (isApplied || before === undefined) return rowsOf([applied], [[isApplied]])
    // All columns for IF NOT EXISTS, else those of the conditions.
    return isInsert
      ? rowsOf([applied, key, ...columns], [[false, 1, v, op]])
      : rowsOf([applied, ...columns], [[false, v, op]])
  }
}

function prepared(text: string): Response {
  const verb = text.split(' ')[0]!
  return {
    opcode: Opcode.RESULT,
    kind: ResultKind.PREPARED,
    id: Buffer.from(verb),
    bind: {
      flags: 0,
      markers: markers[verb]!.map(([name, type]) => ({ keyspace: 'ks', table: 't', name, type })),
      partitionKeyIndexes: [],
    },
    resultColumns: [],
  }
}

describe.each(['cassandra', 'scylla'] as const)('results of conditional writes: %s', (dialect) => {
  const [a, b, c] = ['a', 'b', 'c'].map((digit) => `${digit.repeat(8)}-0000-4000-8000-000000000000`)
  const version = (v: number, op = a!) => ({ state: v, op })

  async function open() {
    const server = new LwtNode(dialect)
    const session = await connect(server.node)
    const table = new LwtTable<number, number>(new PreparedStatementRunner(session), {
      table: 't',
      keyColumns: ['k'],
      stateColumns: ['v'],
      keyValues: (key) => [key],
      encode: (state) => [state],
      decode: (row) => row['v'] as number,
      ttlSeconds: () => 60,
    })
    return { server, session, table }
  }

  test('a row that does not exist is written, and its new version returned', async () => {
    const { server, session, table } = await open()
    expect(await table.read(1, 1_000)).toBeUndefined()
    expect(await table.write(1, undefined, version(1), 1_000)).toEqual(version(1))
    expect(server.row).toEqual({ v: 1, op: a })
    expect(await table.read(1, 1_000)).toEqual(version(1))
    await session.close()
  })

  test('a row that exists is returned instead of being overwritten', async () => {
    const { server, session, table } = await open()
    server.row = { v: 7, op: b! }
    expect(await table.write(1, undefined, version(1), 1_000)).toEqual(version(7, b))
    expect(server.row).toEqual({ v: 7, op: b })
    await session.close()
  })

  test('an update returns the new version when it is applied, else that of the server', async () => {
    const { server, session, table } = await open()
    server.row = { v: 7, op: b! }
    expect(await table.write(1, version(7, b), version(8, c), 1_000)).toEqual(version(8, c))
    expect(await table.write(1, version(7, b), version(9, a), 1_000)).toEqual(version(8, c))
    server.row = undefined
    expect(await table.write(1, version(8, c), version(9, a), 1_000)).toBeUndefined()
    await session.close()
  })
})
