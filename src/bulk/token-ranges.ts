/** The tokens behind `after`, up to and including `last`. */
export interface TokenRange {
  readonly after: bigint
  readonly last: bigint
}

const tokenMin = -(2n ** 63n)
const tokenMax = 2n ** 63n - 1n

/** One of `count` parts of the ring that are equally wide. The smallest token is that of no key. */
export function tokenRange(index: number, count: number): TokenRange {
  const boundary = (i: number): bigint => tokenMin + ((2n ** 64n - 1n) * BigInt(i)) / BigInt(count)
  return { after: boundary(index), last: index + 1 === count ? tokenMax : boundary(index + 1) }
}

/**
 * Index of the range that is begun as the `position`-th. Neighbours have the same replicas, so
 * ranges that are read at the same time lie far apart.
 */
export function rangeOrder(position: number, count: number): number {
  let step = Math.max(1, Math.round(count * 0.618))
  while (greatestDivisor(step, count) !== 1) step++
  return (position * step) % count
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}
