import { utf8Read, type WireReader, type WireWriter } from '../protocol/index.ts'
import { type CustomType, nativeTypes } from '../types/index.ts'
import { CellOp, Codec } from './codec.ts'
import { isBytes, isWellFormed } from '../util/index.ts'
import { isArrayBuffer, isDetached } from './value-guards.ts'

/** text: UTF-8. */
export class TextCodec extends Codec {
  override readonly readOp: CellOp = CellOp.TEXT
  override readonly writeOp: CellOp = CellOp.TEXT

  constructor() {
    super(nativeTypes.text)
  }

  write(writer: WireWriter, value: unknown): void {
    if (typeof value !== 'string') throw this.fail(value, 'expected a string')
    // Only text that takes more bytes than characters has anything beyond ASCII.
    if (writer.writeUtf8(value) !== value.length && !isWellFormed(value)) {
      throw this.fail(value, 'half a surrogate pair has no UTF-8')
    }
  }

  read(reader: WireReader, at: number, length: number): string {
    return utf8Read(reader.bytes, at, at + length)
  }

  override readEmpty(): string {
    return ''
  }
}

/** ascii: bytes below 128. */
export class AsciiCodec extends Codec {
  override readonly readOp: CellOp = CellOp.TEXT

  constructor() {
    super(nativeTypes.ascii)
  }

  write(writer: WireWriter, value: unknown): void {
    if (typeof value !== 'string') throw this.fail(value, 'expected a string')
    if (writer.writeUtf8(value) !== value.length) {
      throw this.fail(value, 'a character is not ASCII')
    }
  }

  read(reader: WireReader, at: number, length: number): string {
    return utf8Read(reader.bytes, at, at + length)
  }

  override readEmpty(): string {
    return ''
  }
}

/** Pairs of digits as a group would exhaust the stack of the regular expression in a long text. */
function isHexText(text: string): boolean {
  return text.length % 2 === 0 && /^0x[0-9a-fA-F]*$/.test(text)
}

/** blob, and values of classes tsylla does not know: bytes as they are. */
export class BlobCodec extends Codec {
  constructor(type?: CustomType) {
    super(type ?? nativeTypes.blob)
  }

  write(writer: WireWriter, value: unknown): void {
    if (isBytes(value)) {
      if (value.length === 0) this.#checkMemory(value, value.buffer)
      writer.writeRaw(value)
    } else if (ArrayBuffer.isView(value)) {
      this.#checkMemory(value, value.buffer)
      writer.writeRaw(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    } else if (isArrayBuffer(value)) {
      this.#checkMemory(value, value)
      writer.writeRaw(new Uint8Array(value))
    } else if (typeof value === 'string' && isHexText(value)) {
      writer.writeRaw(Buffer.from(value.slice(2), 'hex'))
    } else {
      throw this.fail(value, "expected bytes (Uint8Array), or hexadecimal text as '0x…'")
    }
  }

  #checkMemory(value: unknown, buffer: ArrayBufferLike): void {
    if (isDetached(buffer)) throw this.fail(value, 'the memory of the bytes was transferred')
  }

  /**
   * Returns a copy in memory of its own size: the memory of the frame is used again, and a small
   * value that is kept for long keeps nothing else alive.
   */
  read(reader: WireReader, at: number, length: number): Uint8Array {
    return new Uint8Array(reader.bytes.buffer, reader.bytes.byteOffset + at, length).slice()
  }

  override readEmpty(): Uint8Array {
    return new Uint8Array(0)
  }
}
