import type { Term } from './term.ts'

/** One marker for the whole list of an IN. */
export interface ListTerm {
  readonly list: Term
  /** Whether each element is a tuple of the values of the columns, also for a single column. */
  readonly hasTuples: boolean
}

/** The value of every column of a tuple, or one marker that holds the whole tuple. */
export type TupleTerms = readonly Term[] | { readonly tuple: Term }

export function isListTerm(values: readonly TupleTerms[] | ListTerm): values is ListTerm {
  return !Array.isArray(values)
}

export function isWholeTuple(value: TupleTerms): value is { readonly tuple: Term } {
  return !Array.isArray(value)
}
