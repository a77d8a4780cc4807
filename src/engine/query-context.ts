import type { RawValue } from '../protocol/index.ts'
import type { LongReads } from './long-reads.ts'
import type { RowStore } from './rows/index.ts'
import type { CooperativeScheduler } from './storage/index.ts'

/** The services of the engine that execution uses. */
export interface EngineServices {
  readonly rows: RowStore
  readonly longReads: LongReads
  readonly scheduler: CooperativeScheduler
  /** Wall clock in milliseconds. */
  nowMs(): number
  /** Milliseconds that never go backwards, to see how long something takes. */
  monotonicMs(): number
  /** A write timestamp later than every one before, in microseconds, below 2⁵³. */
  nextTimestampMicros(): number
  /** Bytes of a timeuuid later than every one before. */
  nextTimeUuid(): Uint8Array
  randomUuid(): Uint8Array
}

/** The values and the time of one execution. */
export interface QueryContext {
  readonly values: readonly RawValue[]
  readonly services: EngineServices
  /** Milliseconds since the epoch, the same for the whole statement. */
  readonly nowMs: number
  readonly nowSeconds: number
}
