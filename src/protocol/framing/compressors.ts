import { DependencyMissingError } from '../../errors/index.ts'
import { importPackage } from '../../util/index.ts'
import {
  type BlockCodec,
  type CompressionName,
  type Compressor,
  Lz4Compressor,
  SnappyCompressor,
} from './compression.ts'

/**
 * Loads the optional package for a compression algorithm (native_protocol_v4.spec §5).
 *
 * @throws DependencyMissingError when it is not installed or does not load
 */
export async function loadCompressor(name: CompressionName): Promise<Compressor> {
  if (name === 'lz4') {
    const codec = await loadPackage('lz4-napi', 'LZ4')
    return new Lz4Compressor(codec)
  }
  const codec = await loadPackage('snappy', 'Snappy')
  return new SnappyCompressor(codec)
}

async function loadPackage(packageName: string, algorithm: string): Promise<BlockCodec> {
  let loaded: object
  try {
    loaded = await importPackage(packageName)
  } catch (error) {
    throw new DependencyMissingError(packageName, `${algorithm} compression`, { cause: error })
  }
  // In an ES module, the exports of a CommonJS package may only be on its default export.
  const exported = 'default' in loaded ? loaded.default : undefined
  for (const candidate of [loaded, exported]) if (isBlockCodec(candidate)) return candidate
  throw new DependencyMissingError(packageName, `${algorithm} compression`)
}

function isBlockCodec(value: unknown): value is BlockCodec {
  const functions = value as Partial<Record<keyof BlockCodec, unknown>> | null | undefined
  return (
    typeof functions?.compressSync === 'function' && typeof functions.uncompressSync === 'function'
  )
}
