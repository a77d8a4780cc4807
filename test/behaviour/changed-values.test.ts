import { describe, expect, test } from 'vitest'
import { Batch, type PreparedStatement, type Session } from '../../src/index.ts'
import { Opcode } from '../../src/protocol/index.ts'
import { type CqlType, nativeTypes } from '../../src/types/index.ts'
import { prepare, ScriptedNode } from '../support/scripted-node.ts'
import { connect, serverError } from '../support/scripted-session.ts'
import { describeOnServers } from '../support/targets.ts'

const { blob, int, text, timestamp } = nativeTypes
const list = (element: CqlType): CqlType => ({ kind: 'list', element, frozen: false })
const set = (element: CqlType): CqlType => ({ kind: 'set', element, frozen: false })
const map = (value: CqlType): CqlType => ({ kind: 'map', key: text, value, frozen: false })
const person: CqlType = {
  kind: 'udt',
  keyspace: 'ks',
  name: 'person',
  fields: [
    { name: 'name', type: text },
    { name: 'seen', type: timestamp },
  ],
  frozen: true,
}

class LaterDate extends Date {}
class Named extends Map<string, string> {}
class Many extends Set<string> {}
class Several extends Array<string> {}
class Person {
  name = 'before'
  seen = new Date(1)
  readonly #hidden = 1
  get hidden(): number {
    return this.#hidden
  }
}

/** A value that can change, and how its caller changes it after the call. */
interface Changing {
  readonly type: CqlType
  readonly value: unknown
  change(): void
}

function changing<T>(type: CqlType, value: T, change: (value: T) => void): Changing {
  return { type, value, change: () => change(value) }
}

const shared = new Uint8Array(new SharedArrayBuffer(6))
const cases: readonly (readonly [string, () => Changing])[] = [
  ['a Date', () => changing(timestamp, new Date(1), (date) => date.setTime(2))],
  ['a class of dates', () => changing(timestamp, new LaterDate(1), (date) => date.setTime(2))],
  ['an ArrayBuffer', () => changing(blob, new ArrayBuffer(6), (it) => new Uint8Array(it).fill(1))],
  ['shared memory', () => changing(blob, shared.fill(0), (bytes) => bytes.fill(1))],
  ['a DataView', () => changing(blob, new DataView(new ArrayBuffer(4)), (it) => it.setInt8(0, 1))],
  ['a part of a Buffer', () => changing(blob, Buffer.alloc(9).subarray(3), (it) => it.fill(1))],
  ['an Array', () => changing(list(text), ['before'], (it) => void (it[0] = 'after'))],
  [
    'a class of arrays',
    () => changing(list(text), Several.from(['before']), (it) => void (it[0] = 'after')),
  ],
  ['a Set', () => changing(set(text), new Set(['before']), (it) => it.add('after'))],
  ['a class of sets', () => changing(set(text), new Many(['before']), (it) => it.add('after'))],
  [
    'a Map of dates',
    () =>
      changing(map(timestamp), new Map([['k', new Date(1)]]), (it) =>
        it.forEach((date) => date.setTime(2)),
      ),
  ],
  [
    'a class of maps',
    () => changing(map(text), new Named([['k', 'before']]), (it) => it.set('k', 'after')),
  ],
  [
    'a typed array as a list',
    () => changing(list(int), Int32Array.of(1), (it) => void (it[0] = 2)),
  ],
  [
    'an object of a user-defined type',
    () =>
      changing(person, { name: 'before', seen: new Date(1) }, (it) => {
        it.name = 'after'
        it.seen.setTime(2)
      }),
  ],
  [
    'an instance of a class as a user-defined type',
    () =>
      changing(person, new Person(), (it) => {
        it.name = 'after'
        it.seen.setTime(2)
      }),
  ],
]

