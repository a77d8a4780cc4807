import { type RawValue, UNSET } from '../../protocol/index.ts'
import type { CqlType } from '../../types/index.ts'
import { invalid } from '../faults.ts'
import type { Environment } from '../environment.ts'
import type { Cell } from '../functions/definitions.ts'
import type { RowContext } from './row-context.ts'
import { isSorted, sortedCollection, valueFault } from '../../values/index.ts'

/** A value of a statement: a constant, a bound value, or something computed from them. */
export interface Term {
  readonly isMarker: boolean
  evaluate(environment: Environment): RawValue
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
  evaluate(environment: Environment): RawValue {
    const value = environment.values[this.#index]
    if (value === undefined) throw invalid('Invalid amount of bind variables')
    if (value === null || value === UNSET) return value
    const fault = valueFault(this.#type, value, this.#allowsNullElements)
    if (fault !== undefined) throw invalid(fault)
    return this.#isSorted ? sortedCollection(this.#type, value) : value
  }
}

export class ComputedTerm implements Term {
  readonly isMarker = false
  readonly #compute: (environment: Environment) => RawValue
  constructor(compute: (environment: Environment) => RawValue) {
    this.#compute = compute
  }
  evaluate(environment: Environment): RawValue {
    return this.#compute(environment)
  }
}

/** Value of a term for a row, where unset is null. */
export function cellOfTerm(term: Term, row: RowContext): Cell {
  const value = term.evaluate(row.environment)
  return value === UNSET ? null : value
}
