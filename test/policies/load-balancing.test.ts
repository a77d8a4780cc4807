import { describe, expect, test } from 'vitest'
import {
  defaultRetryPolicy,
  stalledAttemptPolicy,
  TokenAwarePolicy,
} from '../../src/policies/index.ts'
import { ServerError } from '../../src/errors/index.ts'
import { type Target, VnodeLocator } from '../../src/routing/index.ts'

const plain = { isConditional: false, consistency: 'LOCAL_QUORUM' } as const

interface Node {
  readonly name: string
  readonly dataCenter: string
  readonly rack: string
  readonly tokens: readonly string[]
}

const nodes: readonly Node[] = ['a', 'b', 'c', 'd'].map((name, i) => ({
  name,
  dataCenter: i < 3 ? 'dc1' : 'dc2',
  rack: 'r1',
  tokens: [String(BigInt(i) * 2n ** 61n)],
}))
const replication = new Map([
  ['class', 'org.apache.cassandra.locator.NetworkTopologyStrategy'],
  ['dc1', '2'],
  ['dc2', '1'],
])
const locator = new VnodeLocator(nodes, new Map([['ks', replication]]))
const state = {
  locator,
  localDataCenter: 'dc1',
  local: locator.targets.filter(({ node }) => node.dataCenter === 'dc1'),
  remote: locator.targets.filter(({ node }) => node.dataCenter !== 'dc1'),
}
const routing = { keyspace: 'ks', table: 't', tokenHigh: 1, tokenLow: 0, isConditional: false }
const namesOf = (targets: Iterable<Target<Node>>): string[] =>
  [...targets].map(({ node }) => node.name)

describe('token-aware load balancing', () => {
  test('names a local replica first, and takes turns among them', () => {
    const policy = new TokenAwarePolicy()
    const replicas = new Set(
      locator
        .replicasFor(routing)
        .filter(({ node }) => node.dataCenter === 'dc1')
        .map(({ node }) => node.name),
    )
    const picked = Array.from({ length: 100 }, () => policy.pick(routing, state)?.node.name)
    expect(new Set(picked)).toEqual(replicas)
    expect(replicas.size).toBe(2)
  })

  test('falls back to replicas, then to local nodes, then to other data centers', () => {
    const policy = new TokenAwarePolicy()
    for (let i = 0; i < 10; i++) {
      const first = policy.pick(routing, state)?.node.name
      const names = namesOf(policy.fallback(routing, state))
      expect(names[0]).toBe(first)
      expect(new Set(names)).toEqual(new Set(['a', 'b', 'c', 'd']))
      expect(names.at(-1)).toBe('d')
    }
  })

  test('takes replicas of conditional statements in the order of the ring', () => {
    const policy = new TokenAwarePolicy()
    const conditional = { ...routing, isConditional: true }
    const local = locator.replicasFor(routing).filter(({ node }) => node.dataCenter === 'dc1')
    for (let i = 0; i < 10; i++) {
      expect(policy.pick(conditional, state)).toBe(local[0])
      const names = namesOf(policy.fallback(conditional, state))
      expect(names.slice(0, 2)).toEqual(namesOf(local))
      expect(new Set(names)).toEqual(new Set(['a', 'b', 'c', 'd']))
    }
  })

  test('begins with the replica that leads, where there is one', () => {
    const policy = new TokenAwarePolicy()
    const [, b, c] = locator.targets
    const leading = { targets: locator.targets, replicasFor: () => [{ ...c!, isLeader: true }, b!] }
    const picked = Array.from({ length: 10 }, () =>
      policy.pick(routing, { ...state, locator: leading }),
    )
    expect(new Set(namesOf(picked as Target<Node>[]))).toEqual(new Set(['c']))
  })

  test('spreads requests of no known partition over the local nodes', () => {
    const policy = new TokenAwarePolicy()
    const picked = Array.from({ length: 99 }, () => policy.pick(undefined, state)?.node.name)
    for (const name of ['a', 'b', 'c']) {
      expect(picked.filter((one) => one === name)).toHaveLength(33)
    }
  })

  test('has no choice where there are no nodes', () => {
    const empty = {
      ...state,
      locator: new VnodeLocator<Node>([], new Map()),
      local: [],
      remote: [],
    }
    const policy = new TokenAwarePolicy()
    expect(policy.pick(undefined, empty)).toBe(undefined)
    expect(namesOf(policy.fallback(undefined, empty))).toEqual([])
  })
})

describe('an attempt that stalls', () => {
  test('is joined by a second one after a quarter of the deadline, at most two seconds, and no third', () => {
    expect(stalledAttemptPolicy.delayMs(1, 400)).toBe(100)
    expect(stalledAttemptPolicy.delayMs(1, 60_000)).toBe(2_000)
    expect(stalledAttemptPolicy.delayMs(1, 1)).toBe(1)
    expect(stalledAttemptPolicy.delayMs(2, 60_000)).toBe(undefined)
  })
})

test('a failed replica is a reason to ask one other coordinator', () => {
  for (const code of [0x1300, 0x1500]) {
    const error = new ServerError(code, 'x')
    const decide = (isIdempotent: boolean, attemptCount: number): unknown =>
      defaultRetryPolicy.decide({ ...plain, error, isIdempotent, attemptCount })
    expect([decide(true, 1), decide(true, 2), decide(false, 1)]).toEqual([
      'next_node',
      'rethrow',
      'rethrow',
    ])
  }
})
