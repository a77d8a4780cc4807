import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Sharding, shardOf } from '../../src/routing/index.ts'

const halves = (token: bigint): [number, number] => [
  Number(BigInt.asIntN(64, token) >> 32n),
  Number(token & 0xffff_ffffn) | 0,
]

/** The formula of protocol-extensions.md, in 64-bit arithmetic. */
function referenceShard(token: bigint, { count, ignoreMsb }: Sharding): number {
  const biased = BigInt.asUintN(64, token + 2n ** 63n)
  return Number((BigInt.asUintN(64, biased << BigInt(ignoreMsb)) * BigInt(count)) >> 64n)
}

describe('the shard of a token', () => {
  // The values that the drivers of ScyllaDB check: four shards, 12 bits ignored.
  test.each([
    [-9219783007514621794n, 3],
    [9222582454147032830n, 3],
  ])('%d is %d', (token, shard) => {
    expect(shardOf(...halves(token), { count: 4, ignoreMsb: 12 })).toBe(shard)
  })

  test.each([
    [-(2n ** 63n), 0],
    [-1n, 7],
    [0n, 8],
    [2n ** 63n - 1n, 15],
  ])('%d is %d of 16 when no bits are ignored', (token, shard) => {
    expect(shardOf(...halves(token), { count: 16, ignoreMsb: 0 })).toBe(shard)
  })

  test('agrees with 64-bit arithmetic for any token and any node', () => {
    const tokens = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.constantFrom(-(2n ** 63n), -1n, 0n, 0xffff_ffffn, -0x1_0000_0000n, 2n ** 63n - 1n),
    )
    const counts = fc.integer({ min: 1, max: 65_535 })
    fc.assert(
      fc.property(tokens, counts, fc.integer({ min: 0, max: 63 }), (token, count, ignoreMsb) => {
        const sharding = { count, ignoreMsb }
        expect(shardOf(...halves(token), sharding)).toBe(referenceShard(token, sharding))
      }),
      { numRuns: 5_000 },
    )
  })
})
