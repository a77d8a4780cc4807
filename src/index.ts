import {
  BaseSessionBuilder,
  ConnectedSession,
  type ContactPoint,
  type EndpointSchemes,
  type SessionOptions,
} from './session/index.ts'

export {
  concurrent,
  type ConcurrentItem,
  type ConcurrentOptions,
  type ConcurrentOutcome,
  type ConcurrentRun,
  type ConcurrentSource,
  type ConcurrentSummary,
  type ScanProgress,
  scanTable,
  type ScanTableOptions,
  type TableScan,
} from './bulk/index.ts'
export { Row } from './codec/index.ts'
export {
  type AwsCredentials,
  awsKeyspaces,
  type ConsistencyRules,
  type AwsKeyspacesOptions,
  type AwsKeyspacesSession,
  type CloudOptions,
  type ScyllaBundle,
  type ScyllaBundleContext,
  type ScyllaBundleDataCenter,
  type ScyllaBundleLogin,
  sigV4AuthProvider,
  type SigV4Options,
} from './cloud/index.ts'
export type {
  ClusterData,
  KeyspaceDescription,
  NodeData,
  TopologyListener,
} from './cluster/index.ts'
export { cql } from './cql/index.ts'
export {
  AbortedError,
  AlreadyConnectedError,
  type AnyServerError,
  type AnyTsyllaError,
  type Attempt,
  AuthenticationError,
  BindError,
  type BindErrorCode,
  CacheValueError,
  ClosedError,
  ConcurrencyConflictError,
  ConfigError,
  ConnectionError,
  type Consistency,
  CqlSyntaxError,
  DecodeError,
  DependencyMissingError,
  EncodeError,
  EngineLockedError,
  KeyspaceError,
  NoNodeAvailableError,
  NotConnectedError,
  type Outcome,
  OverloadedError,
  PagingStateError,
  ProtocolError,
  RequestTimeoutError,
  ResultTooLargeError,
  RowCountError,
  RowExistsError,
  RowNotFoundError,
  SchemaAgreementError,
  Secret,
  type SerialConsistency,
  ServerError,
  ServerErrorCode,
  type ServerErrorDetails,
  type ServerErrorDetailsOf,
  type ServerErrorName,
  StorageError,
  TlsError,
  TraceError,
  TsyllaError,
  ValueError,
  type WriteType,
} from './errors/index.ts'
export type {
  AggregateMetadata,
  ColumnMetadata,
  FunctionMetadata,
  IndexMetadata,
  KeyspaceMetadata,
  RelationMetadata,
  SchemaMetadata,
  TableMetadata,
  ViewMetadata,
  VirtualKeyspaceMetadata,
  VirtualTableMetadata,
} from './metadata/index.ts'
export type {
  ConnectTrace,
  LatencyMetrics,
  PrepareTrace,
  RequestTrace,
  SchemaEvent,
  TopologyEvent,
  WarningTrace,
} from './observability/index.ts'
export type {
  BuildOptions,
  CloseOptions,
  ContactPoint,
  ContactPointObject,
  CreateKeyspaceOptions,
  NodeMetrics,
  PoolSizeOption,
  SessionMetrics,
  SlowRequest,
  SlowRequestOptions,
  SessionOptions,
} from './session/index.ts'
export { driverVersion as version } from './session/index.ts'
export {
  allowListLoadBalancing,
  constantSpeculativeExecution,
  type ConstantSpeculativeExecutionOptions,
  defaultRetryPolicy,
  downgradingConsistencyRetryPolicy,
  fallthroughRetryPolicy,
  noSpeculativeExecution,
  percentileSpeculativeExecution,
  type PercentileSpeculativeExecutionOptions,
  type RetryBudgetOptions,
  singleTargetLoadBalancing,
  type SingleTargetOptions,
  tokenAwareLoadBalancing,
  type TokenAwareOptions,
} from './policies/index.ts'
export type {
  AddressTranslator,
  AuthenticationContext,
  Authenticator,
  AuthProvider,
  HostLookup,
  LocalPorts,
  TlsOptions,
  UntranslatedPeer,
} from './transport/index.ts'
export {
  Batch,
  type BatchEntry,
  type BatchType,
  type BindValues,
  type ClusterInfo,
  type ColumnarRows,
  type ColumnDictionary,
  type ColumnSpec,
  type CqlType,
  cqlTypeText,
  type CustomType,
  Decimal,
  type DiscoveredNode,
  Duration,
  EMPTY,
  EmptyValue,
  type ExecuteOptions,
  type ExecutionProfileOptions,
  type Executor,
  type ExecutorAnswer,
  type ExecutorCall,
  type FailedAttempt,
  type HostFilter,
  Inet,
  type Interceptor,
  type ListType,
  type LoadBalancingPolicy,
  LocalDate,
  LocalTime,
  type MapType,
  type NativeType,
  type NativeTypeName,
  type NodeInfo,
  type Page,
  type PlanEntry,
  PreparedStatement,
  type QueryTrace,
  type QueryTraceEvent,
  type ReconnectionPolicy,
  type Result,
  type RetryDecision,
  type RetryPolicy,
  type RoutedRequest,
  type RowMethods,
  type RowOf,
  type RowsMethod,
  type RowStream,
  type WebStream,
  type RunCall,
  type SetType,
  type SpeculativeExecutionPolicy,
  Statement,
  Statement as Query,
  type StatementOptions,
  TimeUuid,
  TimeUuidGenerator,
  type TraceOptions,
  type TupleType,
  type TypedPreparedStatement,
  type TypedStatement,
  type UdtField,
  type UdtType,
  type UnknownColumns,
  Uuid,
  type VectorType,
  wrapExecutor,
  type WrapOptions,
} from './types/index.ts'
export type { Clock, Timer } from './util/index.ts'

/** Handlers of contact point schemes. The engine is imported only when `embedded:` is used. */
const schemes: EndpointSchemes = new Map([
  [
    'embedded',
    async (contactPoint: string) => {
      const { openEmbeddedEndpoint } = await import('./embedded/index.ts')
      return await openEmbeddedEndpoint(contactPoint)
    },
  ],
])

/** Builds a session from options. Builders are immutable: every method returns a new one. */
export class SessionBuilder extends BaseSessionBuilder {
  constructor(options: Partial<SessionOptions> = {}) {
    super(options, schemes)
  }
}

/**
 * Connects to a cluster and returns a session. Options that are not given have their defaults.
 *
 * @param contactPoints nodes, or a connection string (see {@link ContactPoint}). Default: those of
 *   the options, or what the environment variable `TSYLLA_URL` says
 * @throws ConfigError for a wrong option; otherwise the error that connecting has failed with
 */
function connect(
  contactPoints: string | readonly ContactPoint[] = [],
  options: Partial<SessionOptions> = {},
): Promise<Session> {
  const list = typeof contactPoints === 'string' ? [contactPoints] : contactPoints
  return new SessionBuilder(
    list.length === 0 ? options : { ...options, contactPoints: list },
  ).build()
}

/** A session on a cluster or on an embedded engine; all requests go through it. */
export const Session: typeof ConnectedSession & { readonly connect: typeof connect } =
  Object.assign(ConnectedSession, { connect })
export type Session = ConnectedSession
