import type { CqlType } from '../../types/index.ts'
import { splitCollection, splitFields, splitVector, type WireElements } from './wire-elements.ts'
import { readDecimal, readVarint, type WireDecimal } from './wire-numbers.ts'

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
      return compareBigInts(readVarint(a), readVarint(b))
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

function compareBigInts(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** By sign, then by the place of the first digit: scales may be too far apart to bring together. */
function compareDecimals(a: WireDecimal, b: WireDecimal): number {
  const signA = compareBigInts(a.unscaled, 0n)
  const signB = compareBigInts(b.unscaled, 0n)
  if (signA !== signB || signA === 0) return signA - signB
  const digitsA = digitsOf(a.unscaled)
  const digitsB = digitsOf(b.unscaled)
  const places = digitsA.length - a.scale - (digitsB.length - b.scale)
  if (places !== 0) return places * signA
  const length = Math.max(digitsA.length, digitsB.length)
  const mantissaA = BigInt(digitsA.padEnd(length, '0'))
  const mantissaB = BigInt(digitsB.padEnd(length, '0'))
  return signA > 0 ? compareBigInts(mantissaA, mantissaB) : compareBigInts(mantissaB, mantissaA)
}

function digitsOf(value: bigint): string {
  return (value < 0n ? -value : value).toString()
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
