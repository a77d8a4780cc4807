import { ConfigError } from '../errors/index.ts'
import { expirationSecondsMax, ttlSecondsMax } from '../types/index.ts'
import type { Clock } from '../util/index.ts'

const nameLengthMax = 48

/**
 * @param longestSuffix longest of what follows the name in the names of tables
 * @returns `name`, of a table with a keyspace or without
 * @throws ConfigError
 */
export function checkTableName(name: string, longestSuffix = ''): string {
  if (!/^([a-z][a-z0-9_]{0,47}\.)?[a-z][a-z0-9_]{0,47}$/.test(name)) {
    throw new ConfigError(
      `A table name is up to 48 lower-case letters, digits and underscores, with a keyspace before a dot or without, not ${JSON.stringify(name)}`,
    )
  }
  const lengthMax = nameLengthMax - longestSuffix.length
  if (name.slice(name.indexOf('.') + 1).length > lengthMax) {
    throw new ConfigError(
      `table must have at most ${lengthMax} characters without its keyspace: the names of its tables are longer`,
    )
  }
  return name
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
