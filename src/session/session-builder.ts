import {
  type CloudCluster,
  type CloudDefaults,
  type CloudOptions,
  openCloud,
} from '../cloud/index.ts'
import { Cluster, type ClusterOptions } from '../cluster/index.ts'
import {
  AbortedError,
  ConfigError,
  type Consistency,
  KeyspaceError,
  type Secret,
  type SerialConsistency,
  type TsyllaError,
} from '../errors/index.ts'
import { SchemaMetadata } from '../metadata/index.ts'
import {
  ExponentialReconnectionPolicy,
  guardReconnection,
  RetryBudget,
  sharedTimestampGenerator,
  TokenAwarePolicy,
} from '../policies/index.ts'
import {
  type AddressTranslator,
  type AuthProvider,
  type Endpoint,
  type EndpointFactory,
  parseAddress,
  type PeerNode,
  TcpEndpoint,
  type TcpOptions,
  DeadlineTimer,
  type LocalPorts,
  type TlsOptions,
} from '../transport/index.ts'
import type {
  ExecutionProfileOptions,
  HostFilter,
  LoadBalancingPolicy,
  ReconnectionPolicy,
  RetryPolicy,
  SpeculativeExecutionPolicy,
} from '../types/index.ts'
import { assert, runtimeWithClock } from '../util/index.ts'
import { expandConnectionString } from './connection-string.ts'
import { createKeyspaceText } from './create-keyspace.ts'
import { Dispatcher } from './execution/dispatcher.ts'
import { failed } from './execution/call-scope.ts'
import type { SlowRequestOptions } from './execution/slow-requests.ts'
import {
  type ContactPoint,
  contactPointSymbol,
  type CreateKeyspaceOptions,
  type PoolSizeOption,
  type ResolvedOptions,
  resolveOptions,
  type SessionOptions,
} from './options.ts'
import { ConnectedSession } from './session.ts'
import { SchemaChangeTracker } from './statement/schema-tracker.ts'
import { driverName, driverVersion } from './version.ts'

/** Opens endpoints by the scheme of contact points, such as `embedded`. */
export type EndpointSchemes = ReadonlyMap<string, EndpointFactory>

const defaultPort = 9042

/** Options of {@link BaseSessionBuilder.build}. */
export interface BuildOptions {
  /** Aborts connecting; `build` then closes what it has opened and throws AbortedError. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Builds a session from options. Builders are immutable: every method returns a new one, so a base
 * can be shared. `build` checks the options.
 */
export class BaseSessionBuilder {
  readonly #options: SessionOptions
  readonly #schemes: EndpointSchemes

  /** @param schemes open endpoints by the scheme of contact points */
  constructor(options: Partial<SessionOptions> = {}, schemes: EndpointSchemes = new Map()) {
    this.#options = { contactPoints: [], ...options }
    this.#schemes = schemes
  }

