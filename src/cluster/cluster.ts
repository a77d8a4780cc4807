import {
  AuthenticationError,
  ClosedError,
  ConfigError,
  type Outcome,
  NoNodeAvailableError,
  TlsError,
  type TsyllaError,
} from '../errors/index.ts'
import type { LoadBalancingPolicy, ReconnectionPolicy, RoutingInfo } from '../policies/index.ts'
import type {
  ResponsePrefix,
  SchemaChange,
  ServerEvent,
  StatusChangeEvent,
} from '../protocol/index.ts'
import {
  type CallOptions,
  sendUse,
  type Connection,
  type ConnectionListener,
  Connector,
  type ConnectorOptions,
  type Endpoint,
  NodePool,
  type Ticker,
  type UseFrame,
} from '../transport/index.ts'
import { assert, type Timer } from '../util/index.ts'
import type { ClusterData } from './cluster-data.ts'
import { ClusterNode } from './cluster-node.ts'
import { ControlConnection } from './control-connection.ts'
import { type Exclusions, LoadBalancer } from './load-balancer.ts'
import { Debouncer } from './debouncer.ts'
import { SchemaAgreement } from './schema-agreement.ts'
import { SchemaChangePropagator } from './schema-change-propagator.ts'
import { KeyspaceConnections } from './keyspace-connections.ts'
import {
  type KeyspaceDescription,
  type LocalDescription,
  type NodeDescription,
  readKeyspaces,
  readLocal,
  readPeers,
} from './system-tables.ts'

export interface ClusterOptions {
  readonly ticker: Ticker
  readonly connector: Omit<ConnectorOptions, 'ticker'>
  readonly contactEndpoints: readonly Endpoint[]
  /** The way to a node that was discovered. */
  readonly endpointOf: (host: string, port: number | undefined) => Endpoint
  readonly poolSize: number
  /** Chooses nodes for requests of the driver itself. */
  readonly loadBalancing: LoadBalancingPolicy
  readonly reconnection: ReconnectionPolicy
  readonly requestTimeoutMs: number
  readonly localDataCenter: string | undefined
  readonly schemaAgreementTimeoutMs: number
  /** A connection has room, or nodes came or went: waiting requests may be tried again. */
  readonly onRoom: (connection?: Connection) => void
  /** The schema has changed, on the node that says so at least. */
  readonly onSchemaChange: (change: SchemaChange) => void
  /** It may have changed in any way: events were missed. */
  readonly onSchemaUnknown: () => void
}

/** How a USE was answered. */
export interface UseAnswer {
  readonly coordinator: string
  readonly prefix: ResponsePrefix
}

/** What one node says of the cluster. */
interface ClusterDescription {
  readonly local: LocalDescription
  readonly peers: readonly NodeDescription[]
  readonly keyspaces: readonly KeyspaceDescription[]
}

/** How long to wait for the other nodes once one can be asked. */
const otherNodesMs = 1_000
/** How long topology and schema events are gathered before the system tables are read. */
const eventQuietMs = 1_000

/**
 * The nodes of a cluster: found, connected to, and chosen for requests. A host id is one node
 * whatever its address.
 */
export class Cluster implements ConnectionListener {
  readonly #options: ClusterOptions
  readonly #connector: Connector
  readonly #sides: KeyspaceConnections
  readonly #control: ControlConnection<ClusterDescription>
  readonly #debouncer: Debouncer
  readonly #propagator: SchemaChangePropagator
  readonly #agreement: SchemaAgreement
  readonly #nodes = new Map<string, ClusterNode>()
  /** Pools of nodes that are gone, with requests that are still being answered. */
  readonly #drainingPools = new Set<NodePool>()
  readonly #nodesOfConnections = new WeakMap<Connection, ClusterNode>()
  readonly #call: CallOptions
  /** Called when a node has a connection again, and when the cluster is closed. */
  readonly #availabilityWaiters = new Set<() => void>()
  #descriptions = new Map<string, NodeDescription>()
  #keyspaces: ReadonlyMap<string, KeyspaceDescription> = new Map()
  #local: LocalDescription | undefined
  #localDataCenter: string | undefined
  #balancer = LoadBalancer.empty
  #keyspace: string | undefined
  #isClosed = false
  /** `USE` of all connections, one after another. */
  #using: Promise<unknown> = Promise.resolve()

