import { CacheValueError, ConfigError } from '../../errors/index.ts'
import { copyOfPlain, decodeCacheValue, encodeCacheValue, isPlain } from './cache-value.ts'

/** Turns values into bytes and back. */
export interface CacheCodec {
  /** @throws any error when the value cannot be stored */
  encode(value: unknown): Uint8Array
  /** Called with bytes that `encode` of this codec, or another program, has written. */
  decode(bytes: Uint8Array): unknown
}

/** Longer values are decoded for each caller: their copies would be the larger part of memory. */
const copiedBytesMax = 1_024

/** A codec with the limits of a cache. */
export class ValueCodec {
  readonly #codec: CacheCodec | undefined
  readonly #bytesMax: number

  /** @param codec default: lossless data, see `Cache.set` */
  constructor(codec: CacheCodec | undefined, bytesMax: number) {
    if (codec !== undefined) {
      const isCodec = typeof codec.encode === 'function' && typeof codec.decode === 'function'
      if (!isCodec) throw new ConfigError('codec needs the functions encode and decode')
    }
    this.#codec = codec
    this.#bytesMax = bytesMax
  }

  /** @throws CacheValueError when the value cannot be stored, or is too long */
  encode(value: unknown): Uint8Array {
    if (this.#codec === undefined) return encodeCacheValue(value, this.#bytesMax)
    const bytes = this.#codec.encode(value)
    if (!(bytes instanceof Uint8Array)) {
      throw new CacheValueError('value', 'encode of the codec returned no Uint8Array')
    }
    if (bytes.length > this.#bytesMax) {
      throw new CacheValueError(
        'value',
        `it takes ${bytes.length} bytes, at most ${this.#bytesMax}`,
      )
    }
    // A codec may return what its caller can change.
    return copyOf(bytes)
  }

  /** @returns `undefined` when the bytes cannot be read: another program, or version, wrote them */
  decode(bytes: Uint8Array): { readonly value: unknown } | undefined {
    if (this.#codec === undefined) return decodeCacheValue(bytes)
    try {
      // A codec may return its argument, which is in memory for other callers.
      return { value: this.#codec.decode(copyOf(bytes)) }
    } catch {
      return undefined
    }
  }

  /**
   * Makes the value for each caller who reads it from memory.
   *
   * @returns `undefined` when it has to be decoded for each
   */
  copier(bytes: Uint8Array): (() => unknown) | undefined {
    if (this.#codec !== undefined || bytes.length > copiedBytesMax) return undefined
    const decoded = decodeCacheValue(bytes)
    if (decoded === undefined || !isPlain(decoded.value)) return undefined
    return () => copyOfPlain(decoded.value)
  }
}

function copyOf(bytes: Uint8Array): Uint8Array {
  return Buffer.isBuffer(bytes) ? Buffer.from(bytes) : new Uint8Array(bytes)
}
