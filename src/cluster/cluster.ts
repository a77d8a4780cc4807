import {
  ClosedError,
  ConsistencyCode,
  NoNodeAvailableError,
  type TsyllaError,
} from '../errors/index.ts'
import {
  type RequestFacts,
  type RoutingInfo,
  type TargetPolicy,
  TokenAwarePolicy,
} from '../policies/index.ts'
import { publishSchema } from '../observability/index.ts'
import type { HostFilter, ReconnectionPolicy } from '../types/index.ts'
import type { SchemaChange, ServerEvent } from '../protocol/index.ts'
import { type Partition, readTablet, Tablets } from '../routing/index.ts'
import {
  type Connection,
  type ConnectionListener,
  Connector,
  type ConnectorOptions,
  type Endpoint,
  type DeadlineTimer,
  type LocalPorts,
  type PeerNode,
  type PoolSize,
  type UseFrame,
} from '../transport/index.ts'
import type { ClusterData } from './cluster-data.ts'
import { type ClusterDescription, ClusterMetadata, type Preferences } from './cluster-metadata.ts'
import type { ClusterNode } from './cluster-node.ts'
import { connectError } from './connect-error.ts'
import { ControlConnection } from './control-connection.ts'
import { Debouncer } from './debouncer.ts'
import { KeyspaceConnections } from './keyspace-connections.ts'
import { KeyspaceSwitch, type UseAnswer } from './keyspace-switch.ts'
import { type Exclusions, LoadBalancer, type Reach } from './load-balancer.ts'
import { NodeRegistry } from './node-registry.ts'
import { SchemaAgreement } from './schema-agreement.ts'
import { SchemaChangePropagator } from './schema-change-propagator.ts'
import { type TopologyListener, TopologyListeners } from './topology-listeners.ts'
import { cdcLogSuffix } from './system-tables.ts'

export interface ClusterOptions extends Preferences {
  readonly deadlineTimer: DeadlineTimer
  readonly connector: Omit<ConnectorOptions, 'deadlineTimer' | 'onRoom' | 'server'>
  readonly contactEndpoints: readonly Endpoint[]
  /** Returns the endpoint of a node that was discovered. */
  readonly endpointOf: (node: PeerNode) => Endpoint
  /** Says which nodes may be connected to. */
  readonly hostFilter?: HostFilter | undefined
  /** Whether nodes that are overloaded get fewer requests at a time. Default `true`. */
  readonly adaptiveConcurrency?: boolean | undefined
  readonly poolSize: PoolSize
  /** Local ports for shard-aware ports of nodes; `undefined` when those are not used. */
  readonly shardAwarePort: LocalPorts | undefined
  readonly reconnection: ReconnectionPolicy
  readonly requestTimeoutMs: number
  readonly schemaAgreementTimeoutMs: number
  /** Called when a connection has room, or nodes came or went: waiting requests may be sent. */
  readonly onRoom: (connection?: Connection) => void
  /** Called when the schema has changed, at least on the node that reports it. */
  readonly onSchemaChange: (change: SchemaChange) => void
  /** Called when events were missed: the schema may have changed in any way. */
  readonly onSchemaUnknown: () => void
}

/** How long topology and schema events are gathered before the system tables are read. */
const eventQuietMs = 1_000
const ownFacts: RequestFacts = Object.freeze({
  consistency: ConsistencyCode.LOCAL_ONE,
  kind: 'read',
  profile: Object.freeze({ serialConsistency: ConsistencyCode.LOCAL_SERIAL }),
  routedTable: undefined,
  routing: () => undefined,
})

/**
 * The nodes of a cluster: found, connected to, and chosen for requests. A host id is one node
 * whatever its address.
 */
