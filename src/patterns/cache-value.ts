import { CacheValueError } from '../errors/index.ts'
import { PlainDataWalker } from '../kernel/index.ts'
import { exhaustive } from '../util/index.ts'

// A version byte, then JSON. What JSON has no form for is an object with the one key `$`:
// {"$":["date",0]}. A user's object that has a key `$` is wrapped: {"$":["object",{…}]}.

const version = 1

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

function tagged(tag: string, value: Json): Json {
  return { $: [tag, value] }
}

/**
 * Equal means: of the same classes and with the same contents. That two parts are one object, or
 * that one is frozen, is not kept.
 *
 * @throws CacheValueError when `value` would not come back equal
 */
export function encodeCacheValue(value: unknown, bytesMax: number): Uint8Array {
  const walker = new PlainDataWalker('value', (path, reason) => new CacheValueError(path, reason))
  const text = JSON.stringify(toJson(value, walker))
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(text))
  if (bytes.length > bytesMax) {
    throw new CacheValueError('value', `it takes ${bytes.length} bytes, at most ${bytesMax}`)
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
    return {
      value: fromJson(JSON.parse(Buffer.from(buffer, byteOffset + 1, length - 1).toString())),
    }
  } catch {
    return undefined
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
      return tagged('bigint', value.toString())
    case 'undefined':
      return tagged('undefined', null)
    case 'object':
      return value === null ? null : walker.within(value, () => objectToJson(value, walker))
    default:
      return walker.refuse(`a ${typeof value} is not data`)
  }
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

function fromJson(json: Json): unknown {
  if (json === null || typeof json !== 'object') return json
  if (Array.isArray(json)) return json.map(fromJson)
  if (!Object.hasOwn(json, '$')) return toRecord(json, Object.prototype)
  const [tag, value] = json['$'] as [string, Json]
  switch (tag) {
    case 'number':
      return Number(value)
    case 'bigint':
      return BigInt(value as string)
    case 'undefined':
      return undefined
    case 'date':
      return new Date(Number(value))
    case 'bytes':
      return new Uint8Array(Buffer.from(value as string, 'base64'))
    case 'buffer':
      return Buffer.from(value as string, 'base64')
    case 'map':
      return new Map(
        (value as [Json, Json][]).map(([key, item]) => [fromJson(key), fromJson(item)]),
      )
    case 'set':
      return new Set((value as Json[]).map(fromJson))
    case 'object':
      return toRecord(value as { [key: string]: Json }, Object.prototype)
    case 'null-prototype':
      return toRecord(value as { [key: string]: Json }, null)
    default:
      throw new TypeError(`unknown tag ${tag}`)
  }
}

/** Defines properties, so that a key `__proto__` stays a key. */
function toRecord(json: { [key: string]: Json }, prototype: object | null): object {
  const record: object = Object.create(prototype)
  for (const [key, value] of Object.entries(json)) {
    Object.defineProperty(record, key, {
      value: fromJson(value),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return record
}
