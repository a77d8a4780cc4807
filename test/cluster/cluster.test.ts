import { describe, expect, test } from 'vitest'
import { Cluster } from '../../src/cluster/index.ts'
import { ClosedError, ServerError } from '../../src/errors/index.ts'
import { ExponentialReconnectionPolicy } from '../../src/policies/index.ts'
import { beginResponse, endFrame, Opcode, WireWriter } from '../../src/protocol/index.ts'
import { type Endpoint, type Link, type LinkHandler, Ticker } from '../../src/transport/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { rowsOf, type ScriptedConnection, ScriptedNode } from '../support/scripted-node.ts'
import { settle } from '../support/scripted-session.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const { inet, int, text, uuid } = nativeTypes
const hostId = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`

/** A node of a cluster, which tells of those it is given as peers. */
class MemberNode extends ScriptedNode {
  readonly number: number
  override readonly network: { host: string; port: number }
  peers: readonly MemberNode[] = []
  isBroken = false

  constructor(clock: VirtualClock, number: number, host = `10.0.0.${number}`) {
    super(clock, `${host}:9042`)
    this.number = number
    this.network = { host, port: 9042 }
    this.script = (exchange) => {
      const { request } = exchange
      if (request.opcode !== Opcode.QUERY) return 'default'
      if (this.isBroken) {
        exchange.reply({ opcode: Opcode.ERROR, error: new ServerError(0x1001, 'busy') })
        return 'done'
      }
      const isLocal = request.text.includes('system.local')
      if (!isLocal && !request.text.includes('system.peers_v2')) return 'default'
      exchange.reply(describeNodes(isLocal ? [this] : this.peers))
      return 'done'
    }
  }

  /** Says that a node has come or gone. */
  announce(connection: ScriptedConnection): void {
    const writer = new WireWriter()
    const start = beginResponse(writer, 0, -1, Opcode.EVENT)
    writer.writeString('TOPOLOGY_CHANGE')
    writer.writeString('NEW_NODE')
    writer.writeByte(4)
    for (const byte of [10, 0, 0, 3]) writer.writeByte(byte)
    writer.writeInt(9042)
    endFrame(writer, start)
    connection.send(writer.copyFrom(0))
  }
}

const describeNodes = (nodes: readonly MemberNode[]): ReturnType<typeof rowsOf> =>
  rowsOf(
    [
      ['native_address', inet],
      ['native_port', int],
      ['rpc_address', inet],
      ['rpc_port', int],
      ['host_id', uuid],
      ['data_center', text],
      ['rack', text],
      ['tokens', { kind: 'set', element: text, frozen: false }],
    ],
    nodes.map(({ number, network }) => {
      const address = [network.host, network.port]
      return [...address, ...address, hostId(number), 'dc1', 'r1', new Set([`${number}`])]
    }),
  )

function clusterOf(
  clock: VirtualClock,
  members: readonly MemberNode[],
  contact: Endpoint = members[0]!,
): Cluster {
  return new Cluster({
    ticker: new Ticker(clock),
    connector: {
      connectionTimeoutMs: 5_000,
      heartbeatIntervalMs: 30_000,
      credentials: undefined,
      authenticators: [],
      compression: undefined,
      startup: new Map(),
    },
    contactEndpoints: [contact],
    endpointOf: (host) => members.find(({ network }) => network.host === host)!,
    poolSize: 1,
    reconnection: new ExponentialReconnectionPolicy({ random: () => 0 }),
    requestTimeoutMs: 12_000,
    localDataCenter: undefined,
    schemaAgreementTimeoutMs: 1_000,
    onRoom() {},
    onSchemaChange() {},
    onSchemaUnknown() {},
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
    const { script } = first
    const held: (() => void)[] = []
    first.script = (exchange) => {
      if (exchange.request.opcode !== Opcode.QUERY) return 'default'
      held.push(() => void script(exchange))
      return 'done'
    }
    first.connections[0]!.destroy()
    await pass(clock, 2_000)
    expect(held.length).toBeGreaterThan(0)
    cluster.destroy(new ClosedError('session'))
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
})
