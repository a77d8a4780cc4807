import type { BindValues } from '../../types/index.ts'

/**
 * Copies bind values as they are at the moment of the call, collections and bytes inside them
 * included: what the caller changes while a request waits must not be what is stored. Instances of
 * classes other than the built-in collections are values of their own and are kept.
 */
export function snapshotOf<T extends BindValues | undefined>(values: T): T {
  return typeof values === 'object' && values !== null
    ? (copyOf(values, new Map(), 0) as T)
    : values
}

/**
 * Replaces collections and bytes in an array of our own by copies that the caller cannot change: a
 * request may be encoded again after a failure, long after its call has returned. A `Date` costs
 * more to copy than to encode; it is copied only when a request has to wait ({@link copyDates}).
 */
export function detachValues(values: unknown[]): readonly unknown[] {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value === 'object' && value !== null) values[i] = detached(value)
  }
  return values
}

/** Returns values that are detached, their dates included. */
export function copyDates(values: readonly unknown[]): readonly unknown[] {
  return values.map((value) => (isDate(value) ? new Date(value) : value))
}

function isDate(value: unknown): value is Date {
  try {
    return value instanceof Date
  } catch {
    // A proxy may throw: encoding reports that it cannot be read.
    return false
  }
}

function detached(value: object): unknown {
  try {
    if (value instanceof Date) return value
  } catch {
    // A proxy may throw: encoding reports that it cannot be read.
    return value
  }
  return ArrayBuffer.isView(value) ? copyOfBytes(value) : copyOf(value, new Map(), 0)
}

/** Deeper values are refused by the encoder, so their copy would be lost work. */
const depthMax = 64

/** @param copies of objects that were met before: a value may contain another one many times */
function copyOf(value: unknown, copies: Map<object, unknown>, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > depthMax) return value
  const known = copies.get(value)
  if (known !== undefined) return known
  try {
    return copyObject(value, copies, depth)
  } catch {
    // A value that cannot be read cannot be bound either: encoding reports which one.
    return value
  }
}

function copyObject(value: object, copies: Map<object, unknown>, depth: number): unknown {
  const inner = (one: unknown): unknown => copyOf(one, copies, depth + 1)
  const keep = <T>(copy: T): T => {
    copies.set(value, copy)
    return copy
  }
  if (Array.isArray(value)) {
    const copy = keep(value.slice())
    for (let i = 0; i < copy.length; i++) if (i in copy) copy[i] = inner(copy[i])
    return copy
  }
  if (ArrayBuffer.isView(value)) return keep(copyOfBytes(value))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Date.prototype) return keep(new Date(value as unknown as number))
  if (prototype === Set.prototype) {
    const copy = keep(new Set())
    for (const one of value as Set<unknown>) copy.add(inner(one))
    return copy
  }
  if (prototype === Map.prototype) {
    const copy = keep(new Map())
    for (const [key, one] of value as Map<unknown, unknown>) copy.set(inner(key), inner(one))
    return copy
  }
  if (prototype !== Object.prototype && prototype !== null) return value
  const copy = keep(Object.assign(Object.create(prototype) as { [key: string]: unknown }, value))
  for (const key of Object.keys(copy)) copy[key] = inner(copy[key])
  return copy
}

/** Values of bytes from this size on are large: copies of equal ones are shared. */
export const largeBytesMin: number = 64 * 1024

/** The copy that was made last of a large value, while any request holds it. */
const latestCopies = new WeakMap<ArrayBufferView, WeakRef<ArrayBufferView>>()

/**
 * Many requests may write the same large value. Comparing it with the copy that was made for the
 * last of them is cheaper than another copy, and the copies together could be more than fits.
 */
function copyOfBytes(view: ArrayBufferView): ArrayBufferView {
  if (view.byteLength < largeBytesMin) return copyOfView(view)
  const latest = latestCopies.get(view)?.deref()
  if (latest !== undefined && bytesOf(latest).equals(bytesOf(view))) return latest
  const copy = copyOfView(view)
  latestCopies.set(view, new WeakRef(copy))
  return copy
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function copyOfView(view: ArrayBufferView): ArrayBufferView {
  if (view instanceof DataView) {
    const { buffer, byteOffset, byteLength } = view
    return new DataView(buffer.slice(byteOffset, byteOffset + byteLength))
  }
  // Buffer.slice would share its memory.
  return Uint8Array.prototype.slice === (view as Uint8Array).slice || !(view instanceof Uint8Array)
    ? (view as Uint8Array).slice()
    : Buffer.from(view)
}
