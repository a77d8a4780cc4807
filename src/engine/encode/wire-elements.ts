import type { CqlType } from '../../types/index.ts'

/** The parts of a value in wire encoding; `undefined` is a null field. */
export type WireElements = (Uint8Array | undefined)[]

function readInt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

/** `[int length][bytes]` until the end: tuples and UDTs, whose last fields may be missing. */
export function splitFields(value: Uint8Array): WireElements {
  const fields: WireElements = []
  for (let at = 0; at + 4 <= value.length; ) {
    const length = readInt(value, at)
    at += 4
    fields.push(length < 0 ? undefined : value.subarray(at, at + length))
    if (length > 0) at += length
  }
  return fields
}

/** `[int count]`, then the elements of a list or set, or keys and values of a map in turn. */
export function splitCollection(value: Uint8Array): WireElements {
  return splitFields(value.subarray(4))
}

/** Types whose values all have one length within a vector (AbstractType.valueLengthIfFixed). */
function fixedLength(type: CqlType): number | undefined {
  switch (type.kind) {
    case 'boolean':
      return 1
    case 'int':
    case 'float':
      return 4
    case 'bigint':
    case 'double':
    case 'timestamp':
      return 8
    case 'uuid':
    case 'timeuuid':
      return 16
    case 'vector': {
      const element = fixedLength(type.element)
      return element === undefined ? undefined : element * type.dimension
    }
    default:
      return undefined
  }
}

/** Elements of fixed length one after the other; others each behind an unsigned vint length. */
export function splitVector(value: Uint8Array, element: CqlType): WireElements {
  const elements: WireElements = []
  const fixed = fixedLength(element)
  for (let at = 0; at < value.length; ) {
    let length = fixed
    if (length === undefined) {
      const extra = Math.clz32(~(value[at]! << 24))
      length = extra >= 8 ? 0 : value[at]! & (0xff >> extra)
      for (let i = 1; i <= extra; i++) length = length * 256 + value[at + i]!
      at += extra + 1
    }
    elements.push(value.subarray(at, at + length))
    at += length
  }
  return elements
}
