import { describe, expect, test } from 'vitest'
import { Cluster } from '../../src/cluster/index.ts'
import { ClosedError, ServerError } from '../../src/errors/index.ts'
import { ExponentialReconnectionPolicy } from '../../src/policies/index.ts'
import { beginResponse, endFrame, Opcode, WireWriter } from '../../src/protocol/index.ts'
import { Ticker } from '../../src/transport/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { rowsOf, type ScriptedConnection, ScriptedNode } from '../support/scripted-node.ts'
import { settle } from '../support/scripted-session.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const { inet, int, text, uuid } = nativeTypes
const hostId = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`

/** A node of a cluster, which tells of those it is given as peers. */
class MemberNode extends ScriptedNode {
  readonly #number: number
  override readonly network: { host: string; port: number }
  peers: readonly MemberNode[] = []
  isBroken = false

  constructor(clock: VirtualClock, number: number) {
    super(clock, `10.0.0.${number}:9042`)
    this.#number = number
    this.network = { host: `10.0.0.${number}`, port: 9042 }
    this.script = (exchange) => {
      const { request } = exchange
      if (request.opcode !== Opcode.QUERY) return 'default'
      if (this.isBroken) {
        exchange.reply({ opcode: Opcode.ERROR, error: new ServerError(0x1001, 'busy') })
        return 'done'
      }
      const isLocal = request.text.includes('system.local')
      if (!isLocal && !request.text.includes('system.peers_v2')) return 'default'
      exchange.reply(
        describeNodes(isLocal ? [this.#number] : this.peers.map((peer) => peer.#number)),
      )
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

const describeNodes = (numbers: readonly number[]): ReturnType<typeof rowsOf> =>
  rowsOf(
    [
      ['native_address', inet],
      ['native_port', int],
      ['host_id', uuid],
      ['data_center', text],
      ['rack', text],
      ['tokens', { kind: 'set', element: text, frozen: false }],
    ],
    numbers.map((n) => [`10.0.0.${n}`, 9042, hostId(n), 'dc1', 'r1', new Set([`${n}`])]),
  )

function clusterOf(clock: VirtualClock, members: readonly MemberNode[]): Cluster {
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
    contactEndpoints: members.slice(0, 1),
    endpointOf: (host) => members.find(({ network }) => network.host === host)!,
    poolSize: 1,
    reconnection: new ExponentialReconnectionPolicy({ random: () => 0 }),
    requestTimeoutMs: 12_000,
    localDataCenter: undefined,
    schemaAgreementTimeoutMs: 1_000,
    onRoom() {},
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

describe('a cluster', () => {
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
