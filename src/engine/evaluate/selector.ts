import type { CqlType } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import type { RowContext } from './row-context.ts'
import type { Aggregate } from '../functions/aggregates.ts'
import type { Cell } from '../functions/definitions.ts'

/** The result of one selector over the rows of one group. */
export interface Accumulator {
  add(row: RowContext): void
  result(): Cell
}

/** An item of SELECT: a value of a row, or of a group of rows. */
export interface Selector {
  /** Name of its result column when it has no alias. */
  readonly name: string
  readonly type: CqlType
  readonly isAggregate: boolean
  /** Set when it is a plain column. */
  readonly column: ColumnSchema | undefined
  /** Columns it reads. */
  readonly reads: readonly ColumnSchema[]
  /** Value of a row. Selectors that aggregate have none. */
  evaluate(row: RowContext): Cell
  accumulator(): Accumulator
}

/**
 * For a plain selector in an aggregate query, Cassandra returns the value of the group's first row.
 */
class FirstValue implements Accumulator {
  readonly #selector: Selector
  #value: Cell = null
  #isSet = false
  constructor(selector: Selector) {
    this.#selector = selector
  }
  add(row: RowContext): void {
    if (this.#isSet) return
    const value = this.#selector.evaluate(row)
    this.#value = value === null ? null : new Uint8Array(value)
    this.#isSet = true
  }
  result(): Cell {
    return this.#value
  }
}

export function scalarSelector(
  name: string,
  type: CqlType,
  reads: readonly ColumnSchema[],
  evaluate: (row: RowContext) => Cell,
  column?: ColumnSchema,
): Selector {
  const selector: Selector = {
    name,
    type,
    isAggregate: false,
    column,
    reads,
    evaluate,
    accumulator: () => new FirstValue(selector),
  }
  return selector
}

function noRowValue(): never {
  throw new Error('tsylla invariant violated: an aggregate has no value of one row')
}

/** `aggregate(argument)`; without an argument every row counts. */
export function aggregateSelector(
  name: string,
  type: CqlType,
  argument: Selector | undefined,
  create: () => Aggregate,
): Selector {
  return {
    name,
    type,
    isAggregate: true,
    column: undefined,
    reads: argument?.reads ?? [],
    evaluate: noRowValue,
    accumulator: () => {
      const aggregate = create()
      return {
        add: (row) => aggregate.add(argument === undefined ? oneByte : argument.evaluate(row)),
        result: () => aggregate.result(),
      }
    },
  }
}

const oneByte: Uint8Array = new Uint8Array(1)

/** A function of selectors, some of which may aggregate. */
export function combinedSelector(
  name: string,
  type: CqlType,
  parts: readonly Selector[],
  combine: (cells: readonly Cell[], row: RowContext | undefined) => Cell,
): Selector {
  const reads = parts.flatMap((part) => part.reads)
  if (!parts.some((part) => part.isAggregate)) {
    return scalarSelector(name, type, reads, (row) =>
      combine(
        parts.map((part) => part.evaluate(row)),
        row,
      ),
    )
  }
  return {
    name,
    type,
    isAggregate: true,
    column: undefined,
    reads,
    evaluate: noRowValue,
    accumulator: () => {
      const accumulators = parts.map((part) => part.accumulator())
      let last: RowContext | undefined
      return {
        add: (row) => {
          last = row
          for (const accumulator of accumulators) accumulator.add(row)
        },
        result: () =>
          combine(
            accumulators.map((accumulator) => accumulator.result()),
            last,
          ),
      }
    },
  }
}
