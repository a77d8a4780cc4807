import { describe, expect, test } from 'vitest'
import { Batch } from '../../src/index.ts'
import { Opcode, ResultKind } from '../../src/protocol/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import {
  type Exchange,
  prepare,
  rowsOf,
  ScriptedNode,
  voidResult,
} from '../support/scripted-node.ts'
import {
  connect,
  holdExecutes,
  isExecute,
  serverError,
  settle,
} from '../support/scripted-session.ts'
import { connectTwo, executeCount, pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

describe('deadlines', () => {
  test('a request that is not answered fails at its deadline; its late answer is dropped', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { requestTimeoutMs: 1_000 })
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    const late: Exchange[] = []
    node.script = (exchange) => {
      if (!isExecute(exchange)) return 'default'
      late.push(exchange)
      return 'done'
    }
    const slow = session.executePrepared(select, [1])
    const failed = expect(slow).rejects.toMatchObject({
      code: 'TSYLLA_REQUEST_TIMEOUT',
      outcome: 'not_applied',
      timeoutMs: 1_000,
    })
    await settle()
    clock.advance(1_100)
    await failed
    node.script = (exchange) => {
      if (!isExecute(exchange)) return 'default'
      late[0]!.reply(rowsOf([['c', nativeTypes.int]], [[666]]))
      exchange.reply(rowsOf([['c', nativeTypes.int]], [[2]]))
      return 'done'
    }
    const next = await session.executePrepared(select, [2])
    expect(next.singleRow()['c']).toBe(2)
    await session.close()
  })

  test('the longest timeout there is waits, instead of overflowing', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { requestTimeoutMs: 2 ** 31 - 1 })
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    const held = holdExecutes(node)
    clock.advance(1_000)
    const slow = session.executePrepared(select, [1])
    await settle()
    clock.advance(1_000)
    held[0]?.reply(rowsOf([['c', nativeTypes.int]], [[1]]))
    expect((await slow).length).toBe(1)
    await session.close()
  })

  test('10,000 requests with lost and late answers: every answer reaches its own request', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { requestTimeoutMs: 500 })
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    const held: (() => void)[] = []
    let count = 0
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode !== Opcode.EXECUTE) return 'default'
      const value = Buffer.from(request.parameters.values[0] as Uint8Array).readInt32BE()
      const answer = (): void => exchange.reply(rowsOf([['c', nativeTypes.int]], [[value]]))
      if (++count % 7 === 0) held.push(answer)
      else answer()
      return 'done'
    }
    let mismatches = 0
    let timeouts = 0
    for (let round = 0; round < 20; round++) {
      const requests = Array.from({ length: 500 }, (_, i) => round * 500 + i)
      const all = Promise.all(
        requests.map((n) =>
          session.executePrepared(select, [n]).then(
            (result) => void (result.singleRow()['c'] === n || mismatches++),
            () => void timeouts++,
          ),
        ),
      )
      await settle()
      clock.advance(600)
      await all
      for (const answer of held.splice(0, held.length - 10)) answer()
      await settle()
    }
    expect(mismatches).toBe(0)
    expect(timeouts).toBeGreaterThan(1_000)
    await session.close()
  })

  test('a write that was sent is unknown, one that never left is not applied', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
    node.script = (exchange) => (isExecute(exchange) ? 'done' : 'default')
    const sent = new AbortController()
    const written = session.executePrepared(insert, [1], { signal: sent.signal })
    await settle()
    sent.abort(new Error('enough'))
    await expect(written).rejects.toMatchObject({ code: 'TSYLLA_ABORTED', outcome: 'unknown' })
    const early = new AbortController()
    const unsent = session.executePrepared(insert, [2], { signal: early.signal })
    early.abort()
    await expect(unsent).rejects.toMatchObject({ code: 'TSYLLA_ABORTED', outcome: 'not_applied' })
    await expect(
      session.executePrepared(insert, [3], { signal: AbortSignal.abort('no') }),
    ).rejects.toMatchObject({ code: 'TSYLLA_ABORTED', outcome: 'not_applied', cause: 'no' })
    await settle()
    const values = node.received.flatMap((request) =>
      request.opcode === Opcode.EXECUTE
        ? [Buffer.from(request.parameters.values[0] as Uint8Array).readInt32BE()]
        : [],
    )
    expect(values).toEqual([1])
    await session.close({ graceMs: 0 })
  })

  test('one signal may end many requests', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    node.script = (exchange) => (isExecute(exchange) ? 'done' : 'default')
    const controller = new AbortController()
    const { signal } = controller
    const all = Array.from({ length: 3_000 }, (_, i) =>
      session.executePrepared(select, [i], { signal }),
    )
    const outcomes = Promise.allSettled(all)
    await settle()
    controller.abort()
    expect((await outcomes).every(({ status }) => status === 'rejected')).toBe(true)
    await session.close({ graceMs: 0 })
  })

  test('of the requests of one turn those that were aborted never leave, the others arrive whole', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
    node.received.length = 0
    const controllers = Array.from({ length: 1_000 }, () => new AbortController())
    const all = controllers.map(({ signal }, i) => session.executePrepared(insert, [i], { signal }))
    const outcomes = Promise.allSettled(all)
    // In an order of their own: the frames lie between each other.
    const isAborted = (i: number): boolean => i % 3 !== 1
    for (let i = 999; i >= 0; i -= 2) if (isAborted(i)) controllers[i]!.abort()
    for (let i = 0; i < 1_000; i += 2) if (isAborted(i)) controllers[i]!.abort()
    const statuses = (await outcomes).map(({ status }) => status)
    expect(statuses).toEqual(controllers.map((_, i) => (isAborted(i) ? 'rejected' : 'fulfilled')))
    const arrived = node.received.map((request) =>
      request.opcode === Opcode.EXECUTE
        ? Buffer.from(request.parameters.values[0] as Uint8Array).readInt32BE()
        : undefined,
    )
    expect(arrived).toEqual(controllers.map((_, i) => i).filter((i) => !isAborted(i)))
    await session.close()
  })
})

