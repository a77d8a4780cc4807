import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { Batch, Session, Statement } from '../../src/index.ts'
import { Opcode, ResultKind } from '../../src/protocol/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { type Exchange, prepare, ScriptedNode, voidResult } from '../support/scripted-node.ts'
import { connect, holdExecutes, settle } from '../support/scripted-session.ts'
import { describeOnServers } from '../support/targets.ts'

describeOnServers('what a call was given', (target) => {
  test('is what is stored, whatever the caller changes afterwards', async () => {
    const { session } = target
    await session.execute('CREATE TABLE given (k int PRIMARY KEY, v text, l list<text>, b blob)')
    const insert = 'INSERT INTO given (k, v, l, b) VALUES (?, ?, ?, ?)'
    const valuesOf = (k: number) => ({
      values: [k, 'before', ['before'], Buffer.from('before')] as [
        number,
        string,
        string[],
        Buffer,
      ],
      change(): void {
        this.values[1] = 'after'
        this.values[2][0] = 'after'
        this.values[3].fill(0)
      },
    })
    const given = [1, 2, 3, 4].map(valuesOf)
    const running = [
      // Not prepared yet, so that values are encoded after the call has returned.
      session.execute(new Statement(insert, given[0]!.values)),
      session.execute(`${insert} `, given[1]!.values),
      session.batch(new Batch().append(new Statement(`${insert}  `, given[2]!.values))),
      session.batch(new Batch().append(`${insert}   `), [given[3]!.values]),
    ]
    for (const one of given) one.change()
    await Promise.all(running)
    const result = await session.execute('SELECT k, v, l, b FROM given')
    const stored = result.rows().map((row) => [row['v'], row['l'], String(row['b'])])
    const before = ['before', ['before'], String(Uint8Array.from(Buffer.from('before')))]
    expect(stored).toEqual([before, before, before, before])
  })

  test('may be a batch that is empty: it is refused, with the reason', async () => {
    const batch = new Batch()
    batch.append('INSERT INTO given (k, v) VALUES (1, 2)')
    await expect(target.session.batch(batch)).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
      message: expect.stringContaining('batch = batch.append'),
    })
  })

  test('may be a part of a batch with options of its own: they are refused before anything is sent', async () => {
    const { session } = target
    await session.execute('CREATE TABLE stamped (k int PRIMARY KEY, v int)')
    await session.execute('INSERT INTO stamped (k, v) VALUES (1, 1) USING TIMESTAMP 10')
    const update = new Statement('UPDATE stamped SET v = 5 WHERE k = 1')
    const prepared = await session.prepare('UPDATE stamped SET v = 5 WHERE k = 1')
    for (const part of [update, prepared]) {
      for (const refused of [
        part.withTimestamp(5n),
        part.withConsistency('ONE'),
        part.withSerialConsistency('SERIAL'),
        part.withPageSize(5),
        part.withTimeout(1_000),
        part.withTracing(true),
        part.withCustomPayload({}),
      ]) {
        await expect(session.batch(new Batch().append(refused))).rejects.toMatchObject({
          code: 'TSYLLA_CONFIG',
          message: expect.stringContaining('Statement 0 of the batch'),
        })
      }
      await session.batch(new Batch().append(part.setIdempotent(true)).withTimestamp(5n))
    }
    const row = (await session.execute('SELECT v FROM stamped')).singleRow()
    expect(row['v']).toBe(1)
  })

  test('may be USE as a text: its answer has a coordinator and, when asked for, a tracing id', async () => {
    const session = await target.open()
    const plain = await session.execute(`USE ${target.keyspace}`)
    expect(plain.coordinator).not.toBe('')
    expect(plain.tracingId()).toBe(undefined)
    const traced = await session.execute(`USE ${target.keyspace}`, [], { tracing: true })
    const known = await session.execute('SELECT key FROM system.local', [], { tracing: true })
    expect(traced.tracingId() === undefined).toBe(known.tracingId() === undefined)
    expect(traced.coordinator).toBe(known.coordinator)
  })
})

