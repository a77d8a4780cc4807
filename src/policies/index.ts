export type { ExecutionProfile } from './execution-profile.ts'
export {
  allowListLoadBalancing,
  singleTargetLoadBalancing,
  type SingleTargetOptions,
} from './node-selection.ts'
export { targetPolicyOf } from './plan-policy.ts'
export {
  ExponentialReconnectionPolicy,
  type ExponentialReconnectionOptions,
  guardReconnection,
} from './reconnection.ts'
export { checkRetryBudget, RetryBudget, type RetryBudgetOptions } from './retry-budget.ts'
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
  percentileSpeculativeExecution,
  type PercentileSpeculativeExecutionOptions,
  stalledAttemptPolicy,
} from './speculative-execution.ts'
export {
  MonotonicTimestampGenerator,
  sharedTimestampGenerator,
  type TimestampGenerator,
} from './timestamp-generator.ts'
export type {
  BalancedNode,
  BalancingState,
  RequestFacts,
  RoutingInfo,
  TargetPolicy,
} from './target-policy.ts'
export {
  tokenAwareLoadBalancing,
  type TokenAwareOptions,
  TokenAwarePolicy,
} from './token-aware.ts'
