export {
  concurrent,
  type ConcurrentItem,
  type ConcurrentOptions,
  type ConcurrentSource,
} from './concurrent.ts'
export {
  type ConcurrentOutcome,
  type ConcurrentRun,
  type ConcurrentSummary,
} from './concurrent-run.ts'
export { scanTable, type ScanTableOptions } from './scan-table.ts'
export { type ScanProgress, type TableScan } from './table-scan.ts'
