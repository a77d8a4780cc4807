import { DependencyMissingError, StorageError } from '../../errors/index.ts'
import { importPackage } from '../../util/index.ts'
import { checkDataFile } from './data-file.ts'
import { shortKeyMax } from './disk-entry.ts'
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

/** The part of an LMDB database that the store uses; tests replace it by one that fails. */
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
    await checkDataFile(path)
    const database = lmdb.open({
      path,
      noSubdir: false,
      encoding: 'binary',
      keyEncoding: 'binary',
      // Without it a write of LMDB resolves when it is flushed instead of when it is visible.
      overlappingSync: durability === 'os',
      noSync: durability === 'none',
      // With it LMDB makes promises that no caller sees: a failed commit would end the process.
      eventTurnBatching: false,
      txnStartThreshold: 1,
    })
    return new LmdbFile(database)
  } catch (cause) {
    if (cause instanceof StorageError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new StorageError(`Cannot open the store in ${path}: ${why}`, 'not_applied', { cause })
  }
}

interface Lmdb {
  open(options: object): LmdbDatabase
}

/** A write of LMDB; its promise is shared by the writes of a transaction. */
interface LmdbDatabase extends Omit<DiskFile, 'batch'> {
  batch(action: () => void): Promise<unknown>
  remove(key: Buffer): Promise<unknown>
}

/** Longer than every key in the file, so that no entry has this key. */
const absentKey: Buffer = Buffer.alloc(shortKeyMax + 2, 0xff)

/** An LMDB database whose failed commits reject one promise: the one `batch` returned. */
class LmdbFile implements DiskFile {
  readonly #database: LmdbDatabase

  constructor(database: LmdbDatabase) {
    this.#database = database
  }

  getBinaryFast(key: Buffer, options?: DiskReadOptions): Buffer | undefined {
    return this.#database.getBinaryFast(key, options)
  }

  getRange(range: DiskRange): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
    return this.#database.getRange(range)
  }

  put(key: Buffer, value: Buffer): unknown {
    return this.#database.put(key, value)
  }

  remove(key: Buffer): unknown {
    return this.#database.remove(key)
  }

  batch(action: () => void): Promise<unknown> {
    const committed = this.#database.batch(action)
    // LMDB starts to write at the second call, and else in a later turn of the event loop.
    this.#database.remove(absentKey).catch(() => {})
    return committed.catch(async (error: unknown) => {
      throw await commitErrorOf(error)
    })
  }

  resetReadTxn(): void {
    this.#database.resetReadTxn()
  }

  useReadTransaction(): DiskTransaction {
    return this.#database.useReadTransaction()
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}

/** The error of the operating system, which LMDB reports in another promise. */
async function commitErrorOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  const { commitError } = error
  if (!(commitError instanceof Promise)) return error
  return await commitError.then(
    () => error,
    (cause: unknown) => cause,
  )
}

async function importLmdb(): Promise<Lmdb> {
  const name = 'lmdb'
  try {
    return (await importPackage(name)) as Lmdb
  } catch (cause) {
    throw new DependencyMissingError(name, 'An engine on disk', { cause })
  }
}
