import { ValueError } from '../errors/index.ts'

const inspectCustom: unique symbol = Symbol.for('nodejs.util.inspect.custom')
const decimalText = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,10}))?$/
const scaleMin = -(2 ** 31)
const scaleMax = 2 ** 31 - 1

/** An exact decimal: `unscaled × 10^−scale`. Immutable. `1.0` and `1.00` differ in scale only. */
export class Decimal {
  readonly unscaled: bigint
  readonly scale: number

  /** @throws ValueError unless `scale` is a 32-bit integer */
  constructor(unscaled: bigint, scale: number) {
    if (!Number.isInteger(scale) || scale < scaleMin || scale > scaleMax) {
      throw new ValueError('The scale of a decimal is a 32-bit integer')
    }
    this.unscaled = unscaled
    this.scale = scale
  }

  /** @throws ValueError unless `text` is a decimal number, with or without exponent */
  static parse(text: string): Decimal {
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
    if (!Number.isFinite(value)) throw new ValueError('A decimal is finite')
    return Decimal.parse(String(value))
  }

  /** The nearest double. */
  toNumber(): number {
    return Number(this.toString())
  }

  /** Whether both are the same number, whatever their scales. */
  equals(other: Decimal): boolean {
    const a = this.#stripped()
    const b = other.#stripped()
    return a.unscaled === b.unscaled && (a.unscaled === 0n || a.scale === b.scale)
  }

  /** Without the trailing zeros of the unscaled value. */
  #stripped(): { unscaled: bigint; scale: number } {
    if (this.unscaled === 0n) return { unscaled: 0n, scale: 0 }
    const digits = this.unscaled.toString()
    const kept = digits.replace(/0+$/, '')
    return { unscaled: BigInt(kept), scale: this.scale - (digits.length - kept.length) }
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
    Object.defineProperty(this.prototype, inspectCustom, {
      value(this: Decimal) {
        return `Decimal(${this.toString()})`
      },
    })
  }
}
