import { ConfigError, type SerialConsistency } from '../errors/index.ts'

/** Longest delay a timer takes. */
export const timeoutMsMax = 2_147_483_647

/** @returns `value` when it is a whole number of `min` … `max` @throws ConfigError */
export function checkInteger(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new ConfigError(`${name} is a whole number of ${min} … ${max}`)
}

/** @returns `value` when it is one of `allowed` @throws ConfigError */
export function checkOneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value
  throw new ConfigError(`${name} is one of ${allowed.join(', ')}`)
}

const serialLevels: readonly SerialConsistency[] = ['SERIAL', 'LOCAL_SERIAL']

/** @returns the level, LOCAL_SERIAL when there is none @throws ConfigError */
export function checkSerialLevel(level: SerialConsistency = 'LOCAL_SERIAL'): SerialConsistency {
  return checkOneOf('serialConsistency', level, serialLevels)
}

/** Every name of options `T`, so that one that is added cannot be forgotten here. */
export type OptionNames<T> = { readonly [Name in keyof Required<T>]: true }

/**
 * An option that is misspelled would silently count as left out.
 *
 * @param what whose options they are
 * @returns `options` when it is an object that has no others than `names` @throws ConfigError
 */
export function checkOptions<T extends object>(what: string, options: T, names: OptionNames<T>): T {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigError(`The options of ${what} are an object`)
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue
    const known = Object.keys(names).join(', ')
    throw new ConfigError(`${what} has no option ${JSON.stringify(name)}, it has ${known}`)
  }
  return options
}
