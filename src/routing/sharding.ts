/** How a ScyllaDB node maps tokens to its shards: `biased-token-round-robin`. */
export interface Sharding {
  /** Number of shards, 1 … 65,535. */
  readonly count: number
  /** Most significant bits of a token that take no part, 0 … 63. */
  readonly ignoreMsb: number
}

/**
 * Returns the shard that owns a token, given by its two halves (protocol-extensions.md of
 * ScyllaDB): `(((token + 2^63) << ignoreMsb) mod 2^64) × count >> 64`. With at most 16 bits of
 * `count` both products are exact as numbers.
 */
export function shardOf(
  tokenHigh: number,
  tokenLow: number,
  { count, ignoreMsb }: Sharding,
): number {
  let high = (tokenHigh ^ 0x8000_0000) >>> 0
  let low = tokenLow >>> 0
  if (ignoreMsb >= 32) {
    high = (low << (ignoreMsb - 32)) >>> 0
    low = 0
  } else if (ignoreMsb > 0) {
    high = ((high << ignoreMsb) | (low >>> (32 - ignoreMsb))) >>> 0
    low = (low << ignoreMsb) >>> 0
  }
  const carry = Math.floor((low * count) / 0x1_0000_0000)
  return Math.floor((high * count + carry) / 0x1_0000_0000)
}
