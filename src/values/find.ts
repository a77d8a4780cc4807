import type { CqlType } from '../types/index.ts'
import { compareValues } from './compare.ts'
import { collectionBytes, splitCollection } from './split.ts'

/** Whether any of the parts from `first` on, `step` apart, equals `value`. */
export function hasPart(
  collection: Uint8Array | null,
  type: CqlType,
  value: Uint8Array,
  first: number,
  step: number,
): boolean {
  if (collection === null) return false
  const parts = splitCollection(collection)
  for (let i = first; i < parts.length; i += step) {
    const part = parts[i]
    if (part !== undefined && compareValues(type, part, value) === 0) return true
  }
  return false
}

/** The value of a key in a map in wire encoding. */
export function mapEntry(
  collection: Uint8Array | null,
  type: CqlType,
  key: Uint8Array,
): Uint8Array | null {
  if (collection === null || type.kind !== 'map') return null
  const parts = splitCollection(collection)
  for (let i = 0; i < parts.length; i += 2) {
    const each = parts[i]
    if (each !== undefined && compareValues(type.key, each, key) === 0) return parts[i + 1] ?? null
  }
  return null
}

/** The element of a set that equals `wanted`. */
export function setElement(
  set: Uint8Array | null,
  type: CqlType,
  wanted: Uint8Array,
): Uint8Array | null {
  if (set === null) return null
  for (const element of splitCollection(set)) {
    if (element !== undefined && compareValues(type, element, wanted) === 0) return element
  }
  return null
}

/** The entries of a set or map whose keys lie between two ends, both included. */
export function sliceOf(
  collection: Uint8Array | null,
  type: CqlType,
  keyType: CqlType,
  from: Uint8Array | null,
  to: Uint8Array | null,
): Uint8Array | null {
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

/** An index of values of one type: every lookup takes logarithmic time. */
export class ValueSet {
  readonly #type: CqlType
  readonly #values: readonly Uint8Array[]

  constructor(type: CqlType, values: readonly Uint8Array[]) {
    this.#type = type
    this.#values = [...values].sort((a, b) => compareValues(type, a, b))
  }

  has(value: Uint8Array): boolean {
    let low = 0
    let high = this.#values.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const order = compareValues(this.#type, this.#values[middle]!, value)
      if (order === 0) return true
      if (order < 0) low = middle + 1
      else high = middle - 1
    }
    return false
  }
}
