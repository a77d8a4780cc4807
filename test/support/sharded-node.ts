import { emptyResponsePrefix, Opcode } from '../../src/protocol/index.ts'
import { shardOf, tokenOf } from '../../src/routing/index.ts'
import { encodeTablet as encodePayload } from '../../src/testing/tablet-map.ts'
import type { Link, LinkHandler, OpenLinkOptions } from '../../src/transport/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { type Clock, systemClock } from '../../src/util/index.ts'
import { hostId, MemberNode } from './member-node.ts'
import { type Exchange, rowsOf, type ScriptedConnection, voidResult } from './scripted-node.ts'

const { text } = nativeTypes
const textMap = { kind: 'map', key: text, value: text, frozen: false } as const

/** A tablet of the tokens first + 1 … last. */
export interface ScriptedTablet {
  readonly first: bigint
  readonly last: bigint
  /** By number of the node. */
  readonly replicas: readonly { readonly node: number; readonly shard: number }[]
  readonly version: bigint
}

/** Encodes the payload that describes a tablet. */
export function encodeTablet(
  { first, last, replicas, version }: ScriptedTablet,
  hasVersion = false,
): Uint8Array {
  const payload = encodePayload({
    firstToken: first,
    lastToken: last,
    replicas: replicas.map(({ node, shard }) => ({ hostId: hostId(node), shard })),
  })
  if (!hasVersion) return payload
  const ending = Buffer.alloc(12)
  ending.writeInt32BE(8)
  ending.writeBigInt64BE(version, 4)
  return Buffer.concat([payload, ending])
}

/** A node of ScyllaDB with shards and, on request, tablets. */
export class ShardedNode extends MemberNode {
  shardCount = 4
  ignoreMsb = 12
  /** Where it listens for connections to chosen shards. */
  shardAwarePort = 19_042
  /** Whether it is reached without TLS. */
  isUnencrypted = true
  /** What the network between makes of the local port of a client. */
  translate: (localPort: number) => number = (localPort) => localPort
  /** Returns why a connection is refused. */
  refuse: (options: OpenLinkOptions) => Error | undefined = () => undefined
  /** Whether connections to the shard-aware port are neither made nor refused. */
  holdsShardPort = false
  /** Options of SUPPORTED that replace its own. */
  said: Readonly<Record<string, string>> = {}
  /** Keyspaces with tablets. */
  tabletKeyspaces: readonly string[] = []
  /** Tables `ks.<name>` that are logs of change data capture. */
  cdcTables: readonly string[] = []
  /** Token of the first value of an EXECUTE. */
  tokenOf: (key: Uint8Array) => bigint = tokenOf
  /** Version of tablets that it offers. */
  tabletsVersion: 1 | 2 | undefined
  /** Where its tablets are; the nodes of a cluster share the list. */
  tablets: readonly ScriptedTablet[] = []
  /** What it says about a tablet. */
  describe: (tablet: ScriptedTablet) => Uint8Array = (tablet) =>
    encodeTablet(tablet, this.tabletsVersion === 2)
  /** Every try to connect, in order. */
  readonly attempts: OpenLinkOptions[] = []
  /** Shard of the next connection that does not choose. */
  #nextShard = 0
  readonly #shards = new Map<ScriptedConnection, number>()
  /** The EXECUTEs by the shard that received them, and whether the token belongs to it. */
  readonly executes: { readonly shard: number; readonly isRight: boolean }[] = []
  /** Shards that have received a BATCH. */
  readonly batchShards: number[] = []

  constructor(clock: Clock = systemClock, number = 1) {
    super(clock, number)
    this.partitioner = 'org.apache.cassandra.dht.Murmur3Partitioner'
  }

  /** Shards of the open connections, in order; the control connection is one of them. */
  get openShards(): number[] {
    const open = this.connections.filter(({ isClosed }) => !isClosed)
    return open.map((connection) => this.shardOf(connection)).sort((a, b) => a - b)
  }

  shardOf(connection: ScriptedConnection): number {
    return this.#shards.get(connection)!
  }

  override open(handler: LinkHandler, options: OpenLinkOptions = {}): Promise<Link> {
    this.attempts.push(options)
    const error = this.refuse(options)
    if (error !== undefined) return Promise.reject(error)
    const { port, localPort } = options
    const isChosen = port === this.shardAwarePort && localPort !== undefined
    if (isChosen && this.holdsShardPort) return new Promise(() => {})
    const shard = isChosen ? this.translate(localPort) : this.#nextShard++
    const opening = super.open(handler)
    this.#shards.set(this.connections.at(-1)!, shard % this.shardCount)
    return opening
  }

