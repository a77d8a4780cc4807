import { ValueError } from '../errors/index.ts'
import { shareAcrossBuilds } from '../util/index.ts'
import { isInt32 } from './value-checks.ts'
import { printByText } from './print-by-text.ts'

const microsecond = 1_000n
const millisecond = 1_000_000n
const second = 1_000_000_000n
const minute = 60n * second
const hour = 60n * minute

type Part = 'months' | 'days' | 'nanoseconds'

/** What a unit of the standard form counts (`1y2mo3w4d5h6m7s8ms9us10ns`). */
const standardUnits: ReadonlyMap<string, readonly [Part, bigint]> = new Map([
  ['y', ['months', 12n]],
  ['mo', ['months', 1n]],
  ['w', ['days', 7n]],
  ['d', ['days', 1n]],
  ['h', ['nanoseconds', hour]],
  ['m', ['nanoseconds', minute]],
  ['s', ['nanoseconds', second]],
  ['ms', ['nanoseconds', millisecond]],
  ['us', ['nanoseconds', microsecond]],
  ['µs', ['nanoseconds', microsecond]],
  ['ns', ['nanoseconds', 1n]],
])
const isoDateUnits: ReadonlyMap<string, readonly [Part, bigint]> = new Map([
  ['y', ['months', 12n]],
  ['m', ['months', 1n]],
  ['w', ['days', 7n]],
  ['d', ['days', 1n]],
])
const isoTimeUnits: ReadonlyMap<string, readonly [Part, bigint]> = new Map([
  ['h', ['nanoseconds', hour]],
  ['m', ['nanoseconds', minute]],
  ['s', ['nanoseconds', second]],
])

/**
 * Months, days and nanoseconds, which cannot be converted into each other: months and days differ
 * in length. All parts have one sign. Immutable.
 */
export class Duration {
  readonly months: number
  readonly days: number
  readonly nanoseconds: bigint

  /** @throws ValueError when a part is out of range or parts differ in sign */
  constructor(months: number, days: number, nanoseconds: bigint) {
    if (!isInt32(months) || !isInt32(days)) {
      throw new ValueError('Months and days of a duration are 32-bit integers')
    }
    if (typeof nanoseconds !== 'bigint' || BigInt.asIntN(64, nanoseconds) !== nanoseconds) {
      throw new ValueError('The nanoseconds of a duration are a 64-bit bigint')
    }
    const isNegative = months < 0 || days < 0 || nanoseconds < 0n
    if (isNegative && (months > 0 || days > 0 || nanoseconds > 0n)) {
      throw new ValueError('The parts of a duration must be all of one sign')
    }
    this.months = months
    this.days = days
    this.nanoseconds = nanoseconds
  }

  /**
   * Reads `1y2mo3w4d5h6m7s8ms9us10ns`, ISO 8601 (`P1Y2M3DT4H5M6S`, `P2W`) and the alternative
   * `P0001-02-03T04:05:06`, each optionally with `-` in front.
   * @throws ValueError on any other text
   */
  static parse(text: string): Duration {
    if (typeof text !== 'string') throw new ValueError('A duration is read from a text')
    const isNegative = text.startsWith('-')
    const body = isNegative ? text.slice(1) : text
    const parts = body.startsWith('P') ? parseIso(body.slice(1)) : parseUnits(body, standardUnits)
    if (parts === undefined) throw new ValueError('Not a duration')
    const sign = isNegative ? -1n : 1n
    return new Duration(
      Number(sign * parts.months),
      Number(sign * parts.days),
      sign * parts.nanoseconds,
    )
  }

  equals(other: Duration): boolean {
    return (
      this.months === other.months &&
      this.days === other.days &&
      this.nanoseconds === other.nanoseconds
    )
  }

  /** The standard form, `0s` for nothing. */
  toString(): string {
    const isNegative = this.months < 0 || this.days < 0 || this.nanoseconds < 0n
    const months = Math.abs(this.months)
    let text = unit(Math.floor(months / 12), 'y') + unit(months % 12, 'mo')
    text += unit(Math.abs(this.days), 'd')
    let rest = isNegative ? -this.nanoseconds : this.nanoseconds
    for (const [size, name] of [
      [hour, 'h'],
      [minute, 'm'],
      [second, 's'],
      [millisecond, 'ms'],
      [microsecond, 'us'],
      [1n, 'ns'],
    ] as const) {
      text += unit(rest / size, name)
      rest %= size
    }
    if (text === '') return '0s'
    return isNegative ? `-${text}` : text
  }

  toJSON(): string {
    return this.toString()
  }

  static {
    shareAcrossBuilds(this, 'Duration')
    printByText(this, 'Duration')
  }
}

type Parts = Record<Part, bigint>

function unit(count: number | bigint, name: string): string {
  return count === 0 || count === 0n ? '' : `${count}${name}`
}

/** Runs of digits and unit, each unit at most once. */
function parseUnits(
  text: string,
  units: ReadonlyMap<string, readonly [Part, bigint]>,
): Parts | undefined {
  const parts: Parts = { months: 0n, days: 0n, nanoseconds: 0n }
  const seen = new Set<string>()
  const item = /([0-9]{1,20})([a-zµ]+)/giy
  while (item.lastIndex < text.length) {
    const match = item.exec(text)
    const name = match?.[2]!.toLowerCase() ?? ''
    const meaning = units.get(name)
    if (match === null || meaning === undefined || seen.has(name)) return undefined
    seen.add(name)
    parts[meaning[0]] += BigInt(match[1]!) * meaning[1]
  }
  return seen.size > 0 ? parts : undefined
}

function parseIso(text: string): Parts | undefined {
  const fixed = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})$/.exec(text)
  if (fixed !== null) {
    const [years, months, days, hours, minutes, seconds] = fixed.slice(1).map(BigInt) as [
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
    ]
    const nanoseconds = hours * hour + minutes * minute + seconds * second
    return { months: years * 12n + months, days, nanoseconds }
  }
  const [date = '', time, ...more] = text.split('T')
  if (more.length > 0 || (date === '' && time === undefined)) return undefined
  const none: Parts = { months: 0n, days: 0n, nanoseconds: 0n }
  const dateParts = date === '' ? none : parseUnits(date, isoDateUnits)
  const timeParts = time === undefined ? none : parseUnits(time, isoTimeUnits)
  if (dateParts === undefined || timeParts === undefined) return undefined
  return { ...dateParts, nanoseconds: timeParts.nanoseconds }
}
