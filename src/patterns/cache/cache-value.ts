import { CacheValueError } from '../../errors/index.ts'
import { depthMax, PlainDataWalker } from '../../kernel/index.ts'
import {
  Decimal,
  Duration,
  EMPTY,
  Inet,
  LocalDate,
  LocalTime,
  TimeUuid,
  Uuid,
} from '../../types/index.ts'
import { exhaustive } from '../../util/index.ts'

// A version byte, then JSON. A value that JSON has no form for is an object with the one key `$`:
// {"$":["date",0]}. A user's object that has a key `$` is wrapped: {"$":["object",{…}]}.
// Encoding and decoding take linear time: large integers are hexadecimal, because the time to write
// or read decimal digits grows faster than their number.

const version = 1

type Json = null | boolean | number | string | Json[] | JsonObject
interface JsonObject {
  [key: string]: Json
}

/** A decimal integer of more digits is not read: hexadecimal takes its place. */
const decimalDigitsMax = 1_000
const smallBigIntBits = 64

function tagged(tag: string, value: Json): Json {
  return { $: [tag, value] }
}

/** Makes the error for a part of a value that cannot be encoded. */
type ToValueError = (path: string, reason: string) => Error

const toCacheValueError: ToValueError = (path, reason) => new CacheValueError(path, reason)

/**
 * Encodes a value so that decoding restores an equal one: of the same classes and with the same
 * contents. A row of a result comes back as a plain object of its columns. Not kept: that two parts
 * are the same object, or that an object is frozen.
 *
 * @param toError makes the error for a part that is refused, by its path from `value`
 * @throws CacheValueError when decoding would not restore `value`
 */
export function encodeCacheValue(
  value: unknown,
  bytesMax: number,
  toError: ToValueError = toCacheValueError,
): Uint8Array {
  const walker = new PlainDataWalker('value', toError)
  const text = JSON.stringify(toJson(value, walker))
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(text))
  if (bytes.length > bytesMax) {
    throw toError('value', `it takes ${bytes.length} bytes, at most ${bytesMax}`)
  }
  bytes[0] = version
  bytes.write(text, 1)
  return bytes
}

/** The value, or `undefined` when the bytes are not an encoded value. */
export function decodeCacheValue(bytes: Uint8Array): { readonly value: unknown } | undefined {
  if (bytes[0] !== version) return undefined
  try {
    const { buffer, byteOffset, length } = bytes
    const text = Buffer.from(buffer, byteOffset + 1, length - 1).toString()
    const json = JSON.parse(text) as Json
    if (text.includes('"$"')) return { value: restored(json, 0) }
    // Most values are JSON as they are.
    if (hasManyParts(text)) checkDepth(json, 0)
    return { value: json }
  } catch {
    return undefined
  }
}

/** Whether a decoded value has no parts but lists, records, and what cannot be changed. */
export function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isPlain)
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlain)
}

/** A copy of what is plain: several times faster than decoding it again. */
export function copyOfPlain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copyOfPlain)
  // A key `__proto__` is an own property here, so that this does not set the prototype.
  const copy: { [key: string]: unknown } = { ...value }
  for (const key of Object.keys(copy)) {
    const part = copy[key]
    if (typeof part === 'object' && part !== null) copy[key] = copyOfPlain(part)
  }
  return copy
}

/** Whether a text has so many lists and records that they may be nested too deep. */
function hasManyParts(text: string): boolean {
  // Each level of nesting takes two characters.
  if (text.length <= depthMax * 2) return false
  let count = 0
  for (const open of ['[', '{']) {
    for (let i = text.indexOf(open); i !== -1; i = text.indexOf(open, i + 1)) {
      if (++count > depthMax) return true
    }
  }
  return false
}

/** @throws TypeError when a part is nested deeper than any encoded value, as `restored` does */
function checkDepth(json: Json, depth: number): void {
  if (json === null || typeof json !== 'object') return
  if (depth > depthMax) throw new TypeError('nested too deep')
  if (Array.isArray(json)) {
    for (const part of json) checkDepth(part, depth + 1)
  } else {
    // Records of JSON inherit nothing that is enumerable.
    for (const key in json) checkDepth(json[key]!, depth + 1)
  }
}

function toJson(value: unknown, walker: PlainDataWalker): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : tagged('number', numberText(value))
    case 'bigint':
      return tagged('bigint', bigintText(value))
    case 'undefined':
      return tagged('undefined', null)
    case 'object':
      return value === null ? null : walker.within(value, () => objectToJson(value, walker))
    default:
      return walker.refuse(`a ${typeof value} is not data`)
  }
}

