import { ProtocolError } from '../errors/index.ts'
import { intMax, type WireReader, type WireWriter } from '../protocol/index.ts'
import type { ListType, MapType, SetType } from '../types/index.ts'
import { PartCursor } from '../values/index.ts'
import { Codec, cutCell } from './codec.ts'
import { isDetached, isMap, isPlainObject, isSet, isTypedArray } from './value-guards.ts'

// list and set: <n:int><element:bytes>… · map: <n:int><key:bytes><value:bytes>…
// (native_protocol_v4.spec §6)

/** Reads the count of a collection of `length` bytes whose items take at least `itemBytesMin`. */
function readItemCount(
  reader: WireReader,
  at: number,
  length: number,
  itemBytesMin: number,
): number {
  if (length < 4) throw cutCell()
  const count = reader.view.getInt32(at)
  if (count < 0 || count * itemBytesMin > length - 4) {
    throw new ProtocolError(`Malformed frame: a collection of ${count} does not fit in its cell`)
  }
  return count
}

/** Decodes items one after the other inside one cell. */
class ItemDecoder {
  readonly #reader: WireReader
  readonly #cursor: PartCursor
  constructor(reader: WireReader, at: number, end: number) {
    this.#reader = reader
    this.#cursor = new PartCursor(reader.bytes, at, end)
  }
  next(codec: Codec): unknown {
    const cursor = this.#cursor
    if (!cursor.next()) throw cutCell()
    return codec.readCell(this.#reader, cursor.start, cursor.length)
  }
  expectEnd(): void {
    if (!this.#cursor.isAtEnd) {
      throw new ProtocolError('Malformed frame: bytes follow the last item of a collection')
    }
  }
}

abstract class ElementsCodec extends Codec {
  protected readonly element: Codec
  readonly #allowsNull: boolean

  /** @param allowsNull whether elements may be null, which those of stored values may not */
  constructor(type: ListType | SetType, element: Codec, allowsNull = false) {
    super(type)
    this.element = element
    this.#allowsNull = allowsNull
  }

  write(writer: WireWriter, value: unknown): void {
    const elements = this.#elementsOf(value)
    const start = writer.offset
    writer.writeInt(0)
    let count = 0
    for (const item of elements) {
      if (item === undefined || (item === null && !this.#allowsNull)) {
        throw this.fail(item, `no element of a ${this.type.kind} may be null or undefined`)
      }
      this.element.writeCell(writer, item)
      count++
    }
    if (count > intMax) throw this.fail(value, 'too many elements')
    writer.patchInt(start, count)
  }

  #elementsOf(value: unknown): Iterable<unknown> {
    if (Array.isArray(value) || isSet(value)) return value
    if (!isTypedArray(value)) throw this.fail(value, 'expected an Array or a Set')
    if (value.length === 0 && isDetached(value.buffer)) {
      throw this.fail(value, 'the memory of the elements was transferred')
    }
    return value
  }

  protected readElements(
    reader: WireReader,
    at: number,
    length: number,
    add: (element: unknown) => void,
  ): void {
    const count = readItemCount(reader, at, length, 4)
    const items = new ItemDecoder(reader, at + 4, at + length)
    for (let i = 0; i < count; i++) add(items.next(this.element))
    items.expectEnd()
  }
}

export class ListCodec extends ElementsCodec {
  read(reader: WireReader, at: number, length: number): unknown[] {
    const list: unknown[] = []
    this.readElements(reader, at, length, (element) => list.push(element))
    return list
  }
}

export class SetCodec extends ElementsCodec {
  read(reader: WireReader, at: number, length: number): Set<unknown> {
    const set = new Set<unknown>()
    this.readElements(reader, at, length, (element) => set.add(element))
    return set
  }
}

export class MapCodec extends Codec {
  readonly #key: Codec
  readonly #value: Codec

  constructor(type: MapType, key: Codec, value: Codec) {
    super(type)
    this.#key = key
    this.#value = value
  }

  write(writer: WireWriter, value: unknown): void {
    const entries = this.#entriesOf(value)
    const start = writer.offset
    writer.writeInt(0)
    let count = 0
    for (const [key, item] of entries) {
      if (key === null || key === undefined || item === null || item === undefined) {
        const fault = key === null || key === undefined ? key : item
        throw this.fail(fault, 'no key or value of a map may be null or undefined')
      }
      this.#key.writeCell(writer, key)
      this.#value.writeCell(writer, item)
      count++
    }
    writer.patchInt(start, count)
  }

  #entriesOf(value: unknown): Iterable<readonly [unknown, unknown]> {
    if (isMap(value)) return value
    if (Array.isArray(value)) return this.#pairsOf(value)
    if (isPlainObject(value)) return Object.entries(value)
    throw this.fail(value, 'expected a Map, a plain object or an Array of [key, value] pairs')
  }

  /** Pairs are what the JSON of a row has for a map. */
  #pairsOf(pairs: readonly unknown[]): Iterable<readonly [unknown, unknown]> {
    for (const pair of pairs) {
      if (Array.isArray(pair) && pair.length === 2) continue
      throw this.fail(pair, 'each item of the Array must be a pair [key, value]')
    }
    return pairs as readonly (readonly [unknown, unknown])[]
  }

  read(reader: WireReader, at: number, length: number): Map<unknown, unknown> {
    const count = readItemCount(reader, at, length, 8)
    const items = new ItemDecoder(reader, at + 4, at + length)
    const map = new Map<unknown, unknown>()
    for (let i = 0; i < count; i++) {
      const key = items.next(this.#key)
      map.set(key, items.next(this.#value))
    }
    items.expectEnd()
    return map
  }
}
