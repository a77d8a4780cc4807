import { decodeValue, encodeValue } from '../../codec/index.ts'
import { type CqlType, Decimal, nativeTypes } from '../../types/index.ts'
import { decimalLogarithm, exponential, naturalLogarithm } from './decimal-math.ts'
import { roundedToWhole, wholePart } from './decimals.ts'
import { type Cell, define, type ScalarFunction } from './definitions.ts'

type FixedKind = 'tinyint' | 'smallint' | 'int' | 'bigint' | 'counter'

/** Implementations of a function of MathFcts for the three kinds of numbers. */
interface NumberFunction {
  readonly name: string
  integer(value: bigint, kind: FixedKind | 'varint'): bigint
  double(value: number): number
  /** For float, when it differs from `double`. */
  float?(value: number): number
  decimal(value: Decimal): Decimal
}

const fixedBits: { readonly [kind in FixedKind]: number } = {
  tinyint: 8,
  smallint: 16,
  int: 32,
  bigint: 64,
  counter: 64,
}
const int64Max: number = 2 ** 63

/** Casts a double to an integer as Java does: to long, or to int and then to a shorter type. */
function castDouble(value: number, kind: FixedKind): bigint {
  if (Number.isNaN(value)) return 0n
  if (kind === 'bigint' || kind === 'counter') {
    if (value >= int64Max) return 2n ** 63n - 1n
    return value <= -int64Max ? -(2n ** 63n) : BigInt(Math.trunc(value))
  }
  return BigInt(Math.trunc(Math.min(Math.max(value, -(2 ** 31)), 2 ** 31 - 1)))
}

/** A function that is computed with doubles, or with decimals where doubles are not enough. */
function transcendental(
  name: string,
  double: (value: number) => number,
  decimal: (value: Decimal) => Decimal,
): NumberFunction {
  return {
    name,
    double,
    decimal,
    integer(value, kind) {
      if (kind !== 'varint') return castDouble(double(Number(value)), kind)
      return wholePart(decimal(new Decimal(value, 0)), false, wholeDigitsMax)
    },
  }
}

/** Maximum digits of a result of `exp`. */
const wholeDigitsMax = 50_000

const absolute: NumberFunction = {
  name: 'abs',
  integer: (value) => (value < 0n ? -value : value),
  double: Math.abs,
  decimal: ({ unscaled, scale }) => new Decimal(unscaled < 0n ? -unscaled : unscaled, scale),
}

/** Math.round of Java: rounds half up, saturated at the limits of the integer of that width. */
const rounded: NumberFunction = {
  name: 'round',
  integer: (value) => value,
  double: (value) => Number(castDouble(roundHalfUp(value), 'bigint')),
  float: (value) => Number(castDouble(roundHalfUp(value), 'int')),
  decimal: roundedToWhole,
}

/** `Math.round` without negative zero. */
function roundHalfUp(value: number): number {
  return Math.round(value) + 0
}

const functions: readonly NumberFunction[] = [
  absolute,
  transcendental('exp', Math.exp, exponential),
  transcendental('log', Math.log, naturalLogarithm),
  transcendental('log10', Math.log10, decimalLogarithm),
  rounded,
]

const kinds = [
  ...(['tinyint', 'smallint', 'int', 'bigint', 'float', 'double', 'varint'] as const),
  ...(['decimal', 'counter'] as const),
]

/** MathFcts: every function for every numeric type. The result has the type of the argument. */
export function mathFunctions(): ScalarFunction[] {
  return functions.flatMap((each) =>
    kinds.map((kind) => {
      const type: CqlType = nativeTypes[kind]
      return define(each.name, [type], type, ([cell = null]) => compute(each, type, cell))
    }),
  )
}

function compute(each: NumberFunction, type: CqlType, cell: Cell): Cell {
  if (cell === null || cell.length === 0) return null
  const value = decodeValue(type, cell)
  switch (type.kind) {
    case 'float':
      return encodeValue(type, each.float?.(value as number) ?? each.double(value as number))
    case 'double':
      return encodeValue(type, each.double(value as number))
    case 'decimal':
      return encodeValue(type, each.decimal(value as Decimal))
    case 'varint':
      return encodeValue(type, each.integer(value as bigint, 'varint'))
    default: {
      const kind = type.kind as FixedKind
      const integer = each.integer(BigInt(value as number | bigint), kind)
      const wrapped = BigInt.asIntN(fixedBits[kind], integer)
      return encodeValue(type, wrapped)
    }
  }
}
