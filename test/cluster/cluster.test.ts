import { describe, expect, test } from 'vitest'
import { Cluster, type ClusterOptions } from '../../src/cluster/index.ts'
import { ClosedError } from '../../src/errors/index.ts'
import { ExponentialReconnectionPolicy } from '../../src/policies/index.ts'
import { Opcode, ProtocolVersion } from '../../src/protocol/index.ts'
import {
  type Endpoint,
  type Link,
  type LinkHandler,
  DeadlineTimer,
} from '../../src/transport/index.ts'
import { MemberNode, membersOf, sendEvent } from '../support/member-node.ts'
import { settle } from '../support/scripted-session.ts'
import { runtimeWithClock } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function clusterOf(
  clock: VirtualClock,
  members: readonly MemberNode[],
  contact: Endpoint | readonly Endpoint[] = members[0]!,
  options: Partial<ClusterOptions> = {},
): Cluster {
  return new Cluster({
    deadlineTimer: new DeadlineTimer(runtimeWithClock(clock)),
    connector: {
      connectionTimeoutMs: 5_000,
      heartbeatIntervalMs: 30_000,
      inFlightBytesMax: 1 << 20,
      authProvider: undefined,
      compression: undefined,
      protocolVersionMax: ProtocolVersion.V5,
      startup: new Map(),
    },
    contactEndpoints: [contact].flat(),
    endpointOf: ({ host }) => members.find(({ network }) => network.host === host)!,
    poolSize: { perNode: 1 },
    shardAwarePort: undefined,
    reconnection: new ExponentialReconnectionPolicy({ random: () => 0 }),
    requestTimeoutMs: 12_000,
    localDataCenter: undefined,
    schemaAgreementTimeoutMs: 1_000,
    onRoom() {},
    onSchemaChange() {},
    onSchemaUnknown() {},
    ...options,
  })
}

function availableNodes(cluster: Cluster): readonly string[] {
  return cluster
    .data()
    .nodes.filter(({ isAvailable }) => isAvailable)
    .map(({ address }) => address)
}

async function pass(clock: VirtualClock, ms: number): Promise<void> {
  for (let i = 0; i < 10; i++) {
    clock.advance(ms / 10)
    await settle()
  }
}

/** A contact point by name, behind which a node is found. */
class NamedEndpoint implements Endpoint {
  readonly address = 'db.example:9042'
  readonly network = { host: 'db.example', port: 9042 }
  readonly clock: VirtualClock
  target: MemberNode
  constructor(clock: VirtualClock, target: MemberNode) {
    this.clock = clock
    this.target = target
  }
  open(handler: LinkHandler): Promise<Link> {
    return this.target.open(handler)
  }
  release(): Promise<void> {
    return Promise.resolve()
  }
}

