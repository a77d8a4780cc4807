import { DecodeError, ProtocolError, ValueError } from '../errors/index.ts'
import type { WireReader, WireWriter } from '../protocol/index.ts'
import { Duration, LocalDate, LocalTime, nativeTypes } from '../types/index.ts'
import { readLongAsNumber } from '../values/index.ts'
import { CellOp, Codec } from './codec.ts'
import { decodeVint, encodeVint } from './vints.ts'

/** Farthest millisecond from the epoch that `Date` can hold. */
const dateMsMax = 8_640_000_000_000_000
const dateBias = 2 ** 31
const nanosecondsPerDay = 86_400_000_000_000

const timestampText =
  /^([+-]?\d{4,7}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)? ?(Z|[+-]\d\d:?\d\d))?$/

/** Milliseconds since the epoch of a text with offset, or of a day in UTC; else the fault. */
function timestampOfText(text: string): number | string {
  const match = timestampText.exec(text)
  if (match === null) {
    return /[T ]\d\d:\d\d/.test(text)
      ? 'a text needs its offset from UTC, as 2024-01-31T12:00:00Z or …+02:00'
      : 'expected a Date, milliseconds or an ISO 8601 text'
  }
  const [, day, hour = '0', minute = '0', second = '0', fraction = '', offset = 'Z'] = match
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) {
    return 'there is no such time of day'
  }
  if (/[1-9]/.test(fraction.slice(3))) return 'a timestamp has milliseconds, not less'
  let days: number
  try {
    days = LocalDate.parse(day!).daysSinceEpoch
  } catch (error) {
    if (error instanceof ValueError) return error.message
    throw error
  }
  const ahead = offsetMinutes(offset)
  if (ahead === undefined) return 'an offset from UTC lies between -18:00 and +18:00'
  const minutes = Number(hour) * 60 + Number(minute) - ahead
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'))
  const instant = days * 86_400_000 + minutes * 60_000 + Number(second) * 1000 + ms
  // Far beyond it a number is not exact to the millisecond, nor would a result hold the instant.
  if (instant > dateMsMax || instant < -dateMsMax) {
    return 'beyond the range of Date, pass milliseconds as a bigint'
  }
  return instant
}

/**
 * `undefined` for offsets that no time zone has; the limits are those of `java.time.ZoneOffset`.
 */
function offsetMinutes(offset: string): number | undefined {
  if (offset === 'Z') return 0
  const digits = offset.replace(':', '')
  const minutesOfHour = Number(digits.slice(3, 5))
  const minutes = Number(digits.slice(1, 3)) * 60 + minutesOfHour
  if (minutesOfHour > 59 || minutes > 18 * 60) return undefined
  return digits.startsWith('-') ? -minutes : minutes
}

/** timestamp: milliseconds since the epoch, eight bytes. */
export class TimestampCodec extends Codec {
  override readonly readOp: CellOp
  override readonly writeOp: CellOp = CellOp.TIMESTAMP
  readonly #form: 'date' | 'bigint'

  constructor(form: 'date' | 'bigint') {
    super(nativeTypes.timestamp)
    this.#form = form
    this.readOp = form === 'date' ? CellOp.TIMESTAMP : CellOp.BIGINT
  }

  write(writer: WireWriter, value: unknown): void {
    if (typeof value === 'bigint') {
      if (BigInt.asIntN(64, value) !== value) throw this.fail(value, 'out of range of 64 bits')
      writer.writeLong(value)
      return
    }
    writer.writeLongOfNumber(this.#msOf(value))
  }

  #msOf(value: unknown): number {
    if (value instanceof Date) return this.msOfDate(value)
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) throw this.fail(value, 'expected whole milliseconds')
      return value
    }
    if (typeof value === 'string') {
      const ms = timestampOfText(value)
      if (typeof ms === 'string') throw this.fail(value, ms)
      return ms
    }
    throw this.fail(value, 'expected a Date, milliseconds or an ISO 8601 text')
  }

  /** @throws EncodeError for an invalid Date */
  msOfDate(date: Date): number {
    const ms = timeOf(date)
    if (Number.isNaN(ms)) throw this.fail(date, 'the Date is invalid')
    return ms
  }

  read(reader: WireReader, at: number, length: number): Date | bigint {
    if (length !== 8) throw this.malformed(length)
    if (this.#form === 'bigint') return reader.view.getBigInt64(at)
    return readDate(reader.view, at)
  }
}

/**
 * Returns the milliseconds of a `Date`; NaN for one that is invalid, for a clone that has the
 * prototype only, and for a class of dates that answers anything but an instant of `Date`.
 */
