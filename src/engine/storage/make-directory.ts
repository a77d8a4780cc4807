import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a directory and those it lies in. Node's own `recursive` never ends where a directory
 * exists and takes no entries, as /proc does.
 * @throws what the file system says
 */
export async function makeDirectory(path: string): Promise<void> {
  const directory = resolve(path)
  if (await make(directory)) return
  const parent = dirname(directory)
  if (parent === directory) return
  await makeDirectory(parent)
  await mkdirOrThrow(directory)
}

/** Returns false when the parent directory does not exist. */
async function make(path: string): Promise<boolean> {
  try {
    await mkdirOrThrow(path)
    return true
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}

async function mkdirOrThrow(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    // When it exists and is not a directory, opening it reports that.
    if (!hasCode(error, 'EEXIST')) throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
