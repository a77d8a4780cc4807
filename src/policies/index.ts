export {
  ExponentialReconnectionPolicy,
  type ExponentialReconnectionOptions,
  type ReconnectionPolicy,
} from './reconnection.ts'
export { attemptCountMax, decideRetry, type FailedAttempt, type RetryDecision } from './retry.ts'
export { MonotonicTimestamps } from './timestamps.ts'
