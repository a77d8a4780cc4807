import { token } from './murmur3.ts'

/**
 * Token of a row in a log of change data capture of ScyllaDB, left in {@link token}: a stream id
 * begins with the token of its rows. A shorter one has the smallest token, as `cdc_partitioner` of
 * ScyllaDB says.
 */
export function readStreamToken(key: Uint8Array, length: number): void {
  const isShort = length < 8
  token.high = isShort ? -0x8000_0000 : bigEndian(key, 0)
  token.low = isShort ? 0 : bigEndian(key, 4)
}

function bigEndian(b: Uint8Array, at: number): number {
  return (b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!
}
