/** Whether a value of any kind is an integer of 32 bits. */
export function isInt32(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= -(2 ** 31) && (value as number) < 2 ** 31
}

/** Milliseconds since the epoch of a Date; NaN for an invalid Date and for any other value. */
export function msOfDate(value: unknown): number {
  try {
    const ms: unknown = value instanceof Date ? value.getTime() : undefined
    return Number.isSafeInteger(ms) ? (ms as number) : Number.NaN
  } catch {
    // It has the prototype of Date only.
    return Number.NaN
  }
}
