import {
  checkCloudOptions,
  type CloudOptions,
  type ConsistencyCheck,
  consistencyCheckOf,
  type ConsistencyRules,
} from '../cloud/index.ts'
import {
  ConfigError,
  type Consistency,
  ConsistencyCode,
  Secret,
  type SerialConsistency,
} from '../errors/index.ts'
import { type CompressionName, ProtocolVersion } from '../protocol/index.ts'
import {
  checkRetryBudget,
  defaultRetryPolicy,
  type RetryBudgetOptions,
  stalledAttemptPolicy,
  type TargetPolicy,
  targetPolicyOf,
  TokenAwarePolicy,
} from '../policies/index.ts'
import type {
  ExecutionProfileOptions,
  HostFilter,
  LoadBalancingPolicy,
  ReconnectionPolicy,
  RetryPolicy,
  SpeculativeExecutionPolicy,
} from '../types/index.ts'
import {
  type AddressTranslator,
  type AuthProvider,
  checkAddressTranslator,
  connectionInFlightBytesMax,
  connectionsPerNodeMax,
  defaultLocalPorts,
  type EndpointFactory,
  type HostLookup,
  type LocalPorts,
  plainAuthenticators,
  PlainTextAuthProvider,
  type PoolSize,
  systemLookup,
  type TlsOptions,
} from '../transport/index.ts'
import {
  assert,
  type Clock,
  didYouMean,
  type RandomSource,
  type Runtime,
  systemRuntime,
} from '../util/index.ts'
import { foreignOptions } from './foreign-options.ts'
import { checkSlowRequest, type SlowRequestOptions } from './execution/slow-requests.ts'

/** An object that is a contact point: an open embedded database. */
export interface ContactPointObject {
  /** @internal Opens the endpoint of its node. */
  readonly [contactPointSymbol]: EndpointFactory
}

/** Marks a {@link ContactPointObject}; the same symbol in every copy of the package. */
export const contactPointSymbol: unique symbol = Symbol.for('tsylla.contact-point/1')

/**
 * `host`, `host:port`, `[v6]:port`, `embedded:`, `embedded:./path`, or an open embedded database;
 * or one connection string, `cql://user:password@host:port,host/keyspace?dc=name`, with `cqls://`
 * for TLS and options as parameters.
 */
export type ContactPoint = string | ContactPointObject

/** How a missing keyspace is created. */
export interface CreateKeyspaceOptions {
  /** Replicas per data center. Default 1, which is unsuitable for production. */
  readonly replicationFactor?: number
  /** Replicas by name of the data center; replaces `replicationFactor`. */
  readonly replication?: { readonly [dataCenter: string]: number }
  /** Whether writes go through the commit log. The server's default is `true`. */
  readonly durableWrites?: boolean
}

/** See {@link SessionOptions.poolSize}. */
export type PoolSizeOption = number | { readonly perShard: number } | { readonly perNode: number }

