/** Returns roughly how many bytes values take on the wire. */
export function estimateValueBytes(values: readonly unknown[]): number {
  let bytes = 64
  try {
    for (const value of values) bytes += estimateBytes(value, 0)
  } catch {
    // A value that cannot be read cannot be bound either: encoding it says which.
  }
  return bytes
}

function estimateBytes(value: unknown, depth: number): number {
  if (typeof value === 'string') return 4 + value.length
  if (typeof value !== 'object' || value === null) return 12
  if (ArrayBuffer.isView(value)) return 4 + value.byteLength
  if (depth > estimateDepthMax) return 64
  let bytes = 64
  if (Array.isArray(value) || value instanceof Set) {
    for (const element of value) bytes += estimateBytes(element, depth + 1)
  } else if (value instanceof Map) {
    for (const [key, element] of value) {
      bytes += estimateBytes(key, depth + 1) + estimateBytes(element, depth + 1)
    }
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const field of Object.values(value)) bytes += estimateBytes(field, depth + 1)
  }
  return bytes
}

/** Values may be made of each other without end; encoding refuses those. */
const estimateDepthMax = 4
