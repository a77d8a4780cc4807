import type { Cluster } from '../../cluster/index.ts'
import type { ConsistencyCheck } from '../../cloud/index.ts'
import type { TimestampGenerator } from '../../policies/index.ts'
import type { QueryTrace, TraceOptions } from '../../types/index.ts'
import type { ResultMetadataCache } from '../result/result-metadata-cache.ts'
import type { StatementPreparer } from '../statement/preparer.ts'
import type { SessionRecorder } from '../session-metrics.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { RoutingKeyEncoder } from './routing-key.ts'

/** What requests and messages use of their session. */
export interface ExecutionContext {
  readonly cluster: Cluster
  readonly dispatcher: Dispatcher
  readonly preparer: StatementPreparer
  readonly routingKeys: RoutingKeyEncoder
  /** Row shapes of answers to texts that are not prepared. */
  readonly queryMetadata: ResultMetadataCache
  /** `undefined` when the servers stamp writes. */
  readonly timestamps: TimestampGenerator | undefined
  /** Bytes of rows that one result of all pages may have. */
  readonly resultBytesMax: number
  readonly recorder: SessionRecorder
  /** What a managed service takes; `undefined` for all. */
  readonly consistencyCheck: ConsistencyCheck | undefined
  readonly readTrace: (tracingId: string, options: TraceOptions) => Promise<QueryTrace>
}
