import { open } from 'node:fs/promises'
import { ConfigError } from '../errors/index.ts'

/** Bundles have some 20 KiB; what is larger is none. */
export const bundleBytesMax: number = 4 * 1024 * 1024

const chunkBytes = 64 * 1024

/**
 * Reads a whole file of at most {@link bundleBytesMax} bytes.
 *
 * @param what begins the message of an error
 * @throws ConfigError
 */
export async function readSmallFile(path: string, what: string): Promise<Buffer> {
  const failed = (reason: string, cause?: unknown): ConfigError =>
    new ConfigError(`${what} ${JSON.stringify(path)} ${reason}`, undefined, { cause })
  const file = await open(path, 'r').catch((error: Error) => {
    throw failed(`cannot be opened: ${error.message}`, error)
  })
  try {
    const stat = await file.stat()
    if (!stat.isFile()) throw failed('is no file')
    // The file may grow meanwhile, so the size is no bound.
    const chunks: Buffer[] = []
    let length = 0
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes)
      if (bytesRead === 0) break
      chunks.push(buffer.subarray(0, bytesRead))
      length += bytesRead
      if (length > bundleBytesMax) throw failed(`has more than ${bundleBytesMax} bytes`)
    }
    // A copy of its own size: certificates are kept as long as the session.
    const bytes = Buffer.alloc(length)
    let at = 0
    for (const chunk of chunks) at += chunk.copy(bytes, at)
    return bytes
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw failed('cannot be read', error)
  } finally {
    await file.close()
  }
}