/** Decimal for what fits 64 bits, as version 0.1 wrote it, else hexadecimal. */
function bigintText(value: bigint): string {
  if (BigInt.asIntN(smallBigIntBits, value) === value) return value.toString()
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`
}

function bigintOf(text: string): bigint {
  if (text.startsWith('-0x')) return -BigInt(text.slice(1))
  if (!text.startsWith('0x') && text.length > decimalDigitsMax)
    throw new TypeError('too many digits')
  return BigInt(text)
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function objectToJson(value: object, walker: PlainDataWalker): Json {
  const part = walker.kindOf(value)
  switch (part.kind) {
    case 'array':
      return partsToJson(part.array, walker)
    case 'date':
      return tagged('date', numberText(part.date.getTime()))
    case 'bytes': {
      const { buffer, byteOffset, length } = part.bytes
      const text = Buffer.from(buffer, byteOffset, length).toString('base64')
      return tagged(Buffer.isBuffer(value) ? 'buffer' : 'bytes', text)
    }
    case 'map': {
      const pairs = [...part.map].map((pair, i) =>
        walker.at(`.entry(${i})`, () => partsToJson(pair, walker)),
      )
      return tagged('map', pairs)
    }
    case 'set':
      return tagged('set', partsToJson([...part.set], walker))
    case 'floats': {
      const { buffer, byteOffset, byteLength } = part.floats
      return tagged('float32', Buffer.from(buffer, byteOffset, byteLength).toString('base64'))
    }
    case 'cql':
      return part.name === 'Decimal'
        ? tagged('Decimal', [bigintText(part.value.unscaled), part.value.scale])
        : tagged(part.name, part.value.toString())
    case 'record':
      return recordToJson(value, walker)
    default:
      return exhaustive(part)
  }
}

function partsToJson(parts: readonly unknown[], walker: PlainDataWalker): Json[] {
  return parts.map((part, i) => walker.at(`[${i}]`, () => toJson(part, walker)))
}

function recordToJson(value: object, walker: PlainDataWalker): Json {
  const record: { [key: string]: Json } = Object.create(null)
  for (const [name, part] of walker.entries(value)) {
    record[name] = walker.at(`.${name}`, () => toJson(part, walker))
  }
  if (Object.getPrototypeOf(value) === null) return tagged('null-prototype', record)
  return Object.hasOwn(record, '$') ? tagged('object', record) : record
}

/**
 * The value of JSON that was just parsed, which becomes the value: only tagged parts are replaced.
 *
 * @throws TypeError when the JSON is not an encoded value
 */
function restored(json: Json, depth: number): unknown {
  if (json === null || typeof json !== 'object') return json
  // No value is encoded deeper; deeper JSON would overflow the stack.
  if (depth > depthMax) throw new TypeError('nested too deep')
  if (!Array.isArray(json) && Object.hasOwn(json, '$')) {
    const part = arrayOf(json['$'])
    const read = readers.get(stringOf(part[0]))
    if (read === undefined) throw new TypeError('unknown tag')
    return read(part[1], depth)
  }
  return withRestoredParts(json, depth)
}

/** Restores the parts of an array or a record in their place. */
function withRestoredParts<T extends Json[] | JsonObject>(json: T, depth: number): T {
  if (Array.isArray(json)) {
    const parts: unknown[] = json
    for (let i = 0; i < json.length; i++) {
      const part = json[i]!
      if (part === null || typeof part !== 'object') continue
      const value = restored(part, depth + 1)
      if (value !== part) parts[i] = value
    }
    return json
  }
  const parts: { [key: string]: unknown } = json
  for (const key of Object.keys(json)) {
    const part = parts[key] as Json
    if (part === null || typeof part !== 'object') continue
    const value = restored(part, depth + 1)
    // A key `__proto__` is an own property here, so that this does not set the prototype.
    if (value !== part) parts[key] = value
  }
  return json
}

/** The text of a tagged value: lists and records would be read as something else, or for long. */
function stringOf(json: Json | undefined): string {
  if (typeof json === 'string') return json
  throw new TypeError('not a text')
}

function numberOf(json: Json | undefined): number {
  // Version 0.1 wrote numbers of dates as they are.
  return typeof json === 'number' ? json : Number(stringOf(json))
}

function nullOf(json: Json | undefined): void {
  if (json !== null) throw new TypeError('not null')
}

function base64Of(json: Json | undefined): Buffer {
  return Buffer.from(stringOf(json), 'base64')
}

function arrayOf(json: Json | undefined): Json[] {
  if (Array.isArray(json)) return json
  throw new TypeError('not a list')
}

function recordOf(json: Json | undefined): JsonObject {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json
  throw new TypeError('not a record')
}

function entryOf(json: Json, depth: number): readonly [unknown, unknown] {
  const pair = withRestoredParts(arrayOf(json), depth)
  if (pair.length === 2) return pair as [unknown, unknown]
  throw new TypeError('not an entry')
}

type Reader = (value: Json | undefined, depth: number) => unknown

/** How the value of each tag is read; each throws when it is of another type than is written. */
const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['number', (value) => Number(stringOf(value))],
  ['bigint', (value) => bigintOf(stringOf(value))],
  ['undefined', nullOf],
  ['date', (value) => new Date(numberOf(value))],
  ['bytes', (value) => new Uint8Array(base64Of(value))],
  ['buffer', base64Of],
  ['float32', (value) => new Float32Array(new Uint8Array(base64Of(value)).buffer)],
  ['map', (value, depth) => new Map(arrayOf(value).map((pair) => entryOf(pair, depth)))],
  ['set', (value, depth) => new Set(withRestoredParts(arrayOf(value), depth))],
  ['object', (value, depth) => withRestoredParts(recordOf(value), depth)],
  [
    'null-prototype',
    (value, depth) => Object.setPrototypeOf(withRestoredParts(recordOf(value), depth), null),
  ],
  [
    'Decimal',
    (value) => {
      const [unscaled, scale] = arrayOf(value)
      if (typeof scale !== 'number') throw new TypeError('not a scale')
      return new Decimal(bigintOf(stringOf(unscaled)), scale)
    },
  ],
  ['Duration', (value) => Duration.parse(stringOf(value))],
  ['EmptyValue', (value) => (stringOf(value), EMPTY)],
  ['Inet', (value) => Inet.parse(stringOf(value))],
  ['LocalDate', (value) => LocalDate.parse(stringOf(value))],
  ['LocalTime', (value) => LocalTime.parse(stringOf(value))],
  ['TimeUuid', (value) => TimeUuid.parse(stringOf(value))],
  ['Uuid', (value) => Uuid.parse(stringOf(value))],
])
