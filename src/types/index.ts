export { Batch, type BatchEntry, batchStatementCountMax, type BatchType } from './batch.ts'
export type { ColumnarRows, ColumnDictionary } from './columnar.ts'
export type { ColumnSpec } from './column-spec.ts'
export {
  type CqlType,
  cqlTypeText,
  type CustomType,
  type ListType,
  type MapType,
  type NativeType,
  nativeTypeByName,
  type NativeTypeName,
  nativeTypes,
  type SetType,
  type TupleType,
  type UdtField,
  type UdtType,
  type VectorType,
} from './cql-type.ts'
export { Decimal } from './decimal.ts'
export { Duration } from './duration.ts'
export { EMPTY, EmptyValue } from './empty-value.ts'
export { bindRuntime, type Executor, rootOf, runtimeOf } from './executor.ts'
export { Inet } from './inet.ts'
export { LocalDate } from './local-date.ts'
export { LocalTime } from './local-time.ts'
export type { MarkerClause, MarkerFacts, MarkerOperator } from './marker-facts.ts'
export type {
  ClusterInfo,
  DiscoveredNode,
  FailedAttempt,
  HostFilter,
  LoadBalancingPolicy,
  NodeInfo,
  PlanEntry,
  ReconnectionPolicy,
  RetryDecision,
  RetryPolicy,
  RoutedRequest,
  SpeculativeExecutionPolicy,
} from './policies.ts'
export { type PreparedSource, PreparedStatement } from './prepared-statement.ts'
export type { Page, Result, RowsMethod, RowStream, WebStream } from './result.ts'
export { RowPager } from './row-pager.ts'
export type { NotInferred, TypedPreparedStatement, TypedStatement } from './typed-statement.ts'
export type { QueryTrace, QueryTraceEvent, TraceOptions } from './query-trace.ts'
export { reservedWords } from './reserved-words.ts'
export { isRow, type RowMethods, type RowOf, type UnknownColumns } from './row.ts'
export {
  type BindValues,
  type ExecuteOptions,
  type ExecutionProfileOptions,
  Statement,
  StatementBase,
  type StatementOptions,
} from './statement.ts'
export { expirationSecondsMax, ttlSecondsMax } from './time-to-live.ts'
export { TimeUuid, TimeUuidGenerator } from './time-uuid.ts'
export {
  type ExecutorAnswer,
  type ExecutorCall,
  type Interceptor,
  type RunCall,
  wrapExecutor,
  WrappedExecutor,
  type WrapOptions,
} from './wrapped-executor.ts'
export { parseUuidInto, randomUuid, Uuid, uuidToText } from './uuid.ts'
