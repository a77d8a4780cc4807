import { type CqlType, type Decimal, nativeTypes } from '../../types/index.ts'
import { decodeValue, encodeValue } from '../../codec/index.ts'
import { invalid } from '../errors.ts'
import {
  addDecimals,
  decimalOfDouble,
  decimalZero,
  divideDecimal,
  subtractDecimals,
} from './decimals.ts'
import type { Cell } from './definitions.ts'
import {
  compareValues,
  doubleBytes,
  floatBytes,
  int64Bytes,
  readVarint,
} from '../../values/index.ts'

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

/** Makes an aggregate over values of a type. @throws ServerError for other types */
export type AggregateFactory = (type: CqlType) => AggregateFunction

class Count implements Aggregate {
  #count = 0n
  add(value: Cell): void {
    if (value !== null) this.#count++
  }
  result(): Cell {
    return int64Bytes(this.#count)
  }
}

class MinMax implements Aggregate {
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
      this.#value = new Uint8Array(value)
    }
  }
  result(): Cell {
    return this.#value
  }
}

/** Sum or average of integers. Types of fixed width wrap around, as in Java. */
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
    this.#sum += readVarint(value)
    this.#count++
  }
  result(): Cell {
    const total = this.#isAverage && this.#count > 0n ? this.#sum / this.#count : this.#sum
    const bytes = integerBytes[this.#type.kind]
    if (bytes === undefined) return encodeValue(this.#type, total)
    return int64Bytes(BigInt.asIntN(bytes * 8, total)).subarray(8 - bytes)
  }
}

/** Sum of floats or doubles, compensated (AggregateFcts.FloatSumAggregate). */
class FloatSum implements Aggregate {
  protected count = 0
  #sum = 0
  #compensation = 0
  #plain = 0
  readonly #bytes: 4 | 8
  constructor(bytes: 4 | 8) {
    this.#bytes = bytes
  }
  add(value: Cell): void {
    if (value === null || value.length === 0) return
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
    this.count++
    this.addNumber(this.#bytes === 4 ? view.getFloat32(0) : view.getFloat64(0))
  }
  protected addNumber(each: number): void {
    this.#plain += each
    const corrected = each - this.#compensation
    const next = this.#sum + corrected
    this.#compensation = next - this.#sum - corrected
    this.#sum = next
  }
  /** The sum without the last compensation. */
  protected get runningSum(): number {
    return this.#sum
  }
  /** With infinities of one sign the compensation is NaN. */
  protected get total(): number {
    const total = this.#sum + this.#compensation
    const isInfinite = Math.abs(this.#plain) === Number.POSITIVE_INFINITY
    return Number.isNaN(total) && isInfinite ? this.#plain : total
  }
  protected get value(): number {
    return this.total
  }
  result(): Cell {
    return this.#bytes === 4 ? floatBytes(this.value) : doubleBytes(this.value)
  }
}

/** Average that switches to decimals when the sum overflows a double (FloatAvgAggregate). */
class FloatAverage extends FloatSum {
  #exact: Decimal | undefined
  protected override addNumber(each: number): void {
    if (this.#exact !== undefined && Number.isFinite(each)) {
      this.#exact = addDecimals(this.#exact, decimalOfDouble(each))
      return
    }
    this.#exact = undefined
    const before = this.runningSum
    super.addNumber(each)
    if (Number.isFinite(this.runningSum) || !Number.isFinite(each)) return
    if (Number.isFinite(before)) {
      this.#exact = addDecimals(decimalOfDouble(before), decimalOfDouble(each))
    }
  }
  protected override get value(): number {
    if (this.count === 0) return 0
    if (this.#exact === undefined) return this.total / this.count
    return Number(divideDecimal(this.#exact, BigInt(this.count)).toString())
  }
}

class DecimalSum implements Aggregate {
  #sum: Decimal = decimalZero
  add(value: Cell): void {
    if (value === null || value.length === 0) return
    this.#sum = addDecimals(this.#sum, decodeValue(nativeTypes.decimal, value) as Decimal)
  }
  result(): Cell {
    return encodeValue(nativeTypes.decimal, this.#sum)
  }
}

/** Running mean, rounded at its scale after each value (avgFunctionForDecimal). */
class DecimalAverage implements Aggregate {
  #mean: Decimal = decimalZero
  #count = 0n
  add(value: Cell): void {
    if (value === null || value.length === 0) return
    const distance = subtractDecimals(
      decodeValue(nativeTypes.decimal, value) as Decimal,
      this.#mean,
    )
    this.#mean = addDecimals(this.#mean, divideDecimal(distance, ++this.#count))
  }
  result(): Cell {
    return encodeValue(nativeTypes.decimal, this.#mean)
  }
}

const sumTypes = [
  ...['double', 'decimal', 'int', 'smallint', 'varint', 'tinyint', 'bigint', 'float', 'counter'],
]

function sumFunction(name: 'sum' | 'avg', type: CqlType): AggregateFunction {
  const isAverage = name === 'avg'
  if (type.kind === 'varint' || integerBytes[type.kind] !== undefined) {
    return { returns: type, create: () => new IntegerSum(type, isAverage) }
  }
  if (type.kind === 'double' || type.kind === 'float') {
    const bytes = type.kind === 'float' ? 4 : 8
    return {
      returns: type,
      create: () => (isAverage ? new FloatAverage(bytes) : new FloatSum(bytes)),
    }
  }
  if (type.kind === 'decimal') {
    return {
      returns: type,
      create: () => (isAverage ? new DecimalAverage() : new DecimalSum()),
    }
  }
  const signatures = sumTypes.map((each) => `system.${name} : (${each}) -> ${each}`).join(', ')
  throw invalid(
    `Invalid call to function ${name}, none of its type signatures match (known type signatures: ${signatures})`,
  )
}

export const countRowsAggregate: AggregateFunction = {
  returns: nativeTypes.bigint,
  create: () => new Count(),
}

/** The native aggregates by name. */
export const nativeAggregates: ReadonlyMap<string, AggregateFactory> = new Map<
  string,
  AggregateFactory
>([
  ['count', () => countRowsAggregate],
  ['min', (type) => ({ returns: type, create: () => new MinMax(type, -1) })],
  ['max', (type) => ({ returns: type, create: () => new MinMax(type, 1) })],
  ['sum', (type) => sumFunction('sum', type)],
  ['avg', (type) => sumFunction('avg', type)],
])
