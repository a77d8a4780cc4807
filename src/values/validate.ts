import { isAscii, isUtf8 } from 'node:buffer'
import { type CqlType, cqlTypeText, type VectorType } from '../types/index.ts'
import { readInt32 } from './numbers.ts'
import { PartCursor } from './split.ts'
import { allowsEmpty, fixedLength, valueLength } from './type-traits.ts'
import { readLengthVint, readUnsignedVint, unzigzag, vintLength } from './vint.ts'

/** What a serializer of Cassandra says of a value of the wrong length. */
const lengthFaults: { readonly [kind: string]: string | undefined } = {
  bigint: 'Expected 8 or 0 byte long',
  boolean: 'Expected 1 or 0 byte value',
  counter: 'Expected 8 or 0 byte long',
  date: 'Expected 4 byte long for date',
  double: 'Expected 8 or 0 byte value for a double',
  float: 'Expected 4 or 0 byte value for a float',
  int: 'Expected 4 or 0 byte int',
  smallint: 'Expected 2 bytes for a smallint',
  time: 'Expected 8 byte long for time',
  timestamp: 'Expected 8 or 0 byte long for date',
  timeuuid: 'TimeUUID should be 16 or 0 bytes',
  tinyint: 'Expected 1 byte for a tinyint',
  uuid: 'UUID should be 16 or 0 bytes',
}

const nullInCollection = 'Null value read when not allowed'

/**
 * What is wrong with the bytes of a value in the words of TypeSerializer.validate; `undefined` when
 * nothing is. A value without a fault can be split and compared.
 * @param allowsNullElements whether the elements of a list may be null
 */
export function valueFault(
  type: CqlType,
  value: Uint8Array,
  allowsNullElements = false,
): string | undefined {
  const length = valueLength(type)
  if (length !== undefined) return fixedFault(type, value, length)
  switch (type.kind) {
    case 'text':
      return isUtf8(value) ? undefined : "String didn't validate."
    case 'ascii':
      return isAscii(value) ? undefined : 'Invalid byte for ascii'
    case 'inet':
      return [0, 4, 16].includes(value.length)
        ? undefined
        : `Expected 4 or 16 byte inetaddress; got ${value.length}`
    case 'decimal':
      return value.length > 0 && value.length < 4
        ? `Expected 0 or at least 4 bytes (${value.length})`
        : undefined
    case 'duration':
      return durationFault(value)
    case 'list':
    case 'set':
      return collectionFault(type.kind, value, [type.element], allowsNullElements)
    case 'map':
      return collectionFault('map', value, [type.key, type.value], allowsNullElements)
    case 'tuple':
      return fieldsFault(value, type.elements, 'tuple')
    case 'udt':
      return fieldsFault(
        value,
        type.fields.map((field) => field.type),
        'UDT',
      )
    case 'vector':
      return vectorFault(type, value)
    default:
      return undefined
  }
}

function fixedFault(type: CqlType, value: Uint8Array, expected: number): string | undefined {
  const { length } = value
  if (length === 0 && allowsEmpty(type)) return undefined
  if (length !== expected) return `${lengthFaults[type.kind]!} (${length})`
  const version = value[6]! >> 4
  return type.kind === 'timeuuid' && version !== 1
    ? `Invalid version for TimeUUID type: 0x${version.toString(16)}`
    : undefined
}

/** Three vints, of one sign. */
function durationFault(value: Uint8Array): string | undefined {
  if (value.length < 3) return `Expected at least 3 bytes for a duration (${value.length})`
  const parts: bigint[] = []
  for (let at = 0; parts.length < 3; at += vintLength(value[at]!)) {
    if (at >= value.length || at + vintLength(value[at]!) > value.length) {
      return 'Not enough bytes to read a duration'
    }
    parts.push(unzigzag(readUnsignedVint(value, at)))
  }
  const [months, days] = parts
  for (const [name, part] of [
    ['months', months!],
    ['days', days!],
  ] as const) {
    if (BigInt.asIntN(32, part) !== part) {
      return `The duration ${name} must be a 32 bits integer but was: ${part}`
    }
  }
  const isMixed = parts.some((part) => part < 0n) && parts.some((part) => part > 0n)
  return isMixed
    ? `The duration months, days and nanoseconds must be all of the same sign (${parts.join(', ')})`
    : undefined
}

function collectionFault(
  kind: 'list' | 'set' | 'map',
  value: Uint8Array,
  types: readonly CqlType[],
  allowsNulls: boolean,
): string | undefined {
  const cut = `Not enough bytes to read a ${kind}`
  if (value.length < 4) return cut
  const count = readInt32(value, 0)
  if (count < 0) return `The data cannot be deserialized as a ${kind}`
  const cursor = new PartCursor(value, 4)
  for (let i = 0; i < count; i++) {
    for (const type of types) {
      if (!cursor.next()) return cut
      const fault = partFault(type, value, cursor, allowsNulls)
      if (fault !== undefined) return fault
    }
  }
  return cursor.isAtEnd ? undefined : `Unexpected extraneous bytes after ${kind} value`
}

function partFault(
  type: CqlType,
  value: Uint8Array,
  { start, length }: PartCursor,
  allowsNull: boolean,
): string | undefined {
  if (length < 0) return allowsNull ? undefined : nullInCollection
  return valueFault(type, value.subarray(start, start + length))
}

function fieldsFault(
  value: Uint8Array,
  types: readonly CqlType[],
  what: 'tuple' | 'UDT',
): string | undefined {
  const cursor = new PartCursor(value)
  for (const [i, type] of types.entries()) {
    if (cursor.isAtEnd) return undefined
    if (!cursor.next()) {
      const isLengthCut = cursor.at + 4 > value.length
      return `Not enough bytes to read ${isLengthCut ? 'size of ' : ''}${i}th component`
    }
    const { start, length } = cursor
    const fault = length > 0 ? valueFault(type, value.subarray(start, start + length)) : undefined
    if (fault !== undefined) return fault
  }
  return cursor.isAtEnd ? undefined : `Invalid remaining data after end of ${what} value`
}

function vectorFault(type: VectorType, value: Uint8Array): string | undefined {
  if (value.length === 0) return 'Invalid empty vector value'
  const fixed = fixedLength(type.element)
  let at = 0
  for (let i = 0; i < type.dimension; i++) {
    const start = fixed === undefined && at < value.length ? at + vintLength(value[at]!) : at
    const isThere = fixed !== undefined || (at < value.length && start <= value.length)
    const length = fixed ?? (isThere ? readLengthVint(value, at) : 0)
    if (!isThere || length > value.length - start) {
      return `Not enough bytes to read a ${cqlTypeText(type)}`
    }
    const fault = valueFault(type.element, value.subarray(start, start + length))
    if (fault !== undefined) return fault
    at = start + length
  }
  if (at === value.length) return undefined
  return `Unexpected ${value.length - at} extraneous bytes after ${cqlTypeText(type)} value`
}
