import { CacheValueError } from '../errors/index.ts'

// A version byte, then JSON. What JSON has no form for is an object with the one key `$`:
// {"$":["date",0]}. A user's object that has a key `$` is wrapped: {"$":["object",{…}]}.

const version = 1
const depthMax = 100

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

function tagged(tag: string, value: Json): Json {
  return { $: [tag, value] }
}

/** @throws CacheValueError when `value` would not come back equal */
export function encodeCacheValue(value: unknown, bytesMax: number): Uint8Array {
  const text = JSON.stringify(toJson(value, 'value', new Set()))
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

function toJson(value: unknown, path: string, parents: Set<object>): Json {
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
      return value === null ? null : objectToJson(value, path, parents)
    default:
      throw new CacheValueError(path, `a ${typeof value} is not data`)
  }
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function objectToJson(value: object, path: string, parents: Set<object>): Json {
  if (parents.has(value)) throw new CacheValueError(path, 'it contains itself')
  if (parents.size === depthMax) throw new CacheValueError(path, `it is nested ${depthMax} deep`)
  parents.add(value)
  try {
    return containerToJson(value, path, parents)
  } finally {
    parents.delete(value)
  }
}

function containerToJson(value: object, path: string, parents: Set<object>): Json {
  if (Array.isArray(value)) return arrayToJson(value, path, parents)
  if (value instanceof Date) return tagged('date', numberText(value.getTime()))
  if (value instanceof Uint8Array) return tagged('bytes', Buffer.from(value).toString('base64'))
  if (value instanceof Map) {
    const pairs = [...value].map(
      ([key, item], i): Json => [
        toJson(key, `${path}.key(${i})`, parents),
        toJson(item, `${path}.value(${i})`, parents),
      ],
    )
    return tagged('map', pairs)
  }
  if (value instanceof Set) {
    return tagged(
      'set',
      [...value].map((item, i) => toJson(item, `${path}.item(${i})`, parents)),
    )
  }
  return recordToJson(value, path, parents)
}

function arrayToJson(value: readonly unknown[], path: string, parents: Set<object>): Json {
  if (Object.keys(value).length !== value.length) {
    throw new CacheValueError(path, 'it is an array with holes or with properties')
  }
  return value.map((item, i) => toJson(item, `${path}[${i}]`, parents))
}

function recordToJson(value: object, path: string, parents: Set<object>): Json {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw new CacheValueError(
      path,
      `a ${value.constructor?.name || 'class instance'} is no plain object`,
    )
  }
  const record: { [key: string]: Json } = Object.create(null)
  for (const key of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key)
    if (typeof key === 'symbol' || property === undefined || !('value' in property)) {
      throw new CacheValueError(path, 'it has symbols or accessors')
    }
    if (property.enumerable) record[key] = toJson(property.value, `${path}.${key}`, parents)
  }
  const isNullPrototype = prototype === null
  if (isNullPrototype) return tagged('null-prototype', record)
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
