import { type CqlType, Decimal, nativeTypes } from '../../types/index.ts'
import { decodeValue, encodeValue } from '../../codec/index.ts'
import { compareValues } from '../encode/index.ts'
import { invalid } from '../faults.ts'
import type { Cell } from './definitions.ts'
import { doubleBytes, floatBytes, int64Bytes, integerOf } from './wire.ts'

/** An aggregate over the values of one group. */
export interface Aggregate {
  add(value: Cell): void
  result(): Cell
}

export interface AggregateFunction {
  readonly returns: CqlType
  create(): Aggregate
}

const integerBytes: { readonly [kind: string]: number | undefined } = {
  tinyint: 1,
  smallint: 2,
  int: 4,
  bigint: 8,
  counter: 8,
}

export const aggregateNames: ReadonlySet<string> = new Set(['count', 'min', 'max', 'sum', 'avg'])

class Count implements Aggregate {
  #count = 0n
  add(value: Cell): void {
    if (value !== null) this.#count++
  }
  result(): Cell {
    return int64Bytes(this.#count)
  }
}

class Extreme implements Aggregate {
  #value: Cell = null
  readonly #type: CqlType
  readonly #sign: number
  constructor(type: CqlType, sign: number) {
    this.#type = type
    this.#sign = sign
  }
  add(value: Cell): void {
    if (value === null) return
    if (this.#value === null || compareValues(this.#type, value, this.#value) * this.#sign > 0) {
      this.#value = Uint8Array.from(value)
    }
  }
  result(): Cell {
    return this.#value
  }
}

/** Sum or average of integers; fixed widths wrap around as Java's do. */
class IntegerSum implements Aggregate {
  #sum = 0n
  #count = 0n
  readonly #type: CqlType
  readonly #isAverage: boolean
  constructor(type: CqlType, isAverage: boolean) {
    this.#type = type
    this.#isAverage = isAverage
  }
  add(value: Cell): void {
    if (value === null || value.length === 0) return
    this.#sum += integerOf(value)
    this.#count++
  }
  result(): Cell {
    const total = this.#isAverage && this.#count > 0n ? this.#sum / this.#count : this.#sum
    const bytes = integerBytes[this.#type.kind]
    if (bytes === undefined) return encodeValue(this.#type, total)
    return int64Bytes(BigInt.asIntN(bytes * 8, total)).subarray(8 - bytes)
  }
}

/** Sum or average of floats and doubles, compensated (AggregateFcts.FloatSum). */
class FloatSum implements Aggregate {
  #sum = 0
  #compensation = 0
  #plain = 0
  #count = 0
  readonly #isAverage: boolean
  readonly #bytes: 4 | 8
  constructor(bytes: 4 | 8, isAverage: boolean) {
    this.#bytes = bytes
    this.#isAverage = isAverage
  }
  add(value: Cell): void {
    if (value === null || value.length === 0) return
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
    const each = this.#bytes === 4 ? view.getFloat32(0) : view.getFloat64(0)
    this.#count++
    this.#plain += each
    const corrected = each - this.#compensation
    const next = this.#sum + corrected
    this.#compensation = next - this.#sum - corrected
    this.#sum = next
  }
  result(): Cell {
    const sum = Number.isNaN(this.#sum) ? this.#plain : this.#sum
    const value = this.#isAverage ? (this.#count === 0 ? 0 : sum / this.#count) : sum
    return this.#bytes === 4 ? floatBytes(value) : doubleBytes(value)
  }
}

class DecimalSum implements Aggregate {
  #unscaled = 0n
  #scale = 0
  #count = 0n
  readonly #isAverage: boolean
  constructor(isAverage: boolean) {
    this.#isAverage = isAverage
  }
  add(value: Cell): void {
    if (value === null || value.length === 0) return
    const { unscaled, scale } = decodeValue(nativeTypes.decimal, value) as Decimal
    const common = Math.max(scale, this.#scale)
    this.#unscaled =
      this.#unscaled * 10n ** BigInt(common - this.#scale) +
      unscaled * 10n ** BigInt(common - scale)
    this.#scale = common
    this.#count++
  }
  result(): Cell {
    const unscaled =
      this.#isAverage && this.#count > 0n
        ? divideHalfEven(this.#unscaled, this.#count)
        : this.#unscaled
    return encodeValue(nativeTypes.decimal, new Decimal(unscaled, this.#scale))
  }
}

function divideHalfEven(value: bigint, divisor: bigint): bigint {
  const sign = value < 0n ? -1n : 1n
  const size = value * sign
  const quotient = size / divisor
  const twice = (size % divisor) * 2n
  const isUp = twice > divisor || (twice === divisor && quotient % 2n === 1n)
  return (isUp ? quotient + 1n : quotient) * sign
}

/** The aggregate of that name over values of a type. @throws ServerError when there is none */
export function aggregateFunction(name: string, type: CqlType): AggregateFunction {
  switch (name) {
    case 'count':
      return { returns: nativeTypes.bigint, create: () => new Count() }
    case 'min':
      return { returns: type, create: () => new Extreme(type, -1) }
    case 'max':
      return { returns: type, create: () => new Extreme(type, 1) }
    default:
      return sumFunction(name, type)
  }
}

const sumTypes = [
  ...['double', 'decimal', 'int', 'smallint', 'varint', 'tinyint', 'bigint', 'float', 'counter'],
]

function sumFunction(name: string, type: CqlType): AggregateFunction {
  const isAverage = name === 'avg'
  if (type.kind === 'varint' || integerBytes[type.kind] !== undefined) {
    return { returns: type, create: () => new IntegerSum(type, isAverage) }
  }
  if (type.kind === 'double' || type.kind === 'float') {
    const bytes = type.kind === 'float' ? 4 : 8
    return { returns: type, create: () => new FloatSum(bytes, isAverage) }
  }
  if (type.kind === 'decimal') return { returns: type, create: () => new DecimalSum(isAverage) }
  const signatures = sumTypes.map((each) => `system.${name} : (${each}) -> ${each}`).join(', ')
  throw invalid(
    `Invalid call to function ${name}, none of its type signatures match (known type signatures: ${signatures})`,
  )
}
