import { isAscii } from 'node:buffer'
import { encodeValue } from '../../codec/index.ts'
import type { Constant } from '../../cql/index.ts'
import {
  type CqlType,
  Decimal,
  Duration,
  Inet,
  LocalDate,
  LocalTime,
  type NativeTypeName,
  nativeTypes,
  Uuid,
} from '../../types/index.ts'
import { invalid } from '../errors.ts'
import { doubleBytes, floatBytes, int64Bytes, textBytes } from '../../values/index.ts'

export type Fit = 'exact' | 'weak' | 'none'

const weakFits: { readonly [type in Constant['type']]: readonly NativeTypeName[] } = {
  string: ['ascii', 'text', 'inet', 'date', 'time', 'timestamp'],
  integer: [
    'bigint',
    'counter',
    'date',
    'decimal',
    'double',
    'duration',
    'float',
    'int',
    'smallint',
    'time',
    'timestamp',
    'tinyint',
    'varint',
  ],
  uuid: ['uuid', 'timeuuid'],
  float: ['decimal', 'double', 'float'],
  boolean: ['boolean'],
  hex: ['blob'],
  duration: ['duration'],
}

/** Digits of the longest integer that may be a bigint, with its sign. */
const longDigitsMax = 20

/** How well a constant fits a type (Constants.Literal.testAssignment). */
export function constantFit(constant: Constant, type: CqlType): Fit {
  switch (type.kind) {
    case 'list':
    case 'set':
    case 'map':
    case 'udt':
    case 'vector':
    case 'tuple':
      return 'none'
    case 'custom':
      return 'weak'
    default:
      if (type.kind === preferredType(constant)) return 'exact'
      return weakFits[constant.type].includes(type.kind) ? 'weak' : 'none'
  }
}

/** Returns the default type of a constant (Literal.getPreferedTypeFor). */
function preferredType(constant: Constant): NativeTypeName {
  switch (constant.type) {
    case 'string':
      return 'text'
    case 'integer': {
      // Parsing a megabyte of digits takes half a second, and text this long is never a bigint.
      if (constant.text.length > longDigitsMax && !/^-?0/.test(constant.text)) return 'varint'
      const value = BigInt(constant.text)
      if (BigInt.asIntN(32, value) === value) return 'int'
      return BigInt.asIntN(64, value) === value ? 'bigint' : 'varint'
    }
    case 'uuid':
      return constant.text.charAt(14) === '1' ? 'timeuuid' : 'uuid'
    case 'float':
      return 'double'
    case 'boolean':
      return 'boolean'
    case 'hex':
      return 'blob'
    case 'duration':
      return 'duration'
  }
}

/** Returns the first type that a constant fits (Constants.Literal.getCompatibleTypeIfKnown). */
export function compatibleType(constant: Constant): CqlType {
  switch (constant.type) {
    case 'string':
      return isAscii(textBytes(constant.text)) ? nativeTypes.ascii : nativeTypes.text
    default:
      return nativeTypes[preferredType(constant)]
  }
}

/** Encodes a constant that fits its type. @throws ServerError when the value is invalid */
export function constantBytes(constant: Constant, type: CqlType): Uint8Array {
  const { text } = constant
  if (constant.type === 'hex') return hexBytes(text)
  switch (type.kind) {
    case 'ascii':
      return asciiBytes(text)
    case 'text':
      return textBytes(text)
    case 'tinyint':
      return integer(text, 1, 'byte')
    case 'smallint':
      return integer(text, 2, 'short')
    case 'int':
      return integer(text, 4, 'int')
    case 'bigint':
    case 'counter':
      return integer(text, 8, 'long')
    case 'varint':
      return attempt(`unable to make BigInteger from '${excerpt(text)}'`, () =>
        encodeValue(type, text),
      )
    case 'double':
      return doubleBytes(Number(text))
    case 'float':
      return floatBytes(Number(text))
    case 'boolean':
      return new Uint8Array([text === 'true' ? 1 : 0])
    case 'uuid':
    case 'timeuuid':
      return uuidBytes(text, type.kind)
    case 'timestamp':
      return text === '' ? new Uint8Array(0) : int64Bytes(parseTimestamp(text))
    case 'date':
      return dateBytes(text)
    default:
      return parsed(text, type)
  }
}

function parsed(text: string, type: CqlType): Uint8Array {
  switch (type.kind) {
    case 'decimal':
      return attempt(`unable to make BigDecimal from '${excerpt(text)}'`, () => {
        return encodeValue(type, Decimal.parse(text))
      })
    case 'duration':
      checkDurationUnits(text)
      return attempt(`Unable to convert '${text}' to a duration`, () => {
        return encodeValue(type, Duration.parse(text))
      })
    case 'inet':
      return inetBytes(text)
    case 'time':
      return timeBytes(text)
    default:
      throw invalid(`Invalid constant for a value of type ${type.kind}`)
  }
}

/** InetAddressType.fromString: as in Java, IPv4-mapped IPv6 addresses become IPv4 addresses. */
function inetBytes(text: string): Uint8Array {
  if (text === '') return new Uint8Array(0)
  const bytes = attempt(`Unable to make inet address from '${text}'`, () =>
    encodeValue({ kind: 'inet' }, Inet.parse(text)),
  )
  const isMapped =
    bytes.length === 16 &&
    bytes[10] === 0xff &&
    bytes[11] === 0xff &&
    bytes.subarray(0, 10).every((byte) => byte === 0)
  return isMapped ? bytes.slice(12) : bytes
}

const timeForm = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d{1,9})?$/

