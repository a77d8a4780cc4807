import { describe, expect, test } from 'vitest'
import type { PreparedStatement, Session } from '../../src/index.ts'
import { Opcode, type Response, ResultKind } from '../../src/protocol/index.ts'
import type { Exchange } from '../support/scripted-node.ts'
import { holdExecutes, isExecute, serverError, settle } from '../support/scripted-session.ts'
import { answered, connectTwo, executeCount, pass, type TwoNodes } from '../support/two-nodes.ts'

const select = 'SELECT c FROM t WHERE c = ?'
const insert = 'INSERT INTO t (c) VALUES (?)'

interface TwoAttempts extends TwoNodes {
  readonly statement: PreparedStatement
  /** Settles with the result or the error. */
  readonly outcome: Promise<unknown>
  /** The attempt that has stalled, and the node that has it. */
  readonly stalled: Exchange
  readonly stalledNode: TwoNodes['nodes'][number]
  /** The attempt that was started after it. */
  readonly second: Exchange
  readonly secondNode: TwoNodes['nodes'][number]
}

/** Starts a request that is in flight on both nodes; its deadline is 6 s away. */
async function startTwo(
  text: string,
  call: (session: Session, statement: PreparedStatement) => Promise<unknown> = (
    session,
    statement,
  ) => session.executePrepared(statement, [1]),
): Promise<TwoAttempts> {
  const two = await connectTwo({ requestTimeoutMs: 8_000 })
  const { clock, session, nodes } = two
  const statement = await session.prepare(text)
  const held = nodes.map((node) => holdExecutes(node))
  const outcome = call(session, statement).catch((error: unknown) => error)
  await settle()
  const first = held[0]!.length === 1 ? 0 : 1
  await pass(clock, 2_100)
  expect(held.map(({ length }) => length)).toEqual([1, 1])
  return {
    ...two,
    statement,
    outcome,
    stalled: held[first]![0]!,
    stalledNode: nodes[first],
    second: held[1 - first]![0]!,
    secondNode: nodes[1 - first]!,
  }
}

/** Loses the connections to a node, and refuses new ones. */
async function lose(node: TwoNodes['nodes'][number]): Promise<void> {
  node.open = () => Promise.reject(new Error('refused'))
  for (const connection of node.connections) connection.destroy()
  await settle()
}

/** Closes the session without waiting for requests in flight. */
async function closeNow({ session, clock }: TwoNodes): Promise<void> {
  const closing = session.close({ graceMs: 0 })
  await pass(clock, 50)
  await closing
}

describe('of two attempts in flight', () => {
  const refusals: readonly [string, Response][] = [
    ['UNAVAILABLE', serverError(0x1000)],
    ['READ_TIMEOUT', serverError(0x1200)],
    ['OVERLOADED', serverError(0x1001)],
    ['IS_BOOTSTRAPPING', serverError(0x1002)],
    ['READ_FAILURE', serverError(0x1300)],
  ]
  for (const [name, response] of refusals) {
    test(`the second may fail with ${name}: the first still answers`, async () => {
      const { session, outcome, stalled, second } = await startTwo(select)
      second.reply(response)
      await settle()
      answered(stalled)
      expect(await outcome).toMatchObject({ length: 1 })
      await session.close()
    })
  }

  test('the second may need a PREPARE that fails: the first still answers', async () => {
    const { session, outcome, stalled, second, secondNode } = await startTwo(select)
    secondNode.script = (exchange) => {
      if (exchange.request.opcode !== Opcode.PREPARE) return 'default'
      exchange.reply(serverError(0x0000))
      return 'done'
    }
    second.reply(serverError(0x2500))
    await settle()
    answered(stalled)
    expect(await outcome).toMatchObject({ length: 1 })
    await session.close()
  })

  test('the last to fail decides, and its error lists the other', async () => {
    const { session, outcome, stalled, second } = await startTwo(select)
    second.reply(serverError(0x1000))
    await settle()
    stalled.reply(serverError(0x1200))
    expect(await outcome).toMatchObject({
      code: 'TSYLLA_SERVER_READ_TIMEOUT',
      outcome: 'not_applied',
      attempts: [{ error: { code: 'TSYLLA_SERVER_UNAVAILABLE' } }],
    })
    await session.close()
  })

  test('a fault of the statement ends both at once', async () => {
    const two = await startTwo(insert)
    const { outcome, second } = two
    second.reply(serverError(0x2200))
    expect(await outcome).toMatchObject({ code: 'TSYLLA_SERVER_INVALID', outcome: 'unknown' })
    await closeNow(two)
  })

  test('one may be lost and find no other node: at the deadline the write may have been applied', async () => {
    const two = await startTwo(insert)
    const { clock, outcome, secondNode } = two
    await lose(secondNode)
    await pass(clock, 6_500)
    expect(await outcome).toMatchObject({
      code: 'TSYLLA_REQUEST_TIMEOUT',
      outcome: 'unknown',
      attempts: [{ error: { code: 'TSYLLA_CONNECTION' } }],
    })
    await closeNow(two)
  })

  test('one may be lost and wait for another node: that is in the way of no other request', async () => {
    const two = await startTwo(select)
    const { clock, session, outcome, statement, stalled, stalledNode, secondNode } = two
    await lose(secondNode)
    stalledNode.script = () => 'default'
    const before = executeCount(stalledNode)
    const others = Promise.all(
      Array.from({ length: 10 }, () => session.executePrepared(statement, [1])),
    )
    await settle()
    expect(executeCount(stalledNode)).toBe(before + 10)
    await others
    // Room on the node where it is in flight is not for it either.
    await pass(clock, 1_000)
    expect(executeCount(stalledNode)).toBe(before + 10)
    answered(stalled)
    expect(await outcome).toMatchObject({ length: 1 })
    await closeNow(two)
  })

  test('one that waits for a node that then refuses the request is in the way of no other', async () => {
    const two = await startTwo(select)
    const { session, outcome, statement, stalled, stalledNode, secondNode } = two
    await lose(secondNode)
    stalled.reply(serverError(0x1002))
    stalledNode.script = () => 'default'
    await settle()
    const before = executeCount(stalledNode)
    for (let i = 0; i < 3; i++) await session.executePrepared(statement, [1])
    expect(executeCount(stalledNode)).toBe(before + 3)
    await closeNow(two)
    expect(await outcome).toMatchObject({ code: 'TSYLLA_CLOSED' })
  })

  test('none is sent again while the request is aborted', async () => {
    const controller = new AbortController()
    const { session, outcome, nodes, secondNode } = await startTwo(insert, (own, statement) =>
      own.executePrepared(statement, [1], { signal: controller.signal }),
    )
    await lose(secondNode)
    const before = nodes.map(executeCount)
    controller.abort()
    expect(await outcome).toMatchObject({ code: 'TSYLLA_ABORTED', outcome: 'unknown' })
    await settle()
    expect(nodes.map(executeCount)).toEqual(before)
    await session.close()
  })

  test('the one that is still prepared again is not sent when the other has answered', async () => {
    const { session, outcome, stalled, second, secondNode } = await startTwo(select)
    const preparing: Exchange[] = []
    secondNode.script = (exchange) => {
      if (exchange.request.opcode !== Opcode.PREPARE) return 'default'
      preparing.push(exchange)
      return 'done'
    }
    const before = executeCount(secondNode)
    second.reply(serverError(0x2500))
    await settle()
    answered(stalled)
    expect(await outcome).toMatchObject({ length: 1 })
    for (const exchange of preparing) exchange.reply(serverError(0x1001))
    await settle()
    expect(executeCount(secondNode)).toBe(before)
    await session.close()
  })
})

