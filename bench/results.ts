import type { Failure, Measurement } from './driver/client-process.ts'
import type { ProfiledFunction } from './driver/profile-process.ts'

export const rustName = 'scylla (Rust, one thread)'

export interface EngineMeasurement {
  readonly workload: string
  readonly inFlight: number
  readonly perSecond: number
}

export interface Results {
  readonly node: string
  readonly cpu: string
  /** What the responder is written in. */
  readonly responder: string
  readonly onResponder: readonly Measurement[]
  readonly options: readonly Measurement[]
  readonly onThreeNodes: readonly Measurement[]
  readonly onCassandra: readonly Measurement[]
  readonly profile: readonly ProfiledFunction[]
  readonly failures: readonly Failure[]
  readonly engine: readonly EngineMeasurement[]
}
