import {
  ClosedError,
  ConfigError,
  NoNodeAvailableError,
  type TsyllaError,
} from '../errors/index.ts'
import { type NodeRecorder, type TopologyEvent, warn } from '../observability/index.ts'
import type { HostFilter, ReconnectionPolicy } from '../types/index.ts'
import type { StatusChangeEvent } from '../protocol/index.ts'
import {
  type Connection,
  defaultLocalPorts,
  type Endpoint,
  type LocalPorts,
  NodePool,
  type NodePoolOptions,
  type DeadlineTimer,
  type PeerNode,
  type PoolSize,
  ShardPort,
  type ShardSource,
} from '../transport/index.ts'
import type { Timer } from '../util/index.ts'
import type { NodeData } from './cluster-data.ts'
import { ClusterNode } from './cluster-node.ts'
import { acceptsNode } from './host-filter.ts'
import type { NodeDescription } from './system-tables.ts'

export interface NodeRegistryOptions {
  readonly deadlineTimer: DeadlineTimer
  readonly contactEndpoints: readonly Endpoint[]
  /** Returns the endpoint of a node that was discovered. */
  readonly endpointOf: (node: PeerNode) => Endpoint
  /** Says which nodes may be connected to. Default: all. */
  readonly hostFilter: HostFilter | undefined
  readonly connect: (endpoint: Endpoint, source: ShardSource | undefined) => Promise<Connection>
  /** What a connection needs before it enters its pool: {@link NodePoolOptions.prepare}. */
  readonly prepare: NodePoolOptions['prepare']
  /** {@link NodePoolOptions.adaptiveConcurrency}. */
  readonly adaptiveConcurrency?: boolean | undefined
  readonly poolSize: PoolSize
  /** Local ports for shard-aware ports of nodes; `undefined` when those are not used. */
  readonly shardAwarePort: LocalPorts | undefined
  readonly reconnection: ReconnectionPolicy
  /** Called when a node has its first connection, or has lost its last one. */
  readonly onAvailability: () => void
  readonly onTopologyChange: (event: TopologyEvent) => void
}

/** How long to wait for the other nodes once one has a connection. */
const otherNodesMs = 1_000

/** The nodes that are known, each with its pool. A host id is one node whatever its address. */
export class NodeRegistry {
  readonly #options: NodeRegistryOptions
  readonly #nodes = new Map<string, ClusterNode>()
  /** Pools of nodes that are gone, with requests that are still being answered. */
  readonly #drainingPools = new Set<NodePool>()
  readonly #nodesOfConnections = new WeakMap<Connection, ClusterNode>()
  /** Called when a node has a connection again, and when the cluster is closed. */
  readonly #availabilityWaiters = new Set<() => void>()
  #descriptions = new Map<string, NodeDescription>()
  /** Nodes that the host filter has refused, as of the last update. */
  refused: readonly NodeDescription[] = []
  #isClosed = false

  constructor(options: NodeRegistryOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#nodes.size
  }

