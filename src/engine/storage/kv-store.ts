import type { ValueRef } from './value-ref.ts'
import type { WriteBatch } from './write-batch.ts'

/** Keys from `gte` up to but without `lt`. Keys are latin1 strings: one character is one byte. */
export interface KeyRange {
  readonly gte: string
  /** `undefined` is the end of the store. */
  readonly lt: string | undefined
  readonly reverse?: boolean
}

/** Pulls entries in the order of their keys. */
export interface KvCursor {
  /** Goes to the next entry. */
  next(): boolean
  readonly key: string
  /** The value, valid until the cursor moves or the store is used. */
  readonly value: ValueRef
}

/** Reads of an ordered map from byte strings to byte strings. */
export interface KvReader {
  /** Finds the value of `key`. @returns false, and leaves `into` as it is, when there is none */
  get(key: string, into: ValueRef): boolean
  has(key: string): boolean
  /** A cursor over the store itself must not be used after a write, one of a snapshot may be. */
  scan(range: KeyRange): KvCursor
}

/** The store as it was at one moment, whatever is written meanwhile. Cheap to take. */
export interface KvSnapshot extends KvReader {
  release(): void
}

export interface KvStats {
  /** Entries, where the store counts them. */
  readonly entryCount: number
  /** Bytes of the values that can still be read. */
  readonly liveBytes: number
  /** Bytes held for values, garbage included. */
  readonly allocatedBytes: number
}

/**
 * The engine's ordered key-value store. Reads and writes are synchronous and take effect at once
 * for every later read of this process; only their durability is waited for.
 */
export interface KvStore extends KvReader {
  /** Applies a batch: all of it, or nothing when it throws. Keeps no reference to the batch. */
  write(batch: WriteBatch): void
  /**
   * Resolves when all that was written before is durable.
   * @throws StorageError when the commit failed; a later call tries again
   */
  commit(): Promise<void>
  /**
   * Returns whether a read of the store since the last call met a write whose commit is still to
   * come. What was computed from such a read must not leave the process before `commit()` resolves.
   * Reads of snapshots do not count: their callers commit before they answer.
   */
  takeUncommittedRead(): boolean
  snapshot(): KvSnapshot
  stats(): KvStats
  /** Makes everything durable and closes the store. */
  close(): Promise<void>
}
