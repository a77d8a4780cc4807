import { ValueError } from '../errors/index.ts'
import { shareAcrossBuilds } from '../util/index.ts'
import { isInt32, msOfDate } from './value-checks.ts'
import { printByText } from './print-by-text.ts'

const dateText = /^([+-]?[0-9]{4,7})-([0-9]{2})-([0-9]{2})$/
const daysPerEra = 146_097
/** Days from 0000-03-01 to 1970-01-01. */
const epochOffset = 719_468

/**
 * A calendar day of the proleptic Gregorian calendar, without time or zone: −5877641-06-23 to
 * 5881580-07-11, the whole range of the CQL type `date`. Immutable.
 */
export class LocalDate {
  /** Days since 1970-01-01. */
  readonly daysSinceEpoch: number
  readonly year: number
  /** 1 to 12 */
  readonly month: number
  /** 1 to 31 */
  readonly day: number

  /** @throws ValueError outside the range of the type */
  static fromDays(daysSinceEpoch: number): LocalDate {
    return new LocalDate(daysSinceEpoch)
  }

  /** @throws ValueError when there is no such day */
  static of(year: number, month: number, day: number): LocalDate {
    if (![year, month, day].every(Number.isInteger)) {
      throw new ValueError('There is no such day: year, month and day are integers')
    }
    const date = new LocalDate(daysFromCivil(year, month, day))
    if (date.year !== year || date.month !== month || date.day !== day) {
      throw new ValueError('There is no such day in the calendar')
    }
    return date
  }

  /** The day of that instant in UTC. @throws ValueError unless `date` is a valid Date */
  static fromDate(date: Date): LocalDate {
    const ms = msOfDate(date)
    if (Number.isNaN(ms)) throw new ValueError('Not an instant: expected a valid Date')
    return new LocalDate(Math.floor(ms / 86_400_000))
  }

  /** @throws ValueError unless `text` is `YYYY-MM-DD`, the year possibly signed and longer */
  static parse(text: string): LocalDate {
    const match = typeof text === 'string' ? dateText.exec(text) : null
    if (match === null) throw new ValueError('Not a date: expected YYYY-MM-DD')
    return LocalDate.of(Number(match[1]), Number(match[2]), Number(match[3]))
  }

  private constructor(days: number) {
    if (!isInt32(days)) {
      throw new ValueError(
        'A date is a whole number of days, between -5877641-06-23 and +5881580-07-11',
      )
    }
    this.daysSinceEpoch = days
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years start in March.
    const shifted = days + epochOffset
    const era = Math.floor(shifted / daysPerEra)
    const dayOfEra = shifted - era * daysPerEra
    const yearOfEra = Math.floor(
      (dayOfEra -
        Math.floor(dayOfEra / 1460) +
        Math.floor(dayOfEra / 36_524) -
        Math.floor(dayOfEra / 146_096)) /
        365,
    )
    const dayOfYear =
      dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
    const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
    this.day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
    this.month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    this.year = yearOfEra + era * 400 + (this.month <= 2 ? 1 : 0)
  }

  equals(other: LocalDate): boolean {
    return this.daysSinceEpoch === other.daysSinceEpoch
  }

  /** Midnight of the day in UTC; an invalid `Date` where `Date` does not reach. */
  toDate(): Date {
    return new Date(this.daysSinceEpoch * 86_400_000)
  }

  /** `YYYY-MM-DD`; years beyond 9999 with `+`, before 0 with `-`. */
  toString(): string {
    const digits = String(Math.abs(this.year)).padStart(4, '0')
    const sign = this.year < 0 ? '-' : this.year > 9999 ? '+' : ''
    return `${sign}${digits}-${twoDigits(this.month)}-${twoDigits(this.day)}`
  }

  toJSON(): string {
    return this.toString()
  }

  static {
    shareAcrossBuilds(this, 'LocalDate')
    printByText(this, 'LocalDate')
  }
}

function daysFromCivil(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year
  const era = Math.floor(shiftedYear / 400)
  const yearOfEra = shiftedYear - era * 400
  const shiftedMonth = month > 2 ? month - 3 : month + 9
  const dayOfYear = Math.floor((153 * shiftedMonth + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * daysPerEra + dayOfEra - epochOffset
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}