describe('a cluster', () => {
  test('asks who is up at an address that no node has', async () => {
    const clock = new VirtualClock()
    const members = membersOf(2, clock)
    const moved = new MemberNode(clock, 2, '10.0.0.9')
    const cluster = clusterOf(clock, [...members, moved])
    await cluster.connect()
    await pass(clock, 2_000)
    // The second node comes back at another address, and no other event says so.
    moved.peers = [members[0]!]
    members[0]!.peers = [moved]
    for (const connection of members[1]!.connections) connection.destroy()
    sendEvent(members[0]!.connections[0]!, 'STATUS_CHANGE', 'UP', 9)
    await pass(clock, 10_000)
    expect(availableNodes(cluster)).toEqual(['10.0.0.1:9042', '10.0.0.9:9042'])
    cluster.destroy(new ClosedError('session'))
  })

  test('keeps the connections of a node it reached by name when others tell its address', async () => {
    const clock = new VirtualClock()
    const [first, second] = [1, 2].map((n) => new MemberNode(clock, n)) as [MemberNode, MemberNode]
    first.peers = [second]
    second.peers = [first]
    const cluster = clusterOf(clock, [first, second], new NamedEndpoint(clock, first))
    await cluster.connect()
    await settle()
    // Its control connection is lost, and comes back at the other node.
    first.isBroken = true
    first.connections[0]!.destroy()
    await pass(clock, 2_000)
    expect(availableNodes(cluster)).toEqual(['db.example:9042', '10.0.0.2:9042'])
    const kept = first.connections.filter(({ isClosed }) => !isClosed)
    expect(kept).toEqual([first.connections[1]])
    cluster.destroy(new ClosedError('session'))
  })

  test('finds a node again that came back with another address', async () => {
    const clock = new VirtualClock()
    const before = new MemberNode(clock, 1)
    const after = new MemberNode(clock, 1, '10.0.0.9')
    const contact = new NamedEndpoint(clock, before)
    const cluster = clusterOf(clock, [before, after], contact)
    await cluster.connect()
    contact.target = after
    for (const connection of before.connections) connection.destroy()
    await pass(clock, 2_000)
    expect(availableNodes(cluster)).toEqual(['db.example:9042'])
    expect(after.connections.filter(({ isClosed }) => !isClosed)).toHaveLength(2)
    cluster.destroy(new ClosedError('session'))
  })

  test('connects to nodes it hears of only when its control connection comes back', async () => {
    const clock = new VirtualClock()
    const [first, second] = [1, 2].map((n) => new MemberNode(clock, n)) as [MemberNode, MemberNode]
    const cluster = clusterOf(clock, [first, second])
    await cluster.connect()
    expect(availableNodes(cluster)).toEqual(['10.0.0.1:9042'])
    first.peers = [second]
    for (const connection of first.connections) connection.destroy()
    await pass(clock, 2_000)
    expect(availableNodes(cluster)).toEqual(['10.0.0.1:9042', '10.0.0.2:9042'])
    cluster.destroy(new ClosedError('session'))
  })

  test('that is closed while it is being read takes no news of it', async () => {
    const clock = new VirtualClock()
    const [first, second] = [1, 2].map((n) => new MemberNode(clock, n)) as [MemberNode, MemberNode]
    const cluster = clusterOf(clock, [first, second])
    await cluster.connect()
    first.peers = [second]
    const held: (() => void)[] = []
    const hold: typeof first.script = (exchange) => {
      if (exchange.request.opcode !== Opcode.QUERY) return 'default'
      held.push(() => first.onRequest(exchange))
      return 'done'
    }
    first.script = hold
    first.connections[0]!.destroy()
    await pass(clock, 2_000)
    expect(held.length).toBeGreaterThan(0)
    cluster.destroy(new ClosedError('session'))
    first.script = () => 'default'
    for (const answer of held) answer()
    await pass(clock, 60_000)
    expect([...first.connections, ...second.connections].every(({ isClosed }) => isClosed)).toBe(
      true,
    )
    expect(clock.pendingCount).toBe(0)
  })

  test('waits for all nodes at first, but not long for one that does not answer', async () => {
    const clock = new VirtualClock()
    const [first, second, third] = [1, 2, 3].map((n) => new MemberNode(clock, n)) as [
      MemberNode,
      MemberNode,
      MemberNode,
    ]
    first.peers = [second, third]
    third.open = () => new Promise(() => {})
    const cluster = clusterOf(clock, [first, second, third])
    let isConnected = false
    const connecting = cluster.connect().then(() => {
      isConnected = true
    })
    await pass(clock, 900)
    expect(isConnected).toBe(false)
    await pass(clock, 200)
    await connecting
    expect(availableNodes(cluster)).toEqual(['10.0.0.1:9042', '10.0.0.2:9042'])
    cluster.destroy(new ClosedError('session'))
  })

  test('learns of a new node although the tables cannot be read when it is announced', async () => {
    const clock = new VirtualClock()
    const [first, second] = [1, 2].map((n) => new MemberNode(clock, n)) as [MemberNode, MemberNode]
    const cluster = clusterOf(clock, [first, second])
    await cluster.connect()
    first.peers = [second]
    first.isBroken = true
    first.announce(first.connections[0]!)
    await pass(clock, 2_000)
    first.isBroken = false
    await pass(clock, 30_000)
    expect(availableNodes(cluster)).toEqual(['10.0.0.1:9042', '10.0.0.2:9042'])
    cluster.destroy(new ClosedError('session'))
  })

  test('asks the next contact point while one is silent', async () => {
    const clock = new VirtualClock()
    const silent = [3, 4, 5].map((n) => new MemberNode(clock, n))
    for (const node of silent) node.open = () => new Promise(() => {})
    const answering = new MemberNode(clock, 1)
    const cluster = clusterOf(clock, [answering], [...silent, answering])
    const connecting = cluster.connect()
    await pass(clock, 1_000)
    await connecting
    expect(availableNodes(cluster)).toEqual(['10.0.0.1:9042'])
    cluster.destroy(new ClosedError('session'))
    expect(clock.pendingCount).toBe(0)
  })

  test('asks the next contact point while one connects and then answers nothing', async () => {
    const clock = new VirtualClock()
    const [silent, answering] = [3, 1].map((n) => new MemberNode(clock, n)) as [
      MemberNode,
      MemberNode,
    ]
    silent.script = ({ request }) => (request.opcode === Opcode.QUERY ? 'done' : 'default')
    const cluster = clusterOf(clock, [answering], [silent, answering])
    const connecting = cluster.connect()
    await pass(clock, 1_000)
    await connecting
    expect(availableNodes(cluster)).toEqual(['10.0.0.1:9042'])
    expect(silent.connections.map(({ isClosed }) => isClosed)).toEqual([true])
    cluster.destroy(new ClosedError('session'))
  })

  test('tries a contact point that is named twice once', async () => {
    const clock = new VirtualClock()
    const node = new MemberNode(clock, 1)
    node.isBroken = true
    const cluster = clusterOf(clock, [node], [node, node, node])
    await expect(cluster.connect()).rejects.toMatchObject({ message: 'busy' })
    expect(node.connections).toHaveLength(1)
    cluster.destroy(new ClosedError('session'))
  })

  test('refuses a local data center that no node is in', async () => {
    const clock = new VirtualClock()
    const members = membersOf(3, clock)
    members[2]!.dataCenter = 'dc2'
    const cluster = clusterOf(clock, members, members[0], { localDataCenter: 'dc9' })
    await expect(cluster.connect()).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
      message: expect.stringContaining('"dc9"') && expect.stringContaining('"dc1", "dc2"'),
    })
    cluster.destroy(new ClosedError('session'))
  })
})