/** Options of a session. Only `contactPoints` is required. */
export interface SessionOptions {
  readonly contactPoints: readonly ContactPoint[]
  /** The bundle of a managed cluster, which replaces contact points and TLS. */
  readonly cloud?: CloudOptions | undefined
  readonly keyspace?: string | undefined
  /** Whether `keyspace` is used as it is spelled. Default `false`: it is lowercased. */
  readonly keyspaceCaseSensitive?: boolean | undefined
  /** Whether, and how, to create `keyspace` when it does not exist. Default `false`. */
  readonly createKeyspace?: boolean | CreateKeyspaceOptions | undefined
  readonly user?: string | undefined
  readonly password?: string | Secret | undefined
  /**
   * Connections per node, or per shard of a node of ScyllaDB, 1 … 1,024; a connection carries up
   * to 1,024 requests at once. A number is short for `{ perNode }`. `{ perShard }` means per node
   * where nodes have no shards. Default `{ perShard: 1 }`.
   */
  readonly poolSize?: PoolSizeOption | undefined
  /**
   * Whether connections go to the shard-aware port of a node of ScyllaDB, where the local port
   * chooses the shard; or the local ports that they come from. Default `true`, from the ports
   * 49,152 … 65,535.
   */
  readonly shardAwarePort?: boolean | LocalPorts | undefined
  /** LZ4, or Snappy, which exists in protocol version 4 only. Default none. */
  readonly compression?: CompressionName | null | undefined
  /** Latest version of the protocol to speak with nodes that offer it. Default 5. */
  readonly protocolVersionMax?: 4 | 5 | undefined
  readonly tls?: boolean | TlsOptions | undefined
  /** Milliseconds for connecting a socket, and for each handshake request. Default 5,000. */
  readonly connectionTimeoutMs?: number | undefined
  /** Milliseconds that a request may take, all attempts included. Default 12,000. */
  readonly requestTimeoutMs?: number | undefined
  /** Says where to connect to instead of the addresses that nodes are known by. */
  readonly addressTranslator?: AddressTranslator | undefined
  /**
   * Says which nodes may be connected to, by what the system tables say of them. Contact points are
   * connected to in any case. Default: all.
   */
  readonly hostFilter?: HostFilter | undefined
  /** Finds the IP addresses of host names. Default: as the operating system does. */
  readonly lookup?: HostLookup | undefined
  readonly tcpNoDelay?: boolean | undefined
  /** Idle milliseconds before TCP keep-alive probes; `null` disables them. Default 60,000. */
  readonly tcpKeepAliveMs?: number | null | undefined
  /** Default `LOCAL_QUORUM`. */
  readonly consistency?: Consistency | undefined
  /**
   * The levels that a managed service takes, as `awsKeyspaces` returns them: requests with others
   * fail with a `ConfigError`. Default: all.
   */
  readonly consistencyRules?: ConsistencyRules | undefined
  /** Consistency of the Paxos round of conditional statements. Default `LOCAL_SERIAL`. */
  readonly serialConsistency?: SerialConsistency | undefined
  /** Rows per page. Default 5,000. */
  readonly pageSize?: number | undefined
  /**
   * Source of write timestamps. Default `client`: strictly increasing microseconds since the epoch,
   * from one generator that all sessions of the process share.
   */
  readonly timestamps?: 'client' | 'server' | undefined
  /**
   * JavaScript type of bigint and counter columns. Default `bigint`. With `number`, a value beyond
   * `Number.MAX_SAFE_INTEGER` throws.
   */
  readonly int64?: 'bigint' | 'number' | 'string' | undefined
  /** JavaScript type of timestamp columns: `date` (default), or `bigint` epoch milliseconds. */
  readonly timestampValues?: 'date' | 'bigint' | undefined
  /** Whether row decoders are generated with `new Function` where allowed. Default `true`. */
  readonly codeGeneration?: boolean | undefined
  /** Server authenticator classes that may be given the password. Default: the known ones. */
  readonly authenticators?: readonly string[] | undefined
  /** Logs in by another mechanism than `user` and `password`, which it excludes. */
  readonly authProvider?: AuthProvider | undefined
  /** Data center whose nodes are preferred. Default: that of the first node reached. */
  readonly localDataCenter?: string | undefined
  /** Idle milliseconds after which a connection is probed. Default 30,000. */
  readonly heartbeatIntervalMs?: number | undefined
  /** Capacity of the LRU cache of prepared statements. Default 1,000. */
  readonly preparedCountMax?: number | undefined
  /**
   * Maximum bytes of requests in flight over all connections; further requests wait. The request
   * that reaches the limit may exceed it. Default 128 MiB, of which one connection uses 32 MiB.
   */
  readonly inFlightBytesMax?: number | undefined
  /** Maximum number of requests that wait for a connection. Default 65,536. */
  readonly queueCountMax?: number | undefined
  /**
   * Maximum estimated bytes of the waiting requests. A large value that several of them share
   * counts once. Default 64 MiB.
   */
  readonly queueBytesMax?: number | undefined
  /** Maximum bytes of rows that `execute` returns. Default 64 MiB. */
  readonly resultBytesMax?: number | undefined
  /** Milliseconds that DDL waits for schema agreement. Default 60,000. */
  readonly schemaAgreementTimeoutMs?: number | undefined
  /** Shown in `system.clients`-like views of the servers. */
  readonly applicationName?: string | undefined
  /** Decides which nodes requests go to. Default `tokenAwareLoadBalancing()`. */
  readonly loadBalancingPolicy?: LoadBalancingPolicy | undefined
  /** Decides what follows a failed attempt. Default `defaultRetryPolicy`. */
  readonly retryPolicy?: RetryPolicy | undefined
  /**
   * Decides when an idempotent request goes to one more node. Default: when it has taken a quarter
   * of its deadline, at most two seconds.
   */
  readonly speculativeExecutionPolicy?: SpeculativeExecutionPolicy | undefined
  /**
   * How many attempts requests may have besides their first, over all requests of the session.
   * Attempts after a lost connection do not count. Default `{ share: 0.2, perSecond: 10 }`; `false`
   * for as many as policies decide.
   */
  readonly retryBudget?: RetryBudgetOptions | boolean | undefined
  /**
   * Whether a node that refuses requests as overloaded gets fewer at a time for a while. Default
   * `true`.
   */
  readonly adaptiveConcurrency?: boolean | undefined
  /**
   * How long to wait before a node is tried again. Default: from 50 ms on, doubled up to ten
   * seconds, with jitter.
   */
  readonly reconnectionPolicy?: ReconnectionPolicy | undefined
  /**
   * Options by name, for requests that name them: {@link ExecuteOptions.executionProfile}.
   * `session.setExecutionProfile` replaces them later.
   */
  readonly executionProfiles?: { readonly [name: string]: ExecutionProfileOptions } | undefined
  /** Passes requests that take long to a function. Default none. */
  readonly slowRequest?: SlowRequestOptions | undefined
  /** @internal For tests: time, randomness and scheduling of a simulation. */
  readonly runtime?: Runtime | undefined
  /** @internal For tests: replaces the clock of the runtime. */
  readonly clock?: Clock | undefined
  /** @internal For tests: replaces the random numbers of the runtime. */
  readonly random?: RandomSource | undefined
}