  override onRequest(exchange: Exchange): void {
    const { request, connection } = exchange
    if (request.opcode === Opcode.OPTIONS) {
      const options = Object.entries({ ...this.#supported(connection), ...this.said })
      const supported = new Map(options.map(([name, value]) => [name, [value]]))
      exchange.reply({ opcode: Opcode.SUPPORTED, options: supported })
      return
    }
    if (request.opcode === Opcode.BATCH) this.batchShards.push(this.shardOf(connection))
    if (request.opcode === Opcode.EXECUTE) {
      const key = request.parameters.values[0]
      const token = key instanceof Uint8Array ? this.tokenOf(key) : 0n
      const shard = this.shardOf(connection)
      const tablet = this.tablets.find(({ first, last }) => first < token && token <= last)
      const isRight =
        tablet === undefined
          ? shard === this.ownerOf(token)
          : tablet.replicas.some((one) => one.node === this.number && one.shard === shard)
      this.executes.push({ shard, isRight })
      if (tablet !== undefined && !this.#isKnown(tablet, isRight, exchange.rest)) {
        const name = `tablets-routing-v${this.tabletsVersion}`
        const customPayload = new Map([[name, this.describe(tablet)]])
        exchange.reply(voidResult, { ...emptyResponsePrefix, customPayload })
        return
      }
    }
    if (request.opcode === Opcode.QUERY && / FROM system_schema\.keyspaces/.test(request.text)) {
      exchange.reply(describeKeyspaces())
    } else if (request.opcode === Opcode.QUERY && /\.scylla_keyspaces/.test(request.text)) {
      const rows = this.tabletKeyspaces.map((name) => [name, 8])
      exchange.reply(
        rowsOf(
          [
            ['keyspace_name', text],
            ['initial_tablets', nativeTypes.int],
          ],
          rows,
        ),
      )
    } else if (request.opcode === Opcode.QUERY && /\.scylla_tables/.test(request.text)) {
      exchange.reply(this.#describeTables())
    } else super.onRequest(exchange)
  }

  #describeTables(): ReturnType<typeof rowsOf> {
    const cdc = 'com.scylladb.dht.CDCPartitioner'
    return rowsOf(
      [
        ['keyspace_name', text],
        ['table_name', text],
        ['partitioner', text],
      ],
      [['ks', 'plain', null], ...this.cdcTables.map((name) => ['ks', name, cdc])],
    )
  }

  /** Whether a client seems to know a tablet. */
  #isKnown({ version }: ScriptedTablet, isRight: boolean, rest: Uint8Array): boolean {
    if (this.tabletsVersion !== 2) return isRight
    const byte = rest.at(-1)!
    const block = Number((version >> BigInt((byte >> 4) * 4)) & 15n)
    return block === (byte & 15)
  }

  /** Shard of a token, where tablets do not say otherwise. */
  ownerOf(token: bigint): number {
    const high = Number(BigInt.asIntN(64, token) >> 32n)
    const low = Number(token & 0xffff_ffffn) | 0
    return shardOf(high, low, { count: this.shardCount, ignoreMsb: this.ignoreMsb })
  }

  #supported(connection: ScriptedConnection): Record<string, string> {
    return {
      SCYLLA_SHARD: String(this.shardOf(connection)),
      SCYLLA_NR_SHARDS: String(this.shardCount),
      SCYLLA_SHARDING_IGNORE_MSB: String(this.ignoreMsb),
      SCYLLA_SHARDING_ALGORITHM: 'biased-token-round-robin',
      SCYLLA_SHARD_AWARE_PORT: String(this.shardAwarePort),
      ...(this.tabletsVersion === undefined ? {} : { TABLETS_ROUTING_V1: '' }),
      ...(this.tabletsVersion === 2 ? { TABLETS_ROUTING_V2_EXPERIMENTAL: '' } : {}),
    }
  }

  /** Closes all connections and comes back with other shards. */
  restart(shardCount: number): void {
    this.shardCount = shardCount
    for (const connection of this.connections) connection.destroy()
  }
}

function describeKeyspaces(): ReturnType<typeof rowsOf> {
  const replication = new Map([
    ['class', 'SimpleStrategy'],
    ['replication_factor', '2'],
  ])
  return rowsOf(
    [
      ['keyspace_name', text],
      ['replication', textMap],
    ],
    [['ks', replication]],
  )
}
