import { type FileHandle, open, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { StorageError } from '../../errors/index.ts'

/**
 * Free disk space required to open a store. LMDB maps its lock file, and the process crashes when
 * the disk has no space for a page of the mapping.
 */
const freeBytesMin = 64 * 1024

/** LMDB's file format, version 2 (mdb.c: MDB_page, MDB_meta, MDB_db, MDB_node). */
const magic = 0xbe_ef_c0_de
const pageHeaderBytes = 24
const metaBytes = 0xa0
const at = {
  magic: 0x18,
  version: 0x1c,
  pageBytes: 0x30,
  freeRoot: 0x58,
  mainRoot: 0x88,
  lastPage: 0x90,
  transaction: 0x98,
  pageFlags: 0x12,
  pageLower: 0x14,
  overflowPages: 0x14,
} as const
const PageFlag = { branch: 0x01, leaf: 0x02 } as const
const bigValueFlag = 0x01
const noPage = 0xffff_ffff_ffff_ffffn

/** The newest state a data file describes. */
interface Meta {
  readonly pageBytes: number
  readonly lastPage: number
  readonly roots: readonly bigint[]
}

/**
 * Checks what LMDB does not check before it maps the data file of a directory, and what would end
 * the process afterwards: that the disk has room, and that the file was not cut off.
 * @throws StorageError
 */
export async function checkDataFile(directory: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize < freeBytesMin) {
    throw new StorageError(`The disk of ${directory} is full`, 'not_applied')
  }
  const path = join(directory, 'data.mdb')
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  })
  if (handle === undefined) return
  try {
    const { size } = await handle.stat()
    if (size > 0 && !(await isWhole(handle, size))) {
      throw new StorageError(
        `${path} was cut off: it ends after ${size} bytes, before data that belongs to it`,
        'not_applied',
      )
    }
  } finally {
    await handle.close()
  }
}

/** Whether the file holds every page that its newest state refers to. */
async function isWhole(handle: FileHandle, size: number): Promise<boolean> {
  const first = await readAt(handle, 0, metaBytes)
  if (first === undefined) return false
  // LMDB itself refuses other files.
  if (first.readUInt32LE(at.magic) !== magic || first.readUInt32LE(at.version) !== 2) return true
  const pageBytes = first.readUInt32LE(at.pageBytes)
  const second = await readAt(handle, pageBytes, metaBytes)
  if (second === undefined) return false
  const isSecondNewer =
    second.readBigUInt64LE(at.transaction) > first.readBigUInt64LE(at.transaction)
  const meta = metaOf(isSecondNewer ? second : first, pageBytes)
  if (size >= (meta.lastPage + 1) * pageBytes) return true
  // Pages at the end that were taken and not used were never written: only a walk shows.
  return await hasPages(handle, meta)
}

function metaOf(bytes: Buffer, pageBytes: number): Meta {
  return {
    pageBytes,
    lastPage: Number(bytes.readBigUInt64LE(at.lastPage)),
    roots: [bytes.readBigUInt64LE(at.freeRoot), bytes.readBigUInt64LE(at.mainRoot)],
  }
}

/** Whether every page that the trees refer to is in the file. */
async function hasPages(handle: FileHandle, { pageBytes, roots }: Meta): Promise<boolean> {
  const pending = roots.filter((root) => root !== noPage).map(Number)
  for (let number = pending.pop(); number !== undefined; number = pending.pop()) {
    const page = await readAt(handle, number * pageBytes, pageBytes)
    if (page === undefined) return false
    const flags = page.readUInt16LE(at.pageFlags)
    const nodeCount = page.readUInt16LE(at.pageLower) / 2
    for (let i = 0; i < nodeCount; i++) {
      const node = pageHeaderBytes + page.readUInt16LE(pageHeaderBytes + i * 2)
      if ((flags & PageFlag.branch) !== 0) pending.push(page.readUIntLE(node, 6))
      if ((flags & PageFlag.leaf) === 0) continue
      if ((page.readUInt16LE(node + 4) & bigValueFlag) === 0) continue
      const value = node + 8 + page.readUInt16LE(node + 6)
      if (!(await hasValue(handle, Number(page.readBigUInt64LE(value)), pageBytes))) return false
    }
  }
  return true
}

/** Whether the pages of a value that is larger than a page are in the file. */
async function hasValue(handle: FileHandle, page: number, pageBytes: number): Promise<boolean> {
  const header = await readAt(handle, page * pageBytes, pageHeaderBytes)
  if (header === undefined) return false
  const lastByte = (page + header.readUInt32LE(at.overflowPages)) * pageBytes - 1
  return (await readAt(handle, lastByte, 1)) !== undefined
}

async function readAt(
  handle: FileHandle,
  position: number,
  length: number,
): Promise<Buffer | undefined> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, position)
  return bytesRead === length ? buffer : undefined
}
