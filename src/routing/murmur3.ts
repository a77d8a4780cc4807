/**
 * Result of {@link computeToken}: a signed 64-bit token in two halves, `low` read as unsigned. One
 * object for all calls: a token is used at once, and a new one would be garbage of every request.
 */
export const token: { high: number; low: number } = { high: 0, low: 0 }

// Halves of the last 64-bit result of `multiply` and `mix`, for the same reason.
let high = 0
let low = 0

/** (high, low) = (aHigh, aLow) × (bHigh, bLow) modulo 2^64 */
function multiply(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  const a0 = aLow & 0xffff
  const a1 = aLow >>> 16
  const b0 = bLow & 0xffff
  const b1 = bLow >>> 16
  const bottom = Math.imul(a0, b0) >>> 0
  const middle = (Math.imul(a1, b0) >>> 0) + (bottom >>> 16)
  const carry = (Math.imul(a0, b1) >>> 0) + (middle & 0xffff)
  const top = Math.imul(a1, b1) + ((middle / 65_536) | 0) + ((carry / 65_536) | 0)
  high = (top + Math.imul(aHigh, bLow) + Math.imul(aLow, bHigh)) | 0
  low = (carry << 16) | (bottom & 0xffff)
}

/** (high, low) = the final mix of MurmurHash3 */
function mix(inputHigh: number, inputLow: number): void {
  multiply(inputHigh, inputLow ^ (inputHigh >>> 1), -0x00ae5029, -0x12aa7333)
  multiply(high, low ^ (high >>> 1), -0x3b314602, 0x1a85ec53)
  low ^= high >>> 1
}

/** The higher half of a sum whose lower halves are unsigned. */
function sumHigh(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  return (aHigh + bHigh + ((aLow >>> 0) + (bLow >>> 0) > 0xffff_ffff ? 1 : 0)) | 0
}

/** Four bytes, the lowest first. */
function littleEndian(b: Uint8Array, at: number): number {
  return b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)
}

/** Lower half of up to eight bytes of the tail, each sign-extended and shifted to its place. */
function tailLow(bytes: Uint8Array, start: number, end: number): number {
  let result = 0
  for (let at = start, shift = 0; at < end && shift < 32; at++, shift += 8) {
    result ^= ((bytes[at]! << 24) >> 24) << shift
  }
  return result
}

/** Higher half: the later bytes, and the signs of the earlier ones. */
function tailHigh(bytes: Uint8Array, start: number, end: number): number {
  let result = 0
  for (let at = start, shift = 0; at < end; at++, shift += 8) {
    const byte = (bytes[at]! << 24) >> 24
    if (shift >= 32) result ^= byte << (shift - 32)
    else if (shift === 0) result ^= byte >> 31
    else result ^= byte >> (32 - shift)
  }
  return result
}

/**
 * Token of the partition key in the bytes from `start` to `end`, left in {@link token}: the first
 * half of MurmurHash3 x64 128 with seed 0, as org.apache.cassandra.utils.MurmurHash computes it.
 * That sign-extends the bytes of the tail, which the original does not. All in 32-bit halves: with
 * BigInt it takes nine times as long.
 */
export function computeToken(bytes: Uint8Array, start: number, end: number): void {
  const length = end - start
  let h1High = 0
  let h1Low = 0
  let h2High = 0
  let h2Low = 0
  let at = start
  for (; at + 16 <= end; at += 16) {
    mixFirst(littleEndian(bytes, at + 4), littleEndian(bytes, at))
    h1High ^= high
    h1Low ^= low
    // h1 = (rotate(h1, 27) + h2) × 5 + 0x52dce729
    let rotatedHigh = (h1High << 27) | (h1Low >>> 5)
    let rotatedLow = (h1Low << 27) | (h1High >>> 5)
    let sum = sumHigh(rotatedHigh, rotatedLow, h2High, h2Low)
    multiply(sum, (rotatedLow + h2Low) | 0, 0, 5)
    h1High = sumHigh(high, low, 0, 0x52dce729)
    h1Low = (low + 0x52dce729) | 0

    mixSecond(littleEndian(bytes, at + 12), littleEndian(bytes, at + 8))
    h2High ^= high
    h2Low ^= low
    // h2 = (rotate(h2, 31) + h1) × 5 + 0x38495ab5
    rotatedHigh = (h2High << 31) | (h2Low >>> 1)
    rotatedLow = (h2Low << 31) | (h2High >>> 1)
    sum = sumHigh(rotatedHigh, rotatedLow, h1High, h1Low)
    multiply(sum, (rotatedLow + h1Low) | 0, 0, 5)
    h2High = sumHigh(high, low, 0, 0x38495ab5)
    h2Low = (low + 0x38495ab5) | 0
  }
  if (end - at > 8) {
    mixSecond(tailHigh(bytes, at + 8, end), tailLow(bytes, at + 8, end))
    h2High ^= high
    h2Low ^= low
  }
  if (end > at) {
    const firstEnd = Math.min(at + 8, end)
    mixFirst(tailHigh(bytes, at, firstEnd), tailLow(bytes, at, firstEnd))
    h1High ^= high
    h1Low ^= low
  }
  finish(h1High, h1Low ^ length, h2High, h2Low ^ length)
}

/** (high, low) = rotate(k × c1, 31) × c2 */
function mixFirst(kHigh: number, kLow: number): void {
  multiply(kHigh, kLow, -0x783c846f, 0x114253d5)
  multiply((high << 31) | (low >>> 1), (low << 31) | (high >>> 1), 0x4cf5ad43, 0x2745937f)
}

/** (high, low) = rotate(k × c2, 33) × c1 */
function mixSecond(kHigh: number, kLow: number): void {
  multiply(kHigh, kLow, 0x4cf5ad43, 0x2745937f)
  multiply((low << 1) | (high >>> 31), (high << 1) | (low >>> 31), -0x783c846f, 0x114253d5)
}

/** h1 += h2; h2 += h1; both mixed; the token is their sum. */
function finish(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  const h1High = sumHigh(aHigh, aLow, bHigh, bLow)
  const h1Low = (aLow + bLow) | 0
  const h2High = sumHigh(bHigh, bLow, h1High, h1Low)
  const h2Low = (bLow + h1Low) | 0
  mix(h1High, h1Low)
  const mixedHigh = high
  const mixedLow = low
  mix(h2High, h2Low)
  token.high = sumHigh(mixedHigh, mixedLow, high, low)
  token.low = (mixedLow + low) | 0
  // The smallest number is the token of no key (Murmur3Partitioner.normalize).
  if (token.high === -0x8000_0000 && token.low === 0) {
    token.high = 0x7fff_ffff
    token.low = -1
  }
}

/** The token of a key as bigint, where speed does not matter. */
export function tokenOf(key: Uint8Array): bigint {
  computeToken(key, 0, key.length)
  return (BigInt(token.high) << 32n) | BigInt(token.low >>> 0)
}
