import { DecodeError } from '../errors/index.ts'

// Options of a session (`int64`, `timestampValues`) change how columns are read. Patterns work on
// any session, so they convert the columns that they compute with or return.

/** A bigint or counter column as a bigint, whatever `int64` of the session is. */
export function toBigInt(value: bigint | number | string): bigint {
  return BigInt(value)
}

/**
 * A timestamp column as a date, whatever `timestampValues` of the session is.
 *
 * @throws DecodeError when it is outside the range of Date
 */
export function toDate(value: Date | bigint): Date {
  if (typeof value !== 'bigint') return value
  const date = new Date(Number(value))
  if (Number.isNaN(date.getTime())) throw new DecodeError('A timestamp is out of the range of Date')
  return date
}
