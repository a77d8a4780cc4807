import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Partition,
  readTablet,
  type Tablet,
  TabletLocator,
  Tablets,
  VnodeLocator,
} from '../../src/routing/index.ts'
import { tableCountMax, tabletCountMax } from '../../src/routing/tablets.ts'
import { hostId } from '../support/member-node.ts'
import { encodeTablet, type ScriptedTablet } from '../support/sharded-node.ts'

interface Node {
  readonly hostId: string
  readonly dataCenter: string
  readonly rack: string
  readonly tokens: readonly string[]
}
const nodeOf = (number: number): Node => ({
  hostId: hostId(number),
  dataCenter: 'dc1',
  rack: 'r1',
  tokens: [String(number)],
})

const tabletOf = (
  first: bigint,
  last: bigint,
  ...replicas: (readonly [number, number])[]
): Tablet =>
  readTablet(
    encodeTablet({
      first,
      last,
      replicas: replicas.map(([node, shard]) => ({ node, shard })),
      version: 0n,
    }),
    false,
  )!

const at = (token: bigint, table = 't', keyspace = 'ks'): Partition => ({
  keyspace,
  table,
  tokenHigh: Number(BigInt.asIntN(64, token) >> 32n),
  tokenLow: Number(token & 0xffff_ffffn) | 0,
})

function tabletsWith(...numbers: number[]): Tablets<Node> {
  const tablets = new Tablets<Node>()
  tablets.adopt(numbers.map(nodeOf))
  return tablets
}

const replicasAt = (tablets: Tablets<Node>, partition: Partition): string[] | undefined =>
  tablets.replicasFor(partition)?.map(({ node, shard }) => `${node.hostId.at(-1)}/${shard}`)

const scripted: ScriptedTablet = {
  first: -(2n ** 63n),
  last: 2n ** 40n + 1n,
  replicas: [
    { node: 1, shard: 3 },
    { node: 2, shard: 0 },
  ],
  version: 0x0123_4567_89ab_cdefn,
}