describe('values that the caller changes while a request is repeated', () => {
  for (const kind of ['a statement', 'a batch']) {
    test(`${kind} is repeated with the values of the call`, async () => {
      const node = new ScriptedNode()
      const session = await connect(node, { poolSize: 2 })
      const text = 'INSERT INTO t (c) VALUES (?)'
      node.script = (exchange) => {
        const prepared = prepare(text)
        const isOurs = exchange.request.opcode === Opcode.PREPARE
        if (!isOurs || prepared.opcode !== Opcode.RESULT || !('bind' in prepared)) return 'default'
        const markers = [{ keyspace: 'ks', table: 't', name: 'c0', type: nativeTypes.blob }]
        exchange.reply({ ...prepared, bind: { ...prepared.bind, markers } })
        return 'done'
      }
      const insert = await session.prepare(text)
      const sent: string[] = []
      node.script = ({ request, connection }) => {
        if (request.opcode !== Opcode.EXECUTE && request.opcode !== Opcode.BATCH) return 'default'
        const { values } =
          request.opcode === Opcode.EXECUTE ? request.parameters : request.entries[0]!
        sent.push(Buffer.from(values[0] as Uint8Array).toString())
        if (sent.length > 1) return 'default'
        connection.destroy()
        return 'done'
      }
      const bytes = Buffer.from('before')
      const running =
        kind === 'a batch'
          ? session.batch(new Batch().append(insert), [[bytes]])
          : session.executePrepared(insert, [bytes])
      bytes.fill('x')
      await running
      expect(sent).toEqual(['before', 'before'])
      await session.close()
    })
  }
})

describe('a statement whose column has another type by now', () => {
  /** A node on which another client has replaced the int column by a text column. */
  async function withChangedColumn() {
    const node = new ScriptedNode()
    const session = await connect(node)
    const text = 'INSERT INTO t (c) VALUES (?)'
    const insert = await session.prepare(text)
    const newId = Buffer.from('another id of 16')
    const sent: string[] = []
    node.script = (exchange: Exchange) => {
      const { request } = exchange
      if (request.opcode === Opcode.PREPARE) {
        const prepared = prepare(text, newId)
        if (prepared.opcode !== Opcode.RESULT || prepared.kind !== ResultKind.PREPARED) {
          return 'default'
        }
        const markers = [{ keyspace: 'ks', table: 't', name: 'c0', type: nativeTypes.text }]
        exchange.reply({ ...prepared, bind: { ...prepared.bind, markers } })
        return 'done'
      }
      const entries =
        request.opcode === Opcode.EXECUTE
          ? [request.parameters]
          : request.opcode === Opcode.BATCH
            ? request.entries
            : []
      for (const { values } of entries) sent.push(Buffer.from(values[0] as Uint8Array).toString())
      if (entries.length === 0) return 'default'
      exchange.reply(voidResult)
      return 'done'
    }
    return { session, insert, sent }
  }

  test('is prepared again before a value is refused', async () => {
    const { session, insert, sent } = await withChangedColumn()
    await session.executePrepared(insert, ['a text'])
    expect(sent).toEqual(['a text'])
    await session.close()
  })

  test('is prepared again in a batch too', async () => {
    const { session, insert, sent } = await withChangedColumn()
    const batch = new Batch().appendPrepared(insert).appendPrepared(insert)
    await session.batch(batch, [['one'], ['two']])
    expect(sent).toEqual(['one', 'two'])
    await session.close()
  })

  test('refuses a value that fits neither type', async () => {
    const { session, insert } = await withChangedColumn()
    const refused = { code: 'TSYLLA_BIND_VALUE', column: 'c0' }
    await expect(session.executePrepared(insert, [new Map()])).rejects.toMatchObject(refused)
    await expect(
      session.batch(new Batch().appendPrepared(insert), [[new Map()]]),
    ).rejects.toMatchObject(refused)
    await session.close()
  })
})

describe('a signal', () => {
  test('keeps no listener of sessions that wait for nothing', async () => {
    const { signal } = new AbortController()
    for (let i = 0; i < 3; i++) {
      const session = await Session.connect(['embedded:'])
      await session.execute('SELECT key FROM system.local', [], { signal })
      await session.execute('SELECT key FROM system.local WHERE key = ?', ['local'], { signal })
      await session.close()
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('has one listener however many requests wait', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    const held = holdExecutes(node)
    const { signal } = new AbortController()
    const all = Array.from({ length: 100 }, () => session.executePrepared(select, [1], { signal }))
    await settle()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    for (const exchange of held) exchange.reply(voidResult)
    await Promise.all(all)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    await session.close()
  })
})
