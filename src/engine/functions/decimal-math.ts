import { Decimal } from '../../types/index.ts'
import { invalid } from '../errors.ts'
import { decimalZero } from './decimals.ts'

/*
 * Exponential function and logarithms of decimals, with as many digits as Cassandra computes
 * (MathFcts): 32, or those of the argument when it has more.
 */

const precisionMin = 32
/** Maximum digits of an argument: the work grows with the square of their number. */
const precisionMax = 2_000
/** Largest argument of `exp`; its result has about 43,000 digits. */
const exponentMax = 100_000
/** Digits computed beyond those returned, so that the last one is rounded correctly. */
const guardDigits = 12

const roundedHalfUp = (numerator: bigint, denominator: bigint): bigint => {
  const twice = (numerator % denominator) * 2n
  return numerator / denominator + (twice >= denominator ? 1n : 0n)
}

const digitCount = (value: bigint): number => (value < 0n ? -value : value).toString().length

/** Rounds a decimal half up to `precision` digits. Shorter ones are returned unchanged. */
function roundTo(precision: number, { unscaled, scale }: Decimal): Decimal {
  const excess = digitCount(unscaled) - precision
  if (excess <= 0) return new Decimal(unscaled, scale)
  const sign = unscaled < 0n ? -1n : 1n
  const rounded = roundedHalfUp(unscaled * sign, 10n ** BigInt(excess)) * sign
  // Rounding 99…9 up adds a digit.
  return roundTo(precision, new Decimal(rounded, scale - excess))
}

/** Returns the digits of the result. @throws ServerError when the argument has too many digits */
function precisionOf(name: string, { unscaled }: Decimal): number {
  const precision = Math.max(precisionMin, digitCount(unscaled))
  if (precision > precisionMax) {
    throw invalid(
      `Function system.${name} takes decimals of up to ${precisionMax} digits, not of ${precision}`,
    )
  }
  return precision
}

/** `value · 10^digits`, rounded towards zero. */
function fixedPoint({ unscaled, scale }: Decimal, digits: number): bigint {
  const shift = digits - scale
  if (shift >= 0) return unscaled * 10n ** BigInt(shift)
  return -shift > digitCount(unscaled) ? 0n : unscaled / 10n ** BigInt(-shift)
}

/** 2·artanh(p/q) as a fixed-point number, in which `one` is 1. */
function logarithmOfRatio(p: bigint, q: bigint, one: bigint): bigint {
  const square = q * q
  let term = (one * p) / q
  let sum = 0n
  for (let divisor = 1n; term !== 0n; divisor += 2n) {
    sum += term / divisor
    term = (term * p * p) / square
  }
  return sum * 2n
}

/** ln 10 as a fixed-point number: 10 = 2³ · 5/4, ln 2 = 2·artanh(1/3), ln 5/4 = 2·artanh(1/9). */
function naturalLogOfTen(one: bigint): bigint {
  return 3n * logarithmOfRatio(1n, 3n, one) + logarithmOfRatio(1n, 9n, one)
}

/** e^x of a fixed-point number with |x| < 3, by halving x and squaring the result. */
function exponentialOf(x: bigint, one: bigint): bigint {
  const halvings = 8n
  const small = x >> halvings
  let term = one
  let sum = 0n
  for (let k = 1n; term !== 0n; k++) {
    sum += term
    term = (term * small) / (one * k)
  }
  for (let i = 0n; i < halvings; i++) sum = (sum * sum) / one
  return sum
}

