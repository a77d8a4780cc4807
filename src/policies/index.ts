export type { ExecutionProfile } from './execution-profile.ts'
export {
  type BalancingState,
  type LoadBalancingPolicy,
  type RoutingInfo,
  TokenAwarePolicy,
} from './load-balancing.ts'
export {
  ExponentialReconnectionPolicy,
  type ExponentialReconnectionOptions,
  guardReconnection,
} from './reconnection.ts'
export {
  attemptCountMax,
  defaultRetryPolicy,
  downgradingConsistencyRetryPolicy,
  fallthroughRetryPolicy,
  policyAttemptCountMax,
} from './retry.ts'
export {
  constantSpeculativeExecution,
  type ConstantSpeculativeExecutionOptions,
  noSpeculativeExecution,
  stalledAttemptPolicy,
} from './speculative-execution.ts'
export {
  MonotonicTimestampGenerator,
  sharedTimestampGenerator,
  type TimestampGenerator,
} from './timestamp-generator.ts'
