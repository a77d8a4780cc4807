export { Backoff, type BackoffOptions } from './backoff.ts'
export {
  checkInteger,
  checkOneOf,
  checkOptions,
  checkSerialLevel,
  timeoutMsMax,
} from './option-checks.ts'
export { toBigInt, toDate } from './column-values.ts'
export { depthMax, PlainDataWalker } from './plain-data-walker.ts'
export { toJsonText } from './json-text.ts'
export { KeyedQueue } from './keyed-queue.ts'
export { LruMap } from './lru-map.ts'
export { asyncRows, type AsyncRows } from './rows.ts'
export { PreparedStatementRunner } from './prepared-statement-runner.ts'
export {
  checkTableName,
  checkTtl,
  createTables,
  gcGraceOption,
  tableText,
  ttlSecondsMaxAt,
} from './tables.ts'
export { LwtRetry } from './lwt-retry.ts'
