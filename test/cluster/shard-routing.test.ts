import { expect, test } from 'vitest'
import { Batch, type SessionOptions } from '../../src/index.ts'
import { Opcode, ResultKind } from '../../src/protocol/index.ts'
import { tokenOf } from '../../src/routing/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { connect, settle } from '../support/scripted-session.ts'
import { ShardedNode } from '../support/sharded-node.ts'

/** Runs statements with 300 different keys on one node. @returns how many reached a wrong shard */
async function misrouteCount(
  node: ShardedNode,
  options: Partial<SessionOptions> = {},
): Promise<number> {
  await using session = await connect(node, options)
  await settle()
  const text = 'INSERT INTO ks.t (c0) VALUES (?)'
  await session.prepare(text)
  await Promise.all(Array.from({ length: 300 }, (_, key) => session.execute(text, [key])))
  expect(node.executes).toHaveLength(300)
  return node.executes.filter(({ isRight }) => !isRight).length
}

test.each([1, 2, 16])(
  'requests go to the shard of their token, of %d on one node',
  async (count) => {
    const node = new ShardedNode()
    node.shardCount = count
    expect(await misrouteCount(node)).toBe(0)
    expect(new Set(node.executes.map(({ shard }) => shard)).size).toBe(count)
  },
)

test('requests to shards without a connection are spread over the others', async () => {
  const node = new ShardedNode()
  node.shardCount = 4
  const count = await misrouteCount(node, { poolSize: { perNode: 2 } })
  expect(count).toBeGreaterThan(100)
  expect(count).toBeLessThan(200)
  const shards = node.executes.map(({ shard }) => shard)
  const first = shards.filter((shard) => shard === shards[0]).length
  expect(first).toBeGreaterThan(100)
  expect(first).toBeLessThan(200)
})

test('a batch goes to the shard of its first statement', async () => {
  const node = new ShardedNode()
  node.shardCount = 8
  await using session = await connect(node)
  await settle()
  const statement = await session.prepare('INSERT INTO ks.t (c0) VALUES (?)')
  const expected: number[] = []
  for (let key = 0; key < 50; key++) {
    await session.batch(new Batch('unlogged').append(statement), [[key]])
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(key)
    expected.push(node.ownerOf(tokenOf(bytes)))
  }
  expect(node.batchShards).toEqual(expected)
})

test('a range of tokens goes to the shard of its last token', async () => {
  const node = new ShardedNode()
  node.shardCount = 8
  node.script = (exchange) => {
    if (exchange.request.opcode !== Opcode.PREPARE) return 'default'
    const marker = {
      keyspace: 'ks',
      table: 't',
      name: 'partition key token',
      type: nativeTypes.bigint,
    }
    exchange.reply({
      ...{ opcode: Opcode.RESULT, kind: ResultKind.PREPARED, id: Uint8Array.of(1) },
      ...{ bind: { flags: 0, markers: [marker, marker], partitionKeyIndexes: [] } },
      resultColumns: [],
    })
    return 'done'
  }
  await using session = await connect(node)
  await settle()
  const text = 'SELECT v FROM ks.t WHERE token(k) > ? AND token(k) <= ?'
  const expected: number[] = []
  for (let i = -8n; i < 8n; i++) {
    const last = BigInt.asIntN(64, i * 0x9e37_79b9_7f4a_7c15n)
    await session.execute(text, [last - 99n, last])
    expected.push(node.ownerOf(last))
  }
  expect(node.executes.map(({ shard }) => shard)).toEqual(expected)
  expect(new Set(expected).size).toBe(8)
})