describe('retries', () => {
  test('a lost connection repeats what is idempotent, and nothing else', async () => {
    const node = new ScriptedNode()
    const session = await connect(node, { poolSize: 2 })
    const idempotent = await session.prepare('INSERT INTO t (c) VALUES (?)')
    const appending = await session.prepare('UPDATE t SET l = l + ? WHERE c = ?')
    let isBroken = true
    node.script = (exchange) => {
      if (!isExecute(exchange)) return 'default'
      if (!isBroken) return 'default'
      isBroken = false
      exchange.connection.destroy()
      return 'done'
    }
    await expect(session.executePrepared(appending, [1, 1])).rejects.toMatchObject({
      code: 'TSYLLA_CONNECTION',
      outcome: 'unknown',
    })
    expect(idempotent.isIdempotent()).toBe(true)
    await session.close()
  })

  test('UNPREPARED leads to one PREPARE for all requests that wait', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
    node.received.length = 0
    let isKnown = false
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode === Opcode.PREPARE) isKnown = true
      if (request.opcode !== Opcode.EXECUTE || isKnown) return 'default'
      exchange.reply(serverError(0x2500, { statementId: request.id }))
      return 'done'
    }
    await Promise.all(Array.from({ length: 100 }, (_, i) => session.executePrepared(insert, [i])))
    expect(node.received.filter(({ opcode }) => opcode === Opcode.PREPARE)).toHaveLength(1)
    await session.close()
  })

  for (const kind of ['a statement', 'a batch']) {
    test(`${kind} is prepared again as often as the node forgets it, at once at first and then paced`, async () => {
      const clock = new VirtualClock()
      const node = new ScriptedNode(clock)
      const session = await connect(node, { requestTimeoutMs: 10_000 })
      const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
      const execute = (): Promise<unknown> =>
        kind === 'a batch'
          ? session.batch(new Batch().appendPrepared(insert), [[1]])
          : session.executePrepared(insert, [1])
      const countOf = (opcode: number): number =>
        node.received.filter((request) => request.opcode === opcode).length
      let leftCount = 7
      node.script = (exchange) => {
        const { request } = exchange
        const isOurs = request.opcode === Opcode.EXECUTE || request.opcode === Opcode.BATCH
        if (!isOurs || leftCount-- <= 0) return 'default'
        exchange.reply(serverError(0x2500, { statementId: Buffer.from(insert.getId()) }))
        return 'done'
      }
      const pass = async (ms: number): Promise<void> => {
        for (let i = 0; i < ms; i += 50) {
          clock.advance(50)
          await settle()
        }
      }
      const stubborn = execute()
      await settle()
      expect(countOf(Opcode.PREPARE)).toBe(1 + 2)
      await pass(2_000)
      await stubborn
      node.received.length = 0
      leftCount = Number.POSITIVE_INFINITY
      const hopeless = expect(execute()).rejects.toMatchObject({ code: 'TSYLLA_SERVER_UNPREPARED' })
      await pass(9_000)
      expect(countOf(Opcode.PREPARE)).toBeLessThanOrEqual(20)
      await pass(2_000)
      await hopeless
      await session.close()
    })
  }

  test('that each node forgets a statement is not what a request fails with', async () => {
    const { session, nodes, clock } = await connectTwo({ requestTimeoutMs: 2_000 })
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
    const unprepared = serverError(0x2500, { statementId: Buffer.from(insert.getId()) })
    const scripts = new Map(nodes.map((node) => [node, [unprepared, unprepared]]))
    for (const node of nodes) {
      node.script = (exchange) => {
        if (exchange.request.opcode !== Opcode.EXECUTE) return 'default'
        const answer = scripts.get(node)!.shift()
        if (answer !== undefined) exchange.reply(answer)
        // The first node that knows it sends the request on; the second one answers nothing.
        else if (scripts.get(nodes[0])!.length + scripts.get(nodes[1])!.length > 0) {
          exchange.reply(serverError(0x1002))
        }
        return 'done'
      }
    }
    const late = expect(session.executePrepared(insert, [1])).rejects.toMatchObject({
      code: 'TSYLLA_REQUEST_TIMEOUT',
    })
    await pass(clock, 2_500)
    await late
    expect(executeCount(nodes[0]) + executeCount(nodes[1])).toBe(6)
    const closing = session.close()
    await pass(clock, 6_000)
    await closing
  })

  test('a re-PREPARE that changes id and markers changes both at once', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const text = 'INSERT INTO t (c) VALUES (?)'
    const insert = await session.prepare(text)
    const newId = Buffer.from('another id of 16')
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode === Opcode.PREPARE) {
        const prepared = prepare(text, newId)
        if (prepared.opcode !== Opcode.RESULT || prepared.kind !== ResultKind.PREPARED)
          return 'default'
        const markers = [{ keyspace: 'ks', table: 't', name: 'c', type: nativeTypes.text }]
        exchange.reply({ ...prepared, bind: { ...prepared.bind, markers } })
        return 'done'
      }
      if (request.opcode !== Opcode.EXECUTE) return 'default'
      const isNew = Buffer.compare(request.id, newId) === 0
      const value = Buffer.from(request.parameters.values[0] as Uint8Array).toString()
      exchange.reply(
        isNew && value === '7' ? voidResult : serverError(0x2500, { statementId: request.id }),
      )
      return 'done'
    }
    const outcome = await session.executePrepared(insert, [7]).catch((error: unknown) => error)
    // An int bound to what is text by now: the new markers rule, and say so.
    expect(outcome).toMatchObject({ code: 'TSYLLA_BIND_VALUE', column: 'c', cqlType: 'text' })
    await session.close()
  })

  test('values by name are those of the call, also after a re-PREPARE', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const text = 'INSERT INTO t (c) VALUES (?)'
    const insert = await session.prepare(text)
    const changed = { keyspace: 'ks', table: 't', name: 'c0', type: nativeTypes.bigint }
    const sent: number[] = []
    let isKnown = false
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode === Opcode.PREPARE) {
        isKnown = true
        const prepared = prepare(text)
        if (prepared.opcode !== Opcode.RESULT || prepared.kind !== ResultKind.PREPARED) {
          return 'default'
        }
        exchange.reply({ ...prepared, bind: { ...prepared.bind, markers: [changed] } })
        return 'done'
      }
      if (request.opcode !== Opcode.EXECUTE) return 'default'
      const value = Buffer.from(request.parameters.values[0] as Uint8Array)
      sent.push(value.length === 8 ? Number(value.readBigInt64BE()) : value.readInt32BE())
      exchange.reply(isKnown ? voidResult : serverError(0x2500, { statementId: request.id }))
      return 'done'
    }
    const values = { c0: 1 }
    const inserting = session.executePrepared(insert, values)
    values.c0 = 100
    await inserting
    expect(sent).toEqual([1, 1])
    await session.close()
  })

  test('a node that calls the same statement otherwise is asked by its own name from then on', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const text = 'INSERT INTO t (c) VALUES (?)'
    const insert = await session.prepare(text)
    const idThere = Buffer.from('its id of 16 ...')
    node.received.length = 0
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode === Opcode.PREPARE) {
        exchange.reply(prepare(text, idThere))
        return 'done'
      }
      if (request.opcode !== Opcode.EXECUTE || Buffer.compare(request.id, idThere) === 0) {
        return 'default'
      }
      exchange.reply(serverError(0x2500, { statementId: request.id }))
      return 'done'
    }
    for (let i = 0; i < 3; i++) await session.executePrepared(insert, [i])
    await session.batch(new Batch().appendPrepared(insert), [[3]])
    const opcodes = node.received.map(({ opcode }) => opcode)
    const { PREPARE, EXECUTE, BATCH } = Opcode
    expect(opcodes).toEqual([EXECUTE, PREPARE, EXECUTE, EXECUTE, EXECUTE, BATCH])
    // Other nodes still know it by the name it was given first.
    expect(Buffer.from(insert.getId()).equals(idThere)).toBe(false)
    await session.close()
  })

  test('writes carry strictly increasing timestamps, and every attempt the same', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
    let hiccup = true
    node.script = (exchange) => {
      if (!isExecute(exchange) || !hiccup) return 'default'
      hiccup = false
      exchange.reply(serverError(0x1001))
      return 'done'
    }
    await expect(session.executePrepared(insert, [0])).rejects.toMatchObject({ outcome: 'unknown' })
    await Promise.all(Array.from({ length: 100 }, (_, i) => session.executePrepared(insert, [i])))
    const stamps = node.received.flatMap((request) =>
      request.opcode === Opcode.EXECUTE ? [request.parameters.timestamp ?? 0n] : [],
    )
    const rising = stamps.every((stamp, i) => i === 0 || stamp > stamps[i - 1]!)
    expect([rising, stamps[0]! > 1_000_000_000_000_000n]).toEqual([true, true])
    await session.executePrepared(insert, [1], { timestamp: 5n })
    const last = node.received.at(-1)
    expect(last?.opcode === Opcode.EXECUTE && last.parameters.timestamp).toBe(5n)
    const conditional = await session.prepare('UPDATE t SET a = ? WHERE c = ? IF a = ?')
    await session.executePrepared(conditional, [1, 2, 3])
    const lwt = node.received.at(-1)
    expect(lwt?.opcode === Opcode.EXECUTE && lwt.parameters.timestamp).toBe(undefined)
    await session.close()
  })
})

