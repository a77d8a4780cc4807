import { type CqlType } from '../../types/index.ts'
import { compareValues, splitCollection } from '../encode/index.ts'
import { collectionBytes, concatCells, int32Bytes } from './wire.ts'

export function sortedSet(cells: readonly Uint8Array[], type: CqlType): Uint8Array {
  const ordered = [...cells].sort((a, b) => compareValues(type, a, b))
  const unique = ordered.filter(
    (cell, index) => index === 0 || compareValues(type, ordered[index - 1]!, cell) !== 0,
  )
  return collectionBytes(unique, unique.length)
}

/** Keys in order; of equal keys the last value. Values may be null in a selection. */
export function sortedMap(cells: readonly (Uint8Array | null)[], keyType: CqlType): Uint8Array {
  const pairs: [Uint8Array, Uint8Array | null][] = []
  for (let i = 0; i < cells.length; i += 2) pairs.push([cells[i]!, cells[i + 1]!])
  // The sort is stable, so the last of equal keys is the one that was given last.
  pairs.sort((a, b) => compareValues(keyType, a[0], b[0]))
  const unique = pairs.filter((pair, i) => {
    const next = pairs[i + 1]
    return next === undefined || compareValues(keyType, pair[0], next[0]) !== 0
  })
  return concatCells(unique.flat(), int32Bytes(unique.length))
}

/** Whether values of a type hold elements in an order of their own. */
export function isSorted(type: CqlType): boolean {
  if (type.kind === 'list') return isSorted(type.element)
  return type.kind === 'set' || type.kind === 'map'
}

/**
 * A bound collection as it is stored: elements of sets and keys of maps in order, each once
 * (SetSerializer.serializeValues). What tuples and user types hold stays as it is.
 */
export function sortedCollection(type: CqlType, value: Uint8Array): Uint8Array {
  if (type.kind !== 'list' && type.kind !== 'set' && type.kind !== 'map') return value
  const types = type.kind === 'map' ? [type.key, type.value] : [type.element]
  const step = types.length
  const cells = (splitCollection(value) as Uint8Array[]).map((cell, index) => {
    const part = types[index % step]!
    return isSorted(part) ? sortedCollection(part, cell) : cell
  })
  if (type.kind === 'set') return sortedSet(cells, type.element)
  if (type.kind === 'map') return sortedMap(cells, type.key)
  return collectionBytes(cells, cells.length)
}
