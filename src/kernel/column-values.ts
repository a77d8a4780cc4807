import { DecodeError } from '../errors/index.ts'

// A session can be told to read int64 and timestamp columns in other forms (`int64`,
// `timestampValues`). Patterns work on any session, so what they compute with or promise to give
// passes through here.

/** A bigint or counter column as a bigint, whatever `int64` of the session is. */
export function toBigInt(value: bigint | number | string): bigint {
  return BigInt(value)
}

/**
 * A timestamp column as a date, whatever `timestampValues` of the session is.
 *
 * @throws DecodeError when no Date is that far away
 */
export function toDate(value: Date | bigint): Date {
  if (typeof value !== 'bigint') return value
  const date = new Date(Number(value))
  if (Number.isNaN(date.getTime())) throw new DecodeError('A timestamp is out of the range of Date')
  return date
}
