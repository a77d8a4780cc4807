import { ConfigError } from '../errors/index.ts'
import { isWellFormed } from '../util/index.ts'

/** Whether `value` is a text, not empty, that servers store in at most so many bytes. */
export function isStorable(value: unknown, bytesMax: number): value is string {
  if (typeof value !== 'string' || value === '') return false
  // A UTF-16 code unit takes at most three bytes: most texts need not be measured.
  const isShort = value.length * 3 <= bytesMax
  return (isShort || Buffer.byteLength(value) <= bytesMax) && isWellFormed(value)
}

/**
 * Checks a text that becomes a key.
 *
 * @param name of the argument, for the error
 * @throws ConfigError
 */
export function checkText(name: string, value: string, bytesMax: number): void {
  if (isStorable(value, bytesMax)) return
  throw new ConfigError(`${name} must be ${storableText(bytesMax)}`)
}

/** What {@link isStorable} accepts, for errors. */
export function storableText(bytesMax: number): string {
  return `a text of 1 to ${bytesMax} bytes in UTF-8, without halves of surrogate pairs`
}
