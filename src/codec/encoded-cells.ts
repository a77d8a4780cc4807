import { DecodeError } from '../errors/index.ts'
import type { WireReader } from '../protocol/index.ts'
import type { ColumnDictionary, CqlType } from '../types/index.ts'
import { readLongAsNumber } from '../values/index.ts'
import { type Codec, cutCell } from './codec.ts'
import type { Cells } from './columnar.ts'

/** Whether the lower half of a 64-bit number comes first in memory. */
const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1
const lowHalf = isLittleEndian ? 0 : 1
const highHalf = 1 - lowHalf

/** The cells of a page as they came; each is decoded when it is asked for. */
export class EncodedCells implements Cells {
  readonly rowCount: number
  readonly #reader: WireReader
  readonly #codecs: readonly Codec[]
  /** Row by row: where the length of each cell is. */
  readonly #offsets: Int32Array

  /**
   * @param reader stands at the first cell; its bytes stay as they are
   * @throws ProtocolError when the cells go beyond the bytes
   */
  constructor(reader: WireReader, codecs: readonly Codec[], rowCount: number) {
    this.rowCount = rowCount
    this.#reader = reader
    this.#codecs = codecs
    const { view, end } = reader
    const offsets = new Int32Array(rowCount * codecs.length)
    let at = reader.offset
    for (let i = 0; i < offsets.length; i++) {
      if (at + 4 > end) throw cutCell()
      offsets[i] = at
      const length = view.getInt32(at)
      at += 4
      if (length > 0) at += length
    }
    if (at > end) throw cutCell()
    this.#offsets = offsets
  }

  isNull(row: number, column: number): boolean {
    const at = this.#offsets[row * this.#codecs.length + column]!
    return this.#reader.view.getInt32(at) === -1
  }

  value(row: number, column: number): unknown {
    const at = this.#offsets[row * this.#codecs.length + column]!
    const length = this.#reader.view.getInt32(at)
    return this.#codecs[column]!.readCell(this.#reader, at + 4, length)
  }

  fillFloat64(column: number, out: Float64Array): void {
    const { type } = this.#codecs[column]!
    const read = float64Readers[type.kind]!
    const width = widths[type.kind]!
    const { view } = this.#reader
    const offsets = this.#offsets
    const step = this.#codecs.length
    for (let row = 0, i = column; row < out.length; row++, i += step) {
      const at = offsets[i]!
      const isFull = view.getInt32(at) === width
      out[row] = isFull ? read(view, at + 4) : this.#withoutValue(row, column, Number.NaN)
    }
  }

  fillInt32(column: number, out: Int32Array): void {
    const { type } = this.#codecs[column]!
    const read = int32Readers[type.kind]!
    const width = widths[type.kind]!
    const { view } = this.#reader
    const offsets = this.#offsets
    const step = this.#codecs.length
    for (let row = 0, i = column; row < out.length; row++, i += step) {
      const at = offsets[i]!
      const isFull = view.getInt32(at) === width
      out[row] = isFull ? read(view, at + 4) : this.#withoutValue(row, column, 0)
    }
  }

  /** Copies halves, because a bigint of its own per cell costs more than all else. */
  fillBigInt64(column: number, out: BigInt64Array): void {
    const halves = new Int32Array(out.buffer, out.byteOffset, out.length * 2)
    const { view } = this.#reader
    const offsets = this.#offsets
    const step = this.#codecs.length
    for (let row = 0, i = column; row < out.length; row++, i += step) {
      const at = offsets[i]!
      if (view.getInt32(at) === 8) {
        halves[2 * row + highHalf] = view.getInt32(at + 4)
        halves[2 * row + lowHalf] = view.getInt32(at + 8)
      } else this.#withoutValue(row, column, 0)
    }
  }

