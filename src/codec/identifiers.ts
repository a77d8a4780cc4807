import { ValueError } from '../errors/index.ts'
import type { WireReader, WireWriter } from '../protocol/index.ts'
import { Inet, nativeTypes, parseUuidInto, Uuid, uuidToText } from '../types/index.ts'
import { CellOp, Codec } from './codec.ts'
import { isBytes } from '../util/index.ts'
import { bytesInside } from './value-guards.ts'

/** uuid and timeuuid: 16 bytes; strings in results. */
export class UuidCodec extends Codec {
  override readonly readOp: CellOp = CellOp.UUID
  override readonly writeOp: CellOp

  constructor(kind: 'uuid' | 'timeuuid') {
    super(nativeTypes[kind])
    this.writeOp = kind === 'uuid' ? CellOp.UUID : CellOp.CODEC
  }

  write(writer: WireWriter, value: unknown): void {
    writer.reserve(16)
    const at = writer.offset
    if (typeof value === 'string') {
      if (!parseUuidInto(value, writer.bytes, at)) throw this.fail(value, 'the text is no UUID')
    } else {
      const bytes = value instanceof Uuid ? bytesInside(value) : value
      if (!isBytes(bytes) || bytes.length !== 16) {
        throw this.fail(value, 'expected a UUID as text, Uuid or 16 bytes')
      }
      writer.bytes.set(bytes, at)
    }
    if (this.type.kind === 'timeuuid' && writer.bytes[at + 6]! >> 4 !== 1) {
      throw this.fail(value, 'the UUID is not of version 1')
    }
    writer.offset = at + 16
  }

  read(reader: WireReader, at: number, length: number): string {
    if (length !== 16) throw this.malformed(length)
    return uuidToText(reader.bytes, at)
  }
}

/** inet: 4 or 16 bytes. */
export class InetCodec extends Codec {
  constructor() {
    super(nativeTypes.inet)
  }

  write(writer: WireWriter, value: unknown): void {
    if (typeof value === 'string') {
      try {
        writer.writeRaw(Inet.parse(value).toBytes())
      } catch (error) {
        if (error instanceof ValueError) throw this.fail(value, error.message)
        throw error
      }
      return
    }
    const bytes = value instanceof Inet ? bytesInside(value) : value
    if (!isBytes(bytes) || (bytes.length !== 4 && bytes.length !== 16)) {
      throw this.fail(value, 'expected an address as text, Inet, 4 or 16 bytes')
    }
    writer.writeRaw(bytes)
  }

  read(reader: WireReader, at: number, length: number): Inet {
    if (length !== 4 && length !== 16) throw this.malformed(length)
    return Inet.fromBytes(reader.bytes.subarray(at, at + length))
  }
}
