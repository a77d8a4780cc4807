import { expect, onTestFinished, test } from 'vitest'
import type { Session } from '../../src/index.ts'
import {
  beginResponse,
  endFrame,
  Opcode,
  ResultKind,
  WireWriter,
} from '../../src/protocol/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { connect, settle } from '../support/scripted-session.ts'
import { ShardedNode } from '../support/sharded-node.ts'
import { pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const table = 't_scylla_cdc_log'
const text = `SELECT v FROM ks.${table} WHERE k = ?`

/** Ids of streams of tokens in all parts of the ring. */
const streamIds = Array.from({ length: 100 }, (_, i) => {
  const id = Buffer.alloc(16, 0xee)
  id.writeBigInt64BE(BigInt.asIntN(64, BigInt(i) * 0x9e37_79b9_7f4a_7c15n))
  return id
})

const clock = new VirtualClock()

async function open(node: ShardedNode): Promise<Session> {
  node.shardCount = 8
  node.tokenOf = (key) => (key.length < 8 ? -(2n ** 63n) : Buffer.from(key).readBigInt64BE())
  node.script = (exchange) => {
    if (exchange.request.opcode !== Opcode.PREPARE) return 'default'
    const marker = { keyspace: 'ks', table, name: 'k', type: nativeTypes.blob }
    exchange.reply({
      ...{ opcode: Opcode.RESULT, kind: ResultKind.PREPARED, id: Uint8Array.of(1) },
      ...{ bind: { flags: 0, markers: [marker], partitionKeyIndexes: [0] }, resultColumns: [] },
    })
    return 'done'
  }
  const session = await connect(node, { clock })
  onTestFinished(() => session.close({ graceMs: 0 }))
  await settle()
  await session.prepare(text)
  return session
}

async function wrongCount(node: ShardedNode, session: Session): Promise<number> {
  node.executes.length = 0
  for (const id of streamIds) await session.execute(text, [id])
  return node.executes.filter(({ isRight }) => !isRight).length
}

function announce(node: ShardedNode, name: string): void {
  for (const connection of node.connections) {
    const writer = new WireWriter()
    const start = beginResponse(writer, 0, -1, Opcode.EVENT)
    for (const part of ['SCHEMA_CHANGE', 'CREATED', 'TABLE', 'ks', name]) writer.writeString(part)
    endFrame(writer, start)
    connection.send(writer.copyFrom(0))
  }
}

test('logs of change data capture are routed by the tokens that stream ids begin with', async () => {
  const node = new ShardedNode(clock)
  node.cdcTables = [table]
  const session = await open(node)
  expect(await wrongCount(node, session)).toBe(0)
  expect(new Set(node.executes.map(({ shard }) => shard)).size).toBe(8)
})

test('an id that is too short has the smallest token', async () => {
  const node = new ShardedNode(clock)
  node.cdcTables = [table]
  const session = await open(node)
  for (const length of [1, 7]) await session.execute(text, [Buffer.alloc(length, 0xff)])
  expect(node.executes.map(({ isRight }) => isRight)).toEqual([true, true])
})

test('a log that is created later is known after the event about its table', async () => {
  const node = new ShardedNode(clock)
  const session = await open(node)
  expect(await wrongCount(node, session)).toBeGreaterThan(50)
  node.cdcTables = [table]
  announce(node, 't')
  await pass(clock, 2_000)
  expect(await wrongCount(node, session)).toBeGreaterThan(50)
  announce(node, table)
  await pass(clock, 2_000)
  expect(await wrongCount(node, session)).toBe(0)
})

test('system tables of ScyllaDB are read with the time that is waited for them', async () => {
  const node = new ShardedNode(clock)
  const texts: string[] = []
  const onRequest = node.onRequest.bind(node)
  node.onRequest = (exchange) => {
    if (exchange.request.opcode === Opcode.QUERY) texts.push(exchange.request.text)
    onRequest(exchange)
  }
  const session = await connect(node, { clock, requestTimeoutMs: 3_000 })
  await session.awaitSchemaAgreement()
  await session.close({ graceMs: 0 })
  const reads = texts.filter((one) => one.startsWith('SELECT'))
  expect(reads.length).toBeGreaterThan(4)
  for (const read of reads) expect(read).toMatch(/ USING TIMEOUT 3000ms$/)
})
