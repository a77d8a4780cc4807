import { ValueError } from '../errors/index.ts'
import type { WireReader, WireWriter } from '../protocol/index.ts'
import { Decimal, nativeTypes } from '../types/index.ts'
import { CellOp, Codec } from './codec.ts'
import { readVarint, writeVarint } from './integers.ts'

const realText = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^NaN$|^[+-]?Infinity$/

/** The number a number, a safe bigint or a numeric text stands for; else `undefined`. */
function realOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'string') return realText.test(value) ? Number(value) : undefined
  if (typeof value !== 'bigint') return undefined
  return BigInt(Number(value)) === value ? Number(value) : undefined
}

/** double: IEEE 754, eight bytes. */
export class DoubleCodec extends Codec {
  override readonly fixedBytes: number = 8
  override readonly readOp: CellOp = CellOp.DOUBLE
  override readonly writeOp: CellOp = CellOp.DOUBLE

  constructor() {
    super(nativeTypes.double)
  }

  write(writer: WireWriter, value: unknown): void {
    const real = realOf(value)
    if (real === undefined) throw this.fail(value, 'expected a number')
    writer.reserve(8)
    writer.view.setFloat64(writer.offset, real)
    writer.offset += 8
  }

  read(reader: WireReader, at: number, length: number): number {
    if (length !== 8) throw this.malformed(length)
    return reader.view.getFloat64(at)
  }
}

/** float: IEEE 754, four bytes; numbers are rounded to the nearest. */
export class FloatCodec extends Codec {
  override readonly fixedBytes: number = 4
  override readonly readOp: CellOp = CellOp.FLOAT

  constructor() {
    super(nativeTypes.float)
  }

  write(writer: WireWriter, value: unknown): void {
    const real = realOf(value)
    if (real === undefined) throw this.fail(value, 'expected a number')
    if (Number.isFinite(real) && !Number.isFinite(Math.fround(real))) {
      throw this.fail(value, 'out of range of a float')
    }
    writer.reserve(4)
    writer.view.setFloat32(writer.offset, real)
    writer.offset += 4
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
    writeVarint(writer, decimal.unscaled)
  }

  #decimalOf(value: unknown): Decimal {
    if (value instanceof Decimal) return value
    if (typeof value === 'bigint') return new Decimal(value, 0)
    try {
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
    return new Decimal(readVarint(reader, at + 4, length - 4), reader.view.getInt32(at))
  }
}

/** boolean: one byte; any but zero is true. */
export class BooleanCodec extends Codec {
  override readonly fixedBytes: number = 1
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
