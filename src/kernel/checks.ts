import { ConfigError } from '../errors/index.ts'

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
