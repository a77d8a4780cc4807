import { ConfigError } from '../errors/index.ts'
import {
  type ColumnarRows,
  type ColumnDictionary,
  type ColumnSpec,
  cqlTypeText,
  type CqlType,
} from '../types/index.ts'

/** The cells of a page, or of several, by row and column. */
export interface Cells {
  readonly rowCount: number
  isNull(row: number, column: number): boolean
  value(row: number, column: number): unknown
  /** Fills with numbers; null and empty cells are NaN. */
  fillFloat64(column: number, out: Float64Array): void
  /** Fills with integers; null and empty cells are 0. */
  fillInt32(column: number, out: Int32Array): void
  fillBigInt64(column: number, out: BigInt64Array): void
  dictionary(column: number): ColumnDictionary
}

type Kind = CqlType['kind']

const smallIntegers: readonly Kind[] = ['int', 'smallint', 'tinyint']
const float64Kinds: ReadonlySet<Kind> = new Set<Kind>([
  ...smallIntegers,
  ...(['double', 'float', 'bigint', 'counter', 'timestamp'] as const),
])
const int32Kinds: ReadonlySet<Kind> = new Set<Kind>([...smallIntegers, 'boolean'])
const bigInt64Kinds: ReadonlySet<Kind> = new Set<Kind>(['bigint', 'counter', 'timestamp'])

/** Cells of a result by the names of their columns. */
export class ColumnSet implements ColumnarRows {
  readonly #columns: readonly ColumnSpec[]
  readonly #cells: Cells

  constructor(columns: readonly ColumnSpec[], cells: Cells) {
    this.#columns = columns
    this.#cells = cells
  }

  get length(): number {
    return this.#cells.rowCount
  }

  get names(): readonly string[] {
    return this.#columns.map(({ name }) => name)
  }

  float64(name: string): Float64Array {
    const column = this.#find('float64', name, float64Kinds)
    const out = new Float64Array(this.length)
    this.#cells.fillFloat64(column, out)
    return out
  }

  int32(name: string): Int32Array {
    const column = this.#find('int32', name, int32Kinds)
    const out = new Int32Array(this.length)
    this.#cells.fillInt32(column, out)
    return out
  }

  bigInt64(name: string): BigInt64Array {
    const column = this.#find('bigInt64', name, bigInt64Kinds)
    const out = new BigInt64Array(this.length)
    this.#cells.fillBigInt64(column, out)
    return out
  }

  dictionary(name: string): ColumnDictionary {
    return this.#cells.dictionary(this.#find('dictionary', name))
  }

  values(name: string): unknown[] {
    const column = this.#find('values', name)
    const values = new Array<unknown>(this.length)
    for (let row = 0; row < values.length; row++) values[row] = this.#cells.value(row, column)
    return values
  }

  nulls(name: string): Uint8Array {
    const column = this.#find('nulls', name)
    const nulls = new Uint8Array(this.length)
    for (let row = 0; row < nulls.length; row++) {
      if (this.#cells.isNull(row, column)) nulls[row] = 1
    }
    return nulls
  }

  #find(method: string, name: string, kinds?: ReadonlySet<Kind>): number {
    const index = this.#columns.findLastIndex((column) => column.name === name)
    const type = this.#columns[index]?.type
    if (type === undefined) {
      const names = this.names.map((one) => JSON.stringify(one)).join(', ')
      throw new ConfigError(
        `${method}: the result has no column ${JSON.stringify(name)}, only ${names || 'none'}`,
      )
    }
    if (kinds !== undefined && !kinds.has(type.kind)) {
      throw new ConfigError(
        `${method}: the column ${JSON.stringify(name)} is of type ${cqlTypeText(type)}, not ${[...kinds].join(', ')}; values() and dictionary() read every type`,
      )
    }
    return index
  }
}
