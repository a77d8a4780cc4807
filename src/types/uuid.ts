import { ValueError } from '../errors/index.ts'
import { isBytes, type Runtime, shareAcrossBuilds, systemRuntime } from '../util/index.ts'
import { printByText } from './print-by-text.ts'

const uuidText = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Value of a hexadecimal digit by char code; 255 for every other character below 128. */
const digitValue: Uint8Array = new Uint8Array(128).fill(255)
/** Char codes of the two hexadecimal digits of a byte. */
const highDigit: Uint8Array = new Uint8Array(256)
const lowDigit: Uint8Array = new Uint8Array(256)
const dash = 0x2d
for (let byte = 0; byte < 256; byte++) {
  const digits = byte.toString(16).padStart(2, '0')
  highDigit[byte] = digits.charCodeAt(0)
  lowDigit[byte] = digits.charCodeAt(1)
}
for (let digit = 0; digit < 16; digit++) {
  digitValue[digit.toString(16).charCodeAt(0)] = digit
  digitValue[digit.toString(16).toUpperCase().charCodeAt(0)] = digit
}

/** A 128-bit identifier. Immutable. Results carry uuids as strings; either form can be bound. */
export class Uuid {
  /** 32 lower-case hexadecimal digits as 8-4-4-4-12: the whole value, so it survives a clone. */
  readonly text: string

  /** @param bytes the 16 bytes in network order */
  constructor(bytes: Uint8Array) {
    if (!isBytes(bytes) || bytes.length !== 16) {
      throw new ValueError('A UUID is a Uint8Array of 16 bytes')
    }
    this.text = uuidToText(bytes, 0)
  }

  /** A random UUID (version 4) from the system's secure generator. */
  static random(): Uuid {
    return randomUuid(systemRuntime)
  }

  /** @throws ValueError unless `text` is 32 hexadecimal digits as 8-4-4-4-12 */
  static parse(text: string): Uuid {
    const bytes = new Uint8Array(16)
    if (typeof text !== 'string' || !parseUuidInto(text, bytes, 0)) {
      throw new ValueError('Not a UUID: expected 32 hexadecimal digits as 8-4-4-4-12')
    }
    return new Uuid(bytes)
  }

  static isUuidText(text: string): boolean {
    return typeof text === 'string' && uuidText.test(text)
  }

  get version(): number {
    return Number.parseInt(this.text[14]!, 16)
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(16)
    parseUuidInto(this.text, bytes, 0)
    return bytes
  }

  equals(other: Uuid): boolean {
    return this.text === other.text
  }

  toString(): string {
    return this.text
  }

  toJSON(): string {
    return this.toString()
  }

  static {
    shareAcrossBuilds(this, 'Uuid')
    printByText(this, 'Uuid')
  }
}

/** Returns a UUID of version 4 from the random bytes of a runtime (RFC 9562 §5.4). */
export function randomUuid(runtime: Pick<Runtime, 'randomBytes'>): Uuid {
  const bytes = runtime.randomBytes(16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return new Uuid(bytes)
}

/**
 * The text of the 16 bytes at `at`. All char codes in one call make a flat string in 50 ns; joining
 * parts takes three times that, and more when the string is first used as a key.
 */
export function uuidToText(b: Uint8Array, at: number): string {
  const h = highDigit
  const l = lowDigit
  return String.fromCharCode(
    h[b[at]!]!,
    l[b[at]!]!,
    h[b[at + 1]!]!,
    l[b[at + 1]!]!,
    h[b[at + 2]!]!,
    l[b[at + 2]!]!,
    h[b[at + 3]!]!,
    l[b[at + 3]!]!,
    dash,
    h[b[at + 4]!]!,
    l[b[at + 4]!]!,
    h[b[at + 5]!]!,
    l[b[at + 5]!]!,
    dash,
    h[b[at + 6]!]!,
    l[b[at + 6]!]!,
    h[b[at + 7]!]!,
    l[b[at + 7]!]!,
    dash,
    h[b[at + 8]!]!,
    l[b[at + 8]!]!,
    h[b[at + 9]!]!,
    l[b[at + 9]!]!,
    dash,
    h[b[at + 10]!]!,
    l[b[at + 10]!]!,
    h[b[at + 11]!]!,
    l[b[at + 11]!]!,
    h[b[at + 12]!]!,
    l[b[at + 12]!]!,
    h[b[at + 13]!]!,
    l[b[at + 13]!]!,
    h[b[at + 14]!]!,
    l[b[at + 14]!]!,
    h[b[at + 15]!]!,
    l[b[at + 15]!]!,
  )
}

/** Writes the 16 bytes of a UUID's text at `at`. @returns false when the text is no UUID */
export function parseUuidInto(text: string, bytes: Uint8Array, at: number): boolean {
  if (text.length !== 36) return false
  // A bit above the low nibbles means that some character was no digit.
  let seen = 0
  let position = 0
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) {
      if (text.charCodeAt(position) !== dash) return false
      position++
    }
    const high = text.charCodeAt(position)
    const low = text.charCodeAt(position + 1)
    position += 2
    if ((high | low) > 127) return false
    const highValue = digitValue[high]!
    const lowValue = digitValue[low]!
    seen |= highValue | lowValue
    bytes[at + i] = (highValue << 4) | lowValue
  }
  return seen < 16
}
