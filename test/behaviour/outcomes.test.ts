import { isNativeError } from 'node:util/types'
import { describe, expect, test } from 'vitest'
import { TsyllaError } from '../../src/index.ts'
import { Opcode, type Response, ResultKind } from '../../src/protocol/index.ts'
import { type CqlType, nativeTypes } from '../../src/types/index.ts'
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
import { VirtualClock } from '../support/virtual-clock.ts'

const createdKeyspace: Response = {
  opcode: Opcode.RESULT,
  kind: ResultKind.SCHEMA_CHANGE,
  schemaChange: {
    change: 'CREATED',
    target: 'KEYSPACE',
    keyspace: 'k',
    name: undefined,
    argumentTypes: undefined,
  },
}

const isPrepare = ({ request }: Exchange): boolean => request.opcode === Opcode.PREPARE
const readsKeyspaces = ({ request }: Exchange): boolean =>
  request.opcode === Opcode.QUERY && request.text.includes('system_schema.keyspaces')

describe('what can have been applied', () => {
  test('a repeated write that fails for another reason in the end may have been applied before', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?)')
    const answers = [serverError(0x1100, { writeType: 'BATCH_LOG' }), serverError(0x2200)]
    node.script = (exchange) => {
      if (!isExecute(exchange)) return 'default'
      exchange.reply(answers.shift() ?? voidResult)
      return 'done'
    }
    const details = { code: 'TSYLLA_SERVER_INVALID', outcome: 'unknown' }
    const error = await session.executePrepared(insert, [1]).catch((e: unknown) => e)
    expect(error).toMatchObject({ ...details, attempts: [{ error: { outcome: 'unknown' } }] })
    await session.close()
  })

  test('a conditional write whose result is too large may have been applied', async () => {
    const node = new ScriptedNode()
    const session = await connect(node, { resultBytesMax: 1_024 })
    const insert = await session.prepare('INSERT INTO t (c) VALUES (?) IF NOT EXISTS')
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    const { boolean, text } = nativeTypes
    node.script = (exchange) => {
      if (!isExecute(exchange)) return 'default'
      const columns = [
        ['[applied]', boolean],
        ['c', text],
      ] as const
      exchange.reply(rowsOf(columns, [[true, 'x'.repeat(2_000)]]))
      return 'done'
    }
    const tooLarge = { code: 'TSYLLA_RESULT_TOO_LARGE' }
    await expect(session.executePrepared(insert, [1])).rejects.toMatchObject({
      ...tooLarge,
      outcome: 'unknown',
    })
    await expect(session.executePrepared(select, [1])).rejects.toMatchObject({
      ...tooLarge,
      outcome: 'not_applied',
    })
    await session.close()
  })

  test('a read is never applied, whatever comes back', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    node.script = (exchange) => {
      if (!isExecute(exchange)) return 'default'
      const id = exchange.streamId
      exchange.connection.send(Uint8Array.of(0x84, 0, id >> 8, id, Opcode.RESULT, 0, 0, 0, 1, 0))
      return 'done'
    }
    await expect(session.executePrepared(select, [1])).rejects.toMatchObject({
      code: 'TSYLLA_PROTOCOL',
      outcome: 'not_applied',
    })
    await session.close()
  })

  test('callers that lose one connection have an error each', async () => {
    const node = new ScriptedNode()
    // The PREPAREs are sent again after the reconnect, and fail at the deadline.
    const session = await connect(node, { random: () => 0, requestTimeoutMs: 1_000 })
    node.script = (exchange) => (isPrepare(exchange) ? 'done' : 'default')
    const preparing = ['x', 'y'].map((text) => session.prepare(text))
    const failed = Promise.allSettled(preparing)
    await settle()
    for (const connection of node.connections) connection.destroy()
    const [first, second] = (await failed).map((outcome) => 'reason' in outcome && outcome.reason)
    expect(TsyllaError.is(first) && TsyllaError.is(second)).toBe(true)
    expect(second).not.toBe(first)
    await session.close()
  })

  test('callers that share a failed PREPARE get an error each', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    node.script = (exchange) => {
      if (!isPrepare(exchange)) return 'default'
      exchange.reply(serverError(0x2000))
      return 'done'
    }
    const outcomes = await Promise.allSettled([session.prepare('x'), session.prepare('x')])
    const [first, second] = outcomes.map((outcome) => 'reason' in outcome && outcome.reason)
    expect(second).toEqual(first)
    expect(second).not.toBe(first)
    expect(isNativeError(second)).toBe(true)
    expect(TsyllaError.is(second)).toBe(true)
    expect(node.received.filter(({ opcode }) => opcode === Opcode.PREPARE)).toHaveLength(1)
    await session.close()
  })

  test('a statement whose PREPARE fails was not applied', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const append = await session.prepare('UPDATE t SET l = l + ? WHERE c = ?')
    node.script = (exchange) => {
      if (isPrepare(exchange)) exchange.reply(serverError(0x2200))
      else if (exchange.request.opcode === Opcode.EXECUTE) {
        exchange.reply(serverError(0x2500, { statementId: exchange.request.id }))
      } else return 'default'
      return 'done'
    }
    const refused = { code: 'TSYLLA_SERVER_INVALID', outcome: 'not_applied' }
    await expect(session.execute('INSERT INTO t (c) VALUES (?)', [1])).rejects.toMatchObject(
      refused,
    )
    await expect(session.executePrepared(append, [1, 1])).rejects.toMatchObject(refused)
    await session.close()
  })

  test('neither does one that names them one by one', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const kinds = { code: 'TSYLLA_SERVER_UNAVAILABLE', outcome: 'unknown' }
    const update = await session.prepare('UPDATE t SET v = 1 WHERE c IN (?, ?)')
    node.script = (exchange) => {
      if (!isExecute(exchange)) return 'default'
      exchange.reply(serverError(0x1000, { consistency: 'LOCAL_QUORUM', required: 2, alive: 1 }))
      return 'done'
    }
    await expect(session.executePrepared(update, [1, 2])).rejects.toMatchObject(kinds)
    await session.close()
  })

  test('a list that is written again would be there twice', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode !== Opcode.PREPARE) return 'default'
      const prepared = prepare(request.text)
      if (prepared.opcode !== Opcode.RESULT || prepared.kind !== ResultKind.PREPARED) {
        return 'default'
      }
      const type: CqlType = { kind: 'list', element: nativeTypes.int, frozen: false }
      const markers = [{ keyspace: 'ks', table: 't', name: 'l', type }]
      exchange.reply({ ...prepared, bind: { ...prepared.bind, markers } })
      return 'done'
    }
    const isIdempotent = async (text: string): Promise<boolean> =>
      (await session.prepare(text)).isIdempotent()
    expect(await isIdempotent('INSERT INTO t (l) VALUES (?)')).toBe(false)
    expect(await isIdempotent('UPDATE t SET l = ? WHERE c = 1')).toBe(false)
    expect(await isIdempotent('SELECT c FROM t WHERE l CONTAINS ?')).toBe(true)
    await session.close()
  })

  test('a write to several partitions that finds no replicas may have reached some', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    node.script = (exchange) => {
      if (!isExecute(exchange) && exchange.request.opcode !== Opcode.QUERY) return 'default'
      exchange.reply(serverError(0x1000, { consistency: 'QUORUM' }))
      return 'done'
    }
    const options = { idempotent: false }
    const outcomeOf = (cql: string, values?: readonly unknown[]): Promise<unknown> =>
      session.execute(cql, values, options).catch((error: { outcome: string }) => error.outcome)
    expect(await outcomeOf('UPDATE t SET a = 1 WHERE c = ?', [1])).toBe('not_applied')
    expect(await outcomeOf('DELETE FROM t WHERE c IN (1, 2)')).toBe('unknown')
    const batch = 'BEGIN UNLOGGED BATCH DELETE FROM t WHERE c = ?; APPLY BATCH'
    expect(await outcomeOf(batch, [1])).toBe('unknown')
    await session.close()
  })

  test('writes the servers stamp are not repeated once they may have been applied', async () => {
    const node = new ScriptedNode()
    const session = await connect(node, { timestamps: 'server' })
    const executions = async (cql: string): Promise<number> => {
      const prepared = await session.prepare(cql)
      node.received.length = 0
      let isFirst = true
      node.script = (exchange) => {
        if (!isExecute(exchange) || !isFirst) return 'default'
        isFirst = false
        exchange.reply(serverError(0x1100, { writeType: 'BATCH_LOG' }))
        return 'done'
      }
      await session.executePrepared(prepared, [1]).catch(() => {})
      return node.received.length
    }
    expect(await executions('INSERT INTO t (c) VALUES (?)')).toBe(1)
    expect(await executions('INSERT INTO t (c) VALUES (?) USING TIMESTAMP 1')).toBe(2)
    await session.close()
  })

  test('DDL is over at its deadline, whatever the nodes still do', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { requestTimeoutMs: 60_000 })
    node.script = (exchange) => {
      if (readsKeyspaces(exchange)) return 'done'
      if (exchange.request.opcode !== Opcode.QUERY) return 'default'
      exchange.reply(createdKeyspace)
      return 'done'
    }
    const creating = session.execute('CREATE KEYSPACE k', undefined, { timeout: 1_000 })
    const failed = expect(creating).rejects.toMatchObject({
      code: 'TSYLLA_REQUEST_TIMEOUT',
      outcome: 'unknown',
      message: expect.stringContaining('was carried out'),
    })
    await settle()
    clock.advance(1_000)
    await failed
    await session.close({ graceMs: 0 })
    expect(clock.pendingCount).toBe(0)
  })

  test('DDL that is aborted while the schema is read again may have been applied', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    node.script = (exchange) => {
      if (readsKeyspaces(exchange)) return 'done'
      if (exchange.request.opcode !== Opcode.QUERY) return 'default'
      exchange.reply(createdKeyspace)
      return 'done'
    }
    const controller = new AbortController()
    const creating = session.execute('CREATE KEYSPACE k', undefined, { signal: controller.signal })
    await settle()
    controller.abort()
    await expect(creating).rejects.toMatchObject({ code: 'TSYLLA_ABORTED', outcome: 'unknown' })
    await session.close({ graceMs: 0 })
  })
})

