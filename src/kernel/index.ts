export { afterChange } from './partly-applied.ts'
export { ActiveMap } from './active-map.ts'
export { Backoff, type BackoffOptions } from './backoff.ts'
export {
  checkExclusive,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkSerialLevel,
  type OptionNames,
  timeoutMsMax,
  timeoutOf,
} from './option-checks.ts'
export { decodeRow, toBigInt, toDate } from './column-values.ts'
export { depthMax, PlainDataWalker } from './plain-data-walker.ts'
export { toJsonText } from './json-text.ts'
export { KeyedQueue } from './keyed-queue.ts'
export { LruMap } from './lru-map.ts'
export { orAborted } from './or-aborted.ts'
export { asyncRows, type AsyncRows } from './rows.ts'
export { PreparedStatementRunner } from './prepared-statement-runner.ts'
export { HybridClock, type HybridClockOptions } from './hybrid-clock.ts'
export {
  type LeaseAnswer,
  type LeaseAsk,
  leaseMachine,
  leaseRows,
  type LeaseState,
  leaseTable,
} from './lease.ts'
export { LwtClient } from './lwt-client.ts'
export type { LwtMachine, LwtStep } from './lwt-machine.ts'
export type { LwtCounters, LwtSettings } from './lwt-register.ts'
export { LwtRetry } from './lwt-retry.ts'
export { LwtTable } from './lwt-table.ts'
export {
  applySteps,
  createTables,
  planTables,
  type SchemaStep,
  type TableOwner,
} from './schema-plan.ts'
export { type TableDefinition, tableText, tableTexts } from './table-definition.ts'
export { checkText, isStorable, storableText } from './text-checks.ts'
export { checkTableName, checkTtl, ttlSecondsMaxAt } from './table-options.ts'
export { type TimeSpan, timeSpanText, toMilliseconds, toSeconds } from './time-span.ts'
export { WaitingCaller } from './waiting-caller.ts'
export { KeyStamps, stampUsMax, WriteStamps } from './write-stamps.ts'
