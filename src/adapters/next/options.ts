import { ConfigError, type ContactPoint, type Executor, type SessionOptions } from '../../index.ts'
import { checkOptions, toMilliseconds } from '../../kernel/index.ts'
import type { TimeSpan } from '../../patterns.ts'
import type { NextCacheFailure } from './failures.ts'
import type { NextStoreOptions, NextTimes } from './store.ts'

export interface NextCacheOptions extends NextStoreOptions {
  /** Opens a session when Next.js first uses the cache, one per process. */
  readonly connect?:
    | ({ readonly nodes: readonly ContactPoint[] } & Partial<SessionOptions>)
    | undefined
  /** A session that is open, and stays so. Instead of `connect`. */
  readonly session?: Executor | undefined
  /** Creates what is missing of the tables, once per process. Default `false`. */
  readonly createTables?: boolean | undefined
  /** How long Next.js waits for an entry. Default `'2s'`. */
  readonly timeout?: TimeSpan | undefined
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
export function checkNextOptions(options: NextCacheOptions): NextTimes {
  checkOptions('nextCacheHandler', options, {
    ...{ connect: true, session: true, createTables: true, timeout: true, buildId: true },
    ...{ onError: true, table: true, ttl: true, tagsMaxAge: true, clockError: true },
    ...{ valueBytesMax: true, clock: true },
  })
  const { connect, session } = options
  if ((connect === undefined) === (session === undefined)) {
    throw new ConfigError('The cache of Next.js needs either connect or session')
  }
  const { ttl = '30d', tagsMaxAge = '1s', clockError = '500ms', timeout = '2s' } = options
  return {
    ttlMs: toMilliseconds('ttl', ttl, 1_000, 365 * 86_400_000),
    tagsMaxAgeMs: toMilliseconds('tagsMaxAge', tagsMaxAge, 0, 60_000),
    clockErrorMs: toMilliseconds('clockError', clockError, 0, 60_000),
    timeoutMs: toMilliseconds('timeout', timeout, 1, 3_600_000),
  }
}
