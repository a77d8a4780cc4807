import {
  decodeLongEntries,
  fileKey,
  isListKey,
  isLongKey,
  type LongEntry,
  openValue,
} from './disk-entry.ts'
import type { DiskFile, DiskRange, DiskTransaction } from './disk-file.ts'
import type { PendingEntry } from './disk-overlay.ts'
import { type KeyTree, TreeCursor } from './key-tree.ts'
import type { KeyRange, KvCursor, KvReader } from './kv-store.ts'
import { ValueRef } from './value-ref.ts'

/** Whether reads met entries of the overlay, which are not in the file yet. */
export interface OverlayReads {
  hasRead: boolean
}

/** Reads through the overlay into the file. */
export class DiskReader implements KvReader {
  protected readonly file: DiskFile
  protected readonly overlayReads: OverlayReads = { hasRead: false }
  readonly #tree: KeyTree<PendingEntry>
  readonly #transaction: DiskTransaction | undefined

  constructor(file: DiskFile, tree: KeyTree<PendingEntry>, transaction?: DiskTransaction) {
    this.file = file
    this.#tree = tree
    this.#transaction = transaction
  }

  get(key: string, into: ValueRef): boolean {
    if (this.#tree.size > 0) {
      const pending = this.#tree.get(key)
      if (pending !== undefined) {
        this.overlayReads.hasRead = true
        return readPending(pending, into)
      }
    }
    return readFile(this.file, key, into, this.#transaction)
  }

  has(key: string): boolean {
    return this.get(key, scratch)
  }

  scan(range: KeyRange): KvCursor {
    const file = new FileCursor(this.file, range, this.#transaction)
    if (this.#tree.size === 0) return file
    return new MergedCursor(this.#tree, file, range, this.overlayReads)
  }
}

const scratch: ValueRef = new ValueRef()

function readPending(pending: PendingEntry, into: ValueRef): boolean {
  const { value } = pending
  if (value === undefined) return false
  into.bytes = value
  into.start = 0
  into.end = value.length
  return true
}

/** Looks a key up in the file alone. */
export function readFile(
  file: DiskFile,
  key: string,
  into: ValueRef,
  transaction?: DiskTransaction,
): boolean {
  const name = fileKey(key)
  const bytes = Buffer.from(name, 'latin1')
  const sealed = file.getBinaryFast(bytes, transaction === undefined ? undefined : { transaction })
  if (sealed === undefined) return false
  openValue(bytes, sealed, sealed.length, into)
  if (!isLongKey(key)) return true
  const entry = decodeLongEntries(name, into).find((candidate) => candidate.key === key)
  if (entry === undefined) return false
  into.bytes = entry.value
  into.start = 0
  into.end = entry.value.length
  return true
}

const chunkFirst = 16
const chunkMax = 512

/** Pulls entries from the file in chunks, so that no cursor of LMDB stays open between calls. */
class FileCursor implements KvCursor {
  key = ''
  readonly value: ValueRef = new ValueRef()
  readonly #file: DiskFile
  readonly #range: KeyRange
  readonly #transaction: DiskTransaction | undefined
  #chunk: { readonly key: Buffer; readonly value: Buffer }[] = []
  #chunkIndex = 0
  #chunkSize = chunkFirst
  #lastName: string | undefined
  #isLastChunk = false
  #longEntries: LongEntry[] = []

  constructor(file: DiskFile, range: KeyRange, transaction: DiskTransaction | undefined) {
    this.#file = file
    this.#range = range
    this.#transaction = transaction
  }

  next(): boolean {
    const { gte, lt, reverse } = this.#range
    for (;;) {
      if (!this.#advance()) return false
      const isBefore = this.key < gte
      const isAfter = lt !== undefined && this.key >= lt
      if (!isBefore && !isAfter) return true
      // Only the lists at both ends of the range hold keys outside of it.
      if (reverse ? isBefore : isAfter) return false
    }
  }

  #advance(): boolean {
    const { value } = this
    const long = this.#longEntries.pop()
    if (long !== undefined) {
      this.key = long.key
      value.bytes = long.value
      value.start = 0
      value.end = long.value.length
      return true
    }
    if (this.#chunkIndex === this.#chunk.length && !this.#fetch()) return false
    const entry = this.#chunk[this.#chunkIndex++]!
    openValue(entry.key, entry.value, entry.value.length, value)
    this.key = entry.key.toString('latin1')
    if (!isListKey(this.key)) return true
    this.#longEntries = decodeLongEntries(this.key, value)
    if (!this.#range.reverse) this.#longEntries.reverse()
    return this.#advance()
  }

  #fetch(): boolean {
    if (this.#isLastChunk) return false
    this.#chunk = [...this.#file.getRange(this.#diskRange())]
    this.#isLastChunk = this.#chunk.length < this.#chunkSize
    this.#chunkSize = Math.min(chunkMax, this.#chunkSize * 4)
    this.#chunkIndex = 0
    this.#lastName = this.#chunk.at(-1)?.key.toString('latin1')
    return this.#chunk.length > 0
  }

  #diskRange(): DiskRange {
    const { gte, lt, reverse } = this.#range
    const low = Buffer.from(fileKey(gte), 'latin1')
    const high = lt === undefined ? undefined : Buffer.from(fileKey(lt), 'latin1')
    const isHighIncluded = lt !== undefined && isLongKey(lt)
    const last = this.#lastName === undefined ? undefined : Buffer.from(this.#lastName, 'latin1')
    const common = {
      limit: this.#chunkSize,
      ...(this.#transaction === undefined ? {} : { transaction: this.#transaction }),
    }
    if (!reverse) {
      return {
        ...common,
        start: last ?? low,
        exclusiveStart: last !== undefined,
        ...(high === undefined ? {} : { end: high, inclusiveEnd: isHighIncluded }),
      }
    }
    const start = last ?? high
    return {
      ...common,
      reverse: true,
      ...(start === undefined
        ? {}
        : { start, exclusiveStart: last !== undefined || !isHighIncluded }),
      end: low,
      inclusiveEnd: true,
    }
  }
}

/** The file and the overlay as one sequence; an entry of the overlay hides that of the file. */
class MergedCursor implements KvCursor {
  key = ''
  value: ValueRef
  readonly #own: ValueRef = new ValueRef()
  readonly #pending: TreeCursor<PendingEntry>
  readonly #file: FileCursor
  readonly #direction: number
  readonly #reads: OverlayReads
  #hasPending: boolean
  #hasFile: boolean
  #isFileFirst = false
  #isStarted = false

  constructor(tree: KeyTree<PendingEntry>, file: FileCursor, range: KeyRange, reads: OverlayReads) {
    this.#reads = reads
    this.value = this.#own
    this.#pending = new TreeCursor(tree, range)
    this.#file = file
    this.#direction = range.reverse ? -1 : 1
    this.#hasPending = this.#pending.advance()
    this.#hasFile = file.next()
  }

  next(): boolean {
    for (;;) {
      if (this.#isStarted) this.#step()
      this.#isStarted = true
      if (!this.#hasPending && !this.#hasFile) return false
      const order = this.#order()
      this.#isFileFirst = order < 0
      if (order < 0) {
        this.key = this.#file.key
        this.value = this.#file.value
        return true
      }
      this.#reads.hasRead = true
      if (order === 0) this.#hasFile = this.#file.next()
      this.key = this.#pending.key
      this.value = this.#own
      if (readPending(this.#pending.item, this.#own)) return true
    }
  }

  /** Negative when the file's entry comes first, zero when both have the same key. */
  #order(): number {
    if (!this.#hasPending) return -1
    if (!this.#hasFile) return 1
    const file = this.#file.key
    const pending = this.#pending.key
    return file === pending ? 0 : file < pending ? -this.#direction : this.#direction
  }

  #step(): void {
    if (this.#isFileFirst) this.#hasFile = this.#file.next()
    else this.#hasPending = this.#pending.advance()
  }
}
