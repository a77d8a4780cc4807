import type { Expression } from '../../cql/index.ts'
import { type RawValue, UNSET } from '../../protocol/index.ts'
import type { CqlType } from '../../types/index.ts'
import { invalid } from '../faults.ts'
import type { Environment } from '../environment.ts'
import type { PrepareContext, Receiver } from './prepare-context.ts'
import { isSorted, sortedCollection, valueFault } from '../../values/index.ts'

/** A value of a statement, ready to be asked for its wire bytes. */
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

/** Turns expressions into terms: handed to those who are part of doing so. */
export type TermCompiler = (context: PrepareContext, value: Expression, receiver: Receiver) => Term
