export {
  ExponentialReconnectionPolicy,
  type ExponentialReconnectionOptions,
  type ReconnectionPolicy,
} from './reconnection.ts'
export { attemptCountMax, decideRetry, type FailedAttempt, type RetryDecision } from './retry.ts'
export {
  MonotonicTimestampGenerator,
  sharedTimestampGenerator,
  type TimestampGenerator,
} from './timestamp-generator.ts'