/** e^x. @throws ServerError when x has too many digits or is beyond ±100,000 */
export function exponential(x: Decimal): Decimal {
  if (x.unscaled === 0n) return new Decimal(1n, 0)
  const precision = precisionOf('exp', x)
  const magnitude = digitCount(x.unscaled) - x.scale
  const isSmall = magnitude <= String(exponentMax).length
  if (!isSmall || Math.abs(x.toNumber()) > exponentMax) {
    throw invalid(`Function system.exp takes numbers between -${exponentMax} and ${exponentMax}`)
  }
  // x = n · ln 10 + r, so that e^x = 10^n · e^r.
  const digits = precision + guardDigits + 8
  const one = 10n ** BigInt(digits)
  const fixed = fixedPoint(x, digits)
  const ten = naturalLogOfTen(one)
  const n = fixed / ten
  const value = exponentialOf(fixed - n * ten, one)
  return roundTo(precision, new Decimal(value, digits - Number(n)))
}

/** ln x with `precision` digits, x > 0. */
function logarithmTo(x: Decimal, precision: number): Decimal {
  const size = digitCount(x.unscaled)
  const exponent = size - x.scale
  // The logarithm of a number close to 1 has leading zeros, which cost precision.
  for (let digits = precision + guardDigits + 12; ; digits *= 2) {
    const one = 10n ** BigInt(digits)
    // x = m · 10^exponent with m in [0.1, 1), scaled by powers of two to be close to one.
    let mantissa = fixedPoint(new Decimal(x.unscaled, size), digits)
    let twos = 0n
    let tens = BigInt(exponent)
    if (exponent === 1) {
      mantissa *= 10n
      tens = 0n
    }
    while (mantissa * 3n < one * 2n) {
      mantissa *= 2n
      twos--
    }
    while (mantissa * 3n > one * 4n) {
      mantissa /= 2n
      twos++
    }
    const own = logarithmOfRatio(mantissa - one, mantissa + one, one)
    const two = twos === 0n ? 0n : logarithmOfRatio(1n, 3n, one) * twos
    const ten = tens === 0n ? 0n : naturalLogOfTen(one) * tens
    const value = own + two + ten
    if (digitCount(value) >= precision + guardDigits / 2) {
      return roundTo(precision, new Decimal(value, digits))
    }
  }
}

function isOne({ unscaled, scale }: Decimal): boolean {
  if (scale < 0 || digitCount(unscaled) !== scale + 1) return false
  return unscaled === 10n ** BigInt(scale)
}

function checkPositive({ unscaled }: Decimal, what: string): void {
  if (unscaled <= 0n) throw invalid(`${what} of number zero or less`)
}

/** ln x. @throws ServerError unless x is positive */
export function naturalLogarithm(x: Decimal): Decimal {
  checkPositive(x, 'Natural log')
  const precision = precisionOf('log', x)
  return isOne(x) ? decimalZero : logarithmTo(x, precision)
}

const ten: Decimal = new Decimal(10n, 0)

/** log₁₀ x = ln x / ln 10, each with two extra digits. @throws ServerError unless x > 0 */
export function decimalLogarithm(x: Decimal): Decimal {
  checkPositive(x, 'Log10')
  const precision = precisionOf('log10', x)
  const working = precision + 2
  const divisor = logarithmTo(ten, working)
  const dividend = isOne(x) ? decimalZero : logarithmTo(x, working)
  return roundTo(precision, quotient(dividend, divisor, working))
}

/** BigDecimal.divide(divisor, MathContext): exact quotients get the preferred scale if possible. */
function quotient(dividend: Decimal, divisor: Decimal, precision: number): Decimal {
  const preferred = dividend.scale - divisor.scale
  if (dividend.unscaled === 0n) return new Decimal(0n, preferred)
  const sign = dividend.unscaled < 0n ? -1n : 1n
  const numerator = dividend.unscaled * sign
  const shift = Math.max(0, precision + digitCount(divisor.unscaled) - digitCount(numerator) + 1)
  const scaled = numerator * 10n ** BigInt(shift)
  const isExact = scaled % divisor.unscaled === 0n
  let unscaled = roundedHalfUp(scaled, divisor.unscaled)
  let scale = preferred + shift
  while (isExact && scale > preferred && unscaled % 10n === 0n) {
    unscaled /= 10n
    scale--
  }
  return roundTo(precision, new Decimal(unscaled * sign, scale))
}
