import { ServerError } from '../../src/errors/index.ts'
import { beginResponse, endFrame, Opcode, WireWriter } from '../../src/protocol/index.ts'
import type { Endpoint, PeerNode } from '../../src/transport/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { type Clock, systemClock } from '../../src/util/index.ts'
import { type Exchange, rowsOf, type ScriptedConnection, ScriptedNode } from './scripted-node.ts'

const { inet, int, text, uuid } = nativeTypes
export const hostId = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`
const schemaOf = (n: number): string => `00000000-0000-4000-8000-0000000000a${n}`

/** A node of a scripted cluster, which describes the nodes it is given as peers. */
export class MemberNode extends ScriptedNode {
  readonly number: number
  override readonly network: { host: string; port: number }
  dataCenter = 'dc1'
  rack = 'r1'
  partitioner = ''
  tokens: readonly string[]
  peers: readonly MemberNode[] = []
  /** Answers every question about the cluster with an error. */
  isBroken = false
  /** Number of the schema version that it reports of itself and that others report of it. */
  schema = 0
  /** Answers before the description of the cluster is considered. */
  override script: (exchange: Exchange) => 'default' | 'done' = () => 'default'

  constructor(clock: Clock = systemClock, number = 1, host = `10.0.0.${number}`) {
    super(clock, `${host}:9042`)
    this.number = number
    this.tokens = [`${number}`]
    this.network = { host, port: 9042 }
  }

  /** The way to a node that this one describes. */
  peer({ host }: PeerNode): Endpoint {
    const found = [this, ...this.peers].find(({ network }) => network.host === host)
    if (found === undefined) throw new Error(`${host} is no member`)
    return found
  }

  override onRequest(exchange: Exchange): void {
    const { request } = exchange
    const isQuery = request.opcode === Opcode.QUERY
    if (this.script !== defaultScript && this.script(exchange) === 'done') return
    if (isQuery && this.isBroken) {
      exchange.reply({ opcode: Opcode.ERROR, error: new ServerError(0x1001, 'busy') })
    } else if (isQuery && request.text.includes('system.local')) {
      exchange.reply(describeNodes([this]))
    } else if (isQuery && request.text.includes('system.peers_v2')) {
      exchange.reply(describeNodes(this.peers))
    } else super.onRequest(exchange)
  }

  /** Sends the event that a node has come. */
  announce(connection: ScriptedConnection): void {
    sendEvent(connection, 'TOPOLOGY_CHANGE', 'NEW_NODE', 3)
  }
}

const defaultScript = (): 'default' => 'default'

/** Sends an event about the node 10.0.0.`number`. */
export function sendEvent(
  connection: ScriptedConnection,
  type: 'TOPOLOGY_CHANGE' | 'STATUS_CHANGE',
  change: string,
  number: number,
): void {
  const writer = new WireWriter()
  const start = beginResponse(writer, 0, -1, Opcode.EVENT)
  writer.writeString(type)
  writer.writeString(change)
  writer.writeByte(4)
  for (const byte of [10, 0, 0, number]) writer.writeByte(byte)
  writer.writeInt(9042)
  endFrame(writer, start)
  connection.send(writer.copyFrom(0))
}

function describeNodes(nodes: readonly MemberNode[]): ReturnType<typeof rowsOf> {
  return rowsOf(
    [
      ['native_address', inet],
      ['native_port', int],
      ['rpc_address', inet],
      ['rpc_port', int],
      ['host_id', uuid],
      ['data_center', text],
      ['rack', text],
      ['schema_version', uuid],
      ['tokens', { kind: 'set', element: text, frozen: false }],
      ['partitioner', text],
    ],
    nodes.map(({ number, network, dataCenter, rack, schema, tokens, partitioner }) => {
      const address = [network.host, network.port]
      const schemaVersion = schemaOf(schema)
      const place = [hostId(number), dataCenter, rack, schemaVersion, new Set(tokens), partitioner]
      return [...address, ...address, ...place]
    }),
  )
}

/** Members that all know each other. */
export function membersOf(count: number, clock: Clock = systemClock): MemberNode[] {
  const members = Array.from({ length: count }, (_, i) => new MemberNode(clock, i + 1))
  for (const member of members) member.peers = members.filter((other) => other !== member)
  return members
}
