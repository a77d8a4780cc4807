import { EngineCluster, type NodePlacement, type RequestedPartition } from '../embedded/index.ts'
import { ClosedError, ConfigError } from '../errors/index.ts'
import { checkInteger, checkOneOf, checkOptions } from '../kernel/index.ts'
import { shardOf, VnodeLocator } from '../routing/index.ts'
import { noCounts, SimulatedNode, type SimulatedNodeCounters } from './simulated-node.ts'
import {
  encodeTablet,
  type SimulatedReplica,
  type SimulatedTablet,
  TabletMap,
} from './tablet-map.ts'

export interface SimulatedNodeOptions {
  /** Default `datacenter1`. */
  readonly dataCenter?: string | undefined
  /** Default `rack1`. */
  readonly rack?: string | undefined
  /** Ranges of tokens. Default: those of the cluster; 0 for a node that owns no data. */
  readonly tokens?: number | undefined
  /** Address to listen on. Default: one of its own in 127.0.0.0/8 on Linux, 127.0.0.1 elsewhere. */
  readonly host?: string | undefined
}

export interface SimulatedClusterOptions {
  /** How many nodes, or what each is. Default 3. */
  readonly nodes?: number | readonly SimulatedNodeOptions[] | undefined
  /** What the nodes say they are. Default `cassandra`. */
  readonly server?: 'cassandra' | 'scylla' | undefined
  /** Shards per node, with `server: 'scylla'` only. Default 2. */
  readonly shards?: number | undefined
  /** Whether shards can be chosen by the port of a client. Default true. */
  readonly shardAwarePort?: boolean | undefined
  /** Ranges of tokens per node, 1 to 256. Default 8. */
  readonly tokens?: number | undefined
  /**
   * Tablets per table, with `server: 'scylla'` only: tables of keyspaces with
   * NetworkTopologyStrategy then are in tablets, others in ranges of tokens. Default 0.
   */
  readonly tablets?: number | undefined
}

/** The options, checked and complete. */
interface Settings {
  readonly server: 'cassandra' | 'scylla'
  /** 0 where nodes have none. */
  readonly shards: number
  readonly shardAwarePort: boolean
  readonly tokens: number
  readonly tablets: number
}

const nodeCountMax = 64
const tokensMax = 256
const shardsMax = 256
const tabletsMax = 4_096
/** Most significant bits of tokens that choose no shard, as ScyllaDB has it by default. */
const ignoreMsb = 12

/** A clause that ScyllaDB has, and drivers append to their queries of system tables. */
const timeoutOfScylla = /\s+USING TIMEOUT \d+(?:us|ms|s|m|h|d|w)\s*$/i

const servers = ['cassandra', 'scylla'] as const

/** Clusters of this process, whose nodes get addresses of their own. */
let clusterCount = 0

/**
 * Several nodes on TCP ports of this machine over one embedded engine, which count the requests
 * that a driver has sent to a node, or to a shard, that does not have the partition. The nodes
 * agree at once: what one has written, the others read. There is one copy of the data, so a
 * consistency level that cannot be reached is not refused.
 *
 * @example
 * await using cluster = await SimulatedCluster.start({ nodes: 3, server: 'scylla', tablets: 8 })
 * const session = await Session.connect(cluster.contactPoints)
 * // …
 * expect(cluster.counters).toMatchObject({ misrouted: 0, wrongShard: 0 })
 */
export class SimulatedCluster implements AsyncDisposable {
  readonly #engine = new EngineCluster()
  readonly #nodes = new Set<SimulatedNode>()
  readonly #settings: Settings
  readonly #number = clusterCount++
  /** `undefined` where tables are in ranges of tokens. */
  readonly #tablets: TabletMap | undefined
  #hostCount = 0
  #nodeCount = 0
  /** Made again when nodes come or go; by keyspace within. */
  #locators = new Map<string, VnodeLocator<SimulatedNode>>()
  #closing: Promise<void> | undefined

