import { describe, expect, test } from 'vitest'
import { ConsistencyCode } from '../../src/errors/index.ts'
import {
  allowListLoadBalancing,
  type BalancedNode,
  type BalancingState,
  type RequestFacts,
  type RoutingInfo,
  singleTargetLoadBalancing,
  targetPolicyOf,
  tokenAwareLoadBalancing,
  TokenAwarePolicy,
} from '../../src/policies/index.ts'
import { type Target, VnodeLocator } from '../../src/routing/index.ts'
import type {
  ClusterInfo,
  LoadBalancingPolicy,
  NodeInfo,
  PlanEntry,
  RoutedRequest,
} from '../../src/types/index.ts'
import { createRandom } from '../../src/util/index.ts'

class Node implements BalancedNode {
  readonly name: string
  readonly dataCenter: string
  readonly rack: string
  readonly tokens: readonly string[]
  isUp = true
  readonly info: NodeInfo

  constructor(name: string, dataCenter: string, rack: string, tokens: readonly string[]) {
    this.name = name
    this.dataCenter = dataCenter
    this.rack = rack
    this.tokens = tokens
    const isUp = (): boolean => this.isUp
    this.info = {
      ...{ hostId: `id-${name}`, address: `${name}.example:9042`, dataCenter, rack },
      ...{ inFlightCount: 0, shardCount: undefined },
      get isUp() {
        return isUp()
      },
    }
  }
}

interface Scene {
  readonly nodes: readonly Node[]
  readonly state: BalancingState<Node>
  /** Names of the replicas in ring order. */
  readonly replicas: readonly string[]
}

/** Five nodes of dc1 in the racks r1 and r2, three of dc2; three replicas in dc1, two in dc2. */
function sceneOf(): Scene {
  const nodes = ['a', 'b', 'c', 'd', 'e', 'x', 'y', 'z'].map((name, i) => {
    const isFirst = i < 5
    const tokens = [String(BigInt(i - 4) * 2n ** 60n)]
    return new Node(name, isFirst ? 'dc1' : 'dc2', i % 2 === 0 ? 'r1' : 'r2', tokens)
  })
  const replication = new Map([
    ['class', 'org.apache.cassandra.locator.NetworkTopologyStrategy'],
    ['dc1', '3'],
    ['dc2', '2'],
  ])
  const locator = new VnodeLocator(nodes, new Map([['ks', replication]]))
  const infos = nodes.map(({ info }) => info)
  const state: BalancingState<Node> = {
    locator,
    cluster: { nodes: infos, localDataCenter: 'dc1' },
    targets: new Map(locator.targets.map((target) => [target.node.info, target])),
    random: createRandom(1),
  }
  return { nodes, state, replicas: locator.replicasFor(routing).map(({ node }) => node.name) }
}

const routing: RoutingInfo = {
  ...{ keyspace: 'ks', table: 't', tokenHigh: -(2 ** 31), tokenLow: 0, isConditional: false },
}
const conditional: RoutingInfo = { ...routing, isConditional: true }

function factsOf(change: Partial<RequestFacts> = {}): RequestFacts {
  return {
    consistency: ConsistencyCode.QUORUM,
    kind: 'read',
    profile: { serialConsistency: ConsistencyCode.SERIAL },
    routedTable: { keyspace: 'ks', table: 't' },
    routing: () => routing,
    ...change,
  }
}

const facts = factsOf()
const namesOf = (targets: Iterable<Target<Node>>): string[] =>
  [...targets].map(({ node }) => node.name)
const sorted = (names: readonly string[]): string[] => [...names].sort()

