import { ProtocolError } from '../errors/index.ts'
import type { WireReader, WireWriter } from '../protocol/index.ts'
import { EMPTY, type VectorType } from '../types/index.ts'
import { Codec, cutCell } from './codec.ts'
import { isTypedArray } from './value-guards.ts'
import { decodeUnsignedVint, encodeUnsignedVint } from './vints.ts'

/**
 * vector: elements of fixed length one after the other, others each with its length as unsigned
 * vint before it (org.apache.cassandra.db.marshal.VectorType). No element is null.
 */
export class VectorCodec extends Codec {
  readonly #element: Codec
  readonly #dimension: number

  constructor(type: VectorType, element: Codec) {
    super(type)
    this.#element = element
    this.#dimension = type.dimension
  }

  write(writer: WireWriter, value: unknown): void {
    if (!Array.isArray(value) && !isTypedArray(value)) {
      throw this.fail(value, 'expected an Array or a typed array')
    }
    const elements: ArrayLike<unknown> = value
    if (elements.length !== this.#dimension) {
      throw this.fail(value, `expected ${this.#dimension} elements, got ${elements.length}`)
    }
    for (let i = 0; i < elements.length; i++) {
      const element = elements[i]
      if (element === null || element === undefined) {
        throw this.fail(element, 'no element of a vector may be null or undefined')
      }
      if (this.#element.fixedBytes >= 0) this.#element.write(writer, element)
      else this.#writeVariable(writer, element)
    }
  }

  /** The length stands before bytes whose number is known only once they are written. */
  #writeVariable(writer: WireWriter, element: unknown): void {
    const start = writer.offset
    if (element !== EMPTY) this.#element.write(writer, element)
    const bytes = Buffer.from(writer.bytes.subarray(start, writer.offset))
    writer.offset = start
    encodeUnsignedVint(writer, BigInt(bytes.length))
    writer.writeRaw(bytes)
  }

  read(reader: WireReader, at: number, length: number): unknown[] | Float32Array {
    const size = this.#element.fixedBytes
    if (size < 0) return this.#readVariable(reader, at, at + length)
    if (length !== this.fixedBytes) throw this.malformed(length)
    if (this.#element.type.kind === 'float') {
      const floats = new Float32Array(this.#dimension)
      for (let i = 0; i < floats.length; i++) floats[i] = reader.view.getFloat32(at + i * 4)
      return floats
    }
    const elements: unknown[] = []
    for (let i = 0; i < this.#dimension; i++) {
      elements.push(this.#element.readCell(reader, at + i * size, size))
    }
    return elements
  }

  #readVariable(reader: WireReader, at: number, end: number): unknown[] {
    const before = reader.offset
    const elements: unknown[] = []
    let next = at
    // Every element takes at least its length byte, so a lying dimension ends with the cell.
    for (let i = 0; i < this.#dimension; i++) {
      reader.offset = next
      const length = Number(decodeUnsignedVint(reader, end))
      if (length > end - reader.offset) throw cutCell()
      next = reader.offset + length
      elements.push(this.#element.readCell(reader, reader.offset, length))
    }
    reader.offset = before
    if (next !== end) {
      throw new ProtocolError('Malformed frame: bytes follow the last element of a vector')
    }
    return elements
  }
}
