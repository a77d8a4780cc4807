import { crc32, inflateRawSync } from 'node:zlib'
import { ConfigError } from '../errors/index.ts'

// Zip archives (PKWARE APPNOTE 6.3.10) as far as bundles need them: entries that are stored or
// deflated, in one file. Nothing is written to disk, and no size in the archive is believed
// without a bound.

const entryCountMax = 64
const entryBytesMax = 1024 * 1024

const endSignature = 0x06054b50
const endBytes = 22
const commentBytesMax = 65_535
const directorySignature = 0x02014b50
const directoryEntryBytes = 46
const localSignature = 0x04034b50
const localHeaderBytes = 30
const encryptedFlag = 1
const stored = 0
const deflated = 8

interface ZipEntry {
  readonly name: string
  readonly method: number
  readonly crc: number
  readonly compressedBytes: number
  readonly bytes: number
  readonly headerOffset: number
}

/** The entries of a zip archive by name. */
export class ZipArchive {
  readonly #bytes: Buffer
  readonly #entries: ReadonlyMap<string, ZipEntry>
  /** Where the directory begins; entries end before it. */
  readonly #directoryOffset: number

  /** @throws ConfigError when it is no archive, or one that no bundle is */
  constructor(bytes: Buffer) {
    this.#bytes = bytes
    const { entryCount, offset, end } = findDirectory(bytes)
    this.#directoryOffset = offset
    this.#entries = readDirectory(bytes.subarray(offset, end), entryCount)
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()]
  }

  /**
   * Returns the bytes of an entry.
   *
   * @throws ConfigError when it is missing, or is not what the directory says
   */
  read(name: string): Buffer {
    const entry = this.#entries.get(name)
    if (entry === undefined) {
      const names = this.names.join(', ') || 'nothing'
      throw new ConfigError(`The bundle does not contain ${JSON.stringify(name)}, only ${names}`)
    }
    if (entry.bytes > entryBytesMax) {
      throw fault(`${JSON.stringify(name)} has more than ${entryBytesMax} bytes`)
    }
    const bytes = unpack(entry, this.#dataOf(entry))
    if (bytes.length !== entry.bytes || crc32(bytes) !== entry.crc) {
      throw fault(`${JSON.stringify(name)} is damaged: its size or its checksum is another one`)
    }
    return bytes
  }

  #dataOf({ name, headerOffset, compressedBytes }: ZipEntry): Buffer {
    const header = this.#bytes.subarray(headerOffset, this.#directoryOffset)
    const isHeader = header.length >= localHeaderBytes && header.readUInt32LE(0) === localSignature
    if (!isHeader) throw fault(`${JSON.stringify(name)} has no header`)
    const nameEnd = localHeaderBytes + header.readUInt16LE(26)
    const start = nameEnd + header.readUInt16LE(28)
    const end = start + compressedBytes
    if (end > header.length) throw fault(`${JSON.stringify(name)} is cut off`)
    if (!header.subarray(localHeaderBytes, nameEnd).equals(Buffer.from(name))) {
      throw fault(`${JSON.stringify(name)} has another name in its header`)
    }
    return header.subarray(start, end)
  }
}

/** Finds the directory by the record at the end of the archive. */
function findDirectory(bytes: Buffer): {
  readonly entryCount: number
  readonly offset: number
  readonly end: number
} {
  const first = Math.max(0, bytes.length - endBytes - commentBytesMax)
  for (let at = bytes.length - endBytes; at >= first; at--) {
    const isEnd =
      bytes.readUInt32LE(at) === endSignature &&
      at + endBytes + bytes.readUInt16LE(at + 20) === bytes.length
    if (!isEnd) continue
    const [disk, directoryDisk] = [bytes.readUInt16LE(at + 4), bytes.readUInt16LE(at + 6)]
    const [ownCount, entryCount] = [bytes.readUInt16LE(at + 8), bytes.readUInt16LE(at + 10)]
    const offset = bytes.readUInt32LE(at + 16)
    const end = offset + bytes.readUInt32LE(at + 12)
    if (disk !== 0 || directoryDisk !== 0 || ownCount !== entryCount) {
      throw fault('it is a part of an archive in several files')
    }
    if (entryCount > entryCountMax) throw fault(`it has more than ${entryCountMax} entries`)
    if (end > at) throw fault('its directory is cut off')
    return { entryCount, offset, end }
  }
  throw fault('it is cut off, or no zip archive')
}

function readDirectory(directory: Buffer, entryCount: number): ReadonlyMap<string, ZipEntry> {
  const entries = new Map<string, ZipEntry>()
  let at = 0
  for (let i = 0; i < entryCount; i++) {
    const isEntry =
      directory.length - at >= directoryEntryBytes &&
      directory.readUInt32LE(at) === directorySignature
    if (!isEntry) throw fault('its directory is damaged')
    const nameEnd = at + directoryEntryBytes + directory.readUInt16LE(at + 28)
    const next = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
    if (next > directory.length) throw fault('its directory is damaged')
    const name = checkName(directory.subarray(at + directoryEntryBytes, nameEnd))
    if (entries.has(name)) throw fault(`it has two entries ${JSON.stringify(name)}`)
    if ((directory.readUInt16LE(at + 8) & encryptedFlag) !== 0) {
      throw fault(`${JSON.stringify(name)} is encrypted`)
    }
    entries.set(name, {
      name,
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      compressedBytes: directory.readUInt32LE(at + 20),
      bytes: directory.readUInt32LE(at + 24),
      headerOffset: directory.readUInt32LE(at + 42),
    })
    at = next
  }
  return entries
}

/** Entries are not extracted to files; a name that would leave their folder is a sign of malice. */
function checkName(bytes: Buffer): string {
  const name = bytes.toString()
  const isOutside = name.split('/').includes('..') || /^\/|^[a-z]:|[\\\0]/i.test(name)
  if (name === '' || isOutside || !Buffer.from(name).equals(bytes)) {
    throw fault(`it has an entry with the name ${JSON.stringify(name)}`)
  }
  return name
}

function unpack({ name, method, bytes }: ZipEntry, data: Buffer): Buffer {
  if (method === stored) return data
  if (method !== deflated) throw fault(`${JSON.stringify(name)} is compressed by method ${method}`)
  try {
    // What is larger than the directory says fails here, before the memory is taken.
    return inflateRawSync(data, { maxOutputLength: Math.max(1, bytes) })
  } catch (error) {
    throw fault(`${JSON.stringify(name)} cannot be decompressed`, error)
  }
}

function fault(reason: string, cause?: unknown): ConfigError {
  return new ConfigError(`The bundle cannot be read: ${reason}`, undefined, { cause })
}
