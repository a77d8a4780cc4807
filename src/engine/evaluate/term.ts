import { type RawValue, UNSET } from '../../protocol/index.ts'
import type { CqlType } from '../../types/index.ts'
import { invalid } from '../errors.ts'
import type { QueryContext } from '../query-context.ts'
import type { Cell } from '../functions/definitions.ts'
import type { RowContext } from './row-context.ts'
import { isSorted, sortedCollection, valueFault } from '../../values/index.ts'

/** A value of a statement: a constant, a bound value, or something computed from them. */
export interface Term {
  readonly isMarker: boolean
  evaluate(query: QueryContext): RawValue
}

export class ConstantTerm implements Term {
  readonly isMarker = false
  readonly value: Uint8Array | null
  constructor(value: Uint8Array | null) {
    this.value = value
  }
  evaluate(): RawValue {
    return this.value
  }
}

export class MarkerTerm implements Term {
  readonly isMarker = true
  readonly #index: number
  readonly #type: CqlType
  readonly #allowsNullElements: boolean
  readonly #isSorted: boolean
  constructor(index: number, type: CqlType, allowsNullElements = false) {
    this.#index = index
    this.#type = type
    this.#allowsNullElements = allowsNullElements
    this.#isSorted = isSorted(type)
  }
  evaluate(query: QueryContext): RawValue {
    const value = query.values[this.#index]
    if (value === undefined) throw invalid('Invalid amount of bind variables')
    if (value === null || value === UNSET) return value
    const fault = valueFault(this.#type, value, this.#allowsNullElements)
    if (fault !== undefined) throw invalid(fault)
    return this.#isSorted ? sortedCollection(this.#type, value) : value
  }
}

export class ComputedTerm implements Term {
  readonly isMarker = false
  readonly #compute: (query: QueryContext) => RawValue
  constructor(compute: (query: QueryContext) => RawValue) {
    this.#compute = compute
  }
  evaluate(query: QueryContext): RawValue {
    return this.#compute(query)
  }
}

/** Value of a term for a row, where unset is null. */
export function cellOfTerm(term: Term, row: RowContext): Cell {
  const value = term.evaluate(row.query)
  return value === UNSET ? null : value
}
