import { type AggregateFactory, nativeAggregates } from './aggregates.ts'
import { collectionFunctions } from './collections.ts'
import type { ScalarFunction } from './definitions.ts'
import type { Generic } from './generics.ts'
import { maskFunctions } from './masks.ts'
import { nativeFunctions } from './natives.ts'

/** The functions of a registry. */
export interface RegisteredFunctions {
  readonly scalars: Iterable<ScalarFunction>
  /** Functions that are made for the types of their arguments, by name. */
  readonly generics: ReadonlyMap<string, Generic>
  readonly aggregates: ReadonlyMap<string, AggregateFactory>
}

/** The functions that statements can call, by name: scalar, generic and aggregate ones. */
export class FunctionRegistry {
  readonly #scalars: Map<string, ScalarFunction[]> = new Map()
  readonly #generics: ReadonlyMap<string, Generic>
  readonly #aggregates: ReadonlyMap<string, AggregateFactory>

  constructor({ scalars, generics, aggregates }: RegisteredFunctions) {
    for (const each of scalars) {
      const overloads = this.#scalars.get(each.name)
      if (overloads === undefined) this.#scalars.set(each.name, [each])
      else overloads.push(each)
    }
    this.#generics = generics
    this.#aggregates = aggregates
  }

  /** Returns the overloads of a scalar function; `undefined` when no function has the name. */
  scalarOverloads(name: string): readonly ScalarFunction[] | undefined {
    return this.#scalars.get(name)
  }

  generic(name: string): Generic | undefined {
    return this.#generics.get(name)
  }

  aggregate(name: string): AggregateFactory | undefined {
    return this.#aggregates.get(name)
  }
}

/** The functions of the keyspace `system`. */
export const systemFunctions: FunctionRegistry = new FunctionRegistry({
  scalars: nativeFunctions,
  generics: new Map([...collectionFunctions, ...maskFunctions]),
  aggregates: nativeAggregates,
})
