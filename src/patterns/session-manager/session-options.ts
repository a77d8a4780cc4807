import { ConfigError, type SerialConsistency } from '../../errors/index.ts'
import {
  checkOneOf,
  checkOptions,
  checkSerialLevel,
  checkTableName,
  checkTtl,
  timeoutMsMax,
  type TimeSpan,
  toMilliseconds,
  ttlSecondsMaxAt,
} from '../../kernel/index.ts'
import type { Clock, RandomSource, Runtime } from '../../util/index.ts'
import type { SessionData, StandardSchema } from './session-data.ts'
import type { SessionEnd } from './session-events.ts'

export interface SessionManagerOptions<Data extends object = SessionData> {
  /** How long a session lasts after its last use. Default: it does not depend on its use. */
  readonly idle?: TimeSpan | undefined
  /** Longest life of a session. Default `'30d'` with `idle`, else `'1h'`. */
  readonly absolute?: TimeSpan | undefined
  /**
   * As of version 0.1, instead of `idle` and `absolute`: life of a session in seconds, after its
   * creation or, with `expiry: 'sliding'`, after its last use. Default 3,600.
   */
  readonly ttlSeconds?: number | undefined
  /** As of version 0.1: what `ttlSeconds` counts from. Default `fixed`. */
  readonly expiry?: 'fixed' | 'sliding' | undefined
  /** As of version 0.1: longest life of a sliding session, in seconds. Default 30 days. */
  readonly absoluteSeconds?: number | undefined
  /**
   * How long a token that `rotateSession` has replaced still stands for its successor, for requests
   * that were sent before. Default `'30s'`.
   */
  readonly rotateGrace?: TimeSpan | undefined
  /** Checks the data of sessions, synchronously. What it returns is stored. */
  readonly schema?: StandardSchema<Data> | undefined
  /**
   * Called when a session ends by this object, or is first found expired by it; in a microtask of
   * its own, so that what it throws is an uncaught exception.
   */
  readonly onEnd?: ((end: SessionEnd) => void) | undefined
  /** Time for one answer of the database, retries included. Default `'10s'`. */
  readonly timeout?: TimeSpan | undefined
  /**
   * The names of the tables begin with it: `…_state`, `…_users`, `…_by_user`, `…_last_use`, and the
   * table of version 0.1, which has this name. Default `sessions`.
   */
  readonly table?: string | undefined
  /**
   * Where the guarantees hold: per data center, or over all of them. All objects on a table must
   * use the same. Default `LOCAL_SERIAL`.
   */
  readonly serialConsistency?: SerialConsistency | undefined
  /** Default: the clock of the machine. */
  readonly clock?: Clock | undefined
  readonly random?: RandomSource | undefined
}

/** Options with their defaults, checked. */
export interface SessionSettings {
  /** `undefined` when sessions do not end by not being used. */
  readonly idleMs: number | undefined
  readonly absoluteMs: number
  readonly graceMs: number
  readonly timeoutMs: number
  readonly table: string
  readonly serialConsistency: SerialConsistency
  readonly clock: Clock
  readonly random: RandomSource
  readonly onEnd: ((end: SessionEnd) => void) | undefined
}

const graceMsMax = 3_600_000
const longestSuffix = '_last_use'
const lifeMsDefault = 3_600_000
const absoluteMsDefault = 30 * 86_400_000

export function checkSettings<Data extends object>(
  options: SessionManagerOptions<Data>,
  runtime: Runtime,
): SessionSettings {
  checkOptions('SessionManager', options, {
    ...{ idle: true, absolute: true, ttlSeconds: true, expiry: true, absoluteSeconds: true },
    ...{ rotateGrace: true, schema: true, onEnd: true, timeout: true, table: true },
    ...{ serialConsistency: true, clock: true, random: true },
  })
  const { rotateGrace = '30s', timeout = '10s', onEnd } = options
  const clock = options.clock ?? runtime.clock
  if (onEnd !== undefined && typeof onEnd !== 'function') {
    throw new ConfigError('onEnd must be a function')
  }
  return {
    ...lifeOf(options, clock),
    graceMs: toMilliseconds('rotateGrace', rotateGrace, 0, graceMsMax),
    timeoutMs: toMilliseconds('timeout', timeout, 1, timeoutMsMax),
    table: checkTableName(options.table ?? 'sessions', longestSuffix),
    serialConsistency: checkSerialLevel(options.serialConsistency),
    clock,
    random: options.random ?? runtime.random,
    onEnd,
  }
}

function lifeOf<Data extends object>(
  options: SessionManagerOptions<Data>,
  clock: Clock,
): Pick<SessionSettings, 'idleMs' | 'absoluteMs'> {
  const { idle, absolute, ttlSeconds, expiry, absoluteSeconds } = options
  if (idle === undefined && absolute === undefined) {
    const isSliding = checkOneOf('expiry', expiry ?? 'fixed', ['fixed', 'sliding']) === 'sliding'
    const lifeMs = checkTtl('ttlSeconds', ttlSeconds ?? lifeMsDefault / 1_000, clock) * 1_000
    if (!isSliding) return { idleMs: undefined, absoluteMs: lifeMs }
    const seconds = absoluteSeconds ?? absoluteMsDefault / 1_000
    return { idleMs: lifeMs, absoluteMs: checkTtl('absoluteSeconds', seconds, clock) * 1_000 }
  }
  if (ttlSeconds !== undefined || expiry !== undefined || absoluteSeconds !== undefined) {
    throw new ConfigError(
      'Either idle and absolute say how long sessions last, or ttlSeconds, expiry and absoluteSeconds do, not both',
    )
  }
  // Servers store no expiration after 2038-01-19.
  const max = Math.max(1_000, ttlSecondsMaxAt(clock) * 1_000)
  return {
    idleMs: idle === undefined ? undefined : toMilliseconds('idle', idle, 1_000, max),
    absoluteMs: toMilliseconds(
      'absolute',
      absolute === undefined ? absoluteMsDefault : absolute,
      1_000,
      max,
    ),
  }
}
