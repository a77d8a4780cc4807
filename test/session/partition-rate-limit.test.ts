import { expect, onTestFinished, test } from 'vitest'
import { Batch, type ServerErrorDetails, ServerError, type Session } from '../../src/index.ts'
import { Opcode } from '../../src/protocol/index.ts'
import { voidResult } from '../support/scripted-node.ts'
import { connect } from '../support/scripted-session.ts'
import { ShardedNode } from '../support/sharded-node.ts'

const errorCode = 0xf0_00

/** A session of a node that answers the first statements with the error of a limit. */
async function open(
  details: ServerErrorDetails,
  said: Readonly<Record<string, string>> = { SCYLLA_RATE_LIMIT_ERROR: `ERROR_CODE=${errorCode}` },
): Promise<{ readonly node: ShardedNode; readonly session: Session }> {
  const node = new ShardedNode()
  node.said = said
  const session = await connect(node)
  onTestFinished(() => session.close())
  const error = new ServerError(errorCode, 'Per-partition rate limit reached', details)
  let isLimited = true
  node.script = (exchange) => {
    const { opcode } = exchange.request
    if (opcode !== Opcode.EXECUTE && opcode !== Opcode.BATCH) return 'default'
    exchange.reply(isLimited ? { opcode: Opcode.ERROR, error } : voidResult)
    isLimited = false
    return 'done'
  }
  return { node, session }
}

test.each([
  ['read', true, 'SELECT c FROM ks.t WHERE k = ?', 'not_applied'],
  ['read', false, 'SELECT c FROM ks.t WHERE k = ?', 'not_applied'],
  ['write', true, 'INSERT INTO ks.t (k) VALUES (?)', 'not_applied'],
  ['write', false, 'INSERT INTO ks.t (k) VALUES (?)', 'unknown'],
] as const)(
  'a %s beyond the limit of its partition, rejected by the coordinator: %j, is not repeated',
  async (operation, isRejectedByCoordinator, text, outcome) => {
    const { node, session } = await open({ operation, isRejectedByCoordinator })
    const failing = session.execute(text, [1], { idempotent: true })
    await expect(failing).rejects.toMatchObject({
      ...{ code: 'TSYLLA_SERVER_RATE_LIMIT', serverCode: errorCode, outcome, attempts: [] },
      details: { operation, isRejectedByCoordinator },
    })
    expect(node.received.filter(({ opcode }) => opcode === Opcode.EXECUTE)).toHaveLength(1)
    await session.execute(text, [1])
  },
)

test('a batch is as well', async () => {
  const { node, session } = await open({ operation: 'write', isRejectedByCoordinator: true })
  const batch = new Batch('unlogged').append('INSERT INTO ks.t (k) VALUES (1)')
  await expect(session.batch(batch)).rejects.toMatchObject({ code: 'TSYLLA_SERVER_RATE_LIMIT' })
  expect(node.received).toHaveLength(1)
})

test('without the extension the number means nothing', async () => {
  const { session } = await open({ operation: 'read', isRejectedByCoordinator: true }, {})
  await expect(session.execute('SELECT c FROM ks.t WHERE k = ?', [1])).rejects.toMatchObject({
    ...{ code: 'TSYLLA_SERVER_OTHER', serverCode: errorCode, details: {} },
  })
})

test('an error that ends too early is one of the protocol', async () => {
  const { session } = await open({})
  await expect(session.execute('SELECT c FROM ks.t WHERE k = ?', [1])).rejects.toMatchObject({
    code: 'TSYLLA_PROTOCOL',
  })
})