export function timeOf(date: Date): number {
  try {
    const ms: unknown = date.getTime()
    if (typeof ms !== 'number' || !Number.isInteger(ms)) return Number.NaN
    return ms <= dateMsMax && ms >= -dateMsMax ? ms : Number.NaN
  } catch {
    return Number.NaN
  }
}

/** The `Date` of the eight bytes at `at`. @throws DecodeError where `Date` does not reach */
export function readDate(view: DataView, at: number): Date {
  const ms = readLongAsNumber(view, at)
  if (ms > dateMsMax || ms < -dateMsMax) {
    throw new DecodeError(
      "A timestamp lies outside the range of Date: read it with timestamp: 'bigint'",
    )
  }
  return new Date(ms)
}

/** date: days as an unsigned [int], 2^31 being 1970-01-01. */
export class DateCodec extends Codec {
  constructor() {
    super(nativeTypes.date)
  }

  write(writer: WireWriter, value: unknown): void {
    writer.writeInt(this.#daysOf(value) + dateBias)
  }

  #daysOf(value: unknown): number {
    try {
      if (value instanceof LocalDate) {
        const { daysSinceEpoch: days } = value
        // A clone may have lost its parts.
        return (days | 0) === days ? days : LocalDate.fromDays(days).daysSinceEpoch
      }
      if (typeof value === 'string') return LocalDate.parse(value).daysSinceEpoch
    } catch (error) {
      if (error instanceof ValueError) throw this.fail(value, error.message)
      throw error
    }
    if (value instanceof Date) {
      throw this.fail(value, 'an instant is no day, use LocalDate.fromDate() for its day in UTC')
    }
    throw this.fail(value, 'expected a LocalDate, or a text as YYYY-MM-DD')
  }

  read(reader: WireReader, at: number, length: number): LocalDate {
    if (length !== 4) throw this.malformed(length)
    return LocalDate.fromDays(reader.view.getUint32(at) - dateBias)
  }
}

/** time: nanoseconds since midnight, eight bytes. */
export class TimeCodec extends Codec {
  constructor() {
    super(nativeTypes.time)
  }

  write(writer: WireWriter, value: unknown): void {
    writer.writeLongOfNumber(this.#timeOf(value).nanosecondsOfDay)
  }

  #timeOf(value: unknown): LocalTime {
    try {
      // Made again, since a clone may have lost its parts.
      if (value instanceof LocalTime) return LocalTime.fromNanoseconds(value.nanosecondsOfDay)
      if (typeof value === 'string') return LocalTime.parse(value)
      if (typeof value === 'bigint' || typeof value === 'number') {
        return LocalTime.fromNanoseconds(value)
      }
    } catch (error) {
      if (error instanceof ValueError) throw this.fail(value, error.message)
      throw error
    }
    throw this.fail(value, 'expected a LocalTime, a text as HH:MM:SS or nanoseconds')
  }

  read(reader: WireReader, at: number, length: number): LocalTime {
    if (length !== 8) throw this.malformed(length)
    const nanoseconds = readLongAsNumber(reader.view, at)
    if (nanoseconds < 0 || nanoseconds >= nanosecondsPerDay) {
      throw new ProtocolError('Malformed frame: a time lies outside the day')
    }
    return LocalTime.fromNanoseconds(nanoseconds)
  }
}

/** duration: months, days and nanoseconds as vints (native_protocol_v5.spec §6, duration). */
export class DurationCodec extends Codec {
  constructor() {
    super(nativeTypes.duration)
  }

  write(writer: WireWriter, value: unknown): void {
    const duration = this.#durationOf(value)
    encodeVint(writer, BigInt(duration.months))
    encodeVint(writer, BigInt(duration.days))
    encodeVint(writer, duration.nanoseconds)
  }

  #durationOf(value: unknown): Duration {
    try {
      if (value instanceof Duration) {
        // Made again, since a clone may have lost its parts.
        return new Duration(value.months, value.days, value.nanoseconds)
      }
      if (typeof value === 'string') return Duration.parse(value)
    } catch (error) {
      if (error instanceof ValueError) throw this.fail(value, error.message)
      throw error
    }
    throw this.fail(value, 'expected a Duration or a text as 1mo2d3h')
  }

  read(reader: WireReader, at: number, length: number): Duration {
    const end = at + length
    const before = reader.offset
    reader.offset = at
    const months = decodeVint(reader, end)
    const days = decodeVint(reader, end)
    const nanoseconds = decodeVint(reader, end)
    const isWhole = reader.offset === end
    reader.offset = before
    if (!isWhole) throw this.malformed(length)
    try {
      return new Duration(Number(months), Number(days), nanoseconds)
    } catch (error) {
      if (error instanceof ValueError) throw new ProtocolError(error.message, { cause: error })
      throw error
    }
  }
}