/** Prepares an INSERT with one marker of a type, and loses the connection of the first attempt. */
async function withLostAttempt(type: CqlType): Promise<{
  readonly node: ScriptedNode
  readonly session: Session
  readonly insert: PreparedStatement
  readonly sent: string[]
}> {
  const node = new ScriptedNode()
  const session = await connect(node, { poolSize: 2 })
  const cql = 'INSERT INTO t (c) VALUES (?)'
  node.script = (exchange) => {
    const prepared = prepare(cql)
    const isOurs = exchange.request.opcode === Opcode.PREPARE
    if (!isOurs || prepared.opcode !== Opcode.RESULT || !('bind' in prepared)) return 'default'
    const markers = [{ keyspace: 'ks', table: 't', name: 'c0', type }]
    exchange.reply({ ...prepared, bind: { ...prepared.bind, markers } })
    return 'done'
  }
  const insert = await session.prepare(cql)
  const sent: string[] = []
  node.script = ({ request, connection }) => {
    if (request.opcode !== Opcode.EXECUTE && request.opcode !== Opcode.BATCH) return 'default'
    const { values } = request.opcode === Opcode.EXECUTE ? request.parameters : request.entries[0]!
    sent.push(Buffer.from(values[0] as Uint8Array).toString('hex'))
    if (sent.length > 1) return 'default'
    connection.destroy()
    return 'done'
  }
  return { node, session, insert, sent }
}

describe('a request that is sent again has the values of its call, whatever became of', () => {
  for (const [what, make] of cases) {
    test(what, async () => {
      for (const isBatch of [false, true]) {
        const one = make()
        const { type, value } = one
        const { session, insert, sent } = await withLostAttempt(type)
        const options = { idempotent: true }
        const running = isBatch
          ? session.batch(new Batch().append(insert), [[value]], options)
          : session.executePrepared(insert, [value], options)
        one.change()
        await running
        expect(sent).toHaveLength(2)
        expect(sent[1]).toBe(sent[0])
        await session.close()
      }
    })
  }
})

/** Sends a value to a timestamp that has become a bigint when the node answers. */
async function toChangedColumn(
  value: unknown,
  isBatch: boolean,
): Promise<{ readonly result: unknown; readonly sent: string[] }> {
  const node = new ScriptedNode()
  const session = await connect(node)
  const cql = 'INSERT INTO t (c) VALUES (?)'
  let type: CqlType = timestamp
  const sent: string[] = []
  node.script = (exchange) => {
    const { request } = exchange
    if (request.opcode === Opcode.PREPARE) {
      const prepared = prepare(cql)
      if (prepared.opcode !== Opcode.RESULT || !('bind' in prepared)) return 'default'
      const markers = [{ keyspace: 'ks', table: 't', name: 'c0', type }]
      exchange.reply({ ...prepared, bind: { ...prepared.bind, markers } })
      return 'done'
    }
    if (request.opcode !== Opcode.EXECUTE && request.opcode !== Opcode.BATCH) return 'default'
    const { values } = request.opcode === Opcode.EXECUTE ? request.parameters : request.entries[0]!
    sent.push(Buffer.from(values[0] as Uint8Array).toString('hex'))
    if (sent.length > 1) return 'default'
    type = nativeTypes.bigint
    exchange.reply(serverError(0x2500, { statementId: Buffer.from(cql.slice(0, 16)) }))
    return 'done'
  }
  const insert = await session.prepare(cql)
  const running = isBatch
    ? session.batch(new Batch().append(insert), [[value]])
    : session.executePrepared(insert, [value] as never)
  const result: unknown = await running.catch((error: unknown) => error)
  await session.close()
  return { result, sent }
}

for (const isBatch of [false, true]) {
  const where = isBatch ? 'in a batch' : 'of a statement'

  test(`a Date ${where} whose column became a bigint is refused, not stored as a number`, async () => {
    const { result, sent } = await toChangedColumn(new Date(1), isBatch)
    expect(result).toMatchObject({
      code: 'TSYLLA_BIND_VALUE',
      message: expect.stringContaining('Date') as string,
    })
    expect(sent).toHaveLength(1)
  })

  test(`a number ${where} whose timestamp became a bigint stays the number`, async () => {
    const { result, sent } = await toChangedColumn(1_000, isBatch)
    expect(result).not.toBeInstanceOf(Error)
    expect(sent).toEqual(['00000000000003e8', '00000000000003e8'])
  })
}

class OddDate extends Date {
  readonly #time: () => unknown
  constructor(time: () => unknown) {
    super(1)
    this.#time = time
  }
  override getTime(): number {
    return this.#time() as number
  }
}