/** {@link SessionOptions} with every default in place. */
export interface ResolvedOptions {
  readonly contactPoints: readonly ContactPoint[]
  readonly cloud: CloudOptions | undefined
  readonly keyspace: string | undefined
  readonly createKeyspace: CreateKeyspaceOptions | undefined
  readonly authProvider: AuthProvider | undefined
  readonly poolSize: PoolSize
  readonly shardAwarePort: LocalPorts | undefined
  readonly compression: CompressionName | undefined
  readonly protocolVersionMax: ProtocolVersion
  readonly tls: TlsOptions | undefined
  readonly connectionTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly addressTranslator: AddressTranslator | undefined
  readonly hostFilter: HostFilter | undefined
  readonly lookup: HostLookup
  readonly tcpNoDelay: boolean
  readonly tcpKeepAliveMs: number | undefined
  readonly consistency: Consistency
  readonly consistencyCheck: ConsistencyCheck | undefined
  readonly serialConsistency: SerialConsistency
  readonly pageSize: number
  readonly timestamps: 'client' | 'server'
  readonly int64: 'bigint' | 'number' | 'string'
  readonly timestampValues: 'date' | 'bigint'
  readonly codeGeneration: boolean
  readonly localDataCenter: string | undefined
  readonly heartbeatIntervalMs: number
  readonly preparedCountMax: number
  readonly inFlightBytesMax: number
  readonly queueCountMax: number
  readonly queueBytesMax: number
  readonly resultBytesMax: number
  readonly schemaAgreementTimeoutMs: number
  readonly applicationName: string | undefined
  readonly loadBalancing: TargetPolicy
  readonly retryPolicy: RetryPolicy
  readonly speculativeExecutionPolicy: SpeculativeExecutionPolicy
  readonly reconnectionPolicy: ReconnectionPolicy | undefined
  readonly retryBudget: RetryBudgetOptions | undefined
  readonly adaptiveConcurrency: boolean
  readonly executionProfiles: { readonly [name: string]: ExecutionProfileOptions }
  readonly slowRequest: SlowRequestOptions | undefined
  readonly runtime: Runtime
}

export const int32Max = 2_147_483_647

const inFlightBytesMaxDefault = 128 * 1024 * 1024
const queueBytesMaxDefault = 64 * 1024 * 1024
// One connection, for example to a node that hangs, must not block all others.
assert(
  inFlightBytesMaxDefault >= 2 * connectionInFlightBytesMax,
  'a session has more bytes in flight than one connection',
)
// The queue must hold enough requests to keep a connection busy.
assert(
  queueBytesMaxDefault >= connectionInFlightBytesMax,
  'the queue holds what one connection has in flight',
)
const optionNames: ReadonlySet<string> = new Set([
  ...['contactPoints', 'keyspace', 'keyspaceCaseSensitive', 'createKeyspace', 'user', 'password'],
  ...['poolSize', 'compression', 'tls', 'connectionTimeoutMs', 'requestTimeoutMs', 'tcpNoDelay'],
  ...['tcpKeepAliveMs', 'consistency', 'serialConsistency', 'pageSize', 'timestamps', 'int64'],
  ...['timestampValues', 'codeGeneration', 'authenticators', 'localDataCenter'],
  ...['heartbeatIntervalMs', 'preparedCountMax', 'inFlightBytesMax', 'queueCountMax'],
  ...['queueBytesMax', 'protocolVersionMax', 'addressTranslator', 'shardAwarePort'],
  ...['loadBalancingPolicy', 'hostFilter', 'lookup', 'authProvider', 'cloud'],
  ...['retryBudget', 'adaptiveConcurrency', 'consistencyRules'],
  ...['retryPolicy', 'speculativeExecutionPolicy', 'reconnectionPolicy', 'executionProfiles'],
  ...['resultBytesMax', 'schemaAgreementTimeoutMs', 'applicationName', 'runtime', 'clock'],
  ...['slowRequest', 'random'],
])

