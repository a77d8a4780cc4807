import type { CqlType } from '../../types/index.ts'
import { compareValues } from './compare-values.ts'
import { splitCollection } from './wire-elements.ts'

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
