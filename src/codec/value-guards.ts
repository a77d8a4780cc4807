// What a value is inside. `instanceof` is true as well of a clone that has the prototype only
// (`Object.create(Map.prototype)`), whose methods then throw a TypeError of the engine.

export function isMap(value: unknown): value is Map<unknown, unknown> {
  try {
    return value instanceof Map && value.size >= 0
  } catch {
    return false
  }
}

/** Also true of a clone that has the prototype of Date only. */
export function isDate(value: unknown): value is Date {
  try {
    return value instanceof Date
  } catch {
    return false
  }
}

export function isSet(value: unknown): value is Set<unknown> {
  try {
    return value instanceof Set && value.size >= 0
  } catch {
    return false
  }
}

/** Memory itself, without a view of it. */
export function isArrayBuffer(value: unknown): value is ArrayBuffer | SharedArrayBuffer {
  try {
    const isOne = value instanceof ArrayBuffer || value instanceof SharedArrayBuffer
    return isOne && value.byteLength >= 0
  } catch {
    return false
  }
}

type TypedArray = ArrayBufferView & ArrayLike<unknown> & Iterable<unknown>

/** Any view of memory that has elements. */
export function isTypedArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
}

/**
 * Whether the memory was transferred to a worker: its views look empty since. Node 20 does not know
 * `ArrayBuffer.detached` yet, but making a view of such memory throws.
 */
export function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0) return false
  try {
    return new Uint8Array(buffer).length > 0
  } catch {
    return true
  }
}

/** The bytes of a `Uuid` or `Inet`, unless it is a clone that lost what is private to it. */
export function bytesInside(value: { toBytes(): Uint8Array }): Uint8Array | undefined {
  try {
    return value.toBytes()
  } catch {
    return undefined
  }
}

/** An object that was made by `{}`, also in another realm, or has no prototype. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === null || prototype === Object.prototype) return true
  // Another realm has another Object.prototype, known by what it has and having no prototype.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf')
}