describe('a description of a tablet', () => {
  test('is read', () => {
    expect(readTablet(encodeTablet(scripted), false)).toEqual({
      firstHigh: -0x8000_0000,
      firstLow: 0,
      lastHigh: 256,
      lastLow: 1,
      replicas: [
        { hostId: hostId(1), shard: 3 },
        { hostId: hostId(2), shard: 0 },
      ],
      version: undefined,
    })
    const second = readTablet(encodeTablet(scripted, true), true)
    expect(Buffer.from(second!.version!).toString('hex')).toBe('0123456789abcdef')
  })

  test.each([
    ['without replicas', { replicas: [] }],
    ['with a negative shard', { replicas: [{ node: 1, shard: -1 }] }],
    ['without tokens', { last: scripted.first }],
    ['whose tokens end before they begin', { first: 5n, last: 4n }],
  ])('%s is refused', (_, change) => {
    expect(readTablet(encodeTablet({ ...scripted, ...change }), false)).toBeUndefined()
  })

  test('of the other version is refused', () => {
    expect(readTablet(encodeTablet(scripted), true)).toBeUndefined()
    expect(readTablet(encodeTablet(scripted, true), false)).toBeUndefined()
  })

  test('may be any bytes: it is read or refused, and every cut is refused', () => {
    const bytes = encodeTablet(scripted, true)
    for (let length = 0; length < bytes.length; length++) {
      expect(readTablet(bytes.subarray(0, length), true)).toBeUndefined()
    }
    const flips = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 4 })
    fc.assert(
      fc.property(flips, fc.boolean(), (changes, hasVersion) => {
        const changed = Uint8Array.from(bytes)
        for (const [index, byte] of changes) changed[index] = byte
        readTablet(changed, hasVersion)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('tablets of a table', () => {
  test('are found by token, whatever was split, merged and moved before', () => {
    const bound = fc.integer({ min: -40, max: 40 })
    const steps = fc.array(fc.tuple(bound, bound, fc.nat(7)), { maxLength: 40 })
    // Around zero, and around a step of the higher half.
    fc.assert(
      fc.property(steps, fc.constantFrom(0n, 2n ** 32n, -(2n ** 63n) + 41n), (list, origin) => {
        const tablets = tabletsWith(1)
        let model: { first: number; last: number; shard: number }[] = []
        for (const [a, b, shard] of list) {
          if (a === b) continue
          const [first, last] = a < b ? [a, b] : [b, a]
          model = model.filter((one) => one.last <= first || one.first >= last)
          model.push({ first, last, shard })
          tablets.learn(
            'ks',
            't',
            tabletOf(origin + BigInt(first), origin + BigInt(last), [1, shard]),
          )
        }
        expect(tablets.count).toBe(model.length)
        for (let token = -41; token <= 41; token++) {
          const found = model.find(({ first, last }) => first < token && token <= last)
          const expected = model.length === 0 ? undefined : found ? [`1/${found.shard}`] : []
          const replicas = replicasAt(tablets, at(BigInt.asIntN(64, origin + BigInt(token))))
          expect(replicas).toEqual(expected)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('are forgotten with their table or their keyspace, and no others', () => {
    const tablets = tabletsWith(1)
    for (const table of ['a', 'b']) tablets.learn('ks', table, tabletOf(0n, 9n, [1, 1]))
    tablets.learn('other', 'a', tabletOf(0n, 9n, [1, 1]))
    tablets.forget('ks', 'a')
    const known = (): boolean[] =>
      [at(5n, 'a'), at(5n, 'b'), at(5n, 'a', 'other')].map(
        (one) => tablets.replicasFor(one) !== undefined,
      )
    expect(known()).toEqual([false, true, true])
    tablets.forget('ks')
    expect([known(), tablets.count]).toEqual([[false, false, true], 1])
  })

  test('outlive a change of the topology, unless one of their replicas has left', () => {
    const tablets = tabletsWith(1, 2, 3)
    tablets.learn('ks', 't', tabletOf(0n, 10n, [1, 1], [2, 1]))
    tablets.learn('ks', 't', tabletOf(10n, 20n, [2, 2], [3, 2]))
    const moved = nodeOf(2)
    tablets.adopt([nodeOf(1), moved])
    expect(replicasAt(tablets, at(5n))).toEqual(['1/1', '2/1'])
    expect(tablets.replicasFor(at(5n))![1]!.node).toBe(moved)
    expect(replicasAt(tablets, at(15n))).toEqual([])
    expect(tablets.count).toBe(1)
  })

  test('wait for nodes that are not known yet', () => {
    const tablets = tabletsWith(1)
    tablets.learn('ks', 't', tabletOf(0n, 10n, [4, 1], [1, 0]))
    expect(replicasAt(tablets, at(5n))).toEqual(['1/0'])
    tablets.adopt([nodeOf(1), nodeOf(2)])
    expect(replicasAt(tablets, at(5n))).toEqual(['1/0'])
    tablets.adopt([nodeOf(1), nodeOf(4)])
    expect(replicasAt(tablets, at(5n))).toEqual(['4/1', '1/0'])
  })

  test('are bounded: the table that was learned of first goes', () => {
    const tablets = tabletsWith(1)
    for (let i = 0; i < tableCountMax + 1; i++) {
      tablets.learn('ks', `t${i}`, tabletOf(0n, 10n, [1, 0]))
    }
    expect(tablets.count).toBe(tableCountMax)
    expect(tablets.replicasFor(at(5n, 't0'))).toBeUndefined()
    for (let i = 0n; i < tabletCountMax; i++) {
      tablets.learn('ks', 't5', tabletOf(i * 10n, i * 10n + 10n, [1, 0]))
    }
    expect(tablets.count).toBeLessThanOrEqual(tabletCountMax)
  })
})

describe('where to find a partition', () => {
  const replication = new Map([
    ['class', 'SimpleStrategy'],
    ['replication_factor', '1'],
  ])
  const keyspaces = new Map([
    ['ks', replication],
    ['tablets', replication],
  ])
  const nodes = [nodeOf(1), nodeOf(2)]
  const tablets = tabletsWith(1, 2)
  const vnodes = new VnodeLocator(nodes, keyspaces)
  const locator = new TabletLocator(tablets, new Set(['tablets']), vnodes)

  test('is said by tokens where a table has no tablets, and by nothing where it has unknown ones', () => {
    expect(locator.replicasFor(at(5n)).length).toBe(1)
    expect(locator.replicasFor(at(5n, 't', 'tablets'))).toEqual([])
    tablets.learn('tablets', 't', tabletOf(0n, 10n, [2, 1]))
    const [found] = locator.replicasFor(at(5n, 't', 'tablets'))
    expect([found?.node.hostId, found?.shard]).toEqual([hostId(2), 1])
    expect(locator.replicasFor(at(50n, 't', 'tablets'))).toEqual([])
    expect(locator.replicasFor(at(5n)).length).toBe(1)
    // A tablet of a keyspace that was not known to have any.
    tablets.learn('ks', 't', tabletOf(0n, 10n, [2, 1]))
    expect(locator.replicasFor(at(50n))).toEqual([])
    expect(locator.replicasFor(at(50n, 'u')).length).toBe(1)
  })
})

test('the version of a tablet is said in blocks of four bits, in turn', () => {
  const tablets = tabletsWith(1)
  tablets.learn('ks', 't', readTablet(encodeTablet(scripted, true), true)!)
  const blocks = Array.from({ length: 16 }, () => tablets.versionByteOf(at(5n)))
  let version = 0n
  for (const byte of blocks) version |= BigInt(byte & 15) << BigInt(4 * (byte >> 4))
  expect(new Set(blocks.map((byte) => byte >> 4)).size).toBe(16)
  expect(version).toBe(scripted.version)
  expect(tablets.versionByteOf(at(5n, 'other')) & 15).toBe(0)
  expect(tablets.replicasFor(at(5n))!.map(({ isLeader }) => isLeader)).toEqual([true])
})