  get nodes(): readonly ClusterNode[] {
    return [...this.#nodes.values()]
  }

  /** The nodes that requests may go to: those with tokens. */
  get coordinators(): readonly ClusterNode[] {
    return this.nodes.filter(({ isZeroToken }) => !isZeroToken)
  }

  /** Returns the nodes as users see them. */
  describeNodes(): readonly NodeData[] {
    return this.nodes.map(({ hostId, address, dataCenter, rack, pool, isZeroToken }) => ({
      hostId,
      address,
      dataCenter,
      rack,
      releaseVersion: this.#descriptions.get(hostId)?.releaseVersion,
      connectionCount: pool.connections.length,
      isAvailable: pool.isAvailable,
      isZeroToken,
    }))
  }

  /**
   * Where the cluster may be described: by known nodes first, because contact points may be gone
   * for long; and by turns while no node has a connection, because all of them may have moved.
   */
  endpoints(): readonly Endpoint[] {
    const known = [...this.#nodes.values()].map(({ endpoint }) => endpoint)
    const addresses = new Set(known.map(({ address }) => address))
    const others = this.#options.contactEndpoints.filter(({ address }) => !addresses.has(address))
    return this.isAvailable() ? [...known, ...others] : alternate(known, others)
  }

  /**
   * Fills all pools, but does not wait long once one is available: neither a dead node nor a
   * shard-aware port behind a firewall must delay all.
   */
  async fillPools(): Promise<void> {
    const { clock } = this.#options.deadlineTimer
    const pools = this.coordinators.map(({ pool }) => pool)
    await new Promise<void>((resolve) => {
      let timer: Timer | undefined
      const onAvailable = (): void => {
        timer ??= clock.schedule(otherNodesMs, resolve, true)
      }
      this.#availabilityWaiters.add(onAvailable)
      if (pools.some((pool) => pool.isAvailable)) onAvailable()
      void Promise.all(pools.map((pool) => pool.fill())).then(() => {
        this.#availabilityWaiters.delete(onAvailable)
        timer?.cancel()
        resolve()
      })
    })
  }

  /**
   * Brings the nodes in line with what the system tables say.
   *
   * @throws ConfigError when the host filter fails, or accepts no node, before any was accepted
   */
  update(local: NodeDescription, peers: readonly NodeDescription[], endpoint: Endpoint): void {
    // The addresses that an engine in this process reports cannot be dialled.
    const others = endpoint.network === undefined ? [] : peers
    const accepted = this.#filter([local, ...others], endpoint)
    this.#descriptions = new Map(accepted.map((node) => [node.hostId, node]))
    for (const [hostId, node] of this.#nodes) {
      if (this.#descriptions.has(hostId)) continue
      this.#remove(hostId, node)
      this.#options.onTopologyChange({ type: 'removed', node: node.info })
    }
    const unconnected = new Set<ClusterNode>()
    for (const described of this.#descriptions.values()) {
      const known = this.#nodes.get(described.hostId)
      const isReached = described === local && endpoint.address !== known?.address
      const isLost = known !== undefined && !known.isUp && isReached
      const isSameWay = known?.isAt(described.address) === true && !isLost
      // The host id is the way to a node behind a proxy, whatever its address.
      const isByHostId = known?.endpoint.hostId !== undefined || endpoint.network === undefined
      if (known !== undefined && (isSameWay || isByHostId)) {
        known.update(described)
        continue
      }
      if (known !== undefined) this.#remove(described.hostId, known)
      // The node that was asked is reached already, maybe by a name that its certificate carries.
      const isThere = described === local && endpoint.isShared !== true
      const found = isThere ? endpoint : this.#endpointOf(described)
      const node = this.#add(described, found, known?.recorder)
      unconnected.add(node)
      const { info } = node
      this.#options.onTopologyChange(
        known === undefined
          ? { type: 'added', node: info }
          : { type: 'moved', node: info, previousAddress: known.address },
      )
    }
    this.#connectCoordinators(unconnected)
  }

  /** @param added nodes whose pools were never filled */
  #connectCoordinators(added: ReadonlySet<ClusterNode>): void {
    // Where no node says which tokens it has, all of them take requests.
    const hasTokens = this.nodes.some(({ tokens }) => tokens.length > 0)
    for (const node of this.#nodes.values()) {
      const wasZeroToken = node.isZeroToken
      node.isZeroToken = hasTokens && node.tokens.length === 0
      if (!node.isZeroToken && (wasZeroToken || added.has(node))) void node.pool.fill()
    }
  }

  /** Returns the nodes that may be connected to. The addresses of an engine are not filtered. */
  #filter(all: readonly NodeDescription[], { address, network }: Endpoint): NodeDescription[] {
    const { hostFilter } = this.#options
    if (hostFilter === undefined || network === undefined) return [...all]
    const isFirst = this.#nodes.size === 0
    const accepted = all.filter((node) => {
      try {
        const { host, port = network.port } = node.address ?? network
        return acceptsNode(hostFilter, node, { host, port })
      } catch (error) {
        if (isFirst) throw error
        warn(address, (error as ConfigError).message)
        // What it once accepted stays; what it cannot judge is not connected to.
        return this.#nodes.has(node.hostId)
      }
    })
    if (isFirst && accepted.length === 0) {
      const hosts = all.map((node) => (node.address ?? network).host)
      throw new ConfigError(`hostFilter accepts none of the nodes ${hosts.join(', ')}`)
    }
    this.refused = all.filter((node) => !accepted.includes(node))
    return accepted
  }

