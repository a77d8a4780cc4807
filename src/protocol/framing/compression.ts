import { ProtocolError } from '../../errors/index.ts'
import { asBuffer } from '../../util/index.ts'

/**
 * Compression of frame bodies in v4 (native_protocol_v4.spec §5). The header stays as it is. In v5
 * the payloads of segments are compressed instead: {@link Lz4Compressor.compressBlock}.
 */
export interface Compressor {
  /** Name in the STARTUP option COMPRESSION. */
  readonly name: 'lz4' | 'snappy'
  compress(body: Uint8Array): Uint8Array
  /** @throws ProtocolError if the body is malformed or would be larger than `bodyBytesMax` */
  decompress(body: Uint8Array, bodyBytesMax: number): Uint8Array
}

export type CompressionName = Compressor['name']

/** Bodies below this size go uncompressed: they would hardly shrink. */
export const compressBytesMin = 1024

/** No LZ4 block holds more than 255 bytes for each of its own (LZ4 block format, match lengths). */
const lz4ExpansionMax = 255

/** A Snappy copy of three bytes expands to at most 64 (Snappy format description, §2.2.2). */
const snappyExpansionMax = 22

/** What tsylla calls of the packages that compress; declared sizes are checked before. */
export interface BlockCodec {
  compressSync(bytes: Buffer): Uint8Array
  uncompressSync(bytes: Buffer): Uint8Array
}

/**
 * LZ4 body: length of the plain body as a big-endian [int], then one raw LZ4 block. The package
 * writes and reads the same with a little-endian length, so only that changes.
 */
export class Lz4Compressor implements Compressor {
  readonly name = 'lz4'
  readonly #codec: BlockCodec
  constructor(codec: BlockCodec) {
    this.#codec = codec
  }

  compress(body: Uint8Array): Uint8Array {
    const block = asBuffer(this.#codec.compressSync(asBuffer(body)))
    block.writeUInt32BE(body.length, 0)
    return block
  }

  decompress(body: Uint8Array, bodyBytesMax: number): Uint8Array {
    if (body.length < 4) throw new ProtocolError('A compressed body is shorter than its length')
    const block = Buffer.from(body)
    const size = block.readUInt32BE(0)
    checkSize(size, bodyBytesMax)
    if (size > (body.length - 4) * lz4ExpansionMax) {
      throw new ProtocolError('A compressed body declares more than LZ4 can expand to')
    }
    if (size === 0) return new Uint8Array(0)
    block.writeUInt32LE(size, 0)
    return uncompress(this.#codec, block, size)
  }

  /** Returns a raw LZ4 block, without a length. */
  compressBlock(plain: Uint8Array): Uint8Array {
    return asBuffer(this.#codec.compressSync(asBuffer(plain))).subarray(4)
  }

  /**
   * @param size length when decompressed, which the peer has declared; the caller has bounded it
   * @throws ProtocolError if the block is malformed or has another length
   */
  decompressBlock(block: Uint8Array, size: number): Uint8Array {
    const withSize = Buffer.allocUnsafe(4 + block.length)
    withSize.writeUInt32LE(size, 0)
    withSize.set(block, 4)
    return uncompress(this.#codec, withSize, size)
  }
}

/** Snappy body: one raw Snappy block, which starts with the plain body's length as a varint. */
export class SnappyCompressor implements Compressor {
  readonly name = 'snappy'
  readonly #codec: BlockCodec
  constructor(codec: BlockCodec) {
    this.#codec = codec
  }

  compress(body: Uint8Array): Uint8Array {
    return this.#codec.compressSync(asBuffer(body))
  }

  decompress(body: Uint8Array, bodyBytesMax: number): Uint8Array {
    const size = snappySize(body)
    checkSize(size, bodyBytesMax)
    if (size > body.length * snappyExpansionMax) {
      throw new ProtocolError('A compressed body declares more than Snappy can expand to')
    }
    if (size === 0) return new Uint8Array(0)
    return uncompress(this.#codec, asBuffer(body), size)
  }
}

function checkSize(size: number, bodyBytesMax: number): void {
  if (size > bodyBytesMax) {
    throw new ProtocolError(
      `A compressed body declares ${size} bytes, at most ${bodyBytesMax} are accepted`,
    )
  }
}

function uncompress(codec: BlockCodec, block: Buffer, size: number): Uint8Array {
  let plain: Uint8Array
  try {
    plain = codec.uncompressSync(block)
  } catch (error) {
    throw new ProtocolError('A compressed body cannot be decompressed', { cause: error })
  }
  if (plain.length !== size) {
    throw new ProtocolError(`A compressed body holds ${plain.length} bytes, declared were ${size}`)
  }
  return plain
}

/** The varint a Snappy block starts with (Snappy format description, §1): at most 32 bits. */
function snappySize(body: Uint8Array): number {
  let size = 0
  for (let i = 0; i < 5; i++) {
    const byte = body[i]
    if (byte === undefined) break
    size += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return size
  }
  throw new ProtocolError('A compressed body starts with no Snappy length')
}
