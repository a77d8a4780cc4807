import type { ValueRef } from './value-ref.ts'
import { copyBytes } from '../../values/index.ts'

/** Bytes before a value: length of the key, length of the value. */
const headerBytes = 8
/** Top bit of the key's length: the entry is garbage. Set only where no other store looks. */
const garbageMark = 0x80
const slabBytesMin = 16 * 1024
const slabBytesMax = 1024 * 1024
const sparesMax = 4
/** A position is slab index · 2³² + offset: one number per entry of the tree. */
const offsetSpan = 0x1_0000_0000

interface Slab {
  readonly bytes: Buffer
  used: number
  /** Bytes of entries that are still pointed to. */
  live: number
  /** Whether a snapshot or fork may point into it, so that its memory cannot be used again. */
  isShared: boolean
}

/** What moves entries of a slab that is mostly garbage: the tree that points to them. */
export interface SlabOwner {
  positionOf(key: string): number | undefined
  moveTo(key: string, position: number): void
}

/**
 * Values of the memory store in large blocks: one allocation per megabyte instead of one per value.
 * What snapshots and forks share is never changed, only appended to by one of them. An entry
 * carries its key, so that what is live in a block can be found and moved when half of it has
 * become garbage.
 */
export class Slabs {
  #slabs: (Slab | undefined)[]
  readonly #free: number[] = []
  readonly #sparse: Set<number> = new Set()
  readonly #spares: Buffer[] = []
  #current = -1

  constructor(slabs: (Slab | undefined)[] = []) {
    this.#slabs = slabs
    for (let i = 0; i < slabs.length; i++) if (slabs[i] === undefined) this.#free.push(i)
  }

  /** Copies an entry and returns its position. */
  append(key: string, value: Uint8Array, start: number, end: number): number {
    const length = end - start
    const size = headerBytes + length + key.length
    let slab = this.#slabs[this.#current]
    if (slab === undefined || slab.used + size > slab.bytes.length) slab = this.#grow(size)
    const { bytes, used } = slab
    writeHeader(bytes, used, key.length, length)
    const at = used + headerBytes
    copyBytes(bytes, at, value, start, end)
    bytes.write(key, at + length, 'latin1')
    slab.used = used + size
    slab.live += size
    return this.#current * offsetSpan + used
  }

  /** Puts a value of the same length in place of another; false when that cannot be done. */
  overwrite(position: number, value: Uint8Array, start: number, end: number): boolean {
    const index = Math.floor(position / offsetSpan)
    const { bytes, isShared } = this.#slabs[index]!
    const offset = position - index * offsetSpan
    if (isShared || readUint32(bytes, offset + 4) !== end - start) return false
    copyBytes(bytes, offset + headerBytes, value, start, end)
    return true
  }

  read(position: number, into: ValueRef): void {
    const index = Math.floor(position / offsetSpan)
    const { bytes } = this.#slabs[index]!
    const offset = position - index * offsetSpan
    into.bytes = bytes
    into.start = offset + headerBytes
    into.end = offset + headerBytes + readUint32(bytes, offset + 4)
  }

  /** Marks an entry as garbage. */
  release(position: number): void {
    const index = Math.floor(position / offsetSpan)
    const slab = this.#slabs[index]!
    const { bytes } = slab
    const offset = position - index * offsetSpan
    slab.live -= headerBytes + readUint32(bytes, offset) + readUint32(bytes, offset + 4)
    if (!slab.isShared) bytes[offset] = bytes[offset]! | garbageMark
    if (index !== this.#current && slab.live * 2 < slab.used) this.#sparse.add(index)
  }

  /** Moves live entries out of the blocks that are mostly garbage, and releases those blocks. */
  rewriteSparse(owner: SlabOwner): void {
    if (this.#sparse.size === 0) return
    for (const index of this.#sparse) {
      this.#sparse.delete(index)
      this.#rewrite(index, owner)
    }
  }

  #rewrite(index: number, owner: SlabOwner): void {
    const slab = this.#slabs[index]!
    const { bytes } = slab
    for (let offset = 0; slab.live > 0 && offset < slab.used; ) {
      const isGarbage = bytes[offset]! >= garbageMark
      const keyLength = readUint32(bytes, offset) & 0x7fff_ffff
      const keyStart = offset + headerBytes + readUint32(bytes, offset + 4)
      const end = keyStart + keyLength
      if (!isGarbage) {
        const key = bytes.toString('latin1', keyStart, end)
        // What became garbage after the block was shared is not marked.
        if (!slab.isShared || owner.positionOf(key) === index * offsetSpan + offset) {
          owner.moveTo(key, this.append(key, bytes, offset + headerBytes, keyStart))
          slab.live -= end - offset
        }
      }
      offset = end
    }
    this.#slabs[index] = undefined
    this.#free.push(index)
    if (!slab.isShared && bytes.length === slabBytesMax && this.#spares.length < sparesMax) {
      this.#spares.push(bytes)
    }
  }

  /** The same blocks for a snapshot or fork. Only this side goes on appending to the last one. */
  share(): Slabs {
    const copies = this.#slabs.map((slab) => {
      if (slab === undefined) return undefined
      slab.isShared = true
      return { ...slab }
    })
    return new Slabs(copies)
  }

  liveBytes(): number {
    return this.#slabs.reduce((sum, slab) => sum + (slab?.live ?? 0), 0)
  }

  allocatedBytes(): number {
    const spares = this.#spares.length * slabBytesMax
    return this.#slabs.reduce((sum, slab) => sum + (slab?.bytes.length ?? 0), spares)
  }

  #grow(size: number): Slab {
    const before = this.#slabs[this.#current]
    if (before !== undefined && before.live * 2 < before.used) this.#sparse.add(this.#current)
    // Blocks double with the store, so that a small engine stays small.
    const wanted = Math.min(slabBytesMax, slabBytesMin << Math.min(6, this.#slabs.length))
    const spare = size <= slabBytesMax && wanted === slabBytesMax ? this.#spares.pop() : undefined
    const bytes = spare ?? Buffer.allocUnsafeSlow(Math.max(wanted, size))
    const slab: Slab = { bytes, used: 0, live: 0, isShared: false }
    this.#current = this.#free.pop() ?? this.#slabs.length
    this.#slabs[this.#current] = slab
    return slab
  }
}

function writeHeader(bytes: Buffer, at: number, keyLength: number, valueLength: number): void {
  bytes[at] = keyLength >>> 24
  bytes[at + 1] = keyLength >>> 16
  bytes[at + 2] = keyLength >>> 8
  bytes[at + 3] = keyLength
  bytes[at + 4] = valueLength >>> 24
  bytes[at + 5] = valueLength >>> 16
  bytes[at + 6] = valueLength >>> 8
  bytes[at + 7] = valueLength
}

function readUint32(bytes: Buffer, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  )
}
