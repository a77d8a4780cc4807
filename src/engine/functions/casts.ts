import { decodeValue, encodeValue } from '../../codec/index.ts'
import { type CqlType, cqlTypeText, Decimal, TimeUuid } from '../../types/index.ts'
import { invalid } from '../errors.ts'
import { wholePart } from './decimals.ts'
import type { Cell } from './definitions.ts'
import { int32Of, int64Bytes, textBytes } from '../../values/index.ts'

const integers = ['tinyint', 'smallint', 'int', 'bigint', 'counter', 'varint']
const numbers = [...integers, 'float', 'double', 'decimal']
const others = ['ascii', 'text', 'boolean', 'date', 'time', 'timestamp', 'timeuuid', 'uuid', 'inet']

/** Returns the result type of a CAST (CastFcts). @throws ServerError when it does not exist */
export function castType(from: CqlType, to: CqlType, name: string): CqlType {
  const isSame = from.kind === to.kind && !('element' in from)
  const isNumeric = numbers.includes(from.kind) && numbers.includes(to.kind)
  const isText = to.kind === 'text' || to.kind === 'ascii'
  const isTextual = isText && (numbers.includes(from.kind) || others.includes(from.kind))
  const isTime =
    (from.kind === 'timeuuid' && (to.kind === 'timestamp' || to.kind === 'date')) ||
    (from.kind === 'timestamp' && to.kind === 'date') ||
    (from.kind === 'date' && to.kind === 'timestamp')
  if (to.kind !== 'counter' && (isSame || isNumeric || isTextual || isTime)) return to
  throw invalid(`${name} cannot be cast to ${cqlTypeText(to)}`)
}

const dayMs = 86_400_000

/** Casts a value to a type that `castType` accepted. */
export function castCell(from: CqlType, to: CqlType, cell: Cell): Cell {
  if (cell === null || cell.length === 0 || from.kind === to.kind) return cell
  const value = decodeValue(from, cell, { timestamp: 'bigint' })
  if (to.kind === 'text' || to.kind === 'ascii') return textBytes(textForm(from, value))
  if (numbers.includes(from.kind)) return numberBytes(to, value as number | bigint | Decimal)
  return timeBytes(from, to, cell, value)
}

function textForm(from: CqlType, value: unknown): string {
  if (from.kind === 'timestamp') return new Date(Number(value)).toISOString()
  if (from.kind === 'float' || from.kind === 'double') return javaDouble(value as number)
  return String(value)
}

/** Prints a double as Double.toString of Java does. */
function javaDouble(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return value.toFixed(1)
  const size = Math.abs(value)
  if (value === 0 || !Number.isFinite(value) || (size >= 1e-3 && size < 1e7)) return String(value)
  const [digits, exponent] = value.toExponential().split('e') as [string, string]
  return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`
}

function numberBytes(to: CqlType, value: number | bigint | Decimal): Uint8Array {
  if (to.kind === 'float' || to.kind === 'double') {
    return encodeValue(to, Number(value instanceof Decimal ? value.toString() : value))
  }
  if (to.kind === 'decimal') {
    return encodeValue(to, value instanceof Decimal ? value : Decimal.parse(String(value)))
  }
  const whole = wholeOf(value, to.kind !== 'varint')
  if (to.kind === 'varint') return encodeValue(to, whole)
  const bytes = { tinyint: 1, smallint: 2, int: 4 }[to.kind as string] ?? 8
  return int64Bytes(whole).subarray(8 - bytes)
}

function wholeOf(value: number | bigint | Decimal, isWrapped: boolean): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n
  return wholePart(value, isWrapped)
}

function timeBytes(from: CqlType, to: CqlType, cell: Uint8Array, value: unknown): Uint8Array {
  let ms: number
  if (from.kind === 'timestamp') ms = Number(value)
  else if (from.kind === 'date') {
    ms = ((int32Of(cell) >>> 0) - 2 ** 31) * dayMs
  } else ms = new TimeUuid(cell).timestampMs
  if (to.kind === 'timestamp') return int64Bytes(BigInt(ms))
  return int64Bytes(BigInt(Math.floor(ms / dayMs) + 2 ** 31)).subarray(4)
}
