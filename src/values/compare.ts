import type { CqlType } from '../types/index.ts'
import { readDecimal, type WireDecimal } from './numbers.ts'
import { splitCollection, splitFields, splitVector, type WireElements } from './split.ts'

/**
 * Compares two values in wire encoding as their type does in Cassandra (AbstractType.compare):
 * negative, zero or positive. Empty values come first.
 */
export function compareValues(type: CqlType, a: Uint8Array, b: Uint8Array): number {
  if (a.length === 0 || b.length === 0) return Math.sign(a.length - b.length)
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'counter':
    case 'timestamp':
      return compareSigned(a, b)
    case 'float':
      return compareDoubles(view(a).getFloat32(0), view(b).getFloat32(0))
    case 'double':
      return compareDoubles(view(a).getFloat64(0), view(b).getFloat64(0))
    case 'boolean':
      return (a[0] === 0 ? 0 : 1) - (b[0] === 0 ? 0 : 1)
    case 'varint':
      return compareVarints(a, b)
    case 'decimal':
      return compareDecimals(readDecimal(a), readDecimal(b))
    case 'uuid':
      return compareUuids(a, b)
    case 'timeuuid':
      return compareTimeFields(a, b) || compareSignedBytes(a, b)
    case 'list':
    case 'set':
      return compareLists(splitCollection(a), splitCollection(b), () => type.element)
    case 'map':
      return compareLists(splitCollection(a), splitCollection(b), (i) =>
        i % 2 === 0 ? type.key : type.value,
      )
    case 'tuple':
      return compareFields(splitFields(a), splitFields(b), (i) => type.elements[i]!)
    case 'udt':
      return compareFields(splitFields(a), splitFields(b), (i) => type.fields[i]!.type)
    case 'vector':
      return compareLists(
        splitVector(a, type.element),
        splitVector(b, type.element),
        () => type.element,
      )
    default:
      return Buffer.compare(a, b)
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Two's complement of equal length: the first byte has the sign. */
function compareSigned(a: Uint8Array, b: Uint8Array): number {
  const first = (a[0]! ^ 0x80) - (b[0]! ^ 0x80)
  return first === 0 ? Buffer.compare(a, b) : first
}

/** Double.compare: −0 before 0, NaN after everything and equal to itself. */
function compareDoubles(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (Object.is(a, b)) return 0
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return Object.is(a, -0) ? -1 : 1
}

/** Integers of any length, minimal or not: by sign, by significant bytes, then byte by byte. */
function compareVarints(a: Uint8Array, b: Uint8Array): number {
  const isNegative = a[0]! >= 0x80
  if (isNegative !== b[0]! >= 0x80) return isNegative ? -1 : 1
  const sign = isNegative ? 0xff : 0
  const startA = significantStart(a, sign)
  const startB = significantStart(b, sign)
  const longer = a.length - startA - (b.length - startB)
  if (longer !== 0) return isNegative ? -longer : longer
  return Buffer.compare(a.subarray(startA), b.subarray(startB))
}

/** Index of the first byte that does more than repeat the sign. */
function significantStart(bytes: Uint8Array, sign: number): number {
  let at = 0
  while (at < bytes.length && bytes[at] === sign) at++
  return at
}

function compareBigInts(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

const digitsPerHexDigit = Math.log10(16)

/**
 * By sign, then by magnitude. Only numbers of nearly the same magnitude are brought to one scale:
 * scales may be far apart, and as many digits as that would be written out.
 */
function compareDecimals(a: WireDecimal, b: WireDecimal): number {
  const signA = compareBigInts(a.unscaled, 0n)
  const signB = compareBigInts(b.unscaled, 0n)
  if (signA !== signB || signA === 0) return signA - signB
  const placesA = placesOf(a)
  const placesB = placesOf(b)
  // Each estimate is off by less than the decimal digits of one hexadecimal digit.
  if (Math.abs(placesA - placesB) > 2 * digitsPerHexDigit) {
    return placesA > placesB ? signA : -signA
  }
  const shift = BigInt(Math.abs(a.scale - b.scale))
  const atScaleA = a.scale < b.scale ? a.unscaled * 10n ** shift : a.unscaled
  const atScaleB = b.scale < a.scale ? b.unscaled * 10n ** shift : b.unscaled
  return compareBigInts(atScaleA, atScaleB)
}

/** About how many digits a number has before its point. */
function placesOf({ unscaled, scale }: WireDecimal): number {
  const magnitude = unscaled < 0n ? -unscaled : unscaled
  return magnitude.toString(16).length * digitsPerHexDigit - scale
}

function compareUuids(a: Uint8Array, b: Uint8Array): number {
  const version = (a[6]! >> 4) - (b[6]! >> 4)
  if (version !== 0) return version
  return (a[6]! >> 4 === 1 && compareTimeFields(a, b)) || compareTails(a, b)
}

function compareTails(a: Uint8Array, b: Uint8Array): number {
  return a[6]! >> 4 === 1 ? Buffer.compare(a.subarray(8), b.subarray(8)) : Buffer.compare(a, b)
}

/** The timestamp of a version 1 UUID lies in it with its fields turned around. */
const timeFieldOrder = [6, 7, 4, 5, 0, 1, 2, 3] as const

function compareTimeFields(a: Uint8Array, b: Uint8Array): number {
  for (const i of timeFieldOrder) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}

/** CASSANDRA-8730: what follows the time is compared as signed bytes. */
function compareSignedBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 8; i < 16; i++) if (a[i] !== b[i]) return (a[i]! ^ 0x80) - (b[i]! ^ 0x80)
  return 0
}

function compareLists(
  a: WireElements,
  b: WireElements,
  typeAt: (index: number) => CqlType,
): number {
  const count = Math.min(a.length, b.length)
  for (let i = 0; i < count; i++) {
    const order = compareNullable(typeAt(i), a[i], b[i])
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** Null comes before every value. */
function compareNullable(
  type: CqlType,
  a: Uint8Array | undefined,
  b: Uint8Array | undefined,
): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined)
  return compareValues(type, a, b)
}

/** TupleType: fields that are missing at the end are null. */
function compareFields(
  a: WireElements,
  b: WireElements,
  typeAt: (index: number) => CqlType,
): number {
  const count = Math.max(a.length, b.length)
  for (let i = 0; i < count; i++) {
    const order = compareNullable(typeAt(i), a[i], b[i])
    if (order !== 0) return order
  }
  return 0
}
