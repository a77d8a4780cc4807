import { ConfigError, ConsistencyCode, isSerialConsistency } from '../errors/index.ts'
import type { Target } from '../routing/index.ts'
import type {
  ClusterInfo,
  LoadBalancingPolicy,
  NodeInfo,
  PlanEntry,
  RoutedRequest,
} from '../types/index.ts'
import { createRandom, didYouMean, type RandomSource } from '../util/index.ts'
import type {
  BalancedNode,
  BalancingState,
  RequestFacts,
  RoutingInfo,
  TargetPolicy,
} from './target-policy.ts'

/** Options of {@link tokenAwareLoadBalancing}. */
export interface TokenAwareOptions {
  /** Data center whose nodes are preferred. Default: that of the session. */
  readonly localDataCenter?: string | undefined
  /** Rack of it whose nodes are preferred to those of the other racks. Default: none. */
  readonly localRack?: string | undefined
  /**
   * Whether requests go to other data centers while no node of the local one can take them.
   * Default `false`. Requests with a `LOCAL_*` consistency never do, unless it is
   * `'even_with_local_consistency'`: local then means another data center than before.
   */
  readonly dataCenterFailover?: boolean | 'even_with_local_consistency' | undefined
}

/** How near a node is. */
const Distance = { rack: 0, dataCenter: 1, remote: 2 } as const
type Distance = (typeof Distance)[keyof typeof Distance]

interface Placed {
  readonly dataCenter: string
  readonly rack: string
  readonly isUp: boolean
}

/** The nodes of one state by their distance. */
type Tiers<Node> = readonly (readonly Target<Node>[])[]

/**
 * Prefers the replicas of the partition, and among equals the nearest. Nodes of equal rank take
 * turns, but replicas of conditional statements, and those that have a leader, come in their order,
 * whatever their racks.
 */
export class TokenAwarePolicy implements TargetPolicy, LoadBalancingPolicy {
  readonly #dataCenter: string | undefined
  readonly #rack: string | undefined
  readonly #failover: boolean | 'even_with_local_consistency'
  #turn = 0
  /** For plans, which know no runtime. */
  readonly #random = createRandom(1)
  /** Of the state that was asked about last: most policies belong to one session. */
  #lastState: BalancingState<never> | undefined
  #lastTiers: Tiers<unknown> = []
  readonly #tiers = new WeakMap<object, Tiers<unknown>>()
  /** The nearest of the replicas of a partition. Lists of replicas are shared and never change. */
  readonly #near = new WeakMap<readonly Target<unknown>[], readonly Target<unknown>[]>()

  constructor({ localDataCenter, localRack, dataCenterFailover }: TokenAwareOptions = {}) {
    this.#dataCenter = localDataCenter
    this.#rack = localRack
    this.#failover = dataCenterFailover ?? false
  }

  /** The data center that it was told to prefer. */
  get localDataCenter(): string | undefined {
    return this.#dataCenter
  }

  /** The rack that it was told to prefer. */
  get localRack(): string | undefined {
    return this.#rack
  }