describe('DDL that the application calls idempotent', () => {
  const created: Response = {
    opcode: Opcode.RESULT,
    kind: ResultKind.SCHEMA_CHANGE,
    schemaChange: {
      change: 'CREATED',
      target: 'TABLE',
      keyspace: 'ks',
      name: 't',
      argumentTypes: undefined,
    },
  }

  test('has succeeded with its first answer, whatever the other attempt answers', async () => {
    const { clock, session, nodes } = await connectTwo({ requestTimeoutMs: 8_000 })
    const held: Exchange[] = []
    const versions: Exchange[] = []
    for (const node of nodes) {
      node.script = (exchange) => {
        const { request } = exchange
        if (request.opcode !== Opcode.QUERY) return 'default'
        const list = request.text.startsWith('CREATE')
          ? held
          : request.text.includes('schema_version')
            ? versions
            : undefined
        if (list === undefined) return 'default'
        list.push(exchange)
        return 'done'
      }
    }
    const outcome = session
      .execute('CREATE TABLE t (c int PRIMARY KEY)', [], { idempotent: true })
      .catch((error: unknown) => error)
    await pass(clock, 2_100)
    expect(held).toHaveLength(2)
    held[0]!.reply(created)
    await settle()
    held[1]!.reply(serverError(0x2400, { keyspace: 'ks', table: 't' }))
    await settle()
    for (const node of nodes) node.script = () => 'default'
    for (const exchange of versions) {
      const node = nodes.find(({ connections }) => connections.includes(exchange.connection))!
      node.onRequest(exchange)
    }
    await pass(clock, 500)
    expect(await outcome).toMatchObject({ length: 0 })
    await session.close()
  })
})

test('requests that wait when the session closes have an error each', async () => {
  const two = await connectTwo()
  const { session, nodes } = two
  const statements = await Promise.all([session.prepare(select), session.prepare(insert)])
  for (const node of nodes) node.script = (exchange) => (isExecute(exchange) ? 'done' : 'default')
  const sent = Array.from({ length: 2_048 }, () => session.executePrepared(statements[0], [1]))
  const outcomes = Promise.allSettled(sent)
  await settle()
  const waiting = statements.map((statement) =>
    session.executePrepared(statement, [1]).catch((error: unknown) => error),
  )
  await closeNow(two)
  const errors = await Promise.all(waiting)
  expect(errors).toMatchObject([
    { code: 'TSYLLA_CLOSED', statement: select, outcome: 'not_applied' },
    { code: 'TSYLLA_CLOSED', statement: insert, outcome: 'not_applied' },
  ])
  expect(errors[0]).not.toBe(errors[1])
  await outcomes
})

describe('a PREPARE that no node answers', () => {
  test('fails at the deadline of one request, however many nodes were asked', async () => {
    const two = await connectTwo({ requestTimeoutMs: 8_000 })
    const { clock, session, nodes } = two
    let askedCount = 0
    for (const node of nodes) {
      node.script = ({ request }) => {
        if (request.opcode !== Opcode.PREPARE) return 'default'
        askedCount++
        return 'done'
      }
    }
    let error: unknown
    session.prepare(select).catch((reason: unknown) => {
      error = reason
    })
    await pass(clock, 8_100)
    expect(askedCount).toBe(2)
    const timeout = { code: 'TSYLLA_REQUEST_TIMEOUT', timeoutMs: 8_000, outcome: 'not_applied' }
    expect(error).toMatchObject(timeout)
    await closeNow(two)
  })
})