export class Cluster implements ConnectionListener {
  readonly #options: ClusterOptions
  readonly #connector: Connector
  readonly #keyspaceConnections: KeyspaceConnections
  readonly #control: ControlConnection<ClusterDescription>
  readonly #debouncer: Debouncer
  readonly #propagator: SchemaChangePropagator
  readonly #agreement: SchemaAgreement
  readonly #registry: NodeRegistry
  readonly #switch: KeyspaceSwitch
  readonly #topology: TopologyListeners
  readonly #metadata: ClusterMetadata
  /** What was learned of tablets, for as long as the session lives. */
  readonly #tablets = new Tablets<ClusterNode>()
  /** For requests of the driver itself: they must reach some node. */
  readonly #ownPolicy = new TokenAwarePolicy({
    dataCenterFailover: 'even_with_local_consistency',
  })
  #balancer = LoadBalancer.empty
  #isClosed = false

  constructor(options: ClusterOptions) {
    this.#options = options
    const { deadlineTimer, reconnection } = options
    const { clock } = deadlineTimer
    const requestOptions = { deadlineTimer, timeoutMs: options.requestTimeoutMs }
    this.#topology = new TopologyListeners(deadlineTimer.runtime)
    this.#metadata = new ClusterMetadata(requestOptions, options)
    this.#connector = new Connector({
      ...options.connector,
      ...{ deadlineTimer, server: this.contactAddress, onRoom: options.onRoom },
    })
    this.#keyspaceConnections = new KeyspaceConnections(this.#connector)
    this.#registry = new NodeRegistry({
      deadlineTimer,
      contactEndpoints: options.contactEndpoints,
      endpointOf: options.endpointOf,
      hostFilter: options.hostFilter,
      connect: (endpoint, source) => this.#connector.open(endpoint, this, { source }),
      prepare: (connection) => this.#switch.enter(connection),
      poolSize: options.poolSize,
      adaptiveConcurrency: options.adaptiveConcurrency,
      shardAwarePort: options.shardAwarePort,
      reconnection,
      onAvailability: options.onRoom,
      onTopologyChange: (event) => this.#topology.publish(event),
    })
    this.#switch = new KeyspaceSwitch({
      requestOptions,
      clock,
      anyConnection: () => {
        const connection = this.anyConnection()
        if (connection === undefined) throw this.unavailableError()
        return connection
      },
      connections: () => this.#registry.nodes.flatMap(({ pool }) => [...pool.connections]),
    })
    this.#control = new ControlConnection({
      connector: this.#connector,
      reconnection,
      clock,
      endpoints: () => this.#registry.endpoints(),
      read: (connection) => this.#read(connection),
      adopt: (description, endpoint) => {
        this.#adopt(description, endpoint)
        // Events were missed while there was no control connection.
        options.onSchemaUnknown()
      },
      onEvent: (event) => this.#onEvent(event),
    })
    this.#debouncer = new Debouncer(clock, eventQuietMs, () => this.#refresh())
    this.#agreement = new SchemaAgreement({
      deadlineTimer,
      requestOptions,
      timeoutMs: options.schemaAgreementTimeoutMs,
      nodes: () => this.#registry.nodes,
      unavailableError: () => this.unavailableError(),
    })
    this.#propagator = new SchemaChangePropagator({
      clock,
      quietMs: eventQuietMs,
      hasOthers: () => this.#registry.count > 1,
      agree: () => this.awaitSchemaAgreement(),
      onChange: (change) => {
        this.#noteSchemaChange(change)
        void this.#switch.onKeyspaceChange(change)
      },
      onUnknown: options.onSchemaUnknown,
    })
  }

  /** Keyspace in effect, as the servers spell it. */
  get keyspace(): string | undefined {
    return this.#switch.current
  }

  get localDataCenter(): string {
    return this.#metadata.localDataCenter
  }

  /**
   * Finds the nodes over the first contact point that answers, and connects to them.
   *
   * @throws what a contact point fails with, when all fail alike; else NoNodeAvailableError
   */
  async connect(): Promise<void> {
    const errors = await this.#control.open()
    if (errors !== undefined) throw connectError(errors)
    await this.#registry.fillPools()
    if (!this.isAvailable()) throw connectError(this.#registry.nodeErrors())
  }

  async #read(connection: Connection): Promise<ClusterDescription> {
    const description = await this.#metadata.read(connection)
    if (this.#isClosed) throw new ClosedError('session')
    return description
  }

  /** Replaces what was known by what the node at `endpoint` has described. */
  #adopt(description: ClusterDescription, endpoint: Endpoint): void {
    this.#metadata.adopt(description, endpoint.address)
    this.#registry.update(description.local, description.peers, endpoint)
    this.#rebuildBalancer()
  }

  #rebuildBalancer(): void {
    const { localDataCenter, partitioner, replications, tabletKeyspaces, cdcTables } =
      this.#metadata
    const nodes = this.#registry.coordinators
    this.#tablets.adopt(nodes)
    this.#balancer = new LoadBalancer({
      nodes,
      refused: this.#registry.refused,
      tabletKeyspaces,
      tablets: this.#tablets,
      localDataCenter,
      partitioner,
      keyspaces: replications,
      cdcTables,
      random: this.#options.deadlineTimer.runtime.random,
    })
    this.#options.onRoom()
  }

  #onEvent(event: ServerEvent): void {
    if (event.type === 'STATUS_CHANGE') {
      const isKnown = this.#registry.noteStatus(event)
      // A hint only: nodes report it before they take connections, and the pool keeps trying.
      if (event.change === 'UP') this.#registry.fillEmptyPools()
      // A node that was known by another address, for example.
      if (event.change === 'UP' && !isKnown) this.#debouncer.request()
    }
    if (event.type === 'SCHEMA_CHANGE') this.#propagator.add(event.schemaChange)
    const isRouting = event.type === 'SCHEMA_CHANGE' && changesRouting(event.schemaChange)
    if (event.type === 'TOPOLOGY_CHANGE' || isRouting) this.#debouncer.request()
  }

  async #refresh(): Promise<void> {
    const { current: connection, endpoint } = this.#control
    if (connection === undefined || endpoint === undefined) return
    try {
      this.#adopt(await this.#read(connection), endpoint)
    } catch (error) {
      // The control connection moves on to another node and reads everything there.
      connection.destroy(error as TsyllaError)
    }
  }

  get isTokenAware(): boolean {
    return this.#balancer.isTokenAware
  }

  /** Returns the routing of a partition key; it is valid until the next call. */
  routingOf(
    keyspace: string,
    table: string,
    keyBytes: Uint8Array,
    length: number,
    isConditional: boolean,
  ): RoutingInfo {
    return this.#balancer.routingOf(keyspace, table, keyBytes, length, isConditional)
  }

  /** Returns the routing of a token; it is valid until the next call. */
  routingOfToken(
    keyspace: string,
    table: string,
    value: bigint,
    isConditional: boolean,
  ): RoutingInfo {
    return this.#balancer.routingOfToken(keyspace, table, value, isConditional)
  }

  /** Returns what EXECUTE says about the tablet of a partition: {@link Tablets.versionByteOf}. */
  tabletVersionByte(partition: Partition): number {
    return this.#tablets.versionByteOf(partition)
  }

  /**
   * Takes the description of a tablet that came with an answer.
   *
   * @returns whether there was none, or it was well-formed
   */
  learnTablet(
    { keyspace, table }: { readonly keyspace: string; readonly table: string },
    connection: Connection,
    payload: ReadonlyMap<string, Uint8Array | null>,
  ): boolean {
    const { tablets } = connection.features
    if (tablets === undefined) return true
    const bytes = payload.get(`tablets-routing-v${tablets}`)
    if (bytes === undefined) return true
    const tablet = bytes === null ? undefined : readTablet(bytes, tablets === 2)
    if (tablet !== undefined) this.#tablets.learn(keyspace, table, tablet)
    return tablet !== undefined
  }

  /** Returns the best connection that has room: {@link LoadBalancer.select}. */
  select(
    policy: TargetPolicy,
    facts: RequestFacts,
    routing: RoutingInfo | undefined,
    exclusions?: Exclusions,
  ): Connection | undefined {
    return this.#balancer.select(policy, facts, routing, exclusions)
  }

  /** Whether the nodes that a request may go to have connections: {@link LoadBalancer.reachOf}. */
  reachOf(
    policy: TargetPolicy,
    facts: RequestFacts,
    excluded: ReadonlySet<ClusterNode> | undefined,
  ): Reach {
    const reach = this.#balancer.reachOf(policy, facts, excluded)
    return reach === 'down' && !this.mayBecomeAvailable(excluded) ? 'none' : reach
  }

  /** Returns a name for the nodes that may serve a request: {@link TargetPolicy.scopeOf}. */
  scopeOf(policy: TargetPolicy, facts: RequestFacts): string {
    return this.#balancer.scopeOf(policy, facts)
  }

  /** Whether any node that is not excluded has a connection, with room or not. */
  isAvailable(excluded?: ReadonlySet<ClusterNode>): boolean {
    return this.#registry.isAvailable(excluded)
  }

  /** Whether a node that is not excluded may have a connection later. */
  mayBecomeAvailable(excluded?: ReadonlySet<ClusterNode>): boolean {
    return this.#registry.mayBecomeAvailable(excluded)
  }

  nodeOf(connection: Connection): ClusterNode | undefined {
    return this.#registry.nodeOf(connection)
  }

  /** Why no node can take a request. */
  unavailableError(): TsyllaError {
    const { localDataCenter } = this
    if (!this.isAvailable()) return this.#registry.unavailableError()
    return new NoNodeAvailableError(
      this.#registry.nodeErrors(),
      `No node that loadBalancingPolicy allows is available, but others are. By default it allows the nodes of the data center ${JSON.stringify(localDataCenter)}: see dataCenterFailover`,
    )
  }

  /** Runs work over a connection to the same node that is in the given keyspace. */
  async withConnectionIn<T>(
    connection: Connection,
    keyspace: string,
    work: (side: Connection) => Promise<T>,
  ): Promise<T> {
    const node = this.nodeOf(connection)
    if (node === undefined) throw this.unavailableError()
    return await this.#keyspaceConnections.use(node.endpoint, keyspace, work)
  }

  onRoom(connection: Connection): void {
    this.#options.onRoom(connection)
  }

  onEvent(): void {}

  onLeaving(connection: Connection): void {
    const pool = this.nodeOf(connection)?.pool
    if (pool === undefined) void connection.drain()
    else pool.retire(connection)
  }

  onClosed(connection: Connection): void {
    this.nodeOf(connection)?.pool.remove(connection)
  }

  /** Puts all connections into a keyspace: {@link KeyspaceSwitch.use}. */
  useKeyspace(keyspace: string, frame?: UseFrame): Promise<UseAnswer> {
    return this.#switch.use(keyspace, frame)
  }

  /** Returns a connection for a request of the driver itself, which fits on a full one too. */
  anyConnection(excludedNodes?: ReadonlySet<ClusterNode>): Connection | undefined {
    const exclusions =
      excludedNodes === undefined || excludedNodes.size === 0
        ? undefined
        : { excludedNodes, failedNodes: undefined, isInFlightOn: () => false }
    const connection = this.select(this.#ownPolicy, ownFacts, undefined, exclusions)
    if (connection !== undefined) return connection
    for (const node of this.#registry.nodes) {
      if (excludedNodes?.has(node) !== true && node.pool.isAvailable) {
        return node.pool.connections[0]
      }
    }
    return undefined
  }

  get nodes(): readonly ClusterNode[] {
    return this.#registry.nodes
  }

  /** Whether a node offers extensions of ScyllaDB. */
  get isScylla(): boolean {
    return this.#registry.nodes.some(({ pool }) =>
      pool.connections.some(
        ({ features }) => features.shard !== undefined || features.lwtMarkMask !== undefined,
      ),
    )
  }

  /** Address of the first contact point. */
  get contactAddress(): string {
    return this.#options.contactEndpoints[0]?.address ?? ''
  }

  /** @returns what ends listening; closing the session does too */
  onTopologyChange(listener: TopologyListener): () => void {
    return this.#topology.add(listener)
  }

  /** Bytes of the requests in flight, over all connections. */
  get inFlightBytes(): number {
    return this.#connector.inFlightBytes
  }

  get nodeCount(): number {
    return this.#registry.coordinators.length
  }

  /**
   * Waits until a node has a connection.
   *
   * @throws the reason why no node has one, after `timeoutMs` or when none is to be expected
   */
  async nextConnection(timeoutMs: number): Promise<Connection> {
    const { deadlineTimer } = this.#options
    const endMs = deadlineTimer.nowMs() + timeoutMs
    for (;;) {
      const connection = this.anyConnection()
      if (connection !== undefined) return connection
      const leftMs = endMs - deadlineTimer.nowMs()
      if (leftMs <= 0 || !this.mayBecomeAvailable()) throw this.unavailableError()
      await this.#registry.nextAvailability(leftMs)
    }
  }

  #noteSchemaChange(change: SchemaChange): void {
    const { target, keyspace, name } = change
    publishSchema(change)
    if (target === 'KEYSPACE') this.#tablets.forget(keyspace)
    if (target === 'TABLE') this.#tablets.forget(keyspace, name)
    this.#options.onSchemaChange(change)
  }

  /** DDL of this session was applied: waits for the nodes, and reads new keyspaces. */
  async onSchemaChange(change: SchemaChange, connection: Connection): Promise<void> {
    this.#noteSchemaChange(change)
    if (this.#registry.count > 1) {
      try {
        await this.awaitSchemaAgreement(connection)
      } finally {
        // What was prepared on a node that was late has to be prepared again.
        this.#options.onSchemaChange(change)
      }
    }
    if (change.target === 'KEYSPACE') {
      await this.#metadata.refreshKeyspaces(connection)
      this.#rebuildBalancer()
      await this.#switch.onKeyspaceChange(change)
    }
  }

  /** Waits until all nodes have one schema version: {@link SchemaAgreement.wait}. */
  awaitSchemaAgreement(coordinator?: Connection): Promise<void> {
    return this.#agreement.wait(coordinator)
  }

  data(): ClusterData {
    return this.#metadata.snapshot(this.#registry.describeNodes())
  }

  /** Closes every connection at once. */
  destroy(error: TsyllaError): void {
    this.#debouncer.close()
    this.#propagator.close()
    this.#isClosed = true
    this.#topology.close()
    this.#registry.destroy(error)
    this.#control.close()
    this.#keyspaceConnections.destroy(error)
    this.#connector.close(error)
  }

  /** After everything is closed: private engines end with their session. */
  async release(): Promise<void> {
    await Promise.all(this.#options.contactEndpoints.map((endpoint) => endpoint.release()))
  }
}

/** Whether a change of the schema concerns what the routing of requests depends on. */
function changesRouting({ target, name }: SchemaChange): boolean {
  return target === 'KEYSPACE' || (target === 'TABLE' && name?.endsWith(cdcLogSuffix) === true)
}
