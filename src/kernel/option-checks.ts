import { ConfigError, type SerialConsistency } from '../errors/index.ts'
import { didYouMean } from '../util/index.ts'
import { shown, type TimeSpan, toMilliseconds } from './time-span.ts'

/** Longest delay that a timer of Node takes, in milliseconds. */
export const timeoutMsMax = 2_147_483_647

/** @returns `value` @throws ConfigError unless it is an integer from `min` to `max` */
export function checkInteger(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new ConfigError(`${name} must be an integer from ${min} to ${max}, not ${shown(value)}`)
}

/** @returns `value` @throws ConfigError unless it is one of `allowed` */
export function checkOneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value
  throw new ConfigError(`${name} must be one of ${allowed.join(', ')}, not ${shown(value)}`)
}

/** @throws ConfigError when two options that set the same are both there */
export function checkExclusive(options: object, first: string, second: string): void {
  const values = options as { readonly [name: string]: unknown }
  if (values[first] === undefined || values[second] === undefined) return
  throw new ConfigError(`${first} and ${second} set the same: pass one of them`)
}

/** The option `timeout`, or `timeoutMs` of version 0.1, in milliseconds. @throws ConfigError */
export function timeoutOf(
  options: { readonly timeout?: TimeSpan | undefined; readonly timeoutMs?: number | undefined },
  defaultMs: number,
): number {
  checkExclusive(options, 'timeout', 'timeoutMs')
  const { timeout, timeoutMs = defaultMs } = options
  if (timeout !== undefined) return toMilliseconds('timeout', timeout, 1, timeoutMsMax)
  return checkInteger('timeoutMs', timeoutMs, 1, timeoutMsMax)
}

const serialLevels: readonly SerialConsistency[] = ['SERIAL', 'LOCAL_SERIAL']

/** @returns the level, by default LOCAL_SERIAL @throws ConfigError */
export function checkSerialLevel(level: SerialConsistency = 'LOCAL_SERIAL'): SerialConsistency {
  return checkOneOf('serialConsistency', level, serialLevels)
}

/** Every name of the options `T`, so that a new option cannot be forgotten here. */
export type OptionNames<T> = { readonly [Name in keyof Required<T>]: true }

/**
 * Checks the names of options: a misspelt option would silently count as left out.
 *
 * @param what the class or call that takes the options, for the message
 * @param names every option there is
 * @returns `options`
 * @throws ConfigError unless `options` is an object whose names are all in `names`
 */
export function checkOptions<T extends object>(what: string, options: T, names: OptionNames<T>): T {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigError(`The options of ${what} are an object`)
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue
    const known = Object.keys(names)
    throw new ConfigError(
      `${what} has no option ${JSON.stringify(name)}.${didYouMean(name, known)} It has: ${known.join(', ')}`,
    )
  }
  return options
}