  /** @internal */
  private constructor(settings: Settings) {
    this.#settings = settings
    const { tablets } = settings
    const place = this.#placeTablet.bind(this)
    this.#tablets = tablets === 0 ? undefined : new TabletMap(tablets, place)
  }

  /** @throws ConfigError */
  static async start(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
    const { nodes, settings } = checkClusterOptions(options)
    const cluster = new SimulatedCluster(settings)
    try {
      for (const node of nodes) await cluster.addNode(node)
    } catch (error) {
      await cluster.close()
      throw error
    }
    return cluster
  }

  get nodes(): readonly SimulatedNode[] {
    return [...this.#nodes]
  }

  /** Addresses of the nodes that run, for `Session.connect`. */
  get contactPoints(): string[] {
    return this.nodes.filter(({ isRunning }) => isRunning).map(({ address }) => address)
  }

  /** The sums of the counters of all nodes. */
  get counters(): Readonly<SimulatedNodeCounters> {
    const sums = noCounts()
    for (const { counters } of this.#nodes) {
      sums.connections += counters.connections
      sums.requests += counters.requests
      sums.misrouted += counters.misrouted
      sums.wrongShard += counters.wrongShard
    }
    return sums
  }

  /** Sets the counters of all nodes to zero, for example when a session is warm. */
  resetCounters(): void {
    for (const { counters } of this.#nodes) Object.assign(counters, noCounts())
  }

  /**
   * Adds a node, which runs, and announces it to clients.
   *
   * @throws ConfigError when it cannot listen
   * @throws ClosedError
   */
  async addNode(options: SimulatedNodeOptions = {}): Promise<SimulatedNode> {
    if (this.#closing !== undefined) throw new ClosedError('cluster')
    checkNodeOptions(options)
    if (this.#nodes.size >= nodeCountMax) {
      throw new ConfigError(`A cluster has at most ${nodeCountMax} nodes`)
    }
    const { dataCenter = 'datacenter1', rack = 'rack1', tokens = this.#settings.tokens } = options
    const { shards, shardAwarePort } = this.#settings
    const number = ++this.#nodeCount
    const placement: NodePlacement = {
      supported: (client) => this.#supported(node, client.shard ?? 0),
      statementText: (text) => (shards > 0 ? text.replace(timeoutOfScylla, '') : text),
      onRequest: (client, partition) => this.#onRequest(node, client.shard ?? 0, partition),
    }
    const member = this.#engine.add(
      {
        ...{ dataCenter, rack },
        hostId: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
        tokens: Array.from({ length: tokens }, (_, i) => String(tokenOfNode(number, i))),
      },
      placement,
    )
    const node: SimulatedNode = new SimulatedNode(
      member,
      {
        shards,
        usesShardAwarePort: shards > 0 && shardAwarePort,
        announce: (change, about) => this.#announce(change, about),
        isClosed: () => this.#closing !== undefined,
      },
      options.host ?? this.#nextHost(),
    )
    try {
      await node.start()
    } catch (error) {
      await this.#engine.remove(member)
      throw error
    }
    this.#nodes.add(node)
    this.#locators.clear()
    this.#announce('NEW_NODE', node)
    return node
  }

  /** Removes a node for good, and announces that to clients. */
  async removeNode(node: SimulatedNode): Promise<void> {
    if (!this.#nodes.delete(node))
      throw new ConfigError(`${node.address} is no node of the cluster`)
    this.#locators.clear()
    await this.#engine.remove(node.member)
    this.#engine.announce('TOPOLOGY_CHANGE', 'REMOVED_NODE', node.location)
  }

  /** Tablets of a table that a request has named, in the order of their tokens. */
  tabletsOf(keyspace: string, table: string): readonly SimulatedTablet[] {
    return this.#tablets?.knownTablets(keyspace, table) ?? []
  }

  /**
   * Moves a tablet to other shards. Clients learn of it when their requests arrive elsewhere, as
   * they do of ScyllaDB.
   *
   * @returns the tablet as it is now
   * @throws ConfigError when there is no such tablet, or a node or a shard that does not exist
   */
  moveTablet(tablet: SimulatedTablet, replicas: readonly SimulatedReplica[]): SimulatedTablet {
    for (const { hostId, shard } of replicas) {
      if (!this.nodes.some((node) => node.hostId === hostId)) {
        throw new ConfigError(`There is no node with the host id ${hostId}`)
      }
      checkInteger('shard', shard, 0, this.#settings.shards - 1)
    }
    if (replicas.length === 0) throw new ConfigError('A tablet has at least one replica')
    const moved = this.#tablets?.move(tablet, replicas)
    if (moved !== undefined) return moved
    throw new ConfigError(`${tablet.keyspace}.${tablet.table} has no such tablet`)
  }

  /** Stops all nodes; nothing is left. */
  close(): Promise<void> {
    this.#closing ??= this.#engine.close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Linux answers for every address of 127.0.0.0/8. */
  #nextHost(): string {
    if (process.platform !== 'linux') return '127.0.0.1'
    const number = (this.#number * nodeCountMax + this.#hostCount++) % 16_000
    return `127.${100 + (process.pid % 100)}.${number >> 6}.${1 + (number & 63)}`
  }

  #announce(change: 'UP' | 'DOWN' | 'NEW_NODE', { location }: SimulatedNode): void {
    const type = change === 'NEW_NODE' ? 'TOPOLOGY_CHANGE' : 'STATUS_CHANGE'
    this.#engine.announce(type, change, location)
  }

  *#supported(node: SimulatedNode, shard: number): Generator<readonly [string, readonly string[]]> {
    const { server, shards } = this.#settings
    if (server !== 'scylla') return
    yield ['SCYLLA_SHARD', [String(shard)]]
    yield ['SCYLLA_NR_SHARDS', [String(shards)]]
    yield ['SCYLLA_SHARDING_ALGORITHM', ['biased-token-round-robin']]
    yield ['SCYLLA_SHARDING_IGNORE_MSB', [String(ignoreMsb)]]
    yield ['SCYLLA_PARTITIONER', ['org.apache.cassandra.dht.Murmur3Partitioner']]
    const { shardAwarePort } = node
    if (shardAwarePort !== undefined) yield ['SCYLLA_SHARD_AWARE_PORT', [String(shardAwarePort)]]
    if (this.#tablets !== undefined) yield ['TABLETS_ROUTING_V1', ['']]
  }

  /** Counts a request, and says where its tablet is when it came to a wrong shard. */
  #onRequest(
    node: SimulatedNode,
    shard: number,
    partition: RequestedPartition,
  ): ReadonlyMap<string, Uint8Array> | undefined {
    const { counters } = node
    const tablet = this.#tabletOf(partition)
    const replicas = tablet?.replicas ?? this.#replicasOf(partition)
    if (replicas.length === 0) return undefined
    counters.requests++
    const own = replicas.filter(({ hostId }) => hostId === node.hostId)
    const isRight = own.some((replica) => this.#settings.shards === 0 || replica.shard === shard)
    if (own.length === 0) counters.misrouted++
    else if (!isRight) counters.wrongShard++
    if (tablet === undefined || isRight) return undefined
    return new Map([['tablets-routing-v1', encodeTablet(tablet)]])
  }

  #tabletOf({ keyspace, table, replication, token }: RequestedPartition) {
    if (replication.get('class')?.endsWith('NetworkTopologyStrategy') !== true) return undefined
    return this.#tablets
      ?.tabletsOf(keyspace, table, replication)
      .find(({ firstToken, lastToken }) => firstToken < token && token <= lastToken)
  }

  /** Replicas by ranges of tokens. */
  #replicasOf({ keyspace, replication, token }: RequestedPartition): readonly SimulatedReplica[] {
    let locator = this.#locators.get(keyspace)
    locator ??= new VnodeLocator(this.nodes, new Map([[keyspace, replication]]))
    this.#locators.set(keyspace, locator)
    const tokenHigh = Number(token >> 32n)
    const tokenLow = Number(token & 0xffff_ffffn) | 0
    const sharding = { count: Math.max(1, this.#settings.shards), ignoreMsb }
    const shard = shardOf(tokenHigh, tokenLow, sharding)
    return locator
      .replicasFor({ keyspace, tokenHigh, tokenLow })
      .map(({ node }) => ({ hostId: node.hostId, shard }))
  }

  /** Spreads the tablets of a table evenly over the nodes and shards of each data center. */
  #placeTablet(replication: ReadonlyMap<string, string>, index: number): SimulatedReplica[] {
    const owners = this.nodes.filter(({ tokens }) => tokens.length > 0)
    const replicas: SimulatedReplica[] = []
    for (const dataCenter of new Set(owners.map((node) => node.dataCenter))) {
      const nodes = owners.filter((node) => node.dataCenter === dataCenter)
      const factor = Math.min(Number(replication.get(dataCenter) ?? 0), nodes.length)
      for (let copy = 0; copy < factor; copy++) {
        const { hostId } = nodes[(index + copy) % nodes.length]!
        replicas.push({ hostId, shard: Math.floor(index / nodes.length) % this.#settings.shards })
      }
    }
    return replicas
  }
}

/** Tokens spread over the ring that differ between nodes: multiples of the golden ratio. */
function tokenOfNode(node: number, index: number): bigint {
  return BigInt.asIntN(64, BigInt(index * nodeCountMax * 4 + node) * 0x9e37_79b9_7f4a_7c15n)
}

function checkClusterOptions(options: SimulatedClusterOptions): {
  readonly nodes: readonly SimulatedNodeOptions[]
  readonly settings: Settings
} {
  checkOptions('SimulatedCluster.start', options, {
    ...{ nodes: true, server: true, shards: true, shardAwarePort: true, tokens: true },
    ...{ tablets: true },
  })
  const { nodes = 3, server = 'cassandra', shardAwarePort = true, tokens = 8 } = options
  checkOneOf('server', server, servers)
  const isScylla = server === 'scylla'
  const { shards = isScylla ? 2 : 0, tablets = 0 } = options
  if (!isScylla && (shards !== 0 || tablets !== 0)) {
    throw new ConfigError(`Only nodes of ScyllaDB have shards and tablets: pass server: 'scylla'`)
  }
  checkInteger('shards', shards, isScylla ? 1 : 0, shardsMax)
  checkInteger('tablets', tablets, 0, tabletsMax)
  checkInteger('tokens', tokens, 1, tokensMax)
  if (typeof shardAwarePort !== 'boolean') {
    throw new ConfigError('shardAwarePort must be true or false')
  }
  const list = typeof nodes === 'number' ? nodesOf(nodes) : nodes
  if (!Array.isArray(list)) throw new ConfigError('nodes must be a number or a list of options')
  checkInteger('the number of nodes', list.length, 1, nodeCountMax)
  list.forEach(checkNodeOptions)
  return { nodes: list, settings: { server, shards, shardAwarePort, tokens, tablets } }
}

function nodesOf(count: number): SimulatedNodeOptions[] {
  return Array.from({ length: checkInteger('nodes', count, 1, nodeCountMax) }, () => ({}))
}

function checkNodeOptions(options: SimulatedNodeOptions): void {
  checkOptions('a node of SimulatedCluster', options, {
    ...{ dataCenter: true, rack: true, tokens: true, host: true },
  })
  if (options.tokens !== undefined) checkInteger('tokens', options.tokens, 0, tokensMax)
  for (const name of ['dataCenter', 'rack', 'host'] as const) {
    const value: unknown = options[name]
    if (value === undefined || (typeof value === 'string' && value !== '')) continue
    throw new ConfigError(`${name} of a node must be a text`)
  }
}
