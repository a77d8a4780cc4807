import { EncodeError, ProtocolError } from '../errors/index.ts'
import type { WireReader, WireWriter } from '../protocol/index.ts'
import { type CqlType, cqlTypeText, EMPTY } from '../types/index.ts'
import { fixedLength } from '../values/index.ts'

/** How values that JavaScript has several types for come out of results. */
export interface CodecOptions {
  /**
   * How bigint and counter are read; `'number'` refuses values beyond ±(2⁵³−1). Default `'bigint'`.
   */
  readonly int64?: 'bigint' | 'number' | 'string' | undefined
  /**
   * How timestamp is read; `'bigint'` is milliseconds and exceeds the range of `Date`. Default
   * `'date'`.
   */
  readonly timestamp?: 'date' | 'bigint' | undefined
  /**
   * Whether row classes may be generated as code, which reads pages 1.5 times as fast. Without it,
   * and where the runtime forbids code from strings, rows behave the same and are made by
   * interpreted code. Default `true`.
   */
  readonly codeGeneration?: boolean | undefined
}

/** Kinds of cells that hot loops read and write without calling a codec. */
export const CellOp = {
  CODEC: 0,
  INT: 1,
  BIGINT: 2,
  TEXT: 3,
  UUID: 4,
  TIMESTAMP: 5,
  DOUBLE: 6,
  BOOLEAN: 7,
  FLOAT: 8,
} as const
export type CellOp = (typeof CellOp)[keyof typeof CellOp]

/** Turns values of one CQL type into wire bytes and back (native_protocol_v4.spec §6). */
export abstract class Codec {
  readonly type: CqlType
  /** Bytes of every value inside a vector, or −1 when each has its length before it. */
  readonly fixedBytes: number
  /** Whether hot loops may read cells of this codec inline. */
  readonly readOp: CellOp = CellOp.CODEC
  /** Whether hot loops may write cells of this codec inline. */
  readonly writeOp: CellOp = CellOp.CODEC

  constructor(type: CqlType) {
    this.type = type
    this.fixedBytes = fixedLength(type) ?? -1
  }

  /** Appends the bytes of a value, which is not null, without their length. @throws EncodeError */
  abstract write(writer: WireWriter, value: unknown): void

  /** The value of the `length` bytes at `at`, all of them inside the reader. */
  abstract read(reader: WireReader, at: number, length: number): unknown

  /** The value of zero bytes. */
  readEmpty(): unknown {
    return EMPTY
  }

  /** Appends a [value]: length and bytes; null is allowed. */
  writeCell(writer: WireWriter, value: unknown): void {
    const start = writer.offset
    if (value === null) {
      writer.writeInt(-1)
      return
    }
    writer.writeInt(0)
    if (value === EMPTY) return
    this.write(writer, value)
    writer.patchInt(start, writer.offset - start - 4)
  }

  /** The value of a cell whose length was read: −1 is null. `at` and `length` are checked here. */
  readCell(reader: WireReader, at: number, length: number): unknown {
    if (length > 0) {
      if (length > reader.end - at) throw cutCell()
      return this.read(reader, at, length)
    }
    if (length === 0) return this.readEmpty()
    if (length === -1) return null
    throw new ProtocolError(`Malformed frame: a cell has the length ${length}`)
  }

  /** Reads a cell and advances the reader past it. */
  readNextCell(reader: WireReader): unknown {
    const length = reader.readInt()
    const value = this.readCell(reader, reader.offset, length)
    if (length > 0) reader.offset += length
    return value
  }

  protected fail(value: unknown, reason: string): EncodeError {
    return new EncodeError(cqlTypeText(this.type), valueKind(value), reason)
  }

  protected malformed(length: number): ProtocolError {
    return new ProtocolError(`Malformed frame: ${length} bytes are no ${cqlTypeText(this.type)}`)
  }
}

/** A cell claims more bytes than its frame has. */
export function cutCell(): ProtocolError {
  return new ProtocolError('Malformed frame: it ends inside a cell')
}

/** The kind of a value for error messages, never the value itself. */
export function valueKind(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  try {
    if (Array.isArray(value)) return 'Array'
    // Not the value's own `constructor`, which may be data.
    const prototype = Object.getPrototypeOf(value) as { constructor?: unknown } | null
    const made = prototype?.constructor
    const name: unknown = typeof made === 'function' ? made.name : undefined
    return typeof name === 'string' && name !== '' ? name : 'object'
  } catch {
    // A proxy or an accessor may throw whatever it likes.
    return 'object'
  }
}