  /** Returns what stands for a null or empty cell. @throws ProtocolError for any other */
  #withoutValue(row: number, column: number, absent: number): number {
    const at = this.#offsets[row * this.#codecs.length + column]!
    const length = this.#reader.view.getInt32(at)
    if (length !== 0 && length !== -1) this.value(row, column)
    return absent
  }

  dictionary(column: number): ColumnDictionary {
    const { view } = this.#reader
    const { rowCount } = this
    const offsets = this.#offsets
    const step = this.#codecs.length
    const codes = new Int32Array(rowCount)
    const values: unknown[] = []
    /** By code: where its first cell is. */
    const firsts: number[] = []
    let slots = new Int32Array(64).fill(-1)
    let before = -1
    for (let row = 0, i = column; row < rowCount; row++, i += step) {
      const at = offsets[i]!
      const length = view.getInt32(at)
      if (length === -1) {
        codes[row] = -1
        continue
      }
      // Rows in the order of their keys have runs of equal values.
      if (before >= 0 && isEqual(view, firsts[before]!, at, length)) {
        codes[row] = before
        continue
      }
      let slot = hashOf(view, at, length) & (slots.length - 1)
      let code = slots[slot]!
      while (code >= 0 && !isEqual(view, firsts[code]!, at, length)) {
        slot = (slot + 1) & (slots.length - 1)
        code = slots[slot]!
      }
      if (code < 0) {
        code = values.length
        values.push(this.value(row, column))
        firsts.push(at)
        slots[slot] = code
        if (values.length * 2 > slots.length) slots = this.#rehash(firsts, slots.length * 4)
      }
      codes[row] = code
      before = code
    }
    return { codes, values }
  }

  #rehash(firsts: readonly number[], size: number): Int32Array<ArrayBuffer> {
    const { view } = this.#reader
    const slots = new Int32Array(size).fill(-1)
    for (let code = 0; code < firsts.length; code++) {
      const at = firsts[code]!
      let slot = hashOf(view, at, view.getInt32(at)) & (size - 1)
      while (slots[slot]! >= 0) slot = (slot + 1) & (size - 1)
      slots[slot] = code
    }
    return slots
  }
}

/** Hash of the `length` bytes of a cell, given by where its length is; by words of four. */
function hashOf(view: DataView, cell: number, length: number): number {
  const end = cell + 4 + length
  let hash = length
  let at = cell + 4
  for (; at + 4 <= end; at += 4) {
    hash = Math.imul(hash ^ view.getInt32(at), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  for (; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193)
  return hash ^ (hash >>> 13)
}

/** Whether two cells, given by where their lengths are, have the same bytes. */
function isEqual(view: DataView, first: number, cell: number, length: number): boolean {
  if (view.getInt32(first) !== length) return false
  const shift = cell - first
  const end = first + 4 + length
  let at = first + 4
  for (; at + 4 <= end; at += 4) if (view.getInt32(at) !== view.getInt32(at + shift)) return false
  for (; at < end; at++) if (view.getUint8(at) !== view.getUint8(at + shift)) return false
  return true
}

type Kind = CqlType['kind']
type ReadNumber = (view: DataView, at: number) => number

/** Bytes of a value that is there. */
const widths: { readonly [kind in Kind]?: number } = {
  ...{ double: 8, float: 4, int: 4, smallint: 2, tinyint: 1, boolean: 1 },
  ...{ bigint: 8, counter: 8, timestamp: 8 },
}

const int32Readers: { readonly [kind in Kind]?: ReadNumber } = {
  int: (view, at) => view.getInt32(at),
  smallint: (view, at) => view.getInt16(at),
  tinyint: (view, at) => view.getInt8(at),
  boolean: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
}

const float64Readers: { readonly [kind in Kind]?: ReadNumber } = {
  ...int32Readers,
  double: (view, at) => view.getFloat64(at),
  float: (view, at) => view.getFloat32(at),
  bigint: readExact,
  counter: readExact,
  timestamp: readExact,
}

function readExact(view: DataView, at: number): number {
  const number = readLongAsNumber(view, at)
  if (!Number.isSafeInteger(number)) throw inexact()
  return number
}

/** A 64-bit number has no exact form as a double. */
export function inexact(): DecodeError {
  return new DecodeError('A value is beyond ±(2^53-1), which float64 cannot hold: use bigInt64')
}
