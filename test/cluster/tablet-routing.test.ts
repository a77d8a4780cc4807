import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Batch, type Session, type WarningTrace } from '../../src/index.ts'
import { emptyResponsePrefix, Opcode, ResultKind } from '../../src/protocol/index.ts'
import { sendEvent } from '../support/member-node.ts'
import { connect, settle } from '../support/scripted-session.ts'
import { prepare, voidResult } from '../support/scripted-node.ts'
import { type ScriptedTablet, ShardedNode } from '../support/sharded-node.ts'
import { pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const insert = 'INSERT INTO ks.t (c0) VALUES (?)'
const tokenMin = -(2n ** 63n)
const tabletCount = 16

/** Tablets of equal size, each on two of three nodes. */
function makeTablets(shift = 0): ScriptedTablet[] {
  const width = 2n ** 64n / BigInt(tabletCount)
  return Array.from({ length: tabletCount }, (_, i) => ({
    first: tokenMin + BigInt(i) * width,
    last: tokenMin + BigInt(i + 1) * width - (i + 1 === tabletCount ? 1n : 0n),
    replicas: [0, 1].map((n) => ({ node: ((i + n + shift) % 3) + 1, shard: (i + n + shift) % 4 })),
    version: 0x1234_5678_9abc_def0n + BigInt(i + 16 * shift),
  }))
}

const warnings: WarningTrace[] = []
const onWarning = (message: unknown): void => void warnings.push(message as WarningTrace)
let session: Session
let nodes: ShardedNode[]
let clock: VirtualClock

async function open(change: (node: ShardedNode) => void = () => {}): Promise<void> {
  clock = new VirtualClock()
  nodes = [1, 2, 3].map((number) => new ShardedNode(clock, number))
  const tablets = makeTablets()
  for (const node of nodes) {
    node.peers = nodes.filter((other) => other !== node)
    node.tabletsVersion = 1
    node.tabletKeyspaces = ['ks']
    node.tablets = tablets
    change(node)
  }
  const connecting = connect(nodes[0]!, { heartbeatIntervalMs: 1 << 30 })
  await pass(clock, 500)
  session = await connecting
  await settle()
  await session.prepare(insert)
}

beforeEach(() => subscribe('tsylla:warning', onWarning))
afterEach(async () => {
  unsubscribe('tsylla:warning', onWarning)
  warnings.length = 0
  await session.close()
})

/** Writes 400 keys one after the other. @returns how many EXECUTEs missed their tablet */
async function misrouteCount(): Promise<number> {
  for (const { executes } of nodes) executes.length = 0
  for (let key = 0; key < 400; key++) await session.execute(insert, [key])
  const all = nodes.flatMap(({ executes }) => executes)
  expect(all).toHaveLength(400)
  return all.filter(({ isRight }) => !isRight).length
}

/** Replaces the tablets of all nodes. */
function migrate(tablets: readonly ScriptedTablet[]): void {
  for (const node of nodes) node.tablets = tablets
}

test('with tablets of version 2, a byte about them ends EXECUTE, and no other request', async () => {
  await open((node) => (node.tabletsVersion = 2))
  const bytesBehind = new Map<number, Set<number>>()
  for (const node of nodes) {
    const answer = node.onRequest.bind(node)
    node.onRequest = (exchange) => {
      const { opcode } = exchange.request
      bytesBehind.set(opcode, (bytesBehind.get(opcode) ?? new Set()).add(exchange.rest.length))
      answer(exchange)
    }
  }
  await session.execute('SELECT c FROM ks.t')
  await session.prepare('SELECT c FROM ks.t')
  await session.execute('SELECT c FROM ks.t')
  await session.execute(insert, [1])
  await session.batch(new Batch('logged').append(insert).append('DELETE FROM ks.t'), [[1]])
  const { QUERY, PREPARE, EXECUTE, BATCH } = Opcode
  expect(bytesBehind).toEqual(
    new Map<number, Set<number>>([
      [QUERY, new Set([0])],
      [PREPARE, new Set([0])],
      [EXECUTE, new Set([1])],
      [BATCH, new Set([0])],
    ]),
  )
})

describe('a table with tablets', () => {
  test('is learned of by misses, one per tablet, and then no request misses', async () => {
    await open()
    expect(await misrouteCount()).toBeLessThanOrEqual(tabletCount)
    expect(await misrouteCount()).toBe(0)
    // Both replicas of a tablet serve it.
    for (const { executes } of nodes) expect(executes.length).toBeGreaterThan(60)
    expect(warnings).toEqual([])
  })

  test('that migrates costs one miss per tablet again', async () => {
    await open()
    await misrouteCount()
    migrate(makeTablets(1))
    const count = await misrouteCount()
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThanOrEqual(2 * tabletCount)
    expect(await misrouteCount()).toBe(0)
  })

  test('whose tablets are split and merged is learned of anew', async () => {
    await open()
    await misrouteCount()
    const halves = makeTablets(1).flatMap((one) => {
      const middle = (one.first + one.last) / 2n
      return [
        { ...one, last: middle },
        { ...one, first: middle },
      ]
    })
    migrate(halves)
    await misrouteCount()
    expect(await misrouteCount()).toBe(0)
    migrate(makeTablets(2))
    await misrouteCount()
    expect(await misrouteCount()).toBe(0)
  })

  test('is known after the topology was read again', async () => {
    await open()
    await misrouteCount()
    nodes[0]!.announce(nodes[0]!.connections[0]!)
    await pass(clock, 2_000)
    expect(await misrouteCount()).toBe(0)
  })

  test('is known after a node has got another address', async () => {
    await open()
    await misrouteCount()
    Object.assign(nodes[1]!, { network: { host: '10.0.0.12', port: 9042 } })
    nodes[0]!.announce(nodes[0]!.connections[0]!)
    await pass(clock, 2_000)
    expect(await misrouteCount()).toBe(0)
    expect(nodes[1]!.executes.length).toBeGreaterThan(60)
  })

  test('is forgotten with DDL on it, and learned of again', async () => {
    await open()
    await misrouteCount()
    for (const node of nodes) {
      node.script = (exchange) => {
        const { request } = exchange
        if (request.opcode !== Opcode.QUERY || !request.text.startsWith('ALTER')) return 'default'
        const schemaChange = {
          change: 'UPDATED',
          target: 'TABLE',
          keyspace: 'ks',
          name: 't',
          argumentTypes: undefined,
        } as const
        exchange.reply({ opcode: Opcode.RESULT, kind: ResultKind.SCHEMA_CHANGE, schemaChange })
        return 'done'
      }
    }
    await session.execute('ALTER TABLE ks.t ADD x int')
    expect(await misrouteCount()).toBeGreaterThan(0)
    expect(await misrouteCount()).toBe(0)
  })

  test('whose node has left is learned of again where it had replicas', async () => {
    await open()
    await misrouteCount()
    const [one, two, gone] = nodes as [ShardedNode, ShardedNode, ShardedNode]
    one.peers = [two]
    two.peers = [one]
    migrate(
      makeTablets().map((tablet) => ({
        ...tablet,
        replicas: tablet.replicas.map(({ node, shard }) => ({
          node: node === 3 ? 1 : node,
          shard,
        })),
      })),
    )
    sendEvent(one.connections[0]!, 'TOPOLOGY_CHANGE', 'REMOVED_NODE', 3)
    await pass(clock, 2_000)
    expect(session.getClusterData().nodes).toHaveLength(2)
    await misrouteCount()
    expect(gone.executes).toEqual([])
    expect(await misrouteCount()).toBe(0)
  })

  test('goes to any node while its tablets are not known, not to owners of tokens', async () => {
    await open((node) => {
      node.describe = () => new Uint8Array(3)
    })
    for (let i = 0; i < 30; i++) await session.execute(insert, [1])
    for (const { executes } of nodes) expect(executes).toHaveLength(10)
  })
})

test('a description that is malformed fails no request, and is published as a warning', async () => {
  await open((node) => {
    node.describe = () => Uint8Array.of(0, 0, 0, 9, 1)
  })
  expect(await misrouteCount()).toBeGreaterThan(100)
  expect(warnings[0]).toEqual({
    node: expect.stringMatching(/^10\.0\.0\.\d:9042$/),
    message: 'A description of a tablet of ks.t is malformed',
  })
})

test('a description that was not asked for is ignored', async () => {
  const customPayload = new Map([['tablets-routing-v1', new Uint8Array(3)]])
  await open((node) => {
    node.tabletsVersion = undefined
    node.tablets = []
    node.script = (exchange) => {
      const { request } = exchange
      if (request.opcode !== Opcode.EXECUTE) return 'default'
      exchange.reply(voidResult, { ...emptyResponsePrefix, customPayload })
      return 'done'
    }
  })
  await misrouteCount()
  expect(warnings).toEqual([])
})

describe('tablets of version 2', () => {
  test('are asked for by the version of the tablet, and learned of', async () => {
    await open((node) => {
      node.tabletsVersion = 2
    })
    await misrouteCount()
    await misrouteCount()
    expect(await misrouteCount()).toBe(0)
    // All requests go to the replica that leads.
    migrate(makeTablets(1))
    await misrouteCount()
    await misrouteCount()
    expect(await misrouteCount()).toBe(0)
    expect(warnings).toEqual([])
  })

  test('begin with the leader', async () => {
    await open((node) => {
      node.tabletsVersion = 2
    })
    for (let i = 0; i < 3; i++) await misrouteCount()
    const followers = makeTablets().map((one) => ({ ...one, replicas: one.replicas.slice(0, 1) }))
    migrate(followers)
    expect(await misrouteCount()).toBe(0)
  })
})

describe('a conditional statement', () => {
  const conditional = 'INSERT INTO vnodes.t (c0) VALUES (?) IF NOT EXISTS'
  /** Nodes that the same key is sent to. */
  async function nodesOf(run: () => Promise<unknown>): Promise<Set<number>> {
    for (const { executes, batchShards } of nodes) executes.length = batchShards.length = 0
    for (let i = 0; i < 20; i++) await run()
    const used = nodes.filter(
      ({ executes, batchShards }) => executes.length + batchShards.length > 0,
    )
    return new Set(used.map(({ number }) => number))
  }

  test('begins with the same replica every time, others take turns', async () => {
    await open((node) => {
      node.tablets = []
      node.tabletKeyspaces = []
    })
    expect((await nodesOf(() => session.execute(insert, [1]))).size).toBe(2)
    expect(
      (await nodesOf(() => session.execute(conditional.replace('vnodes', 'ks'), [1]))).size,
    ).toBe(1)
    const serial = () => session.execute(insert, [1], { consistency: 'SERIAL' })
    expect((await nodesOf(serial)).size).toBe(1)
    const batch = new Batch('unlogged').append(conditional.replace('vnodes', 'ks'))
    expect((await nodesOf(() => session.batch(batch, [[1]]))).size).toBe(1)
    const plain = new Batch('unlogged').append(insert)
    expect((await nodesOf(() => session.batch(plain, [[1]]))).size).toBe(2)
  })

  test('is also one that the node marks', async () => {
    const marked = 'SELECT c0 FROM ks.t WHERE c0 = ?'
    await open((node) => {
      node.tablets = []
      node.tabletKeyspaces = []
      node.said = { SCYLLA_LWT_ADD_METADATA_MARK: 'LWT_OPTIMIZATION_META_BIT_MASK=2147483648' }
      node.script = (exchange) => {
        const { request } = exchange
        if (request.opcode !== Opcode.PREPARE || request.text !== marked) return 'default'
        const answer = prepare(marked) as { bind: object }
        exchange.reply({ ...answer, bind: { ...answer.bind, flags: 0x8000_0000 | 0 } } as never)
        return 'done'
      }
    })
    await session.prepare(marked)
    expect((await nodesOf(() => session.execute(marked, [1]))).size).toBe(1)
  })
})