const badDates: readonly (readonly [string, () => Date])[] = [
  ['an invalid Date', () => new Date(Number.NaN)],
  ['a Date beyond its range', () => new Date(8_640_000_000_000_001)],
  ['a class of dates beyond the range', () => new OddDate(() => 8_640_000_000_000_001)],
  ['a class of dates of texts', () => new OddDate(() => '5')],
  [
    'a class of dates that throws',
    () =>
      new OddDate(() => {
        throw new Error('no time')
      }),
  ],
  ['a clone of a Date', () => Object.create(Date.prototype) as Date],
]

for (const [what, make] of badDates) {
  test(`${what} is refused before anything is sent`, async () => {
    const { node, session, insert, sent } = await withLostAttempt(timestamp)
    const refused = {
      code: 'TSYLLA_BIND_VALUE',
      outcome: 'not_applied',
      message: expect.stringContaining('the Date is invalid') as string,
    }
    await expect(session.executePrepared(insert, [make()])).rejects.toMatchObject(refused)
    await expect(session.batch(new Batch().append(insert), [[make()]])).rejects.toMatchObject(
      refused,
    )
    const prepareCount = node.received.filter(({ opcode }) => opcode === Opcode.PREPARE).length
    expect([sent.length, prepareCount]).toEqual([0, 1])
    await session.close()
  })

  test(`${what} inside a list is refused`, async () => {
    const { session, insert, sent } = await withLostAttempt(list(timestamp))
    await expect(session.executePrepared(insert, [[make()]])).rejects.toMatchObject({
      code: 'TSYLLA_BIND_VALUE',
    })
    expect(sent).toEqual([])
    await session.close()
  })
}

describeOnServers('values of a call that waits for PREPARE', (target) => {
  test('may be an instance of a class, by name and as a user-defined type', async () => {
    const { session } = target
    await session.execute('CREATE TYPE changed_person (name text, seen timestamp)')
    await session.execute('CREATE TABLE changed (k int PRIMARY KEY, p frozen<changed_person>)')
    class Entity {
      k = 1
      p = new Person()
    }
    const entity = new Entity()
    const running = session.execute('INSERT INTO changed (k, p) VALUES (:k, :p)', {
      k: entity.k,
      p: entity.p,
    })
    const named = new Entity()
    const second = session.execute('INSERT INTO changed (p, k) VALUES (:p, :k)', named as never)
    entity.p.name = 'after'
    named.k = 3
    named.p.name = 'after'
    await Promise.all([running, second])
    const rows = (await session.execute('SELECT k, p.name AS name FROM changed')).rows()
    expect(rows.map((row) => [row['k'], row['name']])).toEqual([[1, 'before']])
  })

  test('keep a key __proto__ of a map', async () => {
    const { session } = target
    await session.execute('CREATE TABLE prototypes (k int PRIMARY KEY, m map<text, text>)')
    const given = JSON.parse('{"__proto__": "a", "constructor": "b"}') as { [key: string]: string }
    await session.execute('INSERT INTO prototypes (k, m) VALUES (1, ?)', [given])
    const row = (await session.execute('SELECT m FROM prototypes')).singleRow()
    expect([...(row['m'] as Map<string, string>)]).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ])
  })

  test('may not be bytes whose memory was transferred', async () => {
    const { session } = target
    await session.execute('CREATE TABLE transferred (k int PRIMARY KEY, b blob)')
    const insert = 'INSERT INTO transferred (k, b) VALUES (1, ?)'
    const prepared = await session.prepare(insert)
    for (const make of [
      () => new Uint8Array(8),
      () => Buffer.from(new ArrayBuffer(8)),
      () => new DataView(new ArrayBuffer(8)),
      () => new ArrayBuffer(8),
    ]) {
      const value = make()
      structuredClone(value, {
        transfer: [value instanceof ArrayBuffer ? value : value.buffer],
      })
      const refused = { code: 'TSYLLA_BIND_VALUE' }
      await expect(session.execute(`${insert} `, [value])).rejects.toMatchObject(refused)
      await expect(session.executePrepared(prepared, [value])).rejects.toMatchObject(refused)
    }
  })
})
