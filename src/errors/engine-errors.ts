import type { Outcome } from './outcome.ts'
import { TsyllaErrorBase } from './tsylla-error.ts'

/** Another process has the engine's directory open; on disk one process owns a path. */
export class EngineLockedError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_ENGINE_LOCKED'
  readonly path: string
  /** Process id of the owner. */
  readonly ownerPid: number
  constructor(path: string, ownerPid: number) {
    super(`${path} is open in process ${ownerPid}: one process owns an engine's directory`)
    this.path = path
    this.ownerPid = ownerPid
  }
}

/** The engine's files cannot be read or written, or are damaged. */
export class StorageError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_ENGINE_STORAGE'
  constructor(message: string, outcome: Outcome = 'unknown', options?: ErrorOptions) {
    super(message, outcome, options)
  }
}
