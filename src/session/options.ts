import {
  ConfigError,
  type Consistency,
  ConsistencyCode,
  Secret,
  type SerialConsistency,
} from '../errors/index.ts'
import type { CompressionName } from '../protocol/index.ts'
import { type LoadBalancingPolicy, TokenAwarePolicy } from '../policies/index.ts'
import {
  connectionInFlightBytesMax,
  type EndpointFactory,
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

/** An object that is a contact point: an open embedded database. */
export interface ContactPointObject {
  /** @internal Opens the endpoint of its node. */
  readonly [contactPointSymbol]: EndpointFactory
}

/** Marks a {@link ContactPointObject}; the same symbol in every copy of the package. */
export const contactPointSymbol: unique symbol = Symbol.for('tsylla.contact-point/1')

/**
 * `host`, `host:port`, `[v6]:port`, `embedded:`, `embedded:./path`, or an open embedded database.
 */
export type ContactPoint = string | ContactPointObject

/** How a missing keyspace is created. */
export interface CreateKeyspaceOptions {
  /** Copies in every data center. Default 1, which no production cluster should use. */
  readonly replicationFactor?: number
  /** Copies by data center, instead of one number for all. */
  readonly replication?: { readonly [dataCenter: string]: number }
  readonly durableWrites?: boolean
}

/** What a session is built from; everything but the contact points has a default. */
export interface SessionOptions {
  readonly contactPoints: readonly ContactPoint[]
  readonly keyspace?: string | undefined
  /** Whether `keyspace` is taken as it is spelled; else it is folded to lower case. */
  readonly keyspaceCaseSensitive?: boolean | undefined
  /** Create the keyspace when it is missing. */
  readonly createKeyspace?: boolean | CreateKeyspaceOptions | undefined
  readonly user?: string | undefined
  readonly password?: string | Secret | undefined
  /** Connections per node. Default 1: one carries 1,024 requests at once. */
  readonly poolSize?: number | undefined
  readonly compression?: CompressionName | null | undefined
  readonly tls?: boolean | TlsOptions | undefined
  /** Default 5,000. */
  readonly connectionTimeoutMs?: number | undefined
  /** Deadline of a request over all attempts. Default 12,000. */
  readonly requestTimeoutMs?: number | undefined
  readonly tcpNoDelay?: boolean | undefined
  /** Idle time before TCP keep-alive probes; `null` for none. Default 60,000. */
  readonly tcpKeepAliveMs?: number | null | undefined
  readonly consistency?: Consistency | undefined
  readonly serialConsistency?: SerialConsistency | undefined
  /** Rows per page. Default 5,000. */
  readonly pageSize?: number | undefined
  /**
   * Where write timestamps come from. Default `client`: strictly increasing microseconds, from one
   * generator for all sessions of the process.
   */
  readonly timestamps?: 'client' | 'server' | undefined
  /**
   * How bigint and counter columns are read. Default `bigint`; a number that is not safe throws.
   */
  readonly int64?: 'bigint' | 'number' | 'string' | undefined
  /** How timestamp columns are read. Default `date`; `bigint` is milliseconds since the epoch. */
  readonly timestampValues?: 'date' | 'bigint' | undefined
  /** Generate row classes with `new Function` where the runtime allows it. Default true. */
  readonly codeGeneration?: boolean | undefined
  /** Server authenticator classes that may be given the password. */
  readonly authenticators?: readonly string[] | undefined
  /** Data center whose nodes are asked. Default: that of the first contact point reached. */
  readonly localDataCenter?: string | undefined
  /** Quiet time after which a connection is probed. Default 30,000. */
  readonly heartbeatIntervalMs?: number | undefined
  /** Prepared statements kept, the least recently used go. Default 1,000. */
  readonly preparedCountMax?: number | undefined
  /**
   * Bytes of requests that are sent and not yet answered, over all connections; further requests
   * wait. A single request may exceed the limit. Default 128 MiB; one connection has at most 32 MiB
   * in flight.
   */
  readonly inFlightBytesMax?: number | undefined
  /** Requests that may wait for room on a connection. Default 65,536. */
  readonly queueCountMax?: number | undefined
  /**
   * Bytes of the waiting requests, estimated; a large value that several of them share counts once.
   * Default 64 MiB.
   */
  readonly queueBytesMax?: number | undefined
  /** Most bytes of rows that `execute` returns. Default 64 MiB. */
  readonly resultBytesMax?: number | undefined
  /** How long DDL waits for the nodes to agree. Default 60,000. */
  readonly schemaAgreementTimeoutMs?: number | undefined
  /** Shown in `system.clients`-like views of the servers. */
  readonly applicationName?: string | undefined
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
  readonly keyspace: string | undefined
  readonly createKeyspace: CreateKeyspaceOptions | undefined
  readonly credentials: { readonly user: string; readonly password: Secret } | undefined
  readonly poolSize: number
  readonly compression: CompressionName | undefined
  readonly tls: TlsOptions | undefined
  readonly connectionTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly tcpNoDelay: boolean
  readonly tcpKeepAliveMs: number | undefined
  readonly consistency: Consistency
  readonly serialConsistency: SerialConsistency
  readonly pageSize: number
  readonly timestamps: 'client' | 'server'
  readonly int64: 'bigint' | 'number' | 'string'
  readonly timestampValues: 'date' | 'bigint'
  readonly codeGeneration: boolean
  readonly authenticators: readonly string[]
  readonly localDataCenter: string | undefined
  readonly heartbeatIntervalMs: number
  readonly preparedCountMax: number
  readonly inFlightBytesMax: number
  readonly queueCountMax: number
  readonly queueBytesMax: number
  readonly resultBytesMax: number
  readonly schemaAgreementTimeoutMs: number
  readonly applicationName: string | undefined
  readonly loadBalancing: LoadBalancingPolicy
  readonly runtime: Runtime
}

/** Authenticators that ask for SASL PLAIN, by their class on the server. */
export const plainAuthenticators: readonly string[] = Object.freeze([
  'org.apache.cassandra.auth.PasswordAuthenticator',
  'org.apache.cassandra.auth.MutualTlsWithPasswordFallbackAuthenticator',
  'com.scylladb.auth.SaslauthdAuthenticator',
  'com.scylladb.auth.TransitionalAuthenticator',
])

export const int32Max = 2_147_483_647

const inFlightBytesMaxDefault = 128 * 1024 * 1024
const queueBytesMaxDefault = 64 * 1024 * 1024
// One connection, a node that hangs for instance, cannot keep all others from sending.
assert(
  inFlightBytesMaxDefault >= 2 * connectionInFlightBytesMax,
  'a session has more bytes in flight than one connection',
)
// What waits is enough to keep a connection busy.
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
  ...['queueBytesMax'],
  ...['resultBytesMax', 'schemaAgreementTimeoutMs', 'applicationName', 'runtime', 'clock'],
  ...['random'],
])

