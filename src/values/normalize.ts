import type { CqlType } from '../types/index.ts'
import { compareValues } from './compare.ts'
import { collectionBytes, splitCollection } from './split.ts'
import { isSorted } from './type-traits.ts'

/** A set of its elements: in order, each once. */
export function sortedSet(cells: readonly Uint8Array[], type: CqlType): Uint8Array {
  const ordered = [...cells].sort((a, b) => compareValues(type, a, b))
  const unique = ordered.filter(
    (cell, index) => index === 0 || compareValues(type, ordered[index - 1]!, cell) !== 0,
  )
  return collectionBytes(unique, unique.length)
}

/** A map of its keys and values in turn: keys in order, of equal ones the last. */
export function sortedMap(cells: readonly (Uint8Array | null)[], keyType: CqlType): Uint8Array {
  const pairs: [Uint8Array, Uint8Array | null][] = []
  for (let i = 0; i < cells.length; i += 2) pairs.push([cells[i]!, cells[i + 1]!])
  // The sort is stable, so the last of equal keys is the one that was given last.
  pairs.sort((a, b) => compareValues(keyType, a[0], b[0]))
  const unique = pairs.filter((pair, i) => {
    const next = pairs[i + 1]
    return next === undefined || compareValues(keyType, pair[0], next[0]) !== 0
  })
  return collectionBytes(unique.flat(), unique.length)
}

/**
 * A bound collection as it is stored: elements of sets and keys of maps in order, each once
 * (SetSerializer.serializeValues). What tuples and user types hold stays as it is.
 */
export function sortedCollection(type: CqlType, value: Uint8Array): Uint8Array {
  if (type.kind !== 'list' && type.kind !== 'set' && type.kind !== 'map') return value
  const types = type.kind === 'map' ? [type.key, type.value] : [type.element]
  const step = types.length
  const cells = splitCollection(value).map((cell, index) => {
    if (cell === undefined) return null
    const part = types[index % step]!
    return isSorted(part) ? sortedCollection(part, cell) : cell
  })
  // Only a list may have nulls, and only where it is the list of an IN.
  if (type.kind === 'set') return sortedSet(cells as Uint8Array[], type.element)
  if (type.kind === 'map') return sortedMap(cells, type.key)
  return collectionBytes(cells, cells.length)
}
