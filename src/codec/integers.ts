import { DecodeError } from '../errors/index.ts'
import type { WireReader, WireWriter } from '../protocol/index.ts'
import { type CqlType, nativeTypes } from '../types/index.ts'
import { readLongAsNumber, readVarint, varintBytes } from '../values/index.ts'
import { CellOp, Codec } from './codec.ts'

const integerText = /^[+-]?[0-9]+$/
/** More bytes than any sensible number has, and few enough for the engine's limit of a bigint. */
const varintBytesMax = 1024 * 1024
/** The reason for refusing a varint, or the unscaled value of a decimal. */
export const varintTooLong: string = `more than ${varintBytesMax} bytes`
/** Digits that a number of so many bytes has at most, and some zeros before them. */
const digitsMax = varintBytesMax * 2.5

/**
 * Converts a bigint, an integer number or a text of digits to a bigint; `undefined` for all else.
 */
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
  override readonly readOp: CellOp
  override readonly writeOp: CellOp
  readonly #bytes: 1 | 2 | 4
  readonly #max: number

  constructor(type: CqlType, bytes: 1 | 2 | 4) {
    super(type)
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
  override readonly readOp: CellOp
  override readonly writeOp: CellOp = CellOp.BIGINT
  readonly #form: 'bigint' | 'number' | 'string'

  constructor(type: CqlType, form: 'bigint' | 'number' | 'string') {
    super(type)
    this.#form = form
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
    if (this.#form === 'bigint') return reader.view.getBigInt64(at)
    if (this.#form === 'string') return reader.view.getBigInt64(at).toString()
    const number = readLongAsNumber(reader.view, at)
    if (!Number.isSafeInteger(number)) {
      throw new DecodeError(
        `A ${this.type.kind} is beyond ±(2^53-1): read it with int64: 'bigint' or 'string'`,
      )
    }
    return number
  }
}

/** The integer of the varint at `at`. @throws DecodeError when it is longer than the limit */
export function decodeVarint(reader: WireReader, at: number, length: number): bigint {
  if (length > varintBytesMax) {
    throw new DecodeError(
      `A varint of ${length} bytes is too large: the limit is ${varintBytesMax} bytes`,
    )
  }
  return readVarint(reader.bytes, at, at + length)
}

/** Appends the shortest two's complement; `false` if it is too long to be read again. */
export function encodeVarint(writer: WireWriter, value: bigint): boolean {
  if (value >= -0x80n && value < 0x80n) {
    writer.writeByte(Number(value))
    return true
  }
  const bytes = varintBytes(value)
  if (bytes.length > varintBytesMax) return false
  writer.writeRaw(bytes)
  return true
}

export class VarintCodec extends Codec {
  constructor() {
    super(nativeTypes.varint)
  }

  write(writer: WireWriter, value: unknown): void {
    const integer = integerOf(value)
    if (integer === undefined) throw this.fail(value, 'expected an integer, beyond 2^53 a bigint')
    if (!encodeVarint(writer, integer)) throw this.fail(value, varintTooLong)
  }

  read(reader: WireReader, at: number, length: number): bigint {
    return decodeVarint(reader, at, length)
  }
}
