/** The token of a routing key, as two int32 halves. */
export interface TokenHalves {
  readonly hi: number
  readonly lo: number
}
const mask = 0xffff_ffff_ffff_ffffn
const rotl = (x: bigint, r: bigint): bigint => ((x << r) | (x >> (64n - r))) & mask
const fmix = (k: bigint): bigint => {
  let h = ((k ^ (k >> 33n)) * 0xff51afd7ed558ccdn) & mask
  h = ((h ^ (h >> 33n)) * 0xc4ceb9fe1a85ec53n) & mask
  return h ^ (h >> 33n)
}
const c1 = 0x87c37b91114253d5n
const c2 = 0x4cf5ad432745937fn

export function tokenOf(key: Uint8Array): TokenHalves {
  let h1 = 0n
  let h2 = 0n
  const full = key.length >> 4
  for (let i = 0; i < full; i++) {
    const buffer = Buffer.from(key.buffer, key.byteOffset, key.length)
    const k1 = buffer.readBigUInt64LE(i * 16)
    const k2 = buffer.readBigUInt64LE(i * 16 + 8)
    h1 ^= (rotl((k1 * c1) & mask, 31n) * c2) & mask
    h1 = ((rotl(h1, 27n) + h2) * 5n + 0x52dce729n) & mask
    h2 ^= (rotl((k2 * c2) & mask, 33n) * c1) & mask
    h2 = ((rotl(h2, 31n) + h1) * 5n + 0x38495ab5n) & mask
  }
  const at = full * 16
  let k1 = 0n
  let k2 = 0n
  for (let i = key.length - 1; i >= at; i--) {
    const byte = BigInt.asUintN(64, BigInt((key[i]! << 24) >> 24)) << BigInt(8 * ((i - at) & 7))
    if (i - at >= 8) k2 ^= byte & mask
    else k1 ^= byte & mask
  }
  if (key.length - at > 8) h2 ^= (rotl((k2 * c2) & mask, 33n) * c1) & mask
  if (key.length > at) h1 ^= (rotl((k1 * c1) & mask, 31n) * c2) & mask
  h1 ^= BigInt(key.length)
  h2 ^= BigInt(key.length)
  h1 = (h1 + h2) & mask
  h2 = (h2 + h1) & mask
  h1 = fmix(h1)
  h2 = fmix(h2)
  let token = BigInt.asIntN(64, (h1 + h2) & mask)
  if (token === -(1n << 63n)) token = (1n << 63n) - 1n
  return { hi: Number(BigInt.asIntN(32, token >> 32n)), lo: Number(BigInt.asIntN(32, token)) }
}
