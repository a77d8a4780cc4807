import type { CqlType } from '../../types/index.ts'
import { Separator } from './comparable.ts'
import { type ByteWriter } from '../../values/index.ts'

/**
 * Whether the bytes of a value can be restored from its byte-comparable form. Equal decimals of
 * different scale have one key, so their original bytes are stored with the row. Those of nested
 * values are stored, too.
 */
export function isRecoverable(type: CqlType): boolean {
  switch (type.kind) {
    case 'varint':
    case 'decimal':
    case 'list':
    case 'set':
    case 'map':
    case 'tuple':
    case 'udt':
    case 'vector':
      return false
    default:
      return true
  }
}

/** Decodes keys to wire bytes, component by component. */
export class ComparableReader {
  bytes: Uint8Array
  offset: number

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = bytes
    this.offset = offset
  }

  /** Reads one component with its separator and appends its value to `into`. */
  readComponent(type: CqlType, isReversed: boolean, into: ByteWriter): void {
    const separator = this.bytes[this.offset++]!
    if (separator !== Separator.next) return
    const flip = isReversed ? 0xff : 0
    switch (type.kind) {
      case 'tinyint':
        return this.#readSigned(1, flip, into)
      case 'smallint':
        return this.#readSigned(2, flip, into)
      case 'int':
        return this.#readSigned(4, flip, into)
      case 'bigint':
      case 'counter':
      case 'timestamp':
      case 'time':
        return this.#readSigned(8, flip, into)
      case 'float':
        return this.#readFloat(4, flip, into)
      case 'double':
        return this.#readFloat(8, flip, into)
      case 'boolean':
        return this.#copy(1, flip, into)
      case 'date':
        return this.#copy(4, flip, into)
      case 'uuid':
        return this.#readUuid(flip, into)
      case 'timeuuid':
        return this.#readTimeUuid(flip, into)
      default:
        return this.readEscaped(flip, into)
    }
  }

  #copy(count: number, flip: number, into: ByteWriter): void {
    into.reserve(count)
    for (let i = 0; i < count; i++) into.bytes[into.length++] = this.bytes[this.offset++]! ^ flip
  }

  #readSigned(count: number, flip: number, into: ByteWriter): void {
    const start = into.length
    this.#copy(count, flip, into)
    into.bytes[start] = into.bytes[start]! ^ 0x80
  }

  #readFloat(count: number, flip: number, into: ByteWriter): void {
    const isPositive = (this.bytes[this.offset]! ^ flip) >= 0x80
    if (isPositive) return this.#readSigned(count, flip, into)
    this.#copy(count, flip ^ 0xff, into)
  }

  #readUuid(flip: number, into: ByteWriter): void {
    const start = into.length
    this.#copy(16, flip, into)
    const { bytes } = into
    const version = bytes[start]! >> 4
    if (version === 1) return restoreTimeFields(bytes, start)
    const last = ((version << 4) | (bytes[start + 6]! & 0x0f)) & 0xff
    for (let i = start; i < start + 6; i++) {
      bytes[i] = ((bytes[i]! << 4) | (bytes[i + 1]! >> 4)) & 0xff
    }
    bytes[start + 6] = last
  }

  #readTimeUuid(flip: number, into: ByteWriter): void {
    const start = into.length
    this.#copy(16, flip, into)
    restoreTimeFields(into.bytes, start)
    for (let i = start + 8; i < start + 16; i++) into.bytes[i] = into.bytes[i]! ^ 0x80
  }

  /** A zero starts a run: FE is another zero, FF ends the run, other bytes end the value. */
  readEscaped(flip: number, into: ByteWriter): void {
    for (;;) {
      const byte = this.bytes[this.offset++]! ^ flip
      if (byte !== 0) {
        into.writeByte(byte)
        continue
      }
      let zeros = 0
      while ((this.bytes[this.offset]! ^ flip) === 0xfe) {
        zeros++
        this.offset++
      }
      const isRun = this.offset < this.bytes.length && (this.bytes[this.offset]! ^ flip) === 0xff
      for (let i = isRun ? -1 : 0; i < zeros; i++) into.writeByte(0)
      if (!isRun) return
      this.offset++
    }
  }
}

function restoreTimeFields(bytes: Uint8Array, start: number): void {
  const b0 = bytes[start]!
  const b1 = bytes[start + 1]!
  const b2 = bytes[start + 2]!
  const b3 = bytes[start + 3]!
  for (let i = 0; i < 4; i++) bytes[start + i] = bytes[start + 4 + i]!
  bytes[start + 4] = b2
  bytes[start + 5] = b3
  bytes[start + 6] = b0
  bytes[start + 7] = b1
}
