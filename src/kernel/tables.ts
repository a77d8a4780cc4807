import { quoteIdentifier } from '../cql/index.ts'
import { ConfigError } from '../errors/index.ts'
import { type Executor, expirationSecondsMax, ttlSecondsMax } from '../types/index.ts'
import type { Clock } from '../util/index.ts'

/** Runs statements one after another: concurrent DDL of one table can give it two ids. */
export async function createTables(
  executor: Executor,
  statements: readonly string[],
): Promise<void> {
  for (const statement of statements) await executor.execute(statement)
}

/** How long nodes keep the writes for a node that is down (`max_hint_window`, cassandra.yaml). */
const hintWindowSeconds = 10_800

/**
 * The `gc_grace_seconds` of a table whose rows all expire: expired rows need not be kept for the
 * default of ten days. A deletion is kept as long as the longest-lived row that it may hide, so
 * that a node that missed the deletion has lost the row too.
 *
 * @param ttlSeconds longest TTL of a row that may be deleted, 0 when none is
 */
export function gcGraceOption(ttlSeconds: number): string {
  return `gc_grace_seconds = ${Math.max(hintWindowSeconds, ttlSeconds)}`
}

/** @returns `name`, of a table with a keyspace or without @throws ConfigError */
export function checkTableName(name: string): string {
  if (!/^([a-z][a-z0-9_]{0,47}\.)?[a-z][a-z0-9_]{0,47}$/.test(name)) {
    throw new ConfigError(
      `A table name is up to 48 lower-case letters, digits and underscores, with a keyspace before a dot or without, not ${JSON.stringify(name)}`,
    )
  }
  return name
}

/** A checked table name as CQL; reserved words are quoted. */
export function tableText(name: string): string {
  return name.split('.').map(quoteIdentifier).join('.')
}

/** The longest TTL that may be written now, in seconds. */
export function ttlSecondsMaxAt(clock: Clock): number {
  return Math.min(ttlSecondsMax, expirationSecondsMax - Math.floor(clock.nowMs() / 1000))
}

/** @returns `seconds` @throws ConfigError unless it is a TTL that may be written now */
export function checkTtl(name: string, seconds: number, clock: Clock): number {
  const max = ttlSecondsMaxAt(clock)
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= max) return seconds
  throw new ConfigError(
    `${name} must be an integer number of seconds from 1 to ${max}: a TTL ends by 2038-01-19, the last expiration that servers store`,
  )
}
