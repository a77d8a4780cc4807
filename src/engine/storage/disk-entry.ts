import { crc32 } from 'node:zlib'
import { StorageError } from '../../errors/index.ts'
import type { ValueRef } from './value-ref.ts'
import { ByteWriter } from '../../values/index.ts'

/**
 * How keys and values lie in the file. LMDB's keys end at 1,978 bytes (4 KB pages), CQL's do not:
 * all keys longer than `shortKeyMax` that begin with the same `shortKeyMax` bytes share one entry,
 * a list in the order of the keys. Its own key is those bytes and a zero: after the key that has
 * just these bytes, before every other. Every value begins with the CRC-32 of key and value, so
 * that a damaged file is noticed instead of read.
 */
export const shortKeyMax = 1900

export function isLongKey(key: string): boolean {
  return key.length > shortKeyMax
}

/** Returns the key in the file for a logical key. */
export function fileKey(key: string): string {
  return isLongKey(key) ? `${key.slice(0, shortKeyMax)}\0` : key
}

/** Whether an entry of the file is a list of long keys. */
export function isListKey(key: string): boolean {
  return key.length === shortKeyMax + 1
}

const checksumBytes = 4

/** The value comes first: the CRC-32 of zlib over no bytes is 0, whatever it continues from. */
function checksum(key: Uint8Array, value: Uint8Array): number {
  return crc32(key, crc32(value))
}

/** Returns the value as it is written to the file. */
export function sealValue(key: Uint8Array, value: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(checksumBytes + value.length)
  sealed.writeUInt32BE(checksum(key, value), 0)
  sealed.set(value, checksumBytes)
  return sealed
}

/** Points `into` at the value within an entry. @throws StorageError when it is damaged */
export function openValue(key: Uint8Array, sealed: Buffer, length: number, into: ValueRef): void {
  const intact =
    length >= checksumBytes &&
    sealed.readUInt32BE(0) === checksum(key, sealed.subarray(checksumBytes, length))
  if (!intact) throw new StorageError('An entry of the store is damaged: its checksum is wrong')
  into.bytes = plainView(sealed)
  into.start = checksumBytes
  into.end = length
}

let shared: Buffer = Buffer.alloc(0)
let sharedView: Buffer = shared

/**
 * LMDB returns its values in one buffer whose `length` it overrides with the length of the value,
 * which built-in functions do not expect. A view of the same memory with its true length works with
 * all of them.
 */
function plainView(buffer: Buffer): Buffer {
  if (buffer !== shared) {
    shared = buffer
    sharedView = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  }
  return sharedView
}

export interface LongEntry {
  readonly key: string
  readonly value: Uint8Array
}

/** A list of long keys that share their beginning, ascending. */
export function encodeLongEntries(entries: readonly LongEntry[]): Buffer {
  const sink = new ByteWriter()
  for (const { key, value } of entries) {
    sink.writeInt(key.length - shortKeyMax)
    sink.writeInt(value.length)
    sink.writeLatin1(key.slice(shortKeyMax))
    sink.write(value)
  }
  return Buffer.from(sink.bytes.subarray(0, sink.length))
}

export function decodeLongEntries(listKey: string, value: ValueRef): LongEntry[] {
  const head = listKey.slice(0, shortKeyMax)
  const bytes = Buffer.from(value.bytes.slice(value.start, value.end))
  const entries: LongEntry[] = []
  for (let at = 0; at < bytes.length; ) {
    const keyEnd = at + 8 + bytes.readUInt32BE(at)
    const valueEnd = keyEnd + bytes.readUInt32BE(at + 4)
    const key = head + bytes.toString('latin1', at + 8, keyEnd)
    entries.push({ key, value: bytes.subarray(keyEnd, valueEnd) })
    at = valueEnd
  }
  return entries
}
