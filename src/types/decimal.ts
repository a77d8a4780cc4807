import { ValueError } from '../errors/index.ts'
import { shareAcrossBuilds } from '../util/index.ts'
import { isInt32 } from './value-checks.ts'
import { printByText } from './print-by-text.ts'

const decimalText = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,10}))?$/
/** Longest text that is parsed: more digits than the largest number that can be bound has. */
const textLengthMax = 2_621_440

/** An exact decimal: `unscaled × 10^−scale`. Immutable. `1.0` and `1.00` differ in scale only. */
export class Decimal {
  readonly unscaled: bigint
  readonly scale: number

  /** @throws ValueError unless `unscaled` is a bigint and `scale` a 32-bit integer */
  constructor(unscaled: bigint, scale: number) {
    if (typeof unscaled !== 'bigint') {
      throw new ValueError('The unscaled value of a decimal is a bigint')
    }
    if (!isInt32(scale)) throw new ValueError('The scale of a decimal is a 32-bit integer')
    this.unscaled = unscaled
    this.scale = scale
  }

  /** @throws ValueError unless `text` is a decimal number, with or without exponent */
  static parse(text: string): Decimal {
    if (typeof text !== 'string') throw new ValueError('A decimal is read from a text')
    if (text.length > textLengthMax) throw new ValueError('Too many digits for a decimal')
    const match = decimalText.exec(text)
    const whole = match?.[2] ?? ''
    const fraction = match?.[3] ?? ''
    if (match === null || whole.length + fraction.length === 0) {
      throw new ValueError('Not a decimal number')
    }
    const magnitude = BigInt(whole + fraction)
    const unscaled = match[1] === '-' ? -magnitude : magnitude
    return new Decimal(unscaled, fraction.length - Number(match[4] ?? 0))
  }

  /** The shortest decimal that reads back as `value`. @throws ValueError unless it is finite */
  static fromNumber(value: number): Decimal {
    if (!Number.isFinite(value)) throw new ValueError('Not a decimal: expected a finite number')
    return Decimal.parse(String(value))
  }

  /** The nearest double. */
  toNumber(): number {
    return Number(this.toString())
  }

  /** Whether both are the same number, whatever their scales. */
  equals(other: Decimal): boolean {
    const a = stripped(this)
    const b = stripped(other)
    return a.unscaled === b.unscaled && (a.unscaled === 0n || a.scale === b.scale)
  }

  /**
   * Plain notation, or scientific when the scale is negative or the number very small, as
   * `java.math.BigDecimal.toString` does: a huge scale never makes a huge text.
   */
  toString(): string {
    const isNegative = this.unscaled < 0n
    const digits = (isNegative ? -this.unscaled : this.unscaled).toString()
    const sign = isNegative ? '-' : ''
    if (this.scale === 0) return sign + digits
    const exponent = digits.length - 1 - this.scale
    if (this.scale > 0 && exponent >= -6) {
      const padded = digits.padStart(this.scale + 1, '0')
      const point = padded.length - this.scale
      return `${sign}${padded.slice(0, point)}.${padded.slice(point)}`
    }
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    const suffix = exponent === 0 ? '' : `E${exponent > 0 ? '+' : ''}${exponent}`
    return `${sign}${digits[0]!}${fraction}${suffix}`
  }

  toJSON(): string {
    return this.toString()
  }

  static {
    shareAcrossBuilds(this, 'Decimal')
    printByText(this, 'Decimal')
  }
}

/** Without the trailing zeros of the unscaled value. */
function stripped({ unscaled, scale }: Decimal): Pick<Decimal, 'unscaled' | 'scale'> {
  if (unscaled === 0n) return { unscaled, scale: 0 }
  const digits = unscaled.toString()
  const kept = digits.replace(/0+$/, '')
  return { unscaled: BigInt(kept), scale: scale - (digits.length - kept.length) }
}
