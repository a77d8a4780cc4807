import type { Birth } from './epochs.ts'

/** A value as it is stored, with what decides about its use. */
export interface CacheEntry extends Birth {
  readonly bytes: Uint8Array
  /** The value is fresh until then, in milliseconds since the epoch. */
  readonly softMs: number
  /** The value may be used while its successor is made until then. */
  readonly hardMs: number
  /** Write timestamp of the row. */
  readonly writtenUs: bigint
  /** How long its factory took, in milliseconds; 0 when the value was set. */
  readonly costMs: number
  readonly tags: ReadonlySet<string>
}

/** An entry that is to be written. */
export interface NewCacheEntry extends Omit<CacheEntry, 'writtenUs'> {
  /** Write timestamp in microseconds: of several entries of a key the one with the latest stays. */
  readonly stampUs: bigint
}
