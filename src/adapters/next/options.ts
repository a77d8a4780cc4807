import { ConfigError, type ContactPoint, type Executor, type SessionOptions } from '../../index.ts'
import type { NextCacheFailure } from './failures.ts'
import type { NextStoreOptions } from './store.ts'

export interface NextCacheOptions extends NextStoreOptions {
  /** Opens a session when Next.js first uses the cache, one per process. */
  readonly connect?: { readonly nodes: readonly ContactPoint[] } & Partial<SessionOptions>
  /** A session that is open, and stays so. Instead of `connect`. */
  readonly session?: Executor | undefined
  /** Creates what is missing of the tables, once per process. Default `false`. */
  readonly createTables?: boolean | undefined
  /** How long Next.js waits for an entry, in milliseconds. Default 2,000. */
  readonly timeoutMs?: number | undefined
  /**
   * What pages and routes of different builds are kept apart by. Default: the id that `next build`
   * gave the build.
   */
  readonly buildId?: string | undefined
  /**
   * Receives failures, after which Next.js goes on without the cache. Default: a warning of the
   * process for the first failure after a success.
   */
  readonly onError?: ((error: unknown, failure: NextCacheFailure) => void) | undefined
}

/** @throws ConfigError */
export function checkNextOptions(options: NextCacheOptions): void {
  const { connect, session, ttlSeconds, timeoutMs, tagsMaxAgeMs, clockErrorMs } = options
  if ((connect === undefined) === (session === undefined)) {
    throw new ConfigError('The cache of Next.js needs either connect or session')
  }
  checkInteger('ttlSeconds', ttlSeconds, 1, 365 * 86_400)
  checkInteger('timeoutMs', timeoutMs, 1, 3_600_000)
  checkInteger('tagsMaxAgeMs', tagsMaxAgeMs, 0, 60_000)
  checkInteger('clockErrorMs', clockErrorMs, 0, 60_000)
}

function checkInteger(name: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return
  throw new ConfigError(`${name} must be an integer from ${min} to ${max}`)
}
