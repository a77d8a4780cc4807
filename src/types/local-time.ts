import { ValueError } from '../errors/index.ts'
import { shareAcrossBuilds } from '../util/index.ts'
import { printByText } from './print-by-text.ts'

const timeText = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?$/
const nanosecondsPerDay = 86_400_000_000_000

/** A time of day to the nanosecond, without date or zone. Immutable. */
export class LocalTime {
  /** Nanoseconds since midnight; always a safe integer. */
  readonly nanosecondsOfDay: number

  private constructor(nanosecondsOfDay: number) {
    this.nanosecondsOfDay = nanosecondsOfDay
  }

  /** @throws ValueError outside the day */
  static fromNanoseconds(nanosecondsOfDay: number | bigint): LocalTime {
    const nanoseconds =
      typeof nanosecondsOfDay === 'bigint' ? Number(nanosecondsOfDay) : nanosecondsOfDay
    if (!isBelow(nanoseconds, nanosecondsPerDay)) {
      throw new ValueError('A time of day has 0 to 86399999999999 nanoseconds')
    }
    return new LocalTime(nanoseconds)
  }

  /** @throws ValueError when a part is out of range */
  static of(hour: number, minute: number, second = 0, nanosecond = 0): LocalTime {
    const isValid =
      isBelow(hour, 24) &&
      isBelow(minute, 60) &&
      isBelow(second, 60) &&
      isBelow(nanosecond, 1_000_000_000)
    if (!isValid) throw new ValueError('There is no such time of day')
    return new LocalTime(((hour * 60 + minute) * 60 + second) * 1_000_000_000 + nanosecond)
  }

  /** @throws ValueError unless `text` is `HH:MM`, `HH:MM:SS` or with up to nine decimals */
  static parse(text: string): LocalTime {
    const match = typeof text === 'string' ? timeText.exec(text) : null
    if (match === null) throw new ValueError('Not a time of day: expected HH:MM:SS[.nnnnnnnnn]')
    const nanosecond = Number((match[4] ?? '').padEnd(9, '0'))
    return LocalTime.of(Number(match[1]), Number(match[2]), Number(match[3] ?? 0), nanosecond)
  }

  get hour(): number {
    return Math.floor(this.nanosecondsOfDay / 3_600_000_000_000)
  }
  get minute(): number {
    return Math.floor(this.nanosecondsOfDay / 60_000_000_000) % 60
  }
  get second(): number {
    return Math.floor(this.nanosecondsOfDay / 1_000_000_000) % 60
  }
  get nanosecond(): number {
    return this.nanosecondsOfDay % 1_000_000_000
  }

  equals(other: LocalTime): boolean {
    return this.nanosecondsOfDay === other.nanosecondsOfDay
  }

  /** `HH:MM:SS.nnnnnnnnn`, as Cassandra prints it. */
  toString(): string {
    const parts = [this.hour, this.minute, this.second].map((p) => String(p).padStart(2, '0'))
    return `${parts.join(':')}.${String(this.nanosecond).padStart(9, '0')}`
  }

  toJSON(): string {
    return this.toString()
  }

  static {
    shareAcrossBuilds(this, 'LocalTime')
    printByText(this, 'LocalTime')
  }
}

function isBelow(value: number, limit: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < limit
}