  pick<Node extends BalancedNode>(
    facts: RequestFacts,
    routing: RoutingInfo | undefined,
    state: BalancingState<Node>,
  ): Target<Node> | undefined {
    const turn = (this.#turn = (this.#turn + 1) & 0x3fff_ffff)
    const dataCenter = this.#dataCenter ?? state.cluster.localDataCenter
    if (routing !== undefined) {
      const replicas = state.locator.replicasFor(routing)
      if (replicas.length > 0) {
        const mayLeave = this.#failover !== false && this.#mayLeave(facts)
        const replica = keepsOrder(routing, replicas)
          ? firstOf(replicas, dataCenter, mayLeave)
          : this.#nearestOf(replicas, dataCenter, mayLeave, turn)
        if (replica !== undefined) return replica
      }
    }
    const tiers =
      state === this.#lastState ? (this.#lastTiers as Tiers<Node>) : this.#tiersOf(state)
    const rack = tiers[Distance.rack]!
    const list = rack.length > 0 ? rack : tiers[Distance.dataCenter]!
    return list.length > 0 ? list[turn % list.length] : undefined
  }

  /** Returns the nearest replica that is up, those equally near in turn. */
  #nearestOf<Node extends BalancedNode>(
    replicas: readonly Target<Node>[],
    dataCenter: string,
    mayLeave: boolean,
    turn: number,
  ): Target<Node> | undefined {
    const { length } = replicas
    const near = (this.#near.get(replicas) ?? this.#nearOf(replicas, dataCenter)) as typeof replicas
    if (near.length > 0) {
      const next = near[turn % near.length]!
      if (next.node.isUp) return next
    }
    let best: Distance | 3 = mayLeave ? 3 : Distance.remote
    let count = 0
    for (let i = 0; i < length; i++) {
      const { node } = replicas[i]!
      if (!node.isUp) continue
      const distance = this.#distanceOf(node, dataCenter)
      if (distance < best) {
        best = distance
        count = 1
      } else if (distance === best) count++
    }
    if (count === 0 || (!mayLeave && best === Distance.remote)) return undefined
    // `turn` has chosen among the near replicas already. Its quotient counts their rounds, so that
    // those of this rank take turns evenly, whatever factors the two counts share.
    let rest = Math.trunc(turn / Math.max(1, near.length)) % count
    for (let i = 0; i < length; i++) {
      const replica = replicas[i]!
      const { node } = replica
      if (!node.isUp || this.#distanceOf(node, dataCenter) !== best) continue
      if (rest-- === 0) return replica
    }
    return undefined
  }

  /** Returns the nearest of the replicas, up or not: those of the rack, or of the data center. */
  #nearOf(replicas: readonly Target<Placed>[], dataCenter: string): readonly Target<Placed>[] {
    const at = (distance: Distance): Target<Placed>[] =>
      replicas.filter(({ node }) => this.#distanceOf(node, dataCenter) === distance)
    const inRack = at(Distance.rack)
    const near = inRack.length > 0 ? inRack : at(Distance.dataCenter)
    this.#near.set(replicas, near)
    return near
  }

  #distanceOf(node: Placed, dataCenter: string): Distance {
    if (node.dataCenter !== dataCenter) return Distance.remote
    return this.#rack === undefined || node.rack === this.#rack
      ? Distance.rack
      : Distance.dataCenter
  }

  #tiersOf<Node extends BalancedNode>(state: BalancingState<Node>): Tiers<Node> {
    let tiers = this.#tiers.get(state) as Tiers<Node> | undefined
    if (tiers === undefined) {
      const dataCenter = this.#dataCenter ?? state.cluster.localDataCenter
      const { targets } = state.locator
      tiers = [Distance.rack, Distance.dataCenter, Distance.remote].map((distance) =>
        targets.filter(({ node }) => this.#distanceOf(node, dataCenter) === distance),
      )
      this.#tiers.set(state, tiers)
    }
    this.#lastState = state as unknown as BalancingState<never>
    this.#lastTiers = tiers
    return tiers
  }

  #mayLeave({
    consistency,
    kind,
    profile,
  }: Omit<RequestFacts, 'routing' | 'routedTable'>): boolean {
    if (this.#failover !== true) return this.#failover !== false
    if (isLocalCode(consistency)) return false
    return kind !== 'lwt' || profile.serialConsistency !== ConsistencyCode.LOCAL_SERIAL
  }

  fallback<Node extends BalancedNode>(
    facts: RequestFacts,
    routing: RoutingInfo | undefined,
    state: BalancingState<Node>,
  ): Iterable<Target<Node>> {
    const { locator, cluster, random } = state
    const replicas = routing === undefined ? [] : locator.replicasFor(routing)
    const dataCenter = this.#dataCenter ?? cluster.localDataCenter
    const isOrdered = routing !== undefined && keepsOrder(routing, replicas)
    const ranking = { dataCenter, mayLeave: this.#mayLeave(facts), isOrdered, random }
    return this.#rank(replicas, locator.targets, nodeOf, ranking)
  }

  *nodesFor<Node extends BalancedNode>(
    facts: RequestFacts,
    state: BalancingState<Node>,
  ): Iterable<Node> {
    const [rack, dataCenter, remote] = this.#tiersOf(state)
    for (const { node } of rack!) yield node
    for (const { node } of dataCenter!) yield node
    if (this.#mayLeave(facts)) for (const { node } of remote!) yield node
  }

  scopeOf<Node extends BalancedNode>(
    facts: RequestFacts,
    { cluster }: BalancingState<Node>,
  ): string {
    if (this.#mayLeave(facts)) return 'all'
    const dataCenter = this.#dataCenter ?? cluster.localDataCenter
    return dataCenter === cluster.localDataCenter ? '' : dataCenter
  }

  plan(request: RoutedRequest, cluster: ClusterInfo): Iterable<PlanEntry> {
    const { consistency, serialConsistency, isConditional, replicas } = request
    const mayLeave = this.#mayLeave({
      consistency: ConsistencyCode[consistency],
      kind: isConditional && !isSerialConsistency(consistency) ? 'lwt' : 'read',
      profile: { serialConsistency: ConsistencyCode[serialConsistency] },
    })
    const dataCenter = this.#dataCenter ?? cluster.localDataCenter
    const random = this.#random
    const ranking = { dataCenter, mayLeave, isOrdered: isConditional, random }
    return this.#rank<NodeInfo>(replicas, cluster.nodes, (node) => node, ranking)
  }

  /** Replicas by distance, then the other nodes by distance, then those that are down alike. */
  *#rank<T>(
    replicas: readonly T[],
    all: readonly T[],
    placeOf: (item: T) => Placed,
    { dataCenter, mayLeave, isOrdered, random }: Ranking,
  ): Iterable<T> {
    const known = new Set<Placed>(replicas.map(placeOf))
    const others = known.size === 0 ? all : all.filter((item) => !known.has(placeOf(item)))
    const nearest: readonly Distance[] = [Distance.rack, Distance.dataCenter]
    const distances = mayLeave ? [...nearest, Distance.remote] : nearest
    for (const isUp of [true, false]) {
      for (const list of [replicas, others]) {
        const isFixed = isOrdered && list === replicas
        for (const distance of distances) {
          const equals = list.filter((item) => {
            const place = placeOf(item)
            if (place.isUp !== isUp) return false
            const own = this.#distanceOf(place, dataCenter)
            // The racks of replicas whose order is fixed do not matter.
            return isFixed && own === Distance.dataCenter
              ? distance === Distance.rack
              : own === distance
          })
          yield* isFixed ? equals : shuffled(equals, random)
        }
      }
    }
  }
}

