import { expect, onTestFinished, test } from 'vitest'
import type { LoadBalancingPolicy, PlanEntry, TopologyEvent } from '../../src/index.ts'
import { membersOf } from '../support/member-node.ts'
import { connect, settle } from '../support/scripted-session.ts'
import { executeCount, pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const select = 'SELECT c FROM t WHERE k = ?'

/** Which of three nodes own no tokens; the first one is the contact point. */
const cases: readonly (readonly [name: string, zeroTokens: readonly number[]])[] = [
  ['none of them', []],
  ['a peer', [2]],
  ['the contact point', [0]],
  ['all but one', [0, 2]],
  // Then nothing is said about tokens at all.
  ['all of them', [0, 1, 2]],
]

test.each(cases)('nodes without tokens are known, but not used: %s', async (_, zeroTokens) => {
  const clock = new VirtualClock()
  const nodes = membersOf(3, clock)
  for (const i of zeroTokens) nodes[i]!.tokens = []
  const connecting = connect(nodes[0]!, { random: () => 0, heartbeatIntervalMs: 1 << 30 })
  await pass(clock, 500)
  const session = await connecting
  onTestFinished(() => session.close({ graceMs: 0 }))
  const unused = zeroTokens.length === 3 ? [] : zeroTokens
  const isUsed = nodes.map((_node, i) => !unused.includes(i))
  const data = session.getClusterData().nodes
  expect(data.map(({ isZeroToken }) => isZeroToken)).toEqual(isUsed.map((used) => !used))
  expect(data.map(({ isAvailable }) => isAvailable)).toEqual(isUsed)
  expect(session.metrics().nodes).toHaveLength(3)
  const planned = new Set<string>()
  const loadBalancingPolicy: LoadBalancingPolicy = {
    plan: (_request, cluster): Iterable<PlanEntry> => {
      for (const { address } of cluster.nodes) planned.add(address)
      return cluster.nodes
    },
  }
  for (let i = 0; i < 12; i++) await session.execute(select, [i])
  await session.execute(select, [1], { loadBalancingPolicy })
  expect(nodes.map((node) => executeCount(node) > 0)).toEqual(isUsed)
  const addresses = nodes.map(({ network: { host } }) => `${host}:9042`)
  expect([...planned]).toEqual(addresses.filter((_address, i) => isUsed[i]))
  // Those that are left are not replaced by nodes without tokens.
  for (const [i, node] of nodes.entries()) {
    if (!isUsed[i]) continue
    node.open = () => Promise.reject(new Error('refused'))
    for (const connection of node.connections) connection.destroy()
  }
  await settle()
  if (unused.length > 0) {
    const failing = session.execute(select, [1], { idempotent: false })
    await Promise.all([
      expect(failing).rejects.toMatchObject({ code: 'TSYLLA_NO_NODE_AVAILABLE' }),
      pass(clock, 13_000),
    ])
  }
})

test('a node without tokens comes and goes in the events, and is used once it has tokens', async () => {
  const clock = new VirtualClock()
  const nodes = membersOf(2, clock)
  const [first, second] = nodes as [(typeof nodes)[0], (typeof nodes)[0]]
  first.peers = []
  const connecting = connect(first, { random: () => 0, heartbeatIntervalMs: 1 << 30 })
  await pass(clock, 500)
  const session = await connecting
  onTestFinished(() => session.close({ graceMs: 0 }))
  const seen: string[] = []
  session.onTopologyChange(({ type, node }: TopologyEvent) => {
    seen.push(`${type} ${node.address}`)
  })
  const describe = async (tokens: readonly string[] | undefined): Promise<void> => {
    second.tokens = tokens ?? []
    first.peers = tokens === undefined ? [] : [second]
    first.announce(first.connections[0]!)
    await pass(clock, 2_000)
  }
  await describe([])
  expect(seen.splice(0)).toEqual(['added 10.0.0.2:9042'])
  expect(second.connections).toEqual([])
  await describe(['5'])
  expect(seen.splice(0)).toEqual(['up 10.0.0.2:9042'])
  await describe([])
  for (let i = 0; i < 6; i++) await session.execute(select, [i])
  expect(executeCount(second)).toBe(0)
  await describe(undefined)
  expect(seen).toEqual(['removed 10.0.0.2:9042'])
})
