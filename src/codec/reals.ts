import { ValueError } from '../errors/index.ts'
import type { WireReader, WireWriter } from '../protocol/index.ts'
import { Decimal, nativeTypes } from '../types/index.ts'
import { CellOp, Codec } from './codec.ts'
import { decodeVarint, encodeVarint, varintTooLong } from './integers.ts'

// No two parts may share digits: a long text with a fault would be tried in every division of them.
const realDigits = /^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$/
const realWord = /^(NaN|[+-]?Infinity)$/

abstract class RealCodec extends Codec {
  /** The number of the type that is nearest. */
  protected abstract nearest(real: number): number

  /**
   * Converts a text or a bigint to a number. A text is rounded as a number is, since hardly
   * any decimal fraction is exact. A bigint is never rounded: a caller that passes one wants it
   * exact.
   */
  protected realOf(value: unknown): number {
    if (typeof value === 'string') {
      if (realWord.test(value)) return Number(value)
      if (realDigits.test(value)) return this.finite(Number(value), value)
    }
    if (typeof value !== 'bigint') throw this.fail(value, 'expected a number')
    const real = this.nearest(this.finite(Number(value), value))
    if (BigInt(real) === value) return real
    const kind = this.type.kind
    throw this.fail(value, `no ${kind} is exactly that bigint, pass a number to have it rounded`)
  }

  /** `real`, unless it is infinite only because the type does not reach as far. */
  protected finite(real: number, value: unknown): number {
    if (Number.isFinite(this.nearest(real))) return real
    throw this.fail(value, `out of range of a ${this.type.kind}`)
  }
}

/** double: IEEE 754, eight bytes. */
export class DoubleCodec extends RealCodec {
  override readonly readOp: CellOp = CellOp.DOUBLE
  override readonly writeOp: CellOp = CellOp.DOUBLE

  constructor() {
    super(nativeTypes.double)
  }

  write(writer: WireWriter, value: unknown): void {
    const real = typeof value === 'number' ? value : this.realOf(value)
    writer.reserve(8)
    writer.view.setFloat64(writer.offset, real)
    writer.offset += 8
  }

  protected nearest(real: number): number {
    return real
  }

  read(reader: WireReader, at: number, length: number): number {
    if (length !== 8) throw this.malformed(length)
    return reader.view.getFloat64(at)
  }
}

/** float: IEEE 754, four bytes; numbers are rounded to the nearest. */
export class FloatCodec extends RealCodec {
  override readonly readOp: CellOp = CellOp.FLOAT

  constructor() {
    super(nativeTypes.float)
  }

  write(writer: WireWriter, value: unknown): void {
    const real = typeof value === 'number' ? value : this.realOf(value)
    if (Number.isFinite(real)) this.finite(real, value)
    writer.reserve(4)
    writer.view.setFloat32(writer.offset, real)
    writer.offset += 4
  }

  protected nearest(real: number): number {
    return Math.fround(real)
  }

  read(reader: WireReader, at: number, length: number): number {
    if (length !== 4) throw this.malformed(length)
    return reader.view.getFloat32(at)
  }
}

/** decimal: scale as [int], then the unscaled value as varint. */
export class DecimalCodec extends Codec {
  constructor() {
    super(nativeTypes.decimal)
  }

  write(writer: WireWriter, value: unknown): void {
    const decimal = this.#decimalOf(value)
    writer.writeInt(decimal.scale)
    if (!encodeVarint(writer, decimal.unscaled)) throw this.fail(value, varintTooLong)
  }

  #decimalOf(value: unknown): Decimal {
    if (typeof value === 'bigint') return new Decimal(value, 0)
    try {
      // Made again, since a clone may have lost its parts.
      if (value instanceof Decimal) return new Decimal(value.unscaled, value.scale)
      if (typeof value === 'number') return Decimal.fromNumber(value)
      if (typeof value === 'string') return Decimal.parse(value)
    } catch (error) {
      if (error instanceof ValueError) throw this.fail(value, error.message)
      throw error
    }
    throw this.fail(value, 'expected a Decimal, a number, a bigint or a text')
  }

  read(reader: WireReader, at: number, length: number): Decimal {
    if (length < 5) throw this.malformed(length)
    return new Decimal(decodeVarint(reader, at + 4, length - 4), reader.view.getInt32(at))
  }
}

/** boolean: one byte; any but zero is true. */
export class BooleanCodec extends Codec {
  override readonly readOp: CellOp = CellOp.BOOLEAN

  constructor() {
    super(nativeTypes.boolean)
  }

  write(writer: WireWriter, value: unknown): void {
    if (typeof value !== 'boolean') throw this.fail(value, 'expected true or false')
    writer.writeByte(value ? 1 : 0)
  }

  read(reader: WireReader, at: number, length: number): boolean {
    if (length !== 1) throw this.malformed(length)
    return reader.bytes[at] !== 0
  }
}