/** Option names that error messages may suggest: those for tests are excluded. */
const publicOptionNames: readonly string[] = [...optionNames].filter(
  (name) => !['runtime', 'clock', 'random'].includes(name),
)

/** Checks every option and fills in the defaults. @throws ConfigError */
export function resolveOptions(options: SessionOptions): ResolvedOptions {
  for (const name of Object.keys(options)) {
    if (!optionNames.has(name)) throw unknownOption(name)
  }
  if (!Array.isArray(options.contactPoints)) {
    throw new ConfigError("contactPoints must be a list, also for one node: ['node1:9042']")
  }
  if (options.contactPoints.length === 0 && options.cloud === undefined) {
    throw new ConfigError(
      'contactPoints: at least one is needed, "embedded:" for instance, or the environment variable TSYLLA_URL',
    )
  }
  return Object.freeze({
    contactPoints: [...options.contactPoints],
    cloud: resolveCloud(options),
    keyspace:
      options.keyspace === undefined
        ? undefined
        : checkKeyspace(options.keyspace, options.keyspaceCaseSensitive ?? false),
    createKeyspace: resolveCreateKeyspace(options),
    authProvider: resolveAuthProvider(options),
    poolSize: resolvePoolSize(options.poolSize ?? { perShard: 1 }),
    shardAwarePort: resolveLocalPorts(options.shardAwarePort ?? options.cloud === undefined),
    compression: resolveCompression(options.compression),
    protocolVersionMax: checkProtocolVersion(options.protocolVersionMax ?? 5),
    ...resolveConnection(options),
    consistency: checkConsistency(options.consistency ?? 'LOCAL_QUORUM'),
    consistencyCheck: consistencyCheckOf(options),
    serialConsistency: checkSerialConsistency(options.serialConsistency ?? 'LOCAL_SERIAL'),
    pageSize: checkPageSize(options.pageSize ?? 5_000),
    timestamps: oneOf('timestamps', options.timestamps ?? 'client', ['client', 'server']),
    int64: oneOf('int64', options.int64 ?? 'bigint', ['bigint', 'number', 'string']),
    timestampValues: oneOf('timestampValues', options.timestampValues ?? 'date', [
      'date',
      'bigint',
    ]),
    codeGeneration: options.codeGeneration ?? true,
    localDataCenter: options.localDataCenter,
    heartbeatIntervalMs: milliseconds('heartbeatIntervalMs', options.heartbeatIntervalMs ?? 30_000),
    preparedCountMax: integer('preparedCountMax', options.preparedCountMax ?? 1_000, 1, int32Max),
    inFlightBytesMax: integer(
      'inFlightBytesMax',
      options.inFlightBytesMax ?? inFlightBytesMaxDefault,
      1,
      Number.MAX_SAFE_INTEGER,
    ),
    queueCountMax: integer('queueCountMax', options.queueCountMax ?? 65_536, 0, int32Max),
    queueBytesMax: integer(
      'queueBytesMax',
      options.queueBytesMax ?? queueBytesMaxDefault,
      0,
      int32Max,
    ),
    resultBytesMax: integer('resultBytesMax', options.resultBytesMax ?? 64 << 20, 1, int32Max),
    schemaAgreementTimeoutMs: milliseconds(
      'schemaAgreementTimeoutMs',
      options.schemaAgreementTimeoutMs ?? 60_000,
    ),
    applicationName: options.applicationName,
    ...resolvePolicies(options),
    slowRequest: options.slowRequest && checkSlowRequest(options.slowRequest),
    runtime: resolveRuntime(options),
  })
}

function resolveRuntime({ runtime = systemRuntime, clock, random }: SessionOptions): Runtime {
  if (clock === undefined && random === undefined) return runtime
  return { ...runtime, clock: clock ?? runtime.clock, random: random ?? runtime.random }
}

