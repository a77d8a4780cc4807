import type { WireReader } from '../protocol/index.ts'
import type { ColumnSpec } from '../types/index.ts'
import type { Codec, CodecOptions } from './codec.ts'
import { codecOf } from './codec-of-type.ts'
import { EncodedCells } from './encoded-cells.ts'
import { type DecodeRows, generateDecoder } from './generated-rows.ts'
import { keyedDecoder } from './keyed-rows.ts'
import { Row, rowNames } from './row.ts'

let isCodeAllowed: boolean | undefined

/** Whether the runtime lets code be made of strings (a CSP or a flag of Node may not). */
export function canGenerateCode(): boolean {
  if (isCodeAllowed === undefined) {
    try {
      // oxlint-disable-next-line typescript/no-implied-eval -- asks whether it is allowed
      new Function('return 1')()
      isCodeAllowed = true
    } catch {
      isCodeAllowed = false
    }
  }
  return isCodeAllowed
}

/** How rows of one set of columns are decoded: made once, used for every page that has them. */
export class RowShape {
  readonly columns: readonly ColumnSpec[]
  readonly #codecs: readonly Codec[]
  readonly #isGenerated: boolean
  #decode: DecodeRows | undefined

  constructor(columns: readonly ColumnSpec[], options: CodecOptions = {}) {
    this.columns = columns
    this.#codecs = columns.map((column) => codecOf(column.type, options))
    this.#isGenerated = options.codeGeneration !== false && canGenerateCode()
  }

  /** Reads `rowCount` rows, moving the reader behind them. @throws ProtocolError, DecodeError */
  decodeRows(reader: WireReader, rowCount: number): Row[] {
    this.#decode ??= this.#makeDecoder()
    return this.#decode(reader, rowCount)
  }

  /** Finds `rowCount` rows of cells, to be decoded by column. @throws ProtocolError */
  findCells(reader: WireReader, rowCount: number): EncodedCells {
    return new EncodedCells(reader, this.#codecs, rowCount)
  }

  #makeDecoder(): DecodeRows {
    const names = this.columns.map((column) => column.name)
    const hasDuplicates = new Set(names).size < names.length
    const Base = baseClass(names, hasDuplicates)
    // Rows with duplicate names need a second home for their values: too rare to generate for.
    return this.#isGenerated && !hasDuplicates
      ? generateDecoder(Base, names, this.#codecs)
      : keyedDecoder(Base, names, this.#codecs, hasDuplicates)
  }
}

/** A class whose prototype knows the columns and answers to `row[0]`, `row[1]`, … */
function baseClass(names: readonly string[], hasDuplicates: boolean): new () => Row {
  class ShapeRow extends Row {}
  // The name that `util.inspect` prints, instead of that of a helper class.
  Object.defineProperty(ShapeRow, 'name', { value: 'Row' })
  Object.defineProperty(ShapeRow.prototype, rowNames, { value: { names, hasDuplicates } })
  for (let i = 0; i < names.length; i++) {
    Object.defineProperty(ShapeRow.prototype, i, {
      get(this: Row) {
        return Row.get(this, i)
      },
    })
  }
  return ShapeRow
}