/** The plan as a user of the policy sees it. */
function planOf(
  policy: LoadBalancingPolicy,
  { state, nodes }: Scene,
  change: Partial<RoutedRequest> = {},
): string[] {
  const replicas = state.locator.replicasFor(routing).map(({ node }) => node.info)
  const request: RoutedRequest = {
    ...{ keyspace: 'ks', table: 't', isConditional: false, consistency: 'QUORUM' },
    ...{ serialConsistency: 'SERIAL', token: 0n, replicas, ...change },
  }
  const entries = [...policy.plan(request, state.cluster)] as NodeInfo[]
  return entries.map((info) => nodes.find((node) => node.info === info)!.name)
}

describe('token-aware load balancing', () => {
  test('picks the local replicas, those of the preferred rack if there is one, each as often', () => {
    const scene = sceneOf()
    const count = (policy: TokenAwarePolicy): Map<string, number> => {
      const counts = new Map<string, number>()
      for (let i = 0; i < 300; i++) {
        const { name } = policy.pick(facts, routing, scene.state)!.node
        counts.set(name, (counts.get(name) ?? 0) + 1)
      }
      return counts
    }
    const local = scene.replicas.filter((name) => name < 'x')
    expect(local).toHaveLength(3)
    const byAny = count(new TokenAwarePolicy())
    expect(byAny).toEqual(new Map(local.map((name) => [name, 100])))
    // One of them is lost: the others share what it had.
    scene.nodes.find(({ name }) => name === local[0])!.isUp = false
    const byRest = count(new TokenAwarePolicy())
    expect(byRest).toEqual(new Map(local.slice(1).map((name) => [name, 150])))
    scene.nodes.find(({ name }) => name === local[0])!.isUp = true
    const inRack = local.filter((name) => ['a', 'c', 'e'].includes(name))
    const byRack = count(new TokenAwarePolicy({ localRack: 'r1' }))
    expect(sorted([...byRack.keys()])).toEqual(sorted(inRack))
  })

  test('ranks by replica, rack and data center, and nodes that are down last', () => {
    const scene = sceneOf()
    const local = scene.replicas.filter((name) => name < 'x')
    const remote = scene.replicas.filter((name) => name >= 'x')
    const isR1 = (name: string): boolean => ['a', 'c', 'e', 'y'].includes(name)
    const others = ['a', 'b', 'c', 'd', 'e'].filter((name) => !local.includes(name))
    const down = others[0]!
    scene.nodes.find(({ name }) => name === down)!.isUp = false
    const options = { localRack: 'r1', dataCenterFailover: true }
    const internal = new TokenAwarePolicy(options)
    const plans = [
      namesOf(internal.fallback(facts, routing, scene.state)),
      planOf(tokenAwareLoadBalancing(options), scene),
    ]
    const tiers = [
      local.filter(isR1),
      local.filter((name) => !isR1(name)),
      remote,
      others.filter((name) => isR1(name) && name !== down),
      others.filter((name) => !isR1(name) && name !== down),
      ['x', 'y', 'z'].filter((name) => !remote.includes(name)),
      [down],
    ]
    for (const plan of plans) {
      let at = 0
      for (const tier of tiers) {
        expect(sorted(plan.slice(at, at + tier.length))).toEqual(sorted(tier))
        at += tier.length
      }
      expect(plan).toHaveLength(8)
    }
  })

  test('puts equals in every order', () => {
    const scene = sceneOf()
    const policy = new TokenAwarePolicy()
    const orders = new Set<string>()
    for (let i = 0; i < 200; i++) {
      const plan = namesOf(policy.fallback(facts, routing, scene.state))
      orders.add(plan.slice(0, 3).join())
    }
    expect(orders.size).toBe(6)
  })

  test('takes replicas of conditional statements in the order of the ring, whatever their racks', () => {
    const scene = sceneOf()
    const local = scene.replicas.filter((name) => name < 'x')
    for (const localRack of [undefined, 'r1', 'r2']) {
      const policy = new TokenAwarePolicy({ localRack })
      for (let i = 0; i < 10; i++) {
        expect(policy.pick(facts, conditional, scene.state)?.node.name).toBe(local[0])
        const names = namesOf(policy.fallback(facts, conditional, scene.state))
        expect(names.slice(0, 3)).toEqual(local)
        expect(planOf(policy, scene, { isConditional: true }).slice(0, 3)).toEqual(local)
        expect(sorted(names)).toEqual(['a', 'b', 'c', 'd', 'e'])
      }
    }
    scene.nodes.find(({ name }) => name === local[0])!.isUp = false
    const policy = new TokenAwarePolicy()
    expect(policy.pick(facts, conditional, scene.state)?.node.name).toBe(local[1])
  })

  test('begins with the replica that leads, where there is one', () => {
    const { state } = sceneOf()
    const policy = new TokenAwarePolicy()
    const [, b, c] = state.locator.targets
    const replicasFor = (): Target<Node>[] => [{ ...c!, isLeader: true }, b!]
    const leading = { ...state, locator: { targets: state.locator.targets, replicasFor } }
    const picked = Array.from({ length: 10 }, () => policy.pick(facts, routing, leading)!)
    expect(new Set(namesOf(picked))).toEqual(new Set(['c']))
  })

  test('spreads requests of no known partition over the local nodes', () => {
    const { state } = sceneOf()
    const policy = new TokenAwarePolicy()
    const picked = Array.from({ length: 100 }, () => policy.pick(facts, undefined, state)!)
    const names = namesOf(picked)
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      expect(names.filter((one) => one === name)).toHaveLength(20)
    }
  })

  test('stays in its data center unless it may leave it, and with local levels never', () => {
    const scene = sceneOf()
    for (const node of scene.nodes) node.isUp = node.dataCenter === 'dc2'
    const local = factsOf({ consistency: ConsistencyCode.LOCAL_QUORUM })
    const lwt = factsOf({
      kind: 'lwt',
      profile: { serialConsistency: ConsistencyCode.LOCAL_SERIAL },
    })
    const isRemote = (
      policy: TokenAwarePolicy,
      of: RequestFacts,
      by: RoutingInfo | undefined = routing,
    ): boolean => {
      const { pick } = { pick: policy.pick(of, by, scene.state)?.node }
      const names = namesOf(policy.fallback(of, by, scene.state))
      const reach = [...policy.nodesFor(of, scene.state)].map(({ name }) => name)
      expect(sorted(reach)).toEqual(sorted(names))
      // Where the first choice has no connection, the others are asked.
      if (by !== undefined) expect(pick?.isUp === true).toBe(names.includes('x'))
      expect(policy.scopeOf(of, scene.state) === '').toBe(!names.includes('x'))
      return names.includes('x')
    }
    const none = new TokenAwarePolicy()
    expect([facts, local, lwt].map((of) => isRemote(none, of))).toEqual([false, false, false])
    const failover = new TokenAwarePolicy({ dataCenterFailover: true })
    expect([facts, local, lwt].map((of) => isRemote(failover, of))).toEqual([true, false, false])
    expect(isRemote(failover, lwt, conditional)).toBe(false)
    expect(isRemote(failover, facts, conditional)).toBe(true)
    const always = new TokenAwarePolicy({ dataCenterFailover: 'even_with_local_consistency' })
    expect([facts, local, lwt].map((of) => isRemote(always, of))).toEqual([true, true, true])
    // The same for who wraps the policy.
    const plan = (change: Partial<RoutedRequest>): boolean =>
      planOf(failover, scene, change).includes('x')
    expect(plan({})).toBe(true)
    expect(plan({ consistency: 'LOCAL_ONE' })).toBe(false)
    expect(plan({ isConditional: true, serialConsistency: 'LOCAL_SERIAL' })).toBe(false)
    expect(plan({ consistency: 'SERIAL', isConditional: true })).toBe(true)
  })

  test('prefers the data center that it is given, also in a state that it has not seen', () => {
    const policy = new TokenAwarePolicy({ localDataCenter: 'dc2' })
    for (const { state } of [sceneOf(), sceneOf(), sceneOf()]) {
      expect(policy.pick(facts, routing, state)?.node.dataCenter).toBe('dc2')
      expect(policy.pick(facts, undefined, state)?.node.dataCenter).toBe('dc2')
      expect(state.targets.has(policy.pick(facts, undefined, state)!.node.info)).toBe(true)
    }
  })

  test('has no choice where there are no nodes', () => {
    const locator = new VnodeLocator<Node>([], new Map())
    const empty = { ...sceneOf().state, locator, targets: new Map() }
    const policy = new TokenAwarePolicy()
    expect(policy.pick(facts, undefined, empty)).toBe(undefined)
    expect(namesOf(policy.fallback(facts, undefined, empty))).toEqual([])
  })

  test.each<[unknown, RegExp]>([
    ['dc1', /takes an object/],
    [{ localDC: 'dc1' }, /no option "localDC".* The options are localDataCenter/],
    [{ localRack: '' }, /localRack of a load-balancing policy must be a name/],
    [{ localDataCenter: 1 }, /localDataCenter of a load-balancing policy must be a name/],
    [{ dataCenterFailover: 'yes' }, /dataCenterFailover must be true, false or/],
  ])('refuses the options %j', (options, message) => {
    expect(() => tokenAwareLoadBalancing(options as never)).toThrow(message)
  })
})