  #with(change: Partial<SessionOptions>): this {
    const Builder = this.constructor as typeof BaseSessionBuilder
    return new Builder({ ...this.#options, ...change }, this.#schemes) as this
  }

  /**
   * Adds a contact point: `host`, `host:port`, `embedded:`, `embedded:./path`, an open database, or
   * a connection string as the only one: `cql://user:password@host,host/keyspace?dc=name`. Without
   * a contact point, the environment variable `TSYLLA_URL` has it.
   */
  knownNode(contactPoint: ContactPoint): this {
    return this.#with({ contactPoints: [...this.#options.contactPoints, contactPoint] })
  }
  /** Adds contact points: see {@link knownNode}. @throws ConfigError when it is not an array */
  knownNodes(contactPoints: readonly ContactPoint[]): this {
    if (!Array.isArray(contactPoints))
      throw new ConfigError("knownNodes takes a list, also for one node: ['node1:9042']")
    return this.#with({ contactPoints: [...this.#options.contactPoints, ...contactPoints] })
  }
  /**
   * Sets the keyspace of the session.
   *
   * @param caseSensitive use the name as it is spelled. Default `false`: it is lowercased
   */
  useKeyspace(keyspace: string, caseSensitive = false): this {
    return this.#with({ keyspace, keyspaceCaseSensitive: caseSensitive })
  }
  /** Creates the keyspace of the session on `build` when it does not exist. */
  createKeyspace(options: boolean | CreateKeyspaceOptions = true): this {
    return this.#with({ createKeyspace: options })
  }
  /** Sets the credentials for servers that require password authentication. */
  user(user: string, password: string | Secret): this {
    return this.#with({ user, password })
  }
  /** @param cloud the bundle of a managed cluster, which replaces contact points and TLS */
  cloud(cloud: CloudOptions): this {
    return this.#with({ cloud })
  }
  /** @param provider logs in by another mechanism than a user and a password */
  authProvider(provider: AuthProvider): this {
    return this.#with({ authProvider: provider })
  }
  /** @param size connections per node, or per shard: see {@link SessionOptions.poolSize} */
  poolSize(size: PoolSizeOption): this {
    return this.#with({ poolSize: size })
  }
  /** @param on whether, and from which ports: see {@link SessionOptions.shardAwarePort} */
  shardAwarePort(on: boolean | LocalPorts): this {
    return this.#with({ shardAwarePort: on })
  }
  /** Sets the latest version of the protocol to speak with nodes that offer it. Default 5. */
  protocolVersionMax(version: 4 | 5): this {
    return this.#with({ protocolVersionMax: version })
  }
  /** Sets the compression of frames; `null` for none. */
  compression(name: 'lz4' | 'snappy' | null): this {
    return this.#with({ compression: name })
  }
  /** @param tls `true` verifies against the system's roots; see {@link TlsOptions} */
  tls(tls: boolean | TlsOptions): this {
    return this.#with({ tls })
  }
  /** @param ms for connecting a socket, and for each handshake request. Default 5,000 */
  connectionTimeout(ms: number): this {
    return this.#with({ connectionTimeoutMs: ms })
  }
  /** @param ms time that a request may take, all attempts included. Default 12,000 */
  requestTimeout(ms: number): this {
    return this.#with({ requestTimeoutMs: ms })
  }
  /** @param translator says where to connect to instead of the addresses of nodes */
  addressTranslator(translator: AddressTranslator): this {
    return this.#with({ addressTranslator: translator })
  }
  /** @param filter says which nodes may be connected to */
  hostFilter(filter: HostFilter): this {
    return this.#with({ hostFilter: filter })
  }
  tcpNodelay(on: boolean): this {
    return this.#with({ tcpNoDelay: on })
  }
  /** @param ms idle time before TCP keep-alive probes; `null` disables them. Default 60,000 */
  tcpKeepalive(ms: number | null): this {
    return this.#with({ tcpKeepAliveMs: ms })
  }
  /** Sets the default consistency. Default `LOCAL_QUORUM`. */
  consistency(consistency: Consistency): this {
    return this.#with({ consistency })
  }
  /** Sets the consistency of the Paxos round. Default `LOCAL_SERIAL`. */
  serialConsistency(serialConsistency: SerialConsistency): this {
    return this.#with({ serialConsistency })
  }
  /** @param rows per page. Default 5,000 */
  pageSize(rows: number): this {
    return this.#with({ pageSize: rows })
  }
  /** @param source `client` (default) sends write timestamps; `server` leaves them to the server */
  timestamps(source: 'client' | 'server'): this {
    return this.#with({ timestamps: source })
  }
  /** @param policy decides which nodes requests go to */
  loadBalancingPolicy(policy: LoadBalancingPolicy): this {
    return this.#with({ loadBalancingPolicy: policy })
  }
  /** @param policy decides what follows a failed attempt */
  retryPolicy(policy: RetryPolicy): this {
    return this.#with({ retryPolicy: policy })
  }
  /** @param policy decides when an idempotent request goes to one more node */
  speculativeExecutionPolicy(policy: SpeculativeExecutionPolicy): this {
    return this.#with({ speculativeExecutionPolicy: policy })
  }
  /** @param policy how long to wait before a node is tried again */
  reconnectionPolicy(policy: ReconnectionPolicy): this {
    return this.#with({ reconnectionPolicy: policy })
  }
  /** Sets the options of the requests that name the profile. */
  executionProfile(name: string, options: ExecutionProfileOptions): this {
    const { executionProfiles } = this.#options
    return this.#with({ executionProfiles: { ...executionProfiles, [name]: options } })
  }
  /** Passes requests that take long to a function: see {@link SlowRequestOptions}. */
  slowRequest(options: SlowRequestOptions): this {
    return this.#with({ slowRequest: options })
  }
  /** Sets several options by name; they replace those that were set before. */
  options(options: Partial<SessionOptions>): this {
    return this.#with(options)
  }

  /**
   * Connects and returns the session.
   *
   * @throws ConfigError, ConnectionError, TlsError, AuthenticationError, KeyspaceError,
   *   NoNodeAvailableError, AbortedError
   */
  build(options: BuildOptions = {}): Promise<ConnectedSession> {
    return this.#build(options).catch((error: unknown) => failed(error))
  }

  async #build({ signal }: BuildOptions): Promise<ConnectedSession> {
    const given = expandConnectionString(this.#options)
    const checked = resolveOptions(given)
    if (signal?.aborted === true) throw new AbortedError('not_applied', signal.reason)
    const cloud = await openCloudOf(checked, signal)
    const options =
      cloud === undefined ? checked : resolveOptions(withDefaults(given, cloud.defaults))
    const endpoints = cloud?.endpoints ?? (await this.#openEndpoints(options))
    try {
      return await this.#connect(options, endpoints, signal)
    } catch (error) {
      await Promise.all(endpoints.map((endpoint) => endpoint.release()))
      throw error
    }
  }

  async #connect(
    options: ResolvedOptions,
    endpoints: readonly Endpoint[],
    signal: AbortSignal | undefined,
  ): Promise<ConnectedSession> {
    // A session on an engine uses its clock: TTLs and timestamps must agree.
    const runtime = runtimeWithClock(endpoints[0]?.clock, options.runtime)
    const deadlineTimer = new DeadlineTimer(runtime)
    const schema = new SchemaChangeTracker()
    const metadata: SchemaMetadata = new SchemaMetadata(
      (text) => session.readSchema(text),
      () => cluster.keyspace,
    )
    const cluster = new Cluster({
      ...clusterOptions(options, endpoints, deadlineTimer),
      onRoom: (connection) => dispatcher.onRoom(connection),
      onSchemaChange: (change) => {
        schema.note(change)
        metadata.refresh(change.keyspace)
      },
      onSchemaUnknown: () => {
        schema.forget()
        metadata.refresh()
      },
    })
    const dispatcher: Dispatcher = new Dispatcher({
      cluster,
      deadlineTimer,
      queueCountMax: options.queueCountMax,
      queueBytesMax: options.queueBytesMax,
      retryBudget:
        options.retryBudget === undefined ? undefined : new RetryBudget(options.retryBudget),
    })
    const session: ConnectedSession = new ConnectedSession({
      options,
      cluster,
      dispatcher,
      deadlineTimer,
      codecOptions: {
        int64: options.int64,
        timestamp: options.timestampValues,
        codeGeneration: options.codeGeneration,
      },
      timestamps: sharedTimestampGenerator(runtime.clock),
      schema,
      metadata,
    })
    const onAbort = (): void => cluster.destroy(new AbortedError('not_applied', signal?.reason))
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await cluster.connect()
      await enterKeyspace(session, options, cluster)
      signal?.throwIfAborted()
    } catch (error) {
      cluster.destroy(error as TsyllaError)
      throw signal?.aborted === true ? new AbortedError('not_applied', signal.reason) : error
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
    return session
  }

  /** Turns contact points into endpoints; engines and networks do not mix. */
  async #openEndpoints(options: ResolvedOptions): Promise<Endpoint[]> {
    const { contactPoints } = options
    const isEmbedded = contactPoints.map((point) => this.#factoryOf(point) !== undefined)
    if (isEmbedded.includes(true) && contactPoints.length > 1) {
      throw new ConfigError(
        'An embedded contact point is the whole cluster: it must be the only contact point',
      )
    }
    const endpoints: Endpoint[] = []
    for (const point of contactPoints) {
      const factory = this.#factoryOf(point)
      if (factory !== undefined)
        endpoints.push(await factory(typeof point === 'string' ? point : 'embedded:'))
      else {
        const { host, port } = parseAddress(point as string, defaultPort)
        endpoints.push(tcpEndpoint(options, host, port))
      }
    }
    return endpoints
  }

  #factoryOf(point: ContactPoint): EndpointFactory | undefined {
    if (typeof point === 'object' && point !== null && contactPointSymbol in point) {
      return point[contactPointSymbol]
    }
    if (typeof point !== 'string') {
      throw new ConfigError('A contact point must be a string or an open embedded database')
    }
    if (this.#schemes.has(point)) {
      throw new ConfigError(
        `${JSON.stringify(point)} is read as a host name; to open the embedded database, use ${JSON.stringify(`${point}:`)}`,
      )
    }
    const url = /^([a-z][a-z0-9+.-]*):\/\//i.exec(point)?.[1]
    if (url !== undefined) throw urlError(point, url)
    const scheme = /^([a-z]{2,}):(?!\d+$)/.exec(point)?.[1]
    if (scheme === undefined) return undefined
    const factory = this.#schemes.get(scheme)
    if (factory === undefined)
      throw new ConfigError(
        `Unknown scheme ${scheme}: in a contact point; expected host, host:port or embedded:`,
      )
    return factory
  }
}

type PreferredRacks = NonNullable<ClusterOptions['preferredRacks']>

function clusterOptions(
  options: ResolvedOptions,
  endpoints: readonly Endpoint[],
  deadlineTimer: DeadlineTimer,
): Omit<ClusterOptions, 'onRoom' | 'onSchemaChange' | 'onSchemaUnknown'> {
  const { reconnectionPolicy } = options
  const { random } = deadlineTimer.runtime
  return {
    deadlineTimer,
    connector: {
      connectionTimeoutMs: options.connectionTimeoutMs,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      inFlightBytesMax: options.inFlightBytesMax,
      authProvider: options.authProvider,
      compression: options.compression,
      protocolVersionMax: options.protocolVersionMax,
      startup: startupOptions(options),
    },
    contactEndpoints: endpoints,
    endpointOf: (node) => endpoints[0]?.peer?.(node) ?? peerEndpoint(options, endpoints, node),
    hostFilter: options.hostFilter,
    adaptiveConcurrency: options.adaptiveConcurrency,
    poolSize: options.poolSize,
    shardAwarePort: options.shardAwarePort,
    reconnection:
      reconnectionPolicy === undefined
        ? new ExponentialReconnectionPolicy({ random })
        : guardReconnection(reconnectionPolicy),
    requestTimeoutMs: options.requestTimeoutMs,
    localDataCenter: options.localDataCenter ?? preferredBy(options),
    preferredRacks: racksOf(options),
    schemaAgreementTimeoutMs: options.schemaAgreementTimeoutMs,
  }
}

/** The racks that the policies of the session were told to prefer, each once. */
function racksOf({ loadBalancing, executionProfiles }: ResolvedOptions): PreferredRacks {
  const ofProfiles = Object.values(executionProfiles).map(
    ({ loadBalancingPolicy }) => loadBalancingPolicy,
  )
  const racks = new Map<string, PreferredRacks[number]>()
  for (const policy of [loadBalancing, ...ofProfiles]) {
    if (!(policy instanceof TokenAwarePolicy) || policy.localRack === undefined) continue
    const { localRack: rack, localDataCenter: dataCenter } = policy
    racks.set(JSON.stringify([rack, dataCenter]), { rack, dataCenter })
  }
  return [...racks.values()]
}

/** The data center that the default policy was told to prefer. */
function preferredBy({ loadBalancing }: ResolvedOptions): string | undefined {
  return loadBalancing instanceof TokenAwarePolicy ? loadBalancing.localDataCenter : undefined
}

/** A URL may hold a password, so only its host is shown. */
function urlError(point: string, scheme: string): ConfigError {
  const host = /^[^:]+:\/\/(?:[^@/]*@)?([^/?#,]+)/.exec(point)?.[1] ?? 'node1:9042'
  return new ConfigError(
    `A contact point is host, host:port or a connection string cql://…, not a ${scheme}:// URL: use ${JSON.stringify(host)}, and the options user, password, keyspace and tls for the rest`,
  )
}

function peerEndpoint(
  options: ResolvedOptions,
  endpoints: readonly Endpoint[],
  { host, port }: PeerNode,
): TcpEndpoint {
  assert(host !== undefined, 'a peer without an address')
  return tcpEndpoint(options, host, port ?? portOf(endpoints), options.addressTranslator)
}

function tcpEndpoint(
  options: ResolvedOptions,
  host: string,
  port: number,
  addressTranslator?: AddressTranslator,
): TcpEndpoint {
  return new TcpEndpoint(host, port, {
    ...linkOptions(options),
    tls: options.tls,
    addressTranslator,
  })
}

function linkOptions(options: ResolvedOptions): Omit<TcpOptions, 'tls'> {
  return {
    connectTimeoutMs: options.connectionTimeoutMs,
    noDelay: options.tcpNoDelay,
    keepAliveMs: options.tcpKeepAliveMs,
    clock: options.runtime.clock,
    lookup: options.lookup,
  }
}

/** Opens the cluster of a bundle. @throws AbortedError and what {@link openCloud} throws */
async function openCloudOf(
  options: ResolvedOptions,
  signal: AbortSignal | undefined,
): Promise<CloudCluster | undefined> {
  if (options.cloud === undefined) return undefined
  try {
    return await openCloud(options.cloud, linkOptions(options), signal)
  } catch (error) {
    throw signal?.aborted === true ? new AbortedError('not_applied', signal.reason) : error
  }
}

/** Adds what a bundle says to the options, which come first. */
function withDefaults(options: SessionOptions, defaults: CloudDefaults): SessionOptions {
  const { user, password, localDataCenter, ...rest } = defaults
  const hasLogin = options.user !== undefined || options.authProvider !== undefined
  const hasPolicy = options.loadBalancingPolicy !== undefined
  const own = Object.entries(options).filter(([, value]) => value !== undefined)
  return {
    ...(hasLogin ? {} : { user, password }),
    ...(hasPolicy ? {} : { localDataCenter }),
    ...rest,
    ...(Object.fromEntries(own) as unknown as SessionOptions),
  }
}

/** `system.peers` has no ports: all nodes have that of the contact points. */
function portOf(endpoints: readonly Endpoint[]): number {
  return endpoints[0]?.network?.port ?? defaultPort
}

function startupOptions(options: ResolvedOptions): ReadonlyMap<string, string> {
  const startup = new Map([
    ['DRIVER_NAME', driverName],
    ['DRIVER_VERSION', driverVersion],
  ])
  if (options.applicationName !== undefined) {
    startup.set('APPLICATION_NAME', options.applicationName)
  }
  return startup
}

async function enterKeyspace(
  session: ConnectedSession,
  options: ResolvedOptions,
  cluster: Cluster,
): Promise<void> {
  const { keyspace, createKeyspace } = options
  if (keyspace === undefined) return
  try {
    // A user that may use a keyspace need not be allowed to create it.
    await session.useKeyspace(keyspace, true)
  } catch (error) {
    if (createKeyspace === undefined || !(error instanceof KeyspaceError)) throw error
    const dataCenter = cluster.localDataCenter
    await session.execute(createKeyspaceText(keyspace, createKeyspace, dataCenter))
    await session.useKeyspace(keyspace, true)
  }
}
