import { DependencyMissingError, StorageError } from '../../errors/index.ts'
import { makeDirectory } from './make-directory.ts'

/**
 * - `fsync`: a commit resolves when the disk has it: it survives a power loss.
 * - `os`: when the operating system has it: it survives the death of the process; the disk follows.
 * - `none`: at once; the disk follows at some time, and a power loss may cost the whole store.
 */
export type Durability = 'fsync' | 'os' | 'none'

/** A read transaction of LMDB. */
export interface DiskTransaction {
  done(): void
}

interface DiskReadOptions {
  readonly transaction?: DiskTransaction
}

export interface DiskRange extends DiskReadOptions {
  readonly start?: Buffer
  readonly end?: Buffer
  readonly reverse?: boolean
  readonly exclusiveStart?: boolean
  readonly inclusiveEnd?: boolean
  readonly limit?: number
}

/** What the store uses of an LMDB database; a test may put a failing one in its place. */
export interface DiskFile {
  /** A buffer valid until the next call. */
  getBinaryFast(key: Buffer, options?: DiskReadOptions): Buffer | undefined
  getRange(range: DiskRange): Iterable<{ readonly key: Buffer; readonly value: Buffer }>
  put(key: Buffer, value: Buffer): unknown
  remove(key: Buffer): unknown
  /** The writes of `action` as one transaction. */
  batch(action: () => void): Promise<unknown>
  resetReadTxn(): void
  useReadTransaction(): DiskTransaction
  close(): Promise<void>
}

/** Opens or creates the database in a directory. LMDB is an optional package, loaded here only. */
export async function openDiskFile(path: string, durability: Durability): Promise<DiskFile> {
  const lmdb = await importLmdb()
  try {
    await makeDirectory(path)
    return lmdb.open({
      path,
      noSubdir: false,
      encoding: 'binary',
      keyEncoding: 'binary',
      // Without it a write of LMDB resolves when it is flushed instead of when it is visible.
      overlappingSync: durability === 'os',
      noSync: durability === 'none',
    })
  } catch (cause) {
    throw new StorageError(`Cannot open the store in ${path}`, 'not_applied', { cause })
  }
}

interface Lmdb {
  open(options: object): DiskFile
}

async function importLmdb(): Promise<Lmdb> {
  // A name the bundler and the compiler cannot follow, so that the package stays optional.
  const name = 'lmdb'
  try {
    return (await import(name)) as Lmdb
  } catch (cause) {
    if (isMissing(cause)) throw new DependencyMissingError('lmdb', 'An engine on disk', { cause })
    throw new StorageError('The package lmdb does not load', 'not_applied', { cause })
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
}
