import { type Consistency, consistencyName, ProtocolError } from '../../errors/index.ts'
import { Inet, uuidToText } from '../../types/index.ts'
import { unsetLength } from '../constants.ts'
import { asBuffer } from '../../util/index.ts'
import { utf8Read } from './utf8.ts'

/** An absent bound value: unlike null, it leaves the stored value unchanged. */
export const UNSET: unique symbol = Symbol('UNSET')

/** A [value] as received: its bytes, null or UNSET. */
export type RawValue = Uint8Array | null | typeof UNSET

export interface InetAddress {
  readonly address: Inet
  readonly port: number
}

const noBytes: Buffer = Buffer.alloc(0)

/**
 * Reads the notations of native_protocol_v4.spec §3 from part of a buffer. It never reads outside
 * `offset … end`, loops or allocates more than those bytes justify, whatever the peer sends:
 * malformed input is a {@link ProtocolError}. One reader serves many frames through `reset`.
 */
export class WireReader {
  bytes: Buffer
  /** Covers exactly `bytes`, so that both have the same offsets. */
  view: DataView
  offset: number
  end: number

  constructor(bytes: Uint8Array = noBytes, start = 0, end: number = bytes.length) {
    this.bytes = asBuffer(bytes)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.offset = start
    this.end = end
  }

  /** Continues with other bytes. Costs nothing while the buffer stays the same. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.bytes) {
      this.bytes = asBuffer(bytes)
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    this.offset = start
    this.end = end
  }

  /** Returns a reader of the remaining bytes, for memory that stays valid. */
  fork(): WireReader {
    return new WireReader(this.bytes, this.offset, this.end)
  }

  get remaining(): number {
    return this.end - this.offset
  }

  readByte(): number {
    if (this.offset >= this.end) throw truncated('byte')
    return this.bytes[this.offset++]!
  }

  /** [short], unsigned. */
  readShort(): number {
    const at = this.offset
    if (at + 2 > this.end) throw truncated('short')
    this.offset = at + 2
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!
  }

  readInt(): number {
    const at = this.offset
    if (at + 4 > this.end) throw truncated('int')
    const b = this.bytes
    this.offset = at + 4
    return (b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!
  }

  readLong(): bigint {
    const at = this.offset
    if (at + 8 > this.end) throw truncated('long')
    this.offset = at + 8
    return this.view.getBigInt64(at)
  }

  /** An [int] that counts items of at least `bytesPerItemMin` bytes which follow. */
  readCount(bytesPerItemMin: number): number {
    const count = this.readInt()
    if (count < 0 || count * bytesPerItemMin > this.end - this.offset) {
      throw new ProtocolError(`Malformed frame: a count of ${count} does not fit in the frame`)
    }
    return count
  }

  /** A [short] that counts items of at least `bytesPerItemMin` bytes which follow. */
  readShortCount(bytesPerItemMin: number): number {
    const count = this.readShort()
    if (count * bytesPerItemMin > this.end - this.offset) {
      throw new ProtocolError(`Malformed frame: a count of ${count} does not fit in the frame`)
    }
    return count
  }

  /** Skips `byteCount` bytes and returns the offset of the first. */
  skip(byteCount: number): number {
    const at = this.offset
    if (byteCount < 0 || byteCount > this.end - at) throw truncated('bytes')
    this.offset = at + byteCount
    return at
  }

  #utf8(byteCount: number): string {
    const at = this.skip(byteCount)
    return utf8Read(this.bytes, at, at + byteCount)
  }

  /** [string] */
  readString(): string {
    return this.#utf8(this.readShort())
  }

  /** [long string] */
  readLongString(): string {
    return this.#utf8(this.readInt())
  }

  /** [bytes] as a view of the frame's memory; null for every negative length. */
  readBytesView(): Uint8Array | null {
    const length = this.readInt()
    if (length < 0) return null
    const at = this.skip(length)
    return this.bytes.subarray(at, at + length)
  }

  /** [bytes] as a copy. */
  readBytes(): Uint8Array | null {
    const view = this.readBytesView()
    return view === null ? null : new Uint8Array(view)
  }

  /** [value] as a view of the frame's memory. */
  readValue(): RawValue {
    const length = this.readInt()
    if (length >= 0) {
      const at = this.skip(length)
      return this.bytes.subarray(at, at + length)
    }
    if (length === -1) return null
    if (length === unsetLength) return UNSET
    throw new ProtocolError(`Malformed frame: a value has the length ${length}`)
  }

  /** [short bytes] as a copy. */
  readShortBytes(): Uint8Array {
    const length = this.readShort()
    const at = this.skip(length)
    return new Uint8Array(this.bytes.subarray(at, at + length))
  }

  /** [string list] */
  readStringList(): string[] {
    const count = this.readShortCount(2)
    const texts: string[] = []
    for (let i = 0; i < count; i++) texts.push(this.readString())
    return texts
  }

  /** [string map] */
  readStringMap(): Map<string, string> {
    const count = this.readShortCount(4)
    const map = new Map<string, string>()
    for (let i = 0; i < count; i++) {
      const key = this.readString()
      map.set(key, this.readString())
    }
    return map
  }

  /** [string multimap] */
  readStringMultimap(): Map<string, string[]> {
    const count = this.readShortCount(4)
    const map = new Map<string, string[]>()
    for (let i = 0; i < count; i++) {
      const key = this.readString()
      map.set(key, this.readStringList())
    }
    return map
  }

  /** [bytes map]; the values are copies. */
  readBytesMap(): Map<string, Uint8Array | null> {
    const count = this.readShortCount(6)
    const map = new Map<string, Uint8Array | null>()
    for (let i = 0; i < count; i++) {
      const key = this.readString()
      map.set(key, this.readBytes())
    }
    return map
  }

  /** [uuid] as text. */
  readUuid(): string {
    return uuidToText(this.bytes, this.skip(16))
  }

  /** [inetaddr] */
  readInetAddress(): Inet {
    const size = this.readByte()
    if (size !== 4 && size !== 16) {
      throw new ProtocolError(`Malformed frame: an inet address of ${size} bytes`)
    }
    const at = this.skip(size)
    return Inet.fromBytes(this.bytes.subarray(at, at + size))
  }

  /** [inet] */
  readInet(): InetAddress {
    const address = this.readInetAddress()
    return { address, port: this.readInt() }
  }

  /** [consistency] */
  readConsistency(): Consistency {
    const code = this.readShort()
    const consistency = consistencyName(code)
    if (consistency === undefined) {
      throw new ProtocolError(`Malformed frame: unknown consistency code ${code}`)
    }
    return consistency
  }
}

function truncated(what: string): ProtocolError {
  return new ProtocolError(`Malformed frame: it ends inside a [${what}]`)
}