interface Ranking {
  readonly dataCenter: string
  /** Whether nodes of other data centers take part. */
  readonly mayLeave: boolean
  /** Whether replicas keep their order. */
  readonly isOrdered: boolean
  readonly random: RandomSource
}

function nodeOf<Node>({ node }: Target<Node>): Node {
  return node
}

function keepsOrder(routing: RoutingInfo, replicas: readonly Target<unknown>[]): boolean {
  return routing.isConditional || replicas[0]?.isLeader === true
}

/** Returns the first replica that is up, those of the data center first. */
function firstOf<Node extends BalancedNode>(
  replicas: readonly Target<Node>[],
  dataCenter: string,
  mayLeave: boolean,
): Target<Node> | undefined {
  let remote: Target<Node> | undefined
  for (const replica of replicas) {
    const { node } = replica
    if (!node.isUp) continue
    if (node.dataCenter === dataCenter) return replica
    remote ??= replica
  }
  return mayLeave ? remote : undefined
}

/** Whether a level counts replicas of the data center of the coordinator alone. */
function isLocalCode(consistency: number): boolean {
  return (
    consistency === ConsistencyCode.LOCAL_QUORUM ||
    consistency === ConsistencyCode.LOCAL_ONE ||
    consistency === ConsistencyCode.LOCAL_SERIAL
  )
}

/** Fisher-Yates. */
function shuffled<T>(items: T[], random: RandomSource): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const item = items[i]!
    items[i] = items[j]!
    items[j] = item
  }
  return items
}

const optionNames: readonly string[] = ['localDataCenter', 'localRack', 'dataCenterFailover']

/**
 * The default policy. The order of a plan: replicas of the partition in the preferred rack, those
 * in the preferred data center, with failover those in other data centers, then the other nodes in
 * the same order, and last the nodes without a connection. Equals come in random order, but
 * replicas of conditional statements in that of the ring, which is the same for all clients.
 *
 * @throws ConfigError
 */
export function tokenAwareLoadBalancing(options: TokenAwareOptions = {}): LoadBalancingPolicy {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigError("tokenAwareLoadBalancing takes an object, such as { localRack: 'r1' }")
  }
  for (const name of Object.keys(options)) {
    if (optionNames.includes(name)) continue
    throw new ConfigError(
      `tokenAwareLoadBalancing has no option ${JSON.stringify(name)}.${didYouMean(name, optionNames)} The options are ${optionNames.join(', ')}`,
    )
  }
  const { localDataCenter, localRack, dataCenterFailover = false } = options
  for (const [name, value] of Object.entries({ localDataCenter, localRack })) {
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw new ConfigError(`${name} of a load-balancing policy must be a name`)
    }
  }
  if (
    typeof dataCenterFailover !== 'boolean' &&
    dataCenterFailover !== 'even_with_local_consistency'
  ) {
    throw new ConfigError("dataCenterFailover must be true, false or 'even_with_local_consistency'")
  }
  return new TokenAwarePolicy(options)
}
