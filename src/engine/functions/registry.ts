import { collectionFunctions } from './collections.ts'
import type { ScalarFunction } from './definitions.ts'
import type { Generic } from './generics.ts'
import { maskFunctions } from './masks.ts'
import { nativeFunctions } from './natives.ts'

const overloadsByName: Map<string, ScalarFunction[]> = new Map()
for (const each of nativeFunctions) {
  const overloads = overloadsByName.get(each.name)
  if (overloads === undefined) overloadsByName.set(each.name, [each])
  else overloads.push(each)
}

const genericsByName: ReadonlyMap<string, Generic> = new Map([
  ...collectionFunctions,
  ...maskFunctions,
])

/** Overloads of a native scalar function; `undefined` when none has the name. */
export function scalarOverloads(name: string): readonly ScalarFunction[] | undefined {
  return overloadsByName.get(name)
}

/** The function of that name whose types are those of its arguments. */
export function genericFunction(name: string): Generic | undefined {
  return genericsByName.get(name)
}