  #endpointOf({ hostId, dataCenter, address }: NodeDescription): Endpoint {
    const peer = { hostId, dataCenter, host: address?.host, port: address?.port }
    return this.#options.endpointOf(peer)
  }

  #add(described: NodeDescription, endpoint: Endpoint, recorder?: NodeRecorder): ClusterNode {
    const { poolSize, reconnection, deadlineTimer, onAvailability, onTopologyChange } =
      this.#options
    const pool: NodePool = new NodePool({
      size: poolSize,
      adaptiveConcurrency: this.#options.adaptiveConcurrency,
      connect: (source) => this.#connectTo(node, source),
      shardPort: this.#shardPortOf(endpoint),
      prepare: this.#options.prepare,
      reconnection,
      clock: deadlineTimer.clock,
      onAvailability: (isAvailable) => {
        node.isUp = isAvailable
        if (isAvailable) node.isPresumedDown = false
        if (isAvailable) for (const wake of this.#availabilityWaiters) wake()
        onAvailability()
        // Pools that are given up lose their connections too.
        if (this.#isClosed || this.#nodes.get(node.hostId) !== node) return
        onTopologyChange({ type: isAvailable ? 'up' : 'down', node: node.info })
      },
    })
    const node: ClusterNode = new ClusterNode(described, endpoint, pool, recorder)
    this.#nodes.set(node.hostId, node)
    return node
  }

  #remove(hostId: string, node: ClusterNode): void {
    const { pool } = node
    this.#nodes.delete(hostId)
    this.#drainingPools.add(pool)
    void pool.close().then(() => this.#drainingPools.delete(pool))
  }

  #shardPortOf({ address, isUnencrypted }: Endpoint): ShardPort {
    const { shardAwarePort, deadlineTimer } = this.#options
    return new ShardPort({
      address,
      portOf: ({ port, tlsPort }) => {
        if (shardAwarePort === undefined) return undefined
        return isUnencrypted === false ? tlsPort : port
      },
      localPorts: shardAwarePort ?? defaultLocalPorts,
      random: deadlineTimer.runtime.random,
      nowMs: () => deadlineTimer.nowMs(),
    })
  }

  async #connectTo(node: ClusterNode, source: ShardSource | undefined): Promise<Connection> {
    const connection = await this.#options.connect(node.endpoint, source)
    this.#nodesOfConnections.set(connection, node)
    connection.recorder = node.recorder
    return connection
  }

  /** Tries to reach the nodes without a connection now. */
  fillEmptyPools(): void {
    for (const { pool } of this.coordinators) if (!pool.isAvailable) void pool.fill()
  }

  /** @returns whether a node is known by that address */
  noteStatus({ change, address, port }: StatusChangeEvent): boolean {
    const at = { host: address.toString(), port }
    let isKnown = false
    for (const node of this.#nodes.values()) {
      if (!node.isAt(at)) continue
      node.isPresumedDown = change === 'DOWN'
      isKnown = true
    }
    return isKnown
  }

  /** Whether any node that is not excluded has a connection, with room or not. */
  isAvailable(excluded?: ReadonlySet<ClusterNode>): boolean {
    for (const node of this.#nodes.values()) {
      if (node.pool.isAvailable && !node.isZeroToken && excluded?.has(node) !== true) return true
    }
    return false
  }

  /** Whether a node that is not excluded may have a connection later. */
  mayBecomeAvailable(excluded?: ReadonlySet<ClusterNode>): boolean {
    if (this.#isClosed || this.#isDatabaseClosed()) return false
    for (const node of this.#nodes.values()) {
      if (!node.isZeroToken && excluded?.has(node) !== true) return true
    }
    return false
  }

  #isDatabaseClosed(): boolean {
    return this.#options.contactEndpoints.some((endpoint) => endpoint.isClosed === true)
  }

  nodeOf(connection: Connection): ClusterNode | undefined {
    return this.#nodesOfConnections.get(connection)
  }

  /** Why nodes cannot be reached, by address. */
  nodeErrors(): ReadonlyMap<string, TsyllaError> {
    const errors = new Map<string, TsyllaError>()
    for (const { address, pool } of this.#nodes.values()) {
      if (pool.lastError !== undefined) errors.set(address, pool.lastError)
    }
    return errors
  }

  /** Why no node can take a request. */
  unavailableError(): TsyllaError {
    return this.#isDatabaseClosed()
      ? new ClosedError('database')
      : new NoNodeAvailableError(this.nodeErrors())
  }

  /** Waits until some node has a connection again, for `timeoutMs` at most. */
  async nextAvailability(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#options.deadlineTimer.clock.schedule(timeoutMs, () => done(), true)
      const done = (): void => {
        timer.cancel()
        this.#availabilityWaiters.delete(done)
        resolve()
      }
      this.#availabilityWaiters.add(done)
    })
  }

  destroy(error: TsyllaError): void {
    this.#isClosed = true
    for (const { pool } of this.#nodes.values()) pool.destroy(error)
    for (const pool of this.#drainingPools) pool.destroy(error)
    for (const wake of this.#availabilityWaiters) wake()
  }
}

function alternate<T>(some: readonly T[], others: readonly T[]): readonly T[] {
  const count = Math.max(some.length, others.length)
  return Array.from({ length: count }, (_, i) => [
    ...some.slice(i, i + 1),
    ...others.slice(i, i + 1),
  ]).flat()
}
