import { TsyllaErrorBase } from './tsylla-error.ts'

/** An event stream is not at the version that the caller expected. */
export class ConcurrencyConflictError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_CONCURRENCY_CONFLICT'
  /** The stream. As data of the caller it is in no message, and printing the error omits it. */
  declare readonly streamId: string
  readonly expectedVersion: number
  /** Version the stream has; nothing was appended. */
  readonly actualVersion: number
  constructor(streamId: string, expectedVersion: number, actualVersion: number) {
    super(`The stream is at version ${actualVersion}, expected ${expectedVersion}`)
    this.hide('streamId', streamId)
    this.expectedVersion = expectedVersion
    this.actualVersion = actualVersion
  }
}

/** `create` found a row with that key; it was left as it is. */
export class RowExistsError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_ROW_EXISTS'
  readonly table: string
  constructor(table: string) {
    super(`A row with this key exists in ${table} already`)
    this.table = table
  }
}

/** `update` found no row with that key; none was created. */
export class RowNotFoundError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_ROW_NOT_FOUND'
  readonly table: string
  constructor(table: string) {
    super(`There is no row with this key in ${table}`)
    this.table = table
  }
}

/** A value would not come back from the cache as it went in. Nothing was stored. */
export class CacheValueError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_CACHE_VALUE'
  /**
   * Where in the value, as a path from `value`. As data of the caller it is in no message, and
   * printing the error omits it.
   */
  declare readonly path: string
  constructor(path: string, reason: string) {
    super(
      path === 'value'
        ? `The value cannot be cached: ${reason}`
        : `A part of the value cannot be cached: ${reason} (see the error's \`path\`)`,
    )
    this.hide('path', path)
  }
}

/** `DatabaseManager.session` was asked for before `connect`, or after `close`. */
export class NotConnectedError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_NOT_CONNECTED'
  constructor() {
    super('Database not connected: call connect() first')
  }
}

/** `connect` was called with other arguments than those that are connected. */
export class AlreadyConnectedError extends TsyllaErrorBase {
  readonly code = 'TSYLLA_ALREADY_CONNECTED'
  constructor(name: string) {
    super(
      `Database ${JSON.stringify(name)} is connected with other arguments: close() it first, or use DatabaseManager.named()`,
    )
  }
}