describe('retries', () => {
  test('every page of a result is tried as often as the first', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    const slow = serverError(0x1200, { received: 2, required: 2, dataPresent: false })
    let count = 0
    node.script = (exchange) => {
      if (!isExecute(exchange)) return 'default'
      count++
      const state = count < 24 ? Uint8Array.of(count) : undefined
      exchange.reply(count % 2 === 1 ? slow : rowsOf([['c', nativeTypes.int]], [[count]], state))
      return 'done'
    }
    expect((await session.executePrepared(select, [1])).length).toBe(12)
    await session.close()
  })

  test('a statement that has to be prepared again is still tried as often as any other', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    const slow = serverError(0x1200, { received: 2, required: 2, dataPresent: false })
    const answers = [serverError(0x2500, { statementId: select.getId() }), slow, voidResult]
    node.script = (exchange) => {
      if (!isExecute(exchange)) return 'default'
      exchange.reply(answers.shift() ?? voidResult)
      return 'done'
    }
    await session.executePrepared(select, [1])
    expect(answers).toEqual([])
    await session.close()
  })
})

describe('the deadline', () => {
  test('holds while a statement is prepared again', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node)
    const append = await session.prepare('UPDATE t SET l = l + ? WHERE c = ?')
    node.script = (exchange) => {
      if (isPrepare(exchange)) return 'done'
      if (exchange.request.opcode !== Opcode.EXECUTE) return 'default'
      exchange.reply(serverError(0x2500, { statementId: exchange.request.id }))
      return 'done'
    }
    const running = session.executePrepared(append, [1, 1], { timeout: 100 })
    const failed = expect(running).rejects.toMatchObject({
      code: 'TSYLLA_REQUEST_TIMEOUT',
      outcome: 'not_applied',
    })
    await settle()
    clock.advance(100)
    await failed
    await session.close({ graceMs: 0 })
  })

  test('and the signal hold while a page is prepared', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node)
    node.script = (exchange) => (isPrepare(exchange) ? 'done' : 'default')
    const controller = new AbortController()
    const select = 'SELECT c FROM t WHERE c = ?'
    const late = expect(session.page(select, [1], { timeout: 100 })).rejects.toMatchObject({
      code: 'TSYLLA_REQUEST_TIMEOUT',
    })
    const aborted = expect(
      session.page(select, [1], { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
    await settle()
    clock.advance(100)
    controller.abort()
    await Promise.all([late, aborted])
    await session.close({ graceMs: 0 })
  })
})