/** Without what is there for tests. */
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
  if (options.contactPoints.length === 0) {
    throw new ConfigError('contactPoints: at least one is needed, "embedded:" for instance')
  }
  return Object.freeze({
    contactPoints: [...options.contactPoints],
    keyspace:
      options.keyspace === undefined
        ? undefined
        : checkKeyspace(options.keyspace, options.keyspaceCaseSensitive ?? false),
    createKeyspace: resolveCreateKeyspace(options),
    credentials: resolveCredentials(options),
    poolSize: integer('poolSize', options.poolSize ?? 1, 1, 1024),
    compression: resolveCompression(options.compression),
    tls: options.tls === true ? {} : options.tls === false ? undefined : options.tls,
    connectionTimeoutMs: milliseconds('connectionTimeoutMs', options.connectionTimeoutMs ?? 5_000),
    requestTimeoutMs: milliseconds('requestTimeoutMs', options.requestTimeoutMs ?? 12_000),
    tcpNoDelay: options.tcpNoDelay ?? true,
    tcpKeepAliveMs:
      options.tcpKeepAliveMs === null
        ? undefined
        : milliseconds('tcpKeepAliveMs', options.tcpKeepAliveMs ?? 60_000),
    consistency: checkConsistency(options.consistency ?? 'LOCAL_QUORUM'),
    serialConsistency: checkSerialConsistency(options.serialConsistency ?? 'LOCAL_SERIAL'),
    pageSize: checkPageSize(options.pageSize ?? 5_000),
    timestamps: oneOf('timestamps', options.timestamps ?? 'client', ['client', 'server']),
    int64: oneOf('int64', options.int64 ?? 'bigint', ['bigint', 'number', 'string']),
    timestampValues: oneOf('timestampValues', options.timestampValues ?? 'date', [
      'date',
      'bigint',
    ]),
    codeGeneration: options.codeGeneration ?? true,
    authenticators: options.authenticators ?? plainAuthenticators,
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
    loadBalancing: new TokenAwarePolicy(),
    runtime: resolveRuntime(options),
  })
}

function resolveRuntime({ runtime = systemRuntime, clock, random }: SessionOptions): Runtime {
  if (clock === undefined && random === undefined) return runtime
  return { ...runtime, clock: clock ?? runtime.clock, random: random ?? runtime.random }
}

/** Options of other drivers, and the options that replace them here. */
const foreignOptions: { readonly [name: string]: string } = {
  credentials: 'user and password',
  authProvider: 'user and password',
  username: 'user',
  hosts: 'contactPoints',
  nodes: 'contactPoints',
  host: 'contactPoints',
  port: "contactPoints, as in ['node1:9042']",
  protocolOptions: "contactPoints with a port, as in ['node1:9042']",
  sslOptions: 'tls',
  ssl: 'tls',
  queryOptions: 'consistency, serialConsistency and pageSize',
  pooling: 'poolSize',
  socketOptions: 'connectionTimeoutMs, requestTimeoutMs, tcpNoDelay and tcpKeepAliveMs',
  policies: 'localDataCenter',
}

function unknownOption(name: string): ConfigError {
  const isForeign = Object.hasOwn(foreignOptions, name)
  const hint = isForeign ? ` Use ${foreignOptions[name]!}.` : didYouMean(name, publicOptionNames)
  return new ConfigError(
    `Unknown session option ${JSON.stringify(name)}.${hint} The options are ${publicOptionNames.join(', ')}`,
  )
}

function resolveCreateKeyspace(options: SessionOptions): CreateKeyspaceOptions | undefined {
  const { createKeyspace } = options
  if (createKeyspace === undefined || createKeyspace === false) return undefined
  if (options.keyspace === undefined) {
    throw new ConfigError('createKeyspace needs a keyspace: useKeyspace(name)')
  }
  return createKeyspace === true ? {} : createKeyspace
}

function resolveCredentials(options: SessionOptions): ResolvedOptions['credentials'] {
  const { user, password } = options
  if (user === undefined && password === undefined) return undefined
  if (typeof user !== 'string' || password === undefined) {
    throw new ConfigError('user and password are needed together')
  }
  return { user, password: password instanceof Secret ? password : new Secret(password) }
}

function resolveCompression(name: string | null | undefined): CompressionName | undefined {
  if (name === null || name === undefined) return undefined
  return oneOf<CompressionName>('compression', name, ['lz4', 'snappy'])
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