function resolvePolicies(
  options: SessionOptions,
): Pick<
  ResolvedOptions,
  | 'loadBalancing'
  | 'retryPolicy'
  | 'speculativeExecutionPolicy'
  | 'reconnectionPolicy'
  | 'retryBudget'
  | 'adaptiveConcurrency'
  | 'executionProfiles'
> {
  const { executionProfiles = {}, reconnectionPolicy } = options
  if (reconnectionPolicy !== undefined && typeof reconnectionPolicy?.delayMs !== 'function') {
    throw new ConfigError('reconnectionPolicy must be an object with the method delayMs')
  }
  if (typeof executionProfiles !== 'object' || executionProfiles === null) {
    throw new ConfigError('executionProfiles must be an object of options by name')
  }
  return {
    loadBalancing: targetPolicyOf(options.loadBalancingPolicy ?? new TokenAwarePolicy()),
    retryPolicy: options.retryPolicy ?? defaultRetryPolicy,
    speculativeExecutionPolicy: options.speculativeExecutionPolicy ?? stalledAttemptPolicy,
    ...{ reconnectionPolicy, executionProfiles },
    retryBudget: checkRetryBudget(options.retryBudget),
    adaptiveConcurrency: checkSwitch('adaptiveConcurrency', options.adaptiveConcurrency ?? true),
  }
}

type ConnectionOption =
  | 'tls'
  | 'connectionTimeoutMs'
  | 'requestTimeoutMs'
  | 'addressTranslator'
  | 'hostFilter'
  | 'lookup'
  | 'tcpNoDelay'
  | 'tcpKeepAliveMs'

/** How connections are made. @throws ConfigError */
function resolveConnection(options: SessionOptions): Pick<ResolvedOptions, ConnectionOption> {
  return {
    tls: options.tls === true ? {} : options.tls === false ? undefined : options.tls,
    connectionTimeoutMs: milliseconds('connectionTimeoutMs', options.connectionTimeoutMs ?? 5_000),
    requestTimeoutMs: milliseconds('requestTimeoutMs', options.requestTimeoutMs ?? 12_000),
    addressTranslator:
      options.addressTranslator === undefined
        ? undefined
        : checkAddressTranslator(options.addressTranslator),
    hostFilter: checkHostFilter(options.hostFilter),
    lookup: checkLookup(options.lookup ?? systemLookup),
    tcpNoDelay: options.tcpNoDelay ?? true,
    tcpKeepAliveMs:
      options.tcpKeepAliveMs === null
        ? undefined
        : milliseconds('tcpKeepAliveMs', options.tcpKeepAliveMs ?? 60_000),
  }
}

function checkHostFilter(filter: HostFilter | undefined): HostFilter | undefined {
  if (filter === undefined || typeof filter === 'function') return filter
  throw new ConfigError(
    "hostFilter must be a function of a node, such as ({ dataCenter }) => dataCenter === 'dc1'",
  )
}

function checkSwitch(name: string, value: boolean): boolean {
  if (typeof value === 'boolean') return value
  throw new ConfigError(`${name} must be true or false, not ${describe(value)}`)
}

function checkLookup(lookup: HostLookup): HostLookup {
  if (typeof lookup === 'function') return lookup
  throw new ConfigError('lookup must be a function from a host name to its IP addresses')
}

function unknownOption(name: string): ConfigError {
  const isForeign = Object.hasOwn(foreignOptions, name)
  const hint = isForeign ? ` Use ${foreignOptions[name]!}.` : didYouMean(name, publicOptionNames)
  return new ConfigError(
    `Unknown session option ${JSON.stringify(name)}.${hint} The options are ${publicOptionNames.join(', ')}`,
  )
}

function resolvePoolSize(size: PoolSizeOption): PoolSize {
  const check = (name: string, value: number): number =>
    integer(name, value, 1, connectionsPerNodeMax)
  if (typeof size !== 'object' || size === null) return { perNode: check('poolSize', size) }
  if ('perShard' in size) return { perShard: check('poolSize.perShard', size.perShard) }
  return { perNode: check('poolSize.perNode', size.perNode) }
}

function resolveLocalPorts(option: boolean | LocalPorts): LocalPorts | undefined {
  if (option === false) return undefined
  if (option === true) return defaultLocalPorts
  const min = integer('shardAwarePort.min', option.min, 1, 65_535)
  return { min, max: integer('shardAwarePort.max', option.max, min, 65_535) }
}

