import type { Consistency, SerialConsistency } from '../errors/index.ts'
import type { RawValue } from '../protocol/index.ts'
import type { Clock, Runtime } from '../util/index.ts'
import type { PreparedPlan } from './analyze/prepared-plan.ts'
import type { AnswerLimits, AnswerMemory } from './answer-memory.ts'
import type { TableSchema } from './catalog/table-schema.ts'
import type { BatchLimits } from './execute/batch-limits.ts'
import type { RowReader } from './rows/index.ts'
import type { KvStore } from './storage/index.ts'

export interface EngineOptions {
  readonly storage: KvStore
  /** Clock, randomness and scheduling. Default: those of the process. */
  readonly runtime?: Runtime
  /** Replaces the clock of the runtime. */
  readonly clock?: Clock | undefined
  /** The data centers that keyspaces may be replicated to. Default: `datacenter1`. */
  readonly dataCenters?: (() => readonly string[]) | undefined
  /** Limits of batches on several partitions. Default: those of Cassandra. */
  readonly batchLimits?: Partial<BatchLimits> | undefined
  /** Memory that the answers to clients may take. */
  readonly answerLimits?: Partial<AnswerLimits> | undefined
}

/** Options of one execution. */
export interface EngineExecuteOptions {
  readonly consistency?: Consistency | undefined
  readonly serialConsistency?: SerialConsistency | undefined
  /** Rows per page; 0 or `undefined` disables paging. */
  readonly pageSize?: number | undefined
  readonly pagingState?: Uint8Array | undefined
  /** Default write timestamp in microseconds. Default: the clock of the engine. */
  readonly timestamp?: bigint | undefined
  readonly signal?: AbortSignal | undefined
  /** Counts the bytes of the answers to the client that asks. Default: those of the process. */
  readonly memory?: AnswerMemory | undefined
  /** Source of the tables of the node that executes the statement. */
  readonly tableSource?: TableSource | undefined
}

/** A statement of a BATCH request with its values. */
export interface EngineBatchEntry {
  readonly prepared: PreparedPlan
  readonly values: readonly RawValue[]
}

/** Source of the rows of tables that are not in the engine's store: those of the node itself. */
export interface TableSource {
  /** Returns the current rows; `undefined` for a table of another source. */
  rowsOf(table: TableSchema): RowReader | undefined
}
