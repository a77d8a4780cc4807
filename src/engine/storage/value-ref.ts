/**
 * Where a value lies. Filled by `get` and by cursors instead of making an object per read; the
 * bytes are valid until the store is used again.
 */
export class ValueRef {
  bytes: Uint8Array = empty
  start = 0
  end = 0
}

const empty: Uint8Array = new Uint8Array(0)
