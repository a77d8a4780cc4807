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
  type ReconnectionPolicy,
} from './reconnection.ts'
export {
  attemptCountMax,
  defaultRetryPolicy,
  type FailedAttempt,
  type RetryDecision,
  type RetryPolicy,
} from './retry.ts'
export {
  type SpeculativeExecutionPolicy,
  stalledAttemptPolicy,
} from './speculative-execution.ts'
export {
  MonotonicTimestampGenerator,
  sharedTimestampGenerator,
  type TimestampGenerator,
} from './timestamp-generator.ts'
