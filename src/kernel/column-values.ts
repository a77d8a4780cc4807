import { DecodeError, TsyllaError } from '../errors/index.ts'

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

/**
 * Decodes a row of a pattern.
 *
 * @param table as CQL, for the error
 * @throws DecodeError when the row is not one that the pattern has written
 */
export function decodeRow<Row, Value>(
  table: string,
  row: Row,
  decode: (row: Row) => Value | undefined,
): Value {
  let cause: unknown
  try {
    const value = decode(row)
    if (value !== undefined) return value
  } catch (error) {
    if (TsyllaError.is(error)) throw error
    cause = error
  }
  throw new DecodeError(
    `A row of table ${table} cannot be read: another program, or a later version, wrote it. Delete the row, or choose another name with the option table`,
    { cause },
  )
}