/** TimeSerializer.timeStringToLong */
function timeBytes(text: string): Uint8Array {
  const type: CqlType = { kind: 'time' }
  if (/^[+-]?\d+$/.test(text)) {
    return attempt(`Unable to make long (for time) from: '${text}'`, () =>
      encodeValue(type, LocalTime.fromNanoseconds(BigInt(text))),
    )
  }
  return attempt(`(TimeType) Unable to coerce '${text}' to a formatted time (long)`, () => {
    const [, hours, minutes, seconds, fraction = ''] = timeForm.exec(text)!
    const parts = [hours, minutes, seconds].map((part) => part!.padStart(2, '0'))
    return encodeValue(type, LocalTime.parse(parts.join(':') + fraction))
  })
}

const durationUnits: { readonly [unit: string]: number | undefined } = {
  y: 0,
  mo: 1,
  w: 2,
  d: 3,
  h: 4,
  m: 5,
  s: 6,
  ms: 7,
  us: 8,
  µs: 8,
  ns: 9,
}
const durationUnitNames = [
  'years',
  'months',
  'weeks',
  'days',
  'hours',
  'minutes',
  'seconds',
  'milliseconds',
  'microseconds',
  'nanoseconds',
]

/** Duration.Builder.validateOrder */
function checkDurationUnits(text: string): void {
  if (/^-?P/i.test(text)) return
  let last = -1
  for (const [, unit] of text.toLowerCase().matchAll(/\d+(y|mo|w|d|h|ms|m|us|µs|ns|s)/g)) {
    const order = durationUnits[unit!]!
    if (order === last) {
      throw invalid(
        `Invalid duration. The ${durationUnitNames[order]} are specified multiple times`,
      )
    }
    if (order < last) {
      throw invalid(
        `Invalid duration. The ${durationUnitNames[last]} should be after ${durationUnitNames[order]}`,
      )
    }
    last = order
  }
}

function attempt(message: string, parse: () => Uint8Array): Uint8Array {
  try {
    return parse()
  } catch {
    throw invalid(message)
  }
}

function asciiBytes(text: string): Uint8Array {
  const bytes = textBytes(text)
  if (bytes.length !== text.length) {
    throw invalid(
      'Invalid ASCII character in string literal: java.nio.charset.UnmappableCharacterException: Input length = 1',
    )
  }
  return bytes
}

function hexBytes(text: string): Uint8Array {
  const digits = text.slice(2)
  if (digits.length % 2 !== 0) {
    throw invalid(`cannot parse '${digits}' as hex bytes`)
  }
  return Buffer.from(digits, 'hex')
}

/** Shortens a constant for an error message. */
function excerpt(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

function integer(text: string, bytes: number, javaName: string): Uint8Array {
  const isShort = text.length <= longDigitsMax || /^-?0/.test(text)
  const value = isShort ? BigInt(text) : undefined
  if (value === undefined || BigInt.asIntN(bytes * 8, value) !== value) {
    throw invalid(`Unable to make ${javaName} from '${excerpt(text)}'`)
  }
  return int64Bytes(value).subarray(8 - bytes)
}

function uuidBytes(text: string, kind: 'uuid' | 'timeuuid'): Uint8Array {
  if (kind === 'timeuuid' && text.charAt(14) !== '1') {
    throw invalid('TimeUUID supports only version 1 UUIDs')
  }
  return Buffer.from(Uuid.parse(text).toString().replaceAll('-', ''), 'hex')
}

/** SimpleDateType: days since the epoch plus 2³¹, or the raw number. */
function dateBytes(text: string): Uint8Array {
  if (/^[+-]?\d+$/.test(text)) {
    const value = BigInt(text)
    if (value >= 0n && value < 1n << 32n) return int64Bytes(value).subarray(4)
    throw invalid(`Unable to make unsigned int (for date) from: '${text}'`)
  }
  return attempt(`Unable to coerce '${text}' to a formatted date (long)`, () =>
    encodeValue({ kind: 'date' }, LocalDate.parse(signedYear(text))),
  )
}

/** Adds the sign that ISO 8601 requires before a year of more than four digits. */
function signedYear(text: string): string {
  return /^\d{5,}-/.test(text) ? '' : text
}

const timestampForm =
  /^([+-]?\d{4,})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?)?\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$/

/**
 * TimestampSerializer.dateStringToTimestamp. Text without a time zone is UTC.
 */
export function parseTimestamp(text: string): bigint {
  if (/^[+-]?\d+$/.test(text)) {
    const ms = BigInt(text)
    if (BigInt.asIntN(64, ms) === ms) return ms
    throw invalid(`Unable to make long (for date) from: '${text}'`)
  }
  if (text.toLowerCase() === 'now') throw invalid(`Unable to parse a date/time from '${text}'`)
  const match = timestampForm.exec(text)
  const ms = match === null ? Number.NaN : timestampOf(match)
  if (Number.isNaN(ms)) throw invalid(`Unable to parse a date/time from '${text}'`)
  return BigInt(ms)
}

function timestampOf(match: RegExpExecArray): number {
  const part = (index: number): number => Number(match[index] ?? 0)
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(part) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return Number.NaN
  if (day < 1 || day > 31) return Number.NaN
  // Java's formatter replaces a day beyond the end of the month by the last day.
  const lastDay = new Date(0)
  lastDay.setUTCFullYear(year, month, 0)
  const millis = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3))
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, Math.min(day, lastDay.getUTCDate()))
  date.setUTCHours(hour, minute, second, millis)
  return date.getTime() - offsetMs(match[8])
}

function offsetMs(zone: string | undefined): number {
  const match = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone ?? '')
  if (match === null) return 0
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0)
  return (match[1] === '-' ? -minutes : minutes) * 60_000
}
