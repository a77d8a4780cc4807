import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Partition,
  type RingNode,
  type Target,
  TokenRing,
  tokenOf,
  VnodeLocator,
} from '../../src/routing/index.ts'

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value)
const rotate = (value: bigint, bits: bigint): bigint =>
  u64((value << bits) | (u64(value) >> (64n - bits)))

/** The algorithm as the Java class states it, in 64-bit arithmetic. */
function referenceToken(key: Uint8Array): bigint {
  const c1 = 0x87c37b91114253d5n
  const c2 = 0x4cf5ad432745937fn
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
  const blocks = Math.floor(key.length / 16)
  const mixFirst = (k: bigint): bigint => u64(rotate(u64(k * c1), 31n) * c2)
  const mixSecond = (k: bigint): bigint => u64(rotate(u64(k * c2), 33n) * c1)
  let h1 = 0n
  let h2 = 0n
  for (let i = 0; i < blocks; i++) {
    h1 ^= mixFirst(view.getBigUint64(i * 16, true))
    h1 = u64((rotate(h1, 27n) + h2) * 5n + 0x52dce729n)
    h2 ^= mixSecond(view.getBigUint64(i * 16 + 8, true))
    h2 = u64((rotate(h2, 31n) + h1) * 5n + 0x38495ab5n)
  }
  const tail = [...key.subarray(blocks * 16)].map((byte) => BigInt.asIntN(8, BigInt(byte)))
  let k1 = 0n
  let k2 = 0n
  tail.forEach((byte, i) => {
    if (i < 8) k1 ^= u64(byte << BigInt(i * 8))
    else k2 ^= u64(byte << BigInt((i - 8) * 8))
  })
  h2 ^= mixSecond(k2)
  h1 ^= mixFirst(k1)
  const finalMix = (k: bigint): bigint => {
    let mixed = k ^ (k >> 33n)
    mixed = u64(mixed * 0xff51afd7ed558ccdn)
    mixed ^= mixed >> 33n
    mixed = u64(mixed * 0xc4ceb9fe1a85ec53n)
    return mixed ^ (mixed >> 33n)
  }
  h1 = u64((h1 ^ BigInt(key.length)) + (h2 ^ BigInt(key.length)))
  h2 = u64((h2 ^ BigInt(key.length)) + h1)
  const token = BigInt.asIntN(64, finalMix(h1) + finalMix(h2))
  return token === -(2n ** 63n) ? 2n ** 63n - 1n : token
}

describe('the token of a key', () => {
  test.each([
    ['test', -6017608668500074083n],
    ['xd', 4507812186440344727n],
    ['primary_key', -1632642444691073360n],
    ['kremówki', 4354931215268080151n],
    ['', 0n],
  ])('%j', (key, token) => {
    expect(tokenOf(Buffer.from(key))).toBe(token)
  })

  test('agrees with 64-bit arithmetic for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (key) => {
        expect(tokenOf(key)).toBe(referenceToken(key))
      }),
      { numRuns: 3000 },
    )
  })
})

const halves = (token: bigint): [number, number] => [
  Number(BigInt.asIntN(64, token) >> 32n),
  Number(token & 0xffff_ffffn) | 0,
]

describe('the ring', () => {
  test('a token belongs to the first token of the ring that is not below it', () => {
    const tokens = fc.uniqueArray(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), {
      minLength: 1,
      maxLength: 50,
    })
    fc.assert(
      fc.property(tokens, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (list, key) => {
        const ring = new TokenRing([list])
        const sorted = [...list].sort((a, b) => (a < b ? -1 : 1))
        for (const token of [key, ...list]) {
          const expected = sorted.findIndex((t) => t >= token)
          expect(ring.positionOf(...halves(token))).toBe(Math.max(expected, 0))
        }
      }),
    )
  })

  test('tokens close together share a bucket and are still told apart', () => {
    const ring = new TokenRing([
      [1n, 3n],
      [2n, -1n, 4_294_967_297n],
    ])
    expect([...ring.owners]).toEqual([1, 0, 1, 0, 1])
    expect(
      [-5n, -1n, 0n, 1n, 2n, 3n, 4n, 2n ** 40n].map((t) => ring.positionOf(...halves(t))),
    ).toEqual([0, 0, 1, 1, 2, 3, 4, 0])
  })
})

