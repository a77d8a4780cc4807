import { ConfigError } from '../errors/index.ts'

/**
 * Milliseconds, or a number with its unit: `'250ms'`, `'30s'`, `'15m'`, `'12h'`, `'7d'`, `'2w'`.
 */
export type TimeSpan = number | `${number}${TimeSpanUnit}`

/** Millisecond, second, minute, hour, day of 24 hours, week. */
export type TimeSpanUnit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w'

const unitMs: { readonly [Unit in TimeSpanUnit]: number } = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

const timeSpanPattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/

/**
 * The whole milliseconds of a time span.
 *
 * @param name of the option, for the error
 * @param min smallest value accepted, in milliseconds
 * @param max largest value accepted, in milliseconds
 * @throws ConfigError unless `span` is a time span within these limits
 */
export function toMilliseconds(name: string, span: TimeSpan, min: number, max: number): number {
  const ms = typeof span === 'string' ? parseTimeSpan(span) : span
  if (Number.isInteger(ms) && ms >= min && ms <= max) return ms
  throw new ConfigError(
    `${name} must be a time span from ${timeSpanText(min)} to ${timeSpanText(max)}: whole milliseconds or a text such as '500ms', '30s', '15m', '12h', '7d', '2w', not ${shown(span)}`,
  )
}

/** The whole seconds of a time span, rounded up: TTLs of CQL have no fractions. */
export function toSeconds(name: string, span: TimeSpan, min: number, max: number): number {
  return Math.ceil(toMilliseconds(name, span, min * 1_000, max * 1_000) / 1_000)
}

/** The shortest text of a time span, for example `15m` for 900,000. */
export function timeSpanText(ms: number): string {
  for (const unit of ['w', 'd', 'h', 'm', 's'] as const) {
    if (ms >= unitMs[unit] && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`
  }
  return `${ms}ms`
}

/** @returns NaN when `text` is none; fractions of a millisecond that `'1.1s'` leaves are rounded */
function parseTimeSpan(text: string): number {
  const match = timeSpanPattern.exec(text)
  if (match === null) return Number.NaN
  return Math.round(Number(match[1]) * unitMs[match[2] as TimeSpanUnit])
}

/** An option's value in a message: numbers and texts, cut short, as they are, else the type. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  const isShort = value === null || ['number', 'boolean', 'undefined'].includes(typeof value)
  return isShort ? String(value) : `a value of type ${typeof value}`
}