describe('what a node sends wrong', () => {
  const frame = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes)
  const cases: [string, (exchange: Exchange) => void][] = [
    ['another version', ({ connection }) => connection.send(frame(0x85, 0, 0, 0, 8, 0, 0, 0, 0))],
    ['a request', ({ connection }) => connection.send(frame(0x04, 0, 0, 0, 7, 0, 0, 0, 0))],
    [
      'a negative length',
      ({ connection }) => connection.send(frame(0x84, 0, 0, 0, 8, 255, 255, 255, 255)),
    ],
    [
      'a length beyond 256 MiB',
      ({ connection }) => connection.send(frame(0x84, 0, 0, 0, 8, 127, 255, 255, 255)),
    ],
    [
      'an answer on a stream that is not in use',
      ({ connection }) => connection.reply(999, voidResult),
    ],
    [
      'a compressed frame nobody agreed on',
      ({ connection }) => connection.send(frame(0x84, 1, 0, 0, 8, 0, 0, 0, 1, 0)),
    ],
  ]
  for (const [what, misbehave] of cases) {
    test(`${what} closes that connection, and the session goes on with another`, async () => {
      const clock = new VirtualClock()
      const node = new ScriptedNode(clock)
      const session = await connect(node, { random: () => 0 })
      const select = await session.prepare('SELECT c FROM t WHERE c = ?')
      const update = await session.prepare('UPDATE t SET l = l + ? WHERE c = ?')
      let isRude = true
      node.script = (exchange) => {
        if (!isExecute(exchange) || !isRude) return 'default'
        isRude = false
        misbehave(exchange)
        return 'done'
      }
      await expect(session.executePrepared(update, [1, 1])).rejects.toMatchObject({
        code: expect.stringMatching(/^TSYLLA_(PROTOCOL|CONNECTION)$/),
        outcome: 'unknown',
      })
      clock.advance(200)
      await settle()
      await session.executePrepared(select, [1])
      await session.close()
    })
  }

  const bodies: [string, number, number[]][] = [
    ['a body cut short', Opcode.RESULT, [0, 0]],
    ['an unknown kind of result', Opcode.RESULT, [0, 0, 0, 99]],
    ['an unknown opcode', 0x55, []],
    [
      'more columns than the frame can hold',
      Opcode.RESULT,
      [0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 255, 255],
    ],
    ['a negative number of columns', Opcode.RESULT, [0, 0, 0, 2, 0, 0, 0, 1, 255, 255, 255, 255]],
    ['rows without columns', Opcode.RESULT, [0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5]],
    ['an error without its fields', Opcode.ERROR, [0, 0, 0x10, 0, 0, 0]],
  ]
  for (const [what, opcode, body] of bodies) {
    test(`${what} fails that request alone`, async () => {
      const node = new ScriptedNode()
      const session = await connect(node)
      const select = await session.prepare('SELECT c FROM t WHERE c = ?')
      node.script = (exchange) => {
        if (!isExecute(exchange)) return 'default'
        node.script = () => 'default'
        const id = exchange.streamId
        exchange.connection.send(frame(0x84, 0, id >> 8, id, opcode, 0, 0, 0, body.length, ...body))
        return 'done'
      }
      await expect(session.executePrepared(select, [1])).rejects.toMatchObject({
        code: 'TSYLLA_PROTOCOL',
      })
      await session.executePrepared(select, [1])
      expect(node.connections.filter(({ isClosed }) => !isClosed).length).toBe(2)
      await session.close()
    })
  }
})