describe('schema agreement', () => {
  /** A cluster of three whose third node cannot be connected to. */
  async function withUnreachable(clock: VirtualClock) {
    const members = membersOf(3, clock)
    members[2]!.open = () => new Promise(() => {})
    const cluster = clusterOf(clock, members, members[0], { schemaAgreementTimeoutMs: 60_000 })
    const connecting = cluster.connect()
    await pass(clock, 2_000)
    await connecting
    for (const member of members.slice(0, 2)) member.schema = 1
    let isAgreed = false
    const agree = (): Promise<void> => {
      isAgreed = false
      return cluster.awaitSchemaAgreement().then(() => void (isAgreed = true))
    }
    return { cluster, members, agree, hasAgreed: () => isAgreed }
  }

  test('waits for a node that cannot be asked until others report its version', async () => {
    const clock = new VirtualClock()
    const { cluster, members, agree, hasAgreed } = await withUnreachable(clock)
    const agreeing = agree()
    await pass(clock, 3_000)
    expect(hasAgreed()).toBe(false)
    members[2]!.schema = 1
    await pass(clock, 1_000)
    await agreeing
    cluster.destroy(new ClosedError('session'))
  })

  test('passes over a node that is reported as down', async () => {
    const clock = new VirtualClock()
    const { cluster, members, agree } = await withUnreachable(clock)
    sendEvent(members[0]!.connections[0]!, 'STATUS_CHANGE', 'DOWN', 3)
    await settle()
    const agreeing = agree()
    await pass(clock, 1_000)
    await agreeing
    cluster.destroy(new ClosedError('session'))
  })

  test('waits for a node that may be dead for a bounded time, and only once', async () => {
    const clock = new VirtualClock()
    const { cluster, agree, hasAgreed } = await withUnreachable(clock)
    const first = agree()
    await pass(clock, 5_000)
    expect(hasAgreed()).toBe(false)
    await pass(clock, 10_000)
    await first
    const second = agree()
    await pass(clock, 1_000)
    await second
    cluster.destroy(new ClosedError('session'))
  })
})

describe('a cluster all of whose nodes are gone for a while', () => {
  test('has all connections again when they are back, its events included', async () => {
    const clock = new VirtualClock()
    const members = membersOf(3, clock)
    const [first, second, third] = members as [MemberNode, MemberNode, MemberNode]
    first.peers = [second]
    second.peers = [first]
    const cluster = clusterOf(clock, members, [first, second])
    const connecting = cluster.connect()
    await pass(clock, 500)
    await connecting
    for (const node of [first, second]) {
      node.open = () => Promise.reject(new Error('refused'))
      for (const connection of node.connections) connection.destroy()
    }
    await pass(clock, 60_000)
    expect(availableNodes(cluster)).toEqual([])
    for (const node of [first, second]) Reflect.deleteProperty(node, 'open')
    // Twice the longest delay of the reconnection policy.
    for (let i = 0; i < 20; i++) await pass(clock, 1_000)
    expect(availableNodes(cluster)).toEqual([first.address, second.address])
    for (const node of [first, second]) {
      node.peers = members.filter((other) => other !== node)
      const live = node.connections.filter(({ isClosed }) => !isClosed)
      expect(live.length).toBeLessThanOrEqual(2)
      for (const connection of live) node.announce(connection)
    }
    await pass(clock, 3_000)
    expect(availableNodes(cluster)).toContain(third.address)
    cluster.destroy(new ClosedError('session'))
  })
})

test('nodes that never agree about the schema are asked a bounded number of times', async () => {
  const clock = new VirtualClock()
  const members = membersOf(2, clock)
  const cluster = clusterOf(clock, members, members[0], { schemaAgreementTimeoutMs: 2_000 })
  const connecting = cluster.connect()
  await pass(clock, 500)
  await connecting
  members[1]!.schema = 7
  let askedCount = 0
  members[0]!.script = ({ request }) => {
    if (request.opcode === Opcode.QUERY && request.text.includes('schema_version')) askedCount++
    return 'default'
  }
  const agreeing = cluster.awaitSchemaAgreement().catch((error: unknown) => error)
  for (let i = 0; i < 60; i++) await pass(clock, 100)
  expect(await agreeing).toMatchObject({ code: 'TSYLLA_SCHEMA_AGREEMENT', outcome: 'unknown' })
  expect(askedCount).toBeGreaterThan(5)
  expect(askedCount).toBeLessThanOrEqual(12)
  cluster.destroy(new ClosedError('session'))
})