  constructor(options: ClusterOptions) {
    this.#options = options
    const { ticker, reconnection } = options
    const { clock } = ticker
    this.#call = { ticker, timeoutMs: options.requestTimeoutMs }
    this.#connector = new Connector({ ...options.connector, ticker })
    this.#sides = new KeyspaceConnections(this.#connector)
    this.#localDataCenter = options.localDataCenter
    this.#control = new ControlConnection({
      connector: this.#connector,
      reconnection,
      clock,
      endpoints: () => this.#endpoints(),
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
      ticker,
      call: this.#call,
      timeoutMs: options.schemaAgreementTimeoutMs,
      nodes: () => this.#nodes.values(),
      unavailableError: () => this.unavailableError(),
    })
    this.#propagator = new SchemaChangePropagator({
      clock,
      quietMs: eventQuietMs,
      hasOthers: () => this.#nodes.size > 1,
      agree: () => this.awaitSchemaAgreement(),
      onChange: options.onSchemaChange,
    })
  }

  /** Keyspace in effect, as the servers spell it. */
  get keyspace(): string | undefined {
    return this.#keyspace
  }

  get localDataCenter(): string {
    return this.#localDataCenter ?? ''
  }

  /** Known nodes first: contact points may be gone for long. */
  #endpoints(): readonly Endpoint[] {
    const known = [...this.#nodes.values()].map(({ endpoint }) => endpoint)
    const addresses = new Set(known.map(({ address }) => address))
    const others = this.#options.contactEndpoints.filter(({ address }) => !addresses.has(address))
    return [...known, ...others]
  }

  /**
   * Finds the nodes over the first contact point that answers, and connects to them.
   *
   * @throws what a contact point fails with, when all fail alike; else NoNodeAvailableError
   */
  async connect(): Promise<void> {
    const errors = await this.#control.open()
    if (errors !== undefined) throw connectError(errors)
    await this.#fillPools()
    if (!this.isAvailable()) throw connectError(this.nodeErrors())
  }

  /** Waits for all nodes, but not long for the last ones: one that is dead must not hold up all. */
  async #fillPools(): Promise<void> {
    const { clock } = this.#options.ticker
    const pools = [...this.#nodes.values()].map(({ pool }) => pool)
    await new Promise<void>((resolve) => {
      let timer: Timer | undefined
      const onFilled = async (pool: NodePool): Promise<void> => {
        await pool.fill()
        if (pool.isAvailable) timer ??= clock.schedule(otherNodesMs, resolve, true)
      }
      void Promise.all(pools.map(onFilled)).then(() => {
        timer?.cancel()
        resolve()
      })
    })
  }

  /** Reads nodes and keyspaces over a control connection. */
  async #read(connection: Connection): Promise<ClusterDescription> {
    const [local, peers, keyspaces] = await Promise.all([
      readLocal(connection, this.#call),
      readPeers(connection, this.#call),
      readKeyspaces(connection, this.#call),
    ])
    if (this.#isClosed) throw new ClosedError('session')
    if (this.#local === undefined) this.#checkLocalDataCenter([local, ...peers])
    return { local, peers, keyspaces }
  }

  /** A misspelt data center would silently cost locality and token awareness. */
  #checkLocalDataCenter(nodes: readonly NodeDescription[]): void {
    const { localDataCenter } = this.#options
    const known = [...new Set(nodes.map(({ dataCenter }) => dataCenter))].sort()
    if (localDataCenter === undefined || known.includes(localDataCenter)) return
    const names = known.map((name) => JSON.stringify(name)).join(', ')
    throw new ConfigError(
      `localDataCenter is ${JSON.stringify(localDataCenter)}, but no node is in that data center; the data centers of this cluster are ${names}`,
    )
  }

  /** Takes over what the node at `endpoint` has described. */
  #adopt({ local, peers, keyspaces }: ClusterDescription, endpoint: Endpoint): void {
    this.#local = local
    this.#localDataCenter ??= local.dataCenter
    this.#keyspaces = new Map(keyspaces.map((keyspace) => [keyspace.name, keyspace]))
    this.#updateNodes(local, peers, endpoint)
  }

  /** Brings the nodes in line with what the system tables say. */
  #updateNodes(
    local: LocalDescription,
    peers: readonly NodeDescription[],
    endpoint: Endpoint,
  ): void {
    // Addresses inside a process's own engine are nothing to dial.
    const others = endpoint.network === undefined ? [] : peers
    this.#descriptions = new Map([local, ...others].map((node) => [node.hostId, node]))
    for (const [hostId, node] of this.#nodes) {
      if (!this.#descriptions.has(hostId)) this.#remove(hostId, node)
    }
    for (const described of this.#descriptions.values()) {
      const known = this.#nodes.get(described.hostId)
      const isSameWay = endpoint.network === undefined || known?.isAt(described.address) === true
      if (known !== undefined && isSameWay) {
        known.update(described)
        continue
      }
      if (known !== undefined) this.#remove(described.hostId, known)
      // The node that was asked is reached already, maybe by a name that its certificate carries.
      this.#add(described, described === local ? endpoint : this.#endpointOf(described))
    }
    this.#rebuildBalancer()
  }

  #endpointOf({ address }: NodeDescription): Endpoint {
    assert(address !== undefined, 'a peer without an address')
    return this.#options.endpointOf(address.host, address.port)
  }

  #add(described: NodeDescription, endpoint: Endpoint): void {
    const { poolSize, reconnection, ticker, onRoom } = this.#options
    const pool: NodePool = new NodePool({
      size: poolSize,
      connect: () => this.#connectTo(node),
      reconnection,
      clock: ticker.clock,
      onAvailability: (isAvailable) => {
        if (isAvailable) node.isPresumedDown = false
        if (isAvailable) for (const wake of this.#availabilityWaiters) wake()
        onRoom()
      },
    })
    const node: ClusterNode = new ClusterNode(described, endpoint, pool)
    this.#nodes.set(node.hostId, node)
    void pool.fill()
  }

  #remove(hostId: string, node: ClusterNode): void {
    const { pool } = node
    this.#nodes.delete(hostId)
    this.#drainingPools.add(pool)
    void pool.close().then(() => this.#drainingPools.delete(pool))
  }

  async #connectTo(node: ClusterNode): Promise<Connection> {
    const keyspace = (): string | undefined => this.#keyspace
    const connection = await this.#connector.open(node.endpoint, this, { keyspace })
    this.#nodesOfConnections.set(connection, node)
    return connection
  }

  #rebuildBalancer(): void {
    this.#balancer = new LoadBalancer({
      nodes: [...this.#nodes.values()],
      localDataCenter: this.localDataCenter,
      partitioner: this.#local?.partitioner ?? '',
      keyspaces: new Map(
        [...this.#keyspaces].map(([name, { replication }]) => [name, replication]),
      ),
    })
    this.#options.onRoom()
  }

  #onEvent(event: ServerEvent): void {
    if (event.type === 'STATUS_CHANGE') this.#noteStatus(event)
    if (event.type === 'STATUS_CHANGE' && event.change === 'UP') {
      // A hint only: the node says so before it may take connections, the pool keeps trying.
      for (const { pool } of this.#nodes.values()) if (!pool.isAvailable) void pool.fill()
    }
    if (event.type === 'SCHEMA_CHANGE') this.#propagator.add(event.schemaChange)
    if (event.type === 'SCHEMA_CHANGE' && event.schemaChange.target === 'KEYSPACE') {
      void this.#reenterKeyspace(event.schemaChange)
    }
    const isKeyspace = event.type === 'SCHEMA_CHANGE' && event.schemaChange.target === 'KEYSPACE'
    if (event.type === 'TOPOLOGY_CHANGE' || isKeyspace) this.#debouncer.request()
  }

  #noteStatus({ change, address, port }: StatusChangeEvent): void {
    const at = { host: address.toString(), port }
    for (const node of this.#nodes.values()) {
      if (node.isAt(at)) node.isPresumedDown = change === 'DOWN'
    }
  }

  async #refresh(): Promise<void> {
    const connection = this.#control.current
    const endpoint = this.#endpoints().find(({ address }) => address === connection?.address)
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
  routingOf(keyspace: string, keyBytes: Uint8Array, length: number): RoutingInfo {
    return this.#balancer.routingOf(keyspace, keyBytes, length)
  }

  /** Returns the best connection that has room: {@link LoadBalancer.select}. */
  select(
    policy: LoadBalancingPolicy,
    routing: RoutingInfo | undefined,
    exclusions?: Exclusions,
  ): Connection | undefined {
    return this.#balancer.select(policy, routing, exclusions)
  }

  /** Whether any node that is not excluded has a connection, with room or not. */
  isAvailable(excluded?: ReadonlySet<ClusterNode>): boolean {
    for (const node of this.#nodes.values()) {
      if (node.pool.isAvailable && excluded?.has(node) !== true) return true
    }
    return false
  }

  /** Whether a node that is not excluded may have a connection later. */
  mayBecomeAvailable(excluded?: ReadonlySet<ClusterNode>): boolean {
    if (this.#isClosed || this.#isDatabaseClosed()) return false
    for (const node of this.#nodes.values()) if (excluded?.has(node) !== true) return true
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

  /** Does something over a connection to the same node that is in the given keyspace. */
  async withConnectionIn<T>(
    connection: Connection,
    keyspace: string,
    work: (side: Connection) => Promise<T>,
  ): Promise<T> {
    const node = this.nodeOf(connection)
    if (node === undefined) throw this.unavailableError()
    return await this.#sides.use(node.endpoint, keyspace, work)
  }

  onRoom(connection: Connection): void {
    this.#options.onRoom(connection)
  }

  onEvent(): void {}

  onClosed(connection: Connection): void {
    this.nodeOf(connection)?.pool.remove(connection)
  }

  /**
   * Puts all connections into a keyspace, those that are still being made included. Calls follow
   * each other; a keyspace that does not exist changes nothing.
   */
  useKeyspace(keyspace: string, frame?: UseFrame): Promise<UseAnswer> {
    const using = this.#using.then(() => this.#use(keyspace, frame))
    this.#using = using.catch(() => {})
    return using
  }

  async #use(keyspace: string, frame: UseFrame | undefined): Promise<UseAnswer> {
    const first = this.anyConnection()
    if (first === undefined) throw this.unavailableError()
    // One node says whether the keyspace exists; only then do the others follow.
    const prefix = await sendUse(first, keyspace, this.#call, frame)
    this.#keyspace = keyspace
    const others = [...this.#nodes.values()].flatMap(({ pool }) => [...pool.connections])
    await Promise.all(
      others
        .filter((connection) => !connection.isIn(keyspace) || connection.lacks(keyspace))
        .map((connection) => this.#switchOrClose(connection, keyspace)),
    )
    return { coordinator: first.address, prefix }
  }

  /** A connection in the wrong keyspace is worse than none: the pool makes another. */
  async #switchOrClose(connection: Connection, keyspace: string): Promise<void> {
    try {
      await sendUse(connection, keyspace, this.#call)
    } catch (error) {
      connection.destroy(error as TsyllaError)
    }
  }

  /** Returns a connection for a request of the driver itself, which fits on a full one too. */
  anyConnection(excludedNodes?: ReadonlySet<ClusterNode>): Connection | undefined {
    const exclusions =
      excludedNodes === undefined || excludedNodes.size === 0
        ? undefined
        : { excludedNodes, failedNodes: undefined, isInFlightOn: () => false }
    const connection = this.select(this.#options.loadBalancing, undefined, exclusions)
    if (connection !== undefined) return connection
    for (const node of this.#nodes.values()) {
      if (excludedNodes?.has(node) !== true && node.pool.isAvailable) {
        return node.pool.connections[0]
      }
    }
    return undefined
  }

  get nodeCount(): number {
    return this.#nodes.size
  }

  /**
   * Waits until a node has a connection.
   *
   * @throws the reason why no node has one, after `timeoutMs` or when none is to be expected
   */
  async nextConnection(timeoutMs: number): Promise<Connection> {
    const { ticker } = this.#options
    const endMs = ticker.nowMs() + timeoutMs
    for (;;) {
      const connection = this.anyConnection()
      if (connection !== undefined) return connection
      const leftMs = endMs - ticker.nowMs()
      if (leftMs <= 0 || !this.mayBecomeAvailable()) throw this.unavailableError()
      await this.#nextAvailability(leftMs)
    }
  }

  async #nextAvailability(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#options.ticker.clock.schedule(timeoutMs, () => done(), true)
      const done = (): void => {
        timer.cancel()
        this.#availabilityWaiters.delete(done)
        resolve()
      }
      this.#availabilityWaiters.add(done)
    })
  }

  /** DDL of this session was applied: waits for the nodes, and reads new keyspaces. */
  async onSchemaChange(change: SchemaChange, connection: Connection): Promise<void> {
    this.#options.onSchemaChange(change)
    if (this.#nodes.size > 1) {
      try {
        await this.awaitSchemaAgreement(connection)
      } finally {
        // What was prepared on a node that was late has to be prepared again.
        this.#options.onSchemaChange(change)
      }
    }
    if (change.target === 'KEYSPACE') {
      const keyspaces = await readKeyspaces(connection, this.#call)
      this.#keyspaces = new Map(keyspaces.map((keyspace) => [keyspace.name, keyspace]))
      this.#rebuildBalancer()
      await this.#reenterKeyspace(change)
    }
  }

  /** The keyspace of the session was dropped, and exists again. */
  async #reenterKeyspace({ change, keyspace }: SchemaChange): Promise<void> {
    if (change !== 'CREATED' || keyspace !== this.#keyspace) return
    await this.useKeyspace(keyspace).catch(() => {})
  }

  /** Waits until all nodes have one schema version: {@link SchemaAgreement.wait}. */
  awaitSchemaAgreement(coordinator?: Connection): Promise<void> {
    return this.#agreement.wait(coordinator)
  }

  data(): ClusterData {
    return Object.freeze({
      clusterName: this.#local?.clusterName ?? '',
      partitioner: this.#local?.partitioner ?? '',
      localDataCenter: this.localDataCenter,
      nodes: [...this.#nodes.values()].map(({ hostId, address, dataCenter, rack, pool }) => ({
        hostId,
        address,
        dataCenter,
        rack,
        releaseVersion: this.#descriptions.get(hostId)?.releaseVersion,
        connectionCount: pool.connections.length,
        isAvailable: pool.isAvailable,
      })),
      keyspaces: this.#keyspaces,
    })
  }

  /** Closes every connection at once. */
  destroy(error: TsyllaError): void {
    this.#debouncer.close()
    this.#propagator.close()
    this.#isClosed = true
    for (const { pool } of this.#nodes.values()) pool.destroy(error)
    for (const pool of this.#drainingPools) pool.destroy(error)
    this.#control.close()
    for (const wake of this.#availabilityWaiters) wake()
    this.#sides.destroy(error)
    this.#connector.close(error)
  }

  /** After everything is closed: private engines end with their session. */
  async release(): Promise<void> {
    await Promise.all(this.#options.contactEndpoints.map((endpoint) => endpoint.release()))
  }
}

/** One error for all contact points: its own when they agree on what is wrong, else the list. */
function connectError(errors: ReadonlyMap<string, TsyllaError>): TsyllaError {
  const list = [...errors.values()]
  const first = list[0]
  const isDecisive =
    first instanceof AuthenticationError ||
    first instanceof TlsError ||
    first instanceof ConfigError
  const isAlike = list.every((error) => error.code === first?.code)
  if (first !== undefined && isAlike && (isDecisive || list.length === 1)) {
    return withOutcome(first, 'not_applied')
  }
  return new NoNodeAvailableError(errors, 'No contact point can be used')
}

function withOutcome(error: TsyllaError, outcome: Outcome): TsyllaError {
  error.outcome = outcome
  return error
}
