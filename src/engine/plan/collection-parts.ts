import type { CqlType } from '../../types/index.ts'
import { compareValues, splitCollection } from '../encode/index.ts'
import type { Cell } from '../functions/definitions.ts'
import { collectionBytes } from '../functions/wire.ts'

/** The element of a set that equals `wanted`. */
export function setElement(set: Cell, type: CqlType, wanted: Uint8Array): Cell {
  if (set === null) return null
  for (const element of splitCollection(set)) {
    if (element !== undefined && compareValues(type, element, wanted) === 0) return element
  }
  return null
}

/** The entries of a set or map whose keys lie between two ends, both included. */
export function sliceOf(
  collection: Cell,
  type: CqlType,
  keyType: CqlType,
  from: Cell,
  to: Cell,
): Cell {
  if (collection === null) return null
  const step = type.kind === 'map' ? 2 : 1
  const parts = splitCollection(collection) as Uint8Array[]
  const kept: Uint8Array[] = []
  for (let i = 0; i < parts.length; i += step) {
    const key = parts[i]!
    if (from !== null && compareValues(keyType, key, from) < 0) continue
    if (to !== null && compareValues(keyType, key, to) > 0) continue
    kept.push(...parts.slice(i, i + step))
  }
  // AbstractMapSerializer.getSliceFromSerialized: only what is frozen can be there and be empty.
  const isFrozen = (type.kind === 'map' || type.kind === 'set') && type.frozen
  if (kept.length === 0 && !isFrozen) return null
  return collectionBytes(kept, kept.length / step)
}
