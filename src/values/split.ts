import type { CqlType } from '../types/index.ts'
import { int32Bytes, readInt32 } from './numbers.ts'
import { fixedLength } from './type-traits.ts'
import { putUnsignedVint, readLengthVint, vintBytesMax, vintLength } from './vint.ts'

/** The parts of a value in wire encoding; `undefined` is null. */
export type WireElements = (Uint8Array | undefined)[]

/**
 * Reads the parts of a value one after the other: `[int length][bytes]`, a negative length being
 * null. `next` is false at the end, and at a part that does not fit.
 */
export class PartCursor {
  /** Where the bytes of the part begin. */
  start = 0
  /** Bytes of the part; negative for null. */
  length = 0
  /** Where the next part begins. */
  at: number
  readonly #bytes: Uint8Array
  readonly #end: number

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#end = end
    this.at = start
  }

  next(): boolean {
    const start = this.at + 4
    if (start > this.#end) return false
    const length = readInt32(this.#bytes, this.at)
    if (length > this.#end - start) return false
    this.start = start
    this.length = length
    this.at = length > 0 ? start + length : start
    return true
  }

  /** Whether all bytes were read. */
  get isAtEnd(): boolean {
    return this.at === this.#end
  }
}

/** The fields of a tuple or user type, whose last fields may be missing. */
export function splitFields(value: Uint8Array): WireElements {
  return splitFrom(value, 0)
}

/** The elements of a list or set, or keys and values of a map in turn, behind their count. */
export function splitCollection(value: Uint8Array): WireElements {
  return splitFrom(value, 4)
}

function splitFrom(value: Uint8Array, start: number): WireElements {
  const parts: WireElements = []
  const cursor = new PartCursor(value, start)
  while (cursor.next()) {
    const { length } = cursor
    parts.push(length < 0 ? undefined : value.subarray(cursor.start, cursor.start + length))
  }
  return parts
}

/** The elements of a vector: of fixed length one after the other, others each behind its length. */
export function splitVector(value: Uint8Array, element: CqlType): Uint8Array[] {
  const elements: Uint8Array[] = []
  const fixed = fixedLength(element)
  for (let at = 0; at < value.length; ) {
    let length = fixed
    if (length === undefined) {
      length = readLengthVint(value, at)
      at += vintLength(value[at]!)
    }
    elements.push(value.subarray(at, at + length))
    at += length
  }
  return elements
}

/** `[int length][bytes]` of every part, null as −1, behind `head`. */
export function concatCells(cells: readonly (Uint8Array | null)[], head?: Uint8Array): Uint8Array {
  let length = head?.length ?? 0
  for (const cell of cells) length += 4 + (cell?.length ?? 0)
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  if (head !== undefined) {
    bytes.set(head)
    at = head.length
  }
  for (const cell of cells) {
    at = bytes.writeInt32BE(cell === null ? -1 : cell.length, at)
    if (cell !== null) {
      bytes.set(cell, at)
      at += cell.length
    }
  }
  return bytes
}

/** A list or set of its elements; a map of its keys and values in turn, counted in pairs. */
export function collectionBytes(cells: readonly (Uint8Array | null)[], count: number): Uint8Array {
  return concatCells(cells, int32Bytes(count))
}

/** A vector of its elements. */
export function vectorBytes(elements: readonly Uint8Array[], type: CqlType): Uint8Array {
  if (fixedLength(type) !== undefined) return Buffer.concat(elements)
  const head = new Uint8Array(vintBytesMax)
  return Buffer.concat(
    elements.flatMap((element) => {
      const length = putUnsignedVint(head, 0, BigInt(element.length))
      return [head.slice(0, length), element]
    }),
  )
}
