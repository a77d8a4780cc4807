import { createHash } from 'node:crypto'
import { PagingStateError } from '../../errors/index.ts'

// What users hold of a paging state: a version byte, eight bytes that identify statement and
// values, and the server's own bytes. Servers hardly check theirs: resumed with another statement
// they may skip rows or answer with wrong ones.

const version = 1
const digestBytes = 8

/** Identifies a statement and its encoded values. */
export function pagingDigest(
  keyspace: string | undefined,
  text: string,
  encodedValues: Uint8Array,
): Uint8Array {
  return createHash('sha256')
    .update(`${keyspace ?? ''}\0${text}\0`)
    .update(encodedValues)
    .digest()
    .subarray(0, digestBytes)
}

export function sealPagingState(state: Uint8Array, digest: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(1 + digestBytes + state.length)
  sealed[0] = version
  sealed.set(digest, 1)
  sealed.set(state, 1 + digestBytes)
  return sealed
}

/** @throws PagingStateError unless it was sealed for that statement and those values */
export function openPagingState(sealed: Uint8Array, digest: Uint8Array): Uint8Array {
  if (
    !(sealed instanceof Uint8Array) ||
    sealed.length <= 1 + digestBytes ||
    sealed[0] !== version
  ) {
    throw new PagingStateError(
      'pagingState is not a paging state: pass the `pagingState` of a page as it is',
    )
  }
  if (Buffer.compare(sealed.subarray(1, 1 + digestBytes), digest) !== 0) {
    throw new PagingStateError('pagingState belongs to another statement, or to other values')
  }
  return sealed.subarray(1 + digestBytes)
}
