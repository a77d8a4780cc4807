import type { SelectPlan } from '../analyze/select.ts'
import type { RowContext } from '../evaluate/row-context.ts'
import type { Accumulator } from '../evaluate/selector.ts'
import { writeCell } from './wire-cells.ts'
import { type ByteWriter, compareValues } from '../../values/index.ts'

/** The group rows are being folded into: all rows, or those of equal GROUP BY columns. */
export class GroupFold {
  readonly #plan: SelectPlan
  #accumulators: Accumulator[]
  #key: (Uint8Array | null)[] | undefined

  constructor(plan: SelectPlan) {
    this.#plan = plan
    this.#accumulators = plan.selectors.map((selector) => selector.accumulator())
  }

  get isOpen(): boolean {
    return this.#key !== undefined
  }

  /** Whether a row belongs to another group than the rows before it. */
  isBoundary(row: RowContext): boolean {
    const key = this.#key
    if (key === undefined) return false
    return this.#plan.groupBy.some((column, index) => {
      const value = row.value(column)
      const open = key[index]!
      if (value === null || open === null) return value !== open
      return compareValues(column.type, value, open) !== 0
    })
  }

  add(row: RowContext): void {
    this.#key ??= this.#plan.groupBy.map((column) => {
      const value = row.value(column)
      return value === null ? null : new Uint8Array(value)
    })
    for (const accumulator of this.#accumulators) accumulator.add(row)
  }

  /** Writes the row of the group and starts the next group. */
  finish(sink: ByteWriter): void {
    for (const accumulator of this.#accumulators) writeCell(sink, accumulator.result())
    this.#accumulators = this.#plan.selectors.map((selector) => selector.accumulator())
    this.#key = undefined
  }
}
