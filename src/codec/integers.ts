import { DecodeError } from '../errors/index.ts'
import type { WireReader, WireWriter } from '../protocol/index.ts'
import { type CqlType, nativeTypes } from '../types/index.ts'
import { CellOp, Codec } from './codec.ts'

const integerText = /^[+-]?[0-9]+$/
/** More bytes than any sensible number has, and few enough for the engine's limit of a bigint. */
const varintBytesMax = 1024 * 1024
/** Why a varint, or the unscaled value of a decimal, is not written. */
export const varintTooLong: string = `more than ${varintBytesMax} bytes`
/** Digits that a number of so many bytes has at most, and some zeros before them. */
const digitsMax = varintBytesMax * 2.5

/** The bigint a bigint, an integer number or a text of digits stands for; else `undefined`. */
export function integerOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  if (typeof value === 'string' && value.length <= digitsMax && integerText.test(value)) {
    return BigInt(value.startsWith('+') ? value.slice(1) : value)
  }
  return undefined
}

/** tinyint, smallint and int: one, two and four bytes, two's complement. */
export class IntCodec extends Codec {
  override readonly fixedBytes: number
  override readonly readOp: CellOp
  override readonly writeOp: CellOp
  readonly #bytes: 1 | 2 | 4
  readonly #max: number

  constructor(type: CqlType, bytes: 1 | 2 | 4) {
    super(type)
    // Cassandra's ByteType and ShortType say their length varies, which matters in vectors.
    this.fixedBytes = bytes === 4 ? 4 : -1
    this.readOp = bytes === 4 ? CellOp.INT : CellOp.CODEC
    this.writeOp = this.readOp
    this.#bytes = bytes
    this.#max = 2 ** (bytes * 8 - 1) - 1
  }

  write(writer: WireWriter, value: unknown): void {
    let int: number
    if (typeof value === 'number') {
      int = value
    } else {
      const integer = integerOf(value)
      if (integer === undefined) throw this.fail(value, 'expected an integer')
      int = Number(integer)
    }
    if (int > this.#max || int < -this.#max - 1) {
      throw this.fail(value, `out of range, ${-this.#max - 1} to ${this.#max}`)
    }
    if (!Number.isInteger(int)) throw this.fail(value, 'expected an integer')
    if (this.#bytes === 4) writer.writeInt(int)
    else if (this.#bytes === 2) writer.writeShort(int)
    else writer.writeByte(int)
  }

  read(reader: WireReader, at: number, length: number): number {
    if (length !== this.#bytes) throw this.malformed(length)
    if (length === 4) return reader.view.getInt32(at)
    return length === 2 ? reader.view.getInt16(at) : reader.view.getInt8(at)
  }
}

/** bigint and counter: eight bytes, two's complement. */
export class BigintCodec extends Codec {
  override readonly fixedBytes: number
  override readonly readOp: CellOp
  override readonly writeOp: CellOp = CellOp.BIGINT
  readonly #form: 'bigint' | 'number' | 'string'

  constructor(type: CqlType, form: 'bigint' | 'number' | 'string') {
    super(type)
    this.#form = form
    this.fixedBytes = type.kind === 'counter' ? -1 : 8
    this.readOp = form === 'bigint' ? CellOp.BIGINT : CellOp.CODEC
  }

  write(writer: WireWriter, value: unknown): void {
    const integer = integerOf(value)
    if (integer === undefined) {
      const isUnsafe = typeof value === 'number' && Number.isInteger(value)
      throw this.fail(
        value,
        isUnsafe ? 'a number beyond ±(2^53-1) is not exact, use a bigint' : 'expected an integer',
      )
    }
    if (BigInt.asIntN(64, integer) !== integer) throw this.fail(value, 'out of range of 64 bits')
    writer.writeLong(integer)
  }

  read(reader: WireReader, at: number, length: number): bigint | number | string {
    if (length !== 8) throw this.malformed(length)
    const value = reader.view.getBigInt64(at)
    if (this.#form === 'bigint') return value
    if (this.#form === 'string') return value.toString()
    const number = Number(value)
    if (!Number.isSafeInteger(number)) {
      throw new DecodeError(
        `A ${this.type.kind} is beyond ±(2^53-1): read it with int64: 'bigint' or 'string'`,
      )
    }
    return number
  }
}

/** The bigint of a two's complement of any length, minimal or not. */
export function readVarint(reader: WireReader, at: number, length: number): bigint {
  if (length <= 6) {
    return BigInt(reader.bytes.readIntBE(at, length))
  }
  if (length === 8) return reader.view.getBigInt64(at)
  if (length > varintBytesMax) {
    throw new DecodeError(`A varint of ${length} bytes is too large`)
  }
  const magnitude = BigInt(`0x${reader.bytes.toString('hex', at, at + length)}`)
  return BigInt.asIntN(length * 8, magnitude)
}

/** Appends the shortest two's complement; `false` if it is too long to be read again. */
export function writeVarint(writer: WireWriter, value: bigint): boolean {
  if (value >= -0x80n && value < 0x80n) {
    writer.writeByte(Number(value))
    return true
  }
  // The sign needs a bit of its own, so −128 takes one byte and 128 two.
  const bits = (value < 0n ? ~value : value).toString(16).length * 4 + 1
  const byteCount = Math.ceil(bits / 8)
  const hex = BigInt.asUintN(byteCount * 8, value)
    .toString(16)
    .padStart(byteCount * 2, '0')
  const bytes = Buffer.from(hex, 'hex')
  // Digits were rounded up to four bits: one byte may only repeat the sign.
  const isPadded = (bytes[0] === 0 && bytes[1]! < 0x80) || (bytes[0] === 0xff && bytes[1]! >= 0x80)
  const shortest = isPadded ? bytes.subarray(1) : bytes
  if (shortest.length > varintBytesMax) return false
  writer.writeRaw(shortest)
  return true
}

export class VarintCodec extends Codec {
  constructor() {
    super(nativeTypes.varint)
  }

  write(writer: WireWriter, value: unknown): void {
    const integer = integerOf(value)
    if (integer === undefined) throw this.fail(value, 'expected an integer, beyond 2^53 a bigint')
    if (!writeVarint(writer, integer)) throw this.fail(value, varintTooLong)
  }

  read(reader: WireReader, at: number, length: number): bigint {
    return readVarint(reader, at, length)
  }
}
