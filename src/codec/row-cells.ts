import { WireWriter } from '../protocol/index.ts'
import { type ColumnDictionary, type ColumnSpec, EMPTY } from '../types/index.ts'
import type { Codec } from './codec.ts'
import { codecOf } from './codec-of-type.ts'
import type { Cells } from './columnar.ts'
import { inexact } from './encoded-cells.ts'
import { integerOf } from './integers.ts'
import { Row } from './row.ts'
import { isDate } from './value-guards.ts'
import { timeOf } from './temporals.ts'

/** The cells of rows that are decoded already. */
export class RowCells implements Cells {
  readonly #rows: readonly Row[]
  readonly #columns: readonly ColumnSpec[]

  constructor(rows: readonly Row[], columns: readonly ColumnSpec[]) {
    this.#rows = rows
    this.#columns = columns
  }

  get rowCount(): number {
    return this.#rows.length
  }

  isNull(row: number, column: number): boolean {
    return this.value(row, column) === null
  }

  value(row: number, column: number): unknown {
    return Row.get(this.#rows[row]!, column)
  }

  fillFloat64(column: number, out: Float64Array): void {
    for (let row = 0; row < out.length; row++) {
      out[row] = numberOf(this.value(row, column)) ?? Number.NaN
    }
  }

  fillInt32(column: number, out: Int32Array): void {
    for (let row = 0; row < out.length; row++) out[row] = numberOf(this.value(row, column)) ?? 0
  }

  fillBigInt64(column: number, out: BigInt64Array): void {
    for (let row = 0; row < out.length; row++) {
      const value = this.value(row, column)
      out[row] = integerOf(isDate(value) ? timeOf(value) : value) ?? 0n
    }
  }

  dictionary(column: number): ColumnDictionary {
    const codes = new Int32Array(this.rowCount)
    const values: unknown[] = []
    const known = new Map<string, number>()
    const codec = codecOf(this.#columns[column]!.type)
    for (let row = 0; row < codes.length; row++) {
      const value = this.value(row, column)
      if (value === null) {
        codes[row] = -1
        continue
      }
      const key = typeof value === 'string' ? value : bytesOf(codec, value)
      let code = known.get(key)
      if (code === undefined) {
        code = values.length
        values.push(value)
        known.set(key, code)
      }
      codes[row] = code
    }
    return { codes, values }
  }
}

const writer = new WireWriter(256)

/** The bytes of a value, as a key. */
function bytesOf(codec: Codec, value: unknown): string {
  writer.offset = 0
  codec.writeCell(writer, value)
  return writer.bytes.toString('latin1', 0, writer.offset)
}

/** The number of a value; `undefined` for null and empty ones. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value === null || value === EMPTY) return undefined
  if (isDate(value)) return timeOf(value)
  const number = Number(integerOf(value))
  if (!Number.isSafeInteger(number)) throw inexact()
  return number
}