describe('closing', () => {
  test('what was accepted is finished, what comes later is refused', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
    const accepted = Array.from({ length: 3_000 }, (_, i) => session.executePrepared(insert, [i]))
    const closing = session.close()
    await expect(session.executePrepared(insert, [1])).rejects.toMatchObject({
      code: 'TSYLLA_CLOSED',
      outcome: 'not_applied',
    })
    for (const call of [
      () => session.execute('SELECT 1'),
      () => session.prepare('SELECT 2'),
      () => session.batch(new Batch()),
      () => session.page('SELECT 1'),
      () => session.useKeyspace('x'),
      () => session.stream('SELECT 1').next(),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'TSYLLA_CLOSED' })
    }
    await Promise.all(accepted)
    await closing
    await session.close()
    await settle()
    expect(node.connections.every(({ isClosed }) => isClosed)).toBe(true)
    expect(node.releaseCount).toBe(1)
  })

  test('after the grace time it ends whatever is still running', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
    node.script = (exchange) => (isExecute(exchange) ? 'done' : 'default')
    const hanging = Promise.allSettled(
      Array.from({ length: 1_100 }, (_, i) => session.executePrepared(insert, [i])),
    )
    await settle()
    await session.close({ graceMs: 10 })
    const results = await hanging
    expect(results.every((r) => r.status === 'rejected' && r.reason.code === 'TSYLLA_CLOSED')).toBe(
      true,
    )
  })

  test('a silent connection is found by its heartbeat, and a busy one is left alone', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { heartbeatIntervalMs: 10_000, random: () => 0 })
    clock.advance(9_000)
    await settle()
    expect(node.connections.some(({ isClosed }) => isClosed)).toBe(false)
    node.script = ({ request }) => (request.opcode === Opcode.OPTIONS ? 'done' : 'default')
    for (let i = 0; i < 20; i++) {
      clock.advance(1_000)
      await settle()
    }
    expect(node.connections.slice(0, 2).every(({ isClosed }) => isClosed)).toBe(true)
    node.script = () => 'default'
    for (let i = 0; i < 30; i++) {
      clock.advance(500)
      await settle()
    }
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    await session.executePrepared(select, [1])
    await session.close()
  })
})
