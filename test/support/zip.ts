import { crc32, deflateRawSync } from 'node:zlib'

/** An entry to write, with lies about it if wanted. */
export interface ZipPart {
  readonly name: string
  readonly data: Uint8Array | string
  readonly isStored?: boolean
  readonly method?: number
  readonly flags?: number
  readonly crc?: number
  readonly bytes?: number
  readonly compressedBytes?: number
  /** Name in the header before the data. */
  readonly headerName?: string
}

/** Writes a zip archive. */
export function makeZip(parts: readonly ZipPart[], comment = ''): Buffer {
  const files: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const part of parts) {
    const data = Buffer.from(part.data as Uint8Array)
    const packed = part.isStored === true ? data : deflateRawSync(data)
    const name = Buffer.from(part.name)
    const headerName = Buffer.from(part.headerName ?? part.name)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(part.flags ?? 0, 2)
    common.writeUInt16LE(part.method ?? (part.isStored === true ? 0 : 8), 4)
    common.writeUInt32LE(part.crc ?? crc32(data), 10)
    common.writeUInt32LE(part.compressedBytes ?? packed.length, 14)
    common.writeUInt32LE(part.bytes ?? data.length, 18)
    common.writeUInt16LE(name.length, 22)
    const header = Buffer.from(common)
    header.writeUInt16LE(headerName.length, 22)
    const file = Buffer.concat([Buffer.from('PK\x03\x04'), header, headerName, packed])
    const entry = Buffer.alloc(46)
    entry.write('PK\x01\x02', 'latin1')
    common.copy(entry, 6)
    entry.writeUInt32LE(offset, 42)
    directory.push(entry, name)
    files.push(file)
    offset += file.length
  }
  const listed = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(parts.length, 8)
  end.writeUInt16LE(parts.length, 10)
  end.writeUInt32LE(listed.length, 12)
  end.writeUInt32LE(offset, 16)
  end.writeUInt16LE(comment.length, 20)
  return Buffer.concat([...files, listed, end, Buffer.from(comment)])
}