describe('a failure that no caller waits for any more', () => {
  test('is not reported as unhandled', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const unhandled: unknown[] = []
    const listener = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', listener)
    node.script = (exchange) => {
      if (!isPrepare(exchange)) return 'default'
      exchange.reply(serverError(0x2000))
      return 'done'
    }
    await expect(session.execute('X ?', [1], { timeout: -1 })).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
    })
    await expect(
      session.execute('Y ?', [1], { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
    await settle()
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
    await session.close()
  })
})

describe('closing', () => {
  test('waits for what was accepted: its other pages, and what it still prepares', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode !== Opcode.EXECUTE) return 'default'
      const isFirst = request.parameters.pagingState === undefined
      exchange.reply(
        rowsOf([['c', nativeTypes.int]], [[1]], isFirst ? Uint8Array.of(1) : undefined),
      )
      return 'done'
    }
    const pages = session.executePrepared(select, [1])
    const fresh = session.execute('SELECT c FROM t WHERE c > ?', [1])
    await session.close()
    expect([(await pages).length, (await fresh).length]).toEqual([2, 2])
  })

  test('does not wait for answers that no caller awaits', async () => {
    const clock = new VirtualClock()
    const node = new ScriptedNode(clock)
    const session = await connect(node, { requestTimeoutMs: 100 })
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    node.script = (exchange) => (isExecute(exchange) ? 'done' : 'default')
    const slow = Promise.allSettled([session.executePrepared(select, [1])])
    await settle()
    const closing = session.close()
    clock.advance(200)
    await slow
    await closing
  })

  test('refuses a grace time that is none', async () => {
    const session = await connect(new ScriptedNode())
    const refused = { code: 'TSYLLA_CONFIG' }
    await expect(session.close({ graceMs: Number.POSITIVE_INFINITY })).rejects.toMatchObject(
      refused,
    )
    await session.close()
  })
})