describe('the ready-made policies', () => {
  test('allow some nodes, in the order of another policy', () => {
    const scene = sceneOf()
    const policy = allowListLoadBalancing(['id-a', 'b.example:9042', 'c.example', 'id-x'])
    expect(sorted(planOf(policy, scene))).toEqual(['a', 'b', 'c'])
    const everywhere = tokenAwareLoadBalancing({ dataCenterFailover: true })
    const remote = allowListLoadBalancing(['id-x', 'y.example:9043'], everywhere)
    expect(planOf(remote, scene)).toEqual(['x'])
  })

  test('know IPv6 hosts with and without brackets', () => {
    const node = { address: '[fd00::1]:9042', hostId: 'id' } as NodeInfo
    const cluster = { nodes: [node], localDataCenter: '' } satisfies ClusterInfo
    for (const name of ['fd00::1', '[fd00::1]', '[fd00::1]:9042']) {
      const policy = singleTargetLoadBalancing({ node: name })
      expect(policy.plan({} as RoutedRequest, cluster)).toEqual([node])
    }
  })

  test('pin requests to one node, or one shard of it', () => {
    const scene = sceneOf()
    expect(planOf(singleTargetLoadBalancing({ node: 'z.example' }), scene)).toEqual(['z'])
    const sharded = targetPolicyOf(singleTargetLoadBalancing({ node: 'id-b', shard: 3 }))
    const [target, ...rest] = sharded.fallback(facts, routing, scene.state)
    expect(target).toMatchObject({ node: { name: 'b' }, shard: 3 })
    expect(rest).toEqual([])
    expect(sharded.scopeOf(facts, scene.state)).toBe('id-b')
  })

  test.each<[() => unknown, RegExp]>([
    [() => allowListLoadBalancing([]), /takes a list of host ids or addresses/],
    [() => allowListLoadBalancing('a' as never), /takes a list of host ids or addresses/],
    [() => allowListLoadBalancing(['']), /takes a list of host ids or addresses/],
    [() => allowListLoadBalancing(['a'], {} as never), /second argument .* must be a policy/],
    [() => singleTargetLoadBalancing('a' as never), /takes a node, such as/],
    [() => singleTargetLoadBalancing({ node: 'a', shard: -1 }), /an integer of at least 0/],
  ])('refuse what they cannot use: %s', (make, message) => {
    expect(make).toThrow(message)
  })
})