function resolveCreateKeyspace(options: SessionOptions): CreateKeyspaceOptions | undefined {
  const { createKeyspace } = options
  if (createKeyspace === undefined || createKeyspace === false) return undefined
  if (options.keyspace === undefined) {
    throw new ConfigError('createKeyspace needs a keyspace: useKeyspace(name)')
  }
  return createKeyspace === true ? {} : createKeyspace
}

/** Ports and certificates of nodes are those of the proxy, which the bundle has. */
function resolveCloud(options: SessionOptions): CloudOptions | undefined {
  const { cloud, contactPoints, tls, addressTranslator, shardAwarePort = false } = options
  if (cloud === undefined) return undefined
  if (contactPoints.length > 0) {
    throw new ConfigError('cloud excludes contact points: the bundle has those of the cluster')
  }
  const others = {
    tls,
    addressTranslator,
    shardAwarePort: shardAwarePort === false ? undefined : 1,
  }
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined) throw new ConfigError(`cloud excludes the option ${name}`)
  }
  return checkCloudOptions(cloud)
}

function resolveAuthProvider(options: SessionOptions): AuthProvider | undefined {
  const { user, password, authenticators, authProvider } = options
  if (authProvider !== undefined) {
    if (user !== undefined || password !== undefined || authenticators !== undefined) {
      throw new ConfigError('authProvider excludes the options user, password and authenticators')
    }
    return checkAuthProvider(authProvider)
  }
  if (user === undefined && password === undefined) return undefined
  if (typeof user !== 'string' || password === undefined) {
    throw new ConfigError('user and password are needed together')
  }
  const secret = password instanceof Secret ? password : new Secret(password)
  return new PlainTextAuthProvider(
    { user, password: secret },
    authenticators ?? plainAuthenticators,
  )
}

function checkAuthProvider(provider: AuthProvider): AuthProvider {
  const classes: unknown = provider?.authenticators
  const hasClasses =
    Array.isArray(classes) &&
    classes.length > 0 &&
    classes.every((name) => typeof name === 'string' && name !== '')
  if (hasClasses && typeof provider.newAuthenticator === 'function') return provider
  throw new ConfigError(
    'authProvider must be an object with authenticators, the classes of server authenticators that it answers, and the method newAuthenticator; for a password, use the options user and password',
  )
}

function resolveCompression(name: string | null | undefined): CompressionName | undefined {
  if (name === null || name === undefined) return undefined
  return oneOf<CompressionName>('compression', name, ['lz4', 'snappy'])
}

function checkProtocolVersion(version: number): ProtocolVersion {
  if (version === ProtocolVersion.V4 || version === ProtocolVersion.V5) return version
  throw new ConfigError(`protocolVersionMax is 4 or 5, not ${describe(version)}`)
}

export function milliseconds(name: string, value: number): number {
  return integer(name, value, 1, int32Max)
}

/** @returns `value` when it is an integer between `min` and `max` @throws ConfigError */
export function integer(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new ConfigError(`${name} is an integer of ${min} … ${max}, not ${describe(value)}`)
}

export function checkPageSize(value: number): number {
  return integer('pageSize', value, 1, int32Max)
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  if ((allowed as readonly string[]).includes(value)) return value as T
  throw new ConfigError(`${name} is one of ${allowed.join(', ')}, not ${describe(value)}`)
}

export function checkConsistency(value: string): Consistency {
  if (Object.hasOwn(ConsistencyCode, value)) return value as Consistency
  const known = Object.keys(ConsistencyCode).join(', ')
  throw new ConfigError(`consistency is one of ${known}, not ${describe(value)}`)
}

export function checkSerialConsistency(value: string): SerialConsistency {
  return oneOf('serialConsistency', value, ['SERIAL', 'LOCAL_SERIAL'])
}

/**
 * The name a keyspace has on the server.
 *
 * @throws ConfigError unless it is 1 … 48 letters, digits and underscores
 */
export function checkKeyspace(name: string, isCaseSensitive: boolean): string {
  if (typeof name !== 'string' || !/^[A-Za-z0-9_]{1,48}$/.test(name)) {
    throw new ConfigError(
      `A keyspace name is 1 … 48 letters, digits and underscores, not ${describe(name)}`,
    )
  }
  return isCaseSensitive ? name : name.toLowerCase()
}

function describe(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number'
    ? JSON.stringify(value)
    : typeof value
}
