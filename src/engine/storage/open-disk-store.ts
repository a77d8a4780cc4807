import { type Runtime, systemRuntime } from '../../util/index.ts'
import { type Durability, openDiskFile } from './disk-file.ts'
import { DiskStore } from './disk-store.ts'
import { lockPath } from './path-lock.ts'

/**
 * Opens or creates the store in a directory, which then belongs to this process.
 * @throws EngineLockedError, DependencyMissingError, StorageError
 */
export async function openDiskStore(
  path: string,
  durability: Durability = 'fsync',
  runtime: Runtime = systemRuntime,
): Promise<DiskStore> {
  const lock = await lockPath(path)
  try {
    const file = await openDiskFile(path, durability)
    return new DiskStore(file, durability, () => lock.release(), runtime)
  } catch (error) {
    await lock.release()
    throw error
  }
}