describe('a policy of the user', () => {
  test('is told the request, and sees nodes that it cannot change', () => {
    const scene = sceneOf()
    const asked: RoutedRequest[] = []
    const policy: LoadBalancingPolicy = {
      plan(request, cluster) {
        asked.push(request)
        expect(cluster).toBe(scene.state.cluster)
        return request.replicas
      },
    }
    const low = { ...routing, tokenHigh: -1, tokenLow: -2 }
    const consistency = ConsistencyCode.LOCAL_SERIAL
    const adapter = targetPolicyOf(policy)
    expect(targetPolicyOf(policy)).toBe(adapter)
    const targets = [...adapter.fallback(factsOf({ consistency }), low, scene.state)]
    expect(targets).toEqual(scene.state.locator.replicasFor(low))
    expect(asked).toEqual([
      {
        ...{ keyspace: 'ks', table: 't', isConditional: true, consistency: 'LOCAL_SERIAL' },
        ...{ serialConsistency: 'SERIAL', token: -2n },
        replicas: targets.map(({ node }) => node.info),
      },
    ])
    expect(Object.isFrozen(asked[0]) && Object.isFrozen(asked[0]!.replicas)).toBe(true)
  })

  test('keeps the shards that are known of replicas', () => {
    const { state } = sceneOf()
    const [a, b] = state.locator.targets
    const sharded = { ...b!, shard: 5 }
    const locator = { targets: state.locator.targets, replicasFor: () => [sharded] }
    const adapter = targetPolicyOf({ plan: (_, { nodes }) => nodes.slice(0, 2) })
    const targets = [...adapter.fallback(facts, routing, { ...state, locator })]
    expect(targets).toEqual([a, sharded])
  })

  test('has its plan ended when no more of it is needed', () => {
    const { state } = sceneOf()
    const ended: string[] = []
    const adapter = targetPolicyOf({
      *plan(_, { nodes }) {
        try {
          yield* nodes
        } finally {
          ended.push('ended')
        }
      },
    })
    for (const _ of adapter.fallback(facts, routing, state)) break
    expect(ended).toEqual(['ended'])
  })

  test.each<[string, (nodes: readonly NodeInfo[]) => unknown, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no idea')
      },
      /loadBalancingPolicy has failed: no idea/,
    ],
    [
      'throws while it is read',
      function* (nodes): Generator<NodeInfo> {
        yield nodes[0]!
        throw new TypeError('torn')
      },
      /loadBalancingPolicy has failed: torn/,
    ],
    ['returns nothing', () => undefined, /returned undefined, which is no iterable of nodes/],
    ['returns a promise', async () => [], /returned an object, which is no iterable/],
    ['returns a text', () => 'node1', /returned node1, which is no iterable/],
    ['has no node', () => [], /has named no node for the request/],
    ['has undefined in it', () => [undefined], /plan has undefined, which is none of the nodes/],
    ['has a name in it', () => ['a'], /plan has a, which is none of the nodes/],
    ['has a foreign node', (nodes) => [{ ...nodes[0] }], /the node a.example:9042, which is none/],
    ['has a foreign node with a shard', () => [{ node: {}, shard: 0 }], /an object, which is none/],
    ['names no shard', (nodes) => [{ node: nodes[0], shard: 0.5 }], /the shard 0.5 of a.example/],
    [
      'never ends',
      function* (nodes): Generator<NodeInfo> {
        for (;;) yield nodes[0]!
      },
      /more than 10000 entries/,
    ],
  ])('that %s is refused', (_, plan, message) => {
    const { state } = sceneOf()
    const own = { plan: (__: unknown, { nodes }: ClusterInfo) => plan(nodes) as PlanEntry[] }
    const adapter = targetPolicyOf(own)
    expect(() => [...adapter.fallback(facts, routing, state)]).toThrow(message)
    expect(() => adapter.scopeOf(facts, state)).toThrow(message)
  })

  test.each([undefined, null, 'roundRobin', {}, () => []])('cannot be %s', (policy) => {
    expect(() => targetPolicyOf(policy as never)).toThrow(/must be an object with the method plan/)
  })
})
