import {
  type BindPlan,
  isArrayBuffer,
  isDate,
  isMap,
  isPlainObject,
  isSet,
  timeOf,
} from '../../codec/index.ts'
import type { BindValues } from '../../types/index.ts'
import { isSharedInstance } from '../../util/index.ts'

/**
 * Copies bind values as they are at the moment of the call, with everything inside them that a
 * codec reads: what the caller changes while a request waits must not be what is stored. Instances
 * of tsylla's own classes cannot change and are kept.
 */
export function snapshotOf<T extends BindValues | undefined>(values: T): T {
  return typeof values === 'object' && values !== null
    ? (copyOf(values, new Map(), 0) as T)
    : values
}

/**
 * Which values of a request were a `Date` and are its milliseconds now: bit i for marker i. A
 * number that the caller has passed is told from them by it.
 */
export type DateMarkers = number

/** Dates of further markers are copied. */
const dateMarkerCountMax = 31

/**
 * Replaces values in marker order by what the caller cannot change: a request may be encoded again
 * after a failure, long after its call has returned. A `Date` of a timestamp becomes its
 * milliseconds, which cost less than another `Date`.
 *
 * @param values an array of the request's own, as `BindPlan.resolve` returns it
 * @throws BindError for an invalid `Date` of a timestamp
 */
export function detachValues(plan: BindPlan, values: unknown[]): DateMarkers {
  let dates = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value !== 'object' || value === null) continue
    const ms = plan.msOfDate(i, value)
    if (ms === undefined || i >= dateMarkerCountMax) {
      values[i] = copyOf(value, undefined, 0)
      continue
    }
    values[i] = ms
    dates |= 1 << i
  }
  return dates
}

/**
 * Returns detached values for the plan that replaces another one of the same text. Milliseconds of
 * a `Date` whose marker is no timestamp any more become a `Date` again: a bigint would take the
 * number.
 *
 * @throws BindError
 */
export function moveValues(
  values: readonly unknown[],
  dates: DateMarkers,
  to: BindPlan,
): unknown[] {
  const moved = to.resolve(values)
  for (let i = 0; dates >>> i !== 0; i++) {
    const value = moved[i]
    const wasDate = (dates & (1 << i)) !== 0
    if (wasDate && typeof value === 'number' && !to.isTimestamp(i)) moved[i] = new Date(value)
  }
  return moved
}

/** Returns detached values as the caller has passed them: with a `Date` where one was. */
export function attachedValues(values: readonly unknown[], dates: DateMarkers): readonly unknown[] {
  if (dates === 0) return values
  return values.map((value, i) =>
    i < dateMarkerCountMax && (dates & (1 << i)) !== 0 ? new Date(value as number) : value,
  )
}

/** Deeper values are refused by the encoder, so their copy would be lost work. */
const depthMax = 64

/** Copies of objects that were met before: a value may contain another one many times. */
type Copies = Map<object, unknown>

/** @param copies made when it is needed for the first time */
function copyOf(value: unknown, copies: Copies | undefined, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > depthMax) return value
  try {
    if (isSharedInstance(value)) return value
    if (ArrayBuffer.isView(value)) return copyOfBytes(value)
    if (isDate(value)) return new Date(timeOf(value))
    return copies?.get(value) ?? copyOfParts(value, copies ?? new Map(), depth + 1)
  } catch {
    // A value that cannot be read cannot be bound either: encoding reports which one.
    return value
  }
}

function copyOfParts(value: object, copies: Copies, depth: number): unknown {
  const keep = <T>(copy: T): T => {
    copies.set(value, copy)
    return copy
  }
  if (Array.isArray(value)) {
    const copy = keep(new Array<unknown>(value.length))
    for (let i = 0; i < copy.length; i++) if (i in value) copy[i] = copyOf(value[i], copies, depth)
    return copy
  }
  if (isSet(value)) {
    const copy = keep(new Set())
    for (const one of value) copy.add(copyOf(one, copies, depth))
    return copy
  }
  if (isMap(value)) {
    const copy = keep(new Map())
    for (const [key, one] of value) copy.set(copyOf(key, copies, depth), copyOf(one, copies, depth))
    return copy
  }
  if (isArrayBuffer(value)) return keep(value.slice(0))
  const copy = keep(Object.create(Object.getPrototypeOf(value) as object | null) as Fields)
  copyFields(value as Fields, copy, (one) => copyOf(one, copies, depth))
  return copy
}

interface Fields {
  [name: string]: unknown
}

/** Copies own properties only, which are all that a codec reads of an object. */
function copyFields(from: Fields, to: Fields, copyField: (field: unknown) => unknown): void {
  const isPlain = isPlainObject(from)
  for (const name of isPlain ? Object.keys(from) : Object.getOwnPropertyNames(from)) {
    const value = copyField(from[name])
    // An assignment would call a setter of the class, or replace the prototype.
    if (isPlain && name !== '__proto__') to[name] = value
    else {
      const enumerable = isPlain || Object.getOwnPropertyDescriptor(from, name)?.enumerable === true
      Object.defineProperty(to, name, { value, enumerable })
    }
  }
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
  // Bytes whose memory was transferred look empty too: encoding refuses them.
  if (view.byteLength === 0) return view
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