interface Node extends RingNode {
  readonly name: string
}
const node = (name: string, dataCenter: string, rack: string, ...tokens: number[]): Node => ({
  name,
  dataCenter,
  rack,
  tokens: tokens.map(String),
})
const at = (keyspace: string, token: bigint): Partition => {
  const [tokenHigh, tokenLow] = halves(token)
  return { keyspace, table: 't', tokenHigh, tokenLow }
}
const names = (targets: readonly Target<Node>[]): string =>
  targets.map((target) => target.node.name).join('')

describe('replicas', () => {
  const simple = new Map([
    ['class', 'org.apache.cassandra.locator.SimpleStrategy'],
    ['replication_factor', '2'],
  ])
  const locatorOf = (nodes: Node[], replication: Map<string, string>): VnodeLocator<Node> =>
    new VnodeLocator(nodes, new Map([['k', replication]]))

  test('of SimpleStrategy are the next distinct nodes', () => {
    const nodes = [node('a', 'dc', 'r', 10, 40), node('b', 'dc', 'r', 20), node('c', 'dc', 'r', 30)]
    const locator = locatorOf(nodes, simple)
    const namesAt = (token: bigint): string => names(locator.replicasFor(at('k', token)))
    expect([5n, 10n, 11n, 25n, 35n, 41n].map(namesAt)).toEqual(['ab', 'ab', 'bc', 'ca', 'ab', 'ab'])
  })

  test('are at most as many as there are nodes', () => {
    const locator = locatorOf([node('a', 'dc', 'r', 1)], simple)
    expect(names(locator.replicasFor(at('k', 0n)))).toBe('a')
  })

  test('of NetworkTopologyStrategy prefer racks not used yet, in each data center', () => {
    const nodes = [
      node('a', 'east', 'r1', 10),
      node('b', 'east', 'r1', 20),
      node('c', 'east', 'r2', 30),
      node('x', 'west', 'r1', 15),
      node('y', 'west', 'r1', 25),
    ]
    const replication = new Map([
      ['class', 'NetworkTopologyStrategy'],
      ['east', '2'],
      ['west', '1'],
      ['north', '3'],
    ])
    const locator = locatorOf(nodes, replication)
    const namesAt = (token: bigint): string => names(locator.replicasFor(at('k', token)))
    expect(namesAt(0n)).toBe('axc')
    expect(namesAt(12n)).toBe('xbc')
    expect(namesAt(26n)).toBe('cax')
  })

  test('repeat racks when there are more replicas than racks', () => {
    const nodes = [
      node('a', 'dc', 'r1', 10),
      node('b', 'dc', 'r1', 20),
      node('c', 'dc', 'r1', 30),
      node('d', 'dc', 'r2', 40),
    ]
    const replication = new Map([
      ['class', 'NetworkTopologyStrategy'],
      ['dc', '3'],
    ])
    const namesAt = (token: bigint): string =>
      names(locatorOf(nodes, replication).replicasFor(at('k', token)))
    expect(namesAt(0n)).toBe('abd')
    expect(namesAt(25n)).toBe('cda')
  })

  test('are unknown for unknown keyspaces and strategies, and without tokens', () => {
    const local = new Map([['class', 'LocalStrategy']])
    expect(locatorOf([node('a', 'dc', 'r', 1)], local).replicasFor(at('k', 0n))).toEqual([])
    expect(locatorOf([node('a', 'dc', 'r', 1)], simple).replicasFor(at('other', 0n))).toEqual([])
    expect(locatorOf([node('a', 'dc', 'r')], simple).replicasFor(at('k', 0n))).toEqual([])
    expect(locatorOf([], simple).replicasFor(at('k', 0n))).toEqual([])
    const odd = { ...node('a', 'dc', 'r'), tokens: ['2f', '99999999999999999999', ''] }
    expect(locatorOf([odd], simple).replicasFor(at('k', 0n))).toEqual([])
  })

  test('of everywhere are all nodes', () => {
    const everywhere = new Map([['class', 'EverywhereStrategy']])
    const nodes = [node('a', 'dc', 'r', 1), node('b', 'dc', 'r', 2)]
    expect(names(locatorOf(nodes, everywhere).replicasFor(at('k', 0n)))).toBe('ab')
  })
})
