import { Decimal } from '../../types/index.ts'
import { invalid } from '../errors.ts'

/** Maximum digits of a result: two short decimals may be long when brought to one scale. */
const digitsMax = 10_000

export const decimalZero: Decimal = new Decimal(0n, 0)

/** Adds at the larger scale (BigDecimal.add). */
export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale)
  return new Decimal(unscaledAt(a, scale) + unscaledAt(b, scale), scale)
}

export function subtractDecimals(a: Decimal, b: Decimal): Decimal {
  return addDecimals(a, new Decimal(-b.unscaled, b.scale))
}

/** BigDecimal.divide by an integer, at the scale of the dividend, rounding half to even. */
export function divideDecimal({ unscaled, scale }: Decimal, divisor: bigint): Decimal {
  const sign = unscaled < 0n ? -1n : 1n
  const size = unscaled * sign
  const quotient = size / divisor
  const twice = (size % divisor) * 2n
  const isUp = twice > divisor || (twice === divisor && quotient % 2n === 1n)
  return new Decimal((isUp ? quotient + 1n : quotient) * sign, scale)
}

function unscaledAt({ unscaled, scale }: Decimal, wanted: number): bigint {
  return unscaled === 0n ? 0n : unscaled * powerOfTen(wanted - scale)
}

/** @throws ServerError when the power has too many digits */
function powerOfTen(exponent: number, exponentMax = digitsMax): bigint {
  if (exponent > exponentMax) {
    throw invalid(`Decimals that differ by more than ${exponentMax} digits are not computed with`)
  }
  return 10n ** BigInt(exponent)
}

/**
 * Returns the integer part of a decimal.
 *
 * @param isWrapped whether the caller uses only the lowest 64 bits
 */
export function wholePart(
  { unscaled, scale }: Decimal,
  isWrapped: boolean,
  zerosMax: number = digitsMax,
): bigint {
  if (scale <= 0) {
    // 10^64 and beyond are multiples of 2^64.
    return isWrapped && scale <= -64 ? 0n : unscaled * powerOfTen(-scale, zerosMax)
  }
  // One hexadecimal digit holds a little more than 1.2 decimal digits.
  const digitsAtMost = unscaled.toString(16).length * 1.21 + 1
  return scale > digitsAtMost ? 0n : unscaled / 10n ** BigInt(scale)
}

/** BigDecimal.setScale(0, HALF_UP). */
export function roundedToWhole(value: Decimal): Decimal {
  const { unscaled, scale } = value
  if (scale <= 0) return new Decimal(wholePart(value, false), 0)
  const sign = unscaled < 0n ? -1n : 1n
  const tenths = wholePart(new Decimal(unscaled * sign, scale - 1), false)
  return new Decimal(((tenths + 5n) / 10n) * sign, 0)
}

/** BigDecimal.valueOf(double): the digits that Java prints, at least one after the point. */
export function decimalOfDouble(value: number): Decimal {
  const size = Math.abs(value)
  if (value === 0 || (size >= 1e-3 && size < 1e7)) {
    const text = String(value)
    return Decimal.parse(text.includes('.') ? text : `${text}.0`)
  }
  const text = value.toExponential()
  return Decimal.parse(text.includes('.') ? text : text.replace('e', '.0e'))
}