describe('a paging state', () => {
  test('lets execute go on from there to the end', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const text = 'SELECT c FROM t WHERE c = ?'
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode !== Opcode.EXECUTE) return 'default'
      const at = request.parameters.pagingState?.[0] ?? 0
      const next = at < 3 ? Uint8Array.of(at + 1) : undefined
      exchange.reply(rowsOf([['c', nativeTypes.int]], [[at]], next))
      return 'done'
    }
    const { pagingState } = await session.page(text, [1])
    const rest = await session.execute(text, [1], { pagingState })
    expect(rest.rows().map((row) => row['c'])).toEqual([1, 2, 3])
    const prepared = await session.prepare(text)
    expect((await session.executePrepared(prepared, [1], { pagingState })).length).toBe(3)
    await expect(session.execute(text, [2], { pagingState })).rejects.toMatchObject({
      code: 'TSYLLA_PAGING_STATE',
    })
    await session.close()
  })
})

describe('a connection that is full', () => {
  test('still takes what the driver itself asks for', async () => {
    const node = new ScriptedNode()
    const session = await connect(node)
    const select = await session.prepare('SELECT c FROM t WHERE c = ?')
    const held = holdExecutes(node)
    const full = Array.from({ length: 1_100 }, (_, i) => session.executePrepared(select, [i]))
    await settle()
    await session.prepare('SELECT c FROM t WHERE c > ?')
    await session.useKeyspace('other')
    node.script = () => 'default'
    for (const exchange of held) exchange.reply(voidResult)
    await Promise.all(full)
    expect(node.connections.some(({ isClosed }) => isClosed)).toBe(false)
    await session.close()
  })

  test('prepares any number of texts at once', async () => {
    const node = new ScriptedNode()
    const session = await connect(node, { preparedCountMax: 5_000 })
    const texts = Array.from({ length: 3_000 }, (_, i) => `SELECT c${i} FROM t WHERE c = ?`)
    await Promise.all(texts.map((text) => session.execute(text, [1])))
    expect(node.received).toHaveLength(6_000)
    await session.close()
  })
})
