import type { BalancingState, RequestFacts, RoutingInfo, TargetPolicy } from '../policies/index.ts'
import {
  computeToken,
  readStreamToken,
  type Replication,
  type RingNode,
  TabletLocator,
  Tablets,
  type Target,
  token,
  VnodeLocator,
} from '../routing/index.ts'
import type { Connection } from '../transport/index.ts'
import type { RandomSource } from '../util/index.ts'
import type { ClusterNode } from './cluster-node.ts'

export interface LoadBalancerSource {
  readonly nodes: readonly ClusterNode[]
  /** Nodes that the host filter has refused: they own data all the same. */
  readonly refused: readonly RingNode[]
  readonly localDataCenter: string
  /** Replication of every keyspace, as the schema tables describe it. */
  readonly keyspaces: ReadonlyMap<string, Replication>
  /** Keyspaces whose tables have tablets. */
  readonly tabletKeyspaces: ReadonlySet<string>
  readonly tablets: Tablets<ClusterNode>
  /** Log tables of change data capture, by keyspace. */
  readonly cdcTables: ReadonlyMap<string, ReadonlySet<string>>
  readonly partitioner: string
  readonly random: RandomSource
}

/** Nodes and connections that a request does not want. */
export interface Exclusions {
  /** Nodes that have refused the request. */
  readonly excludedNodes: ReadonlySet<ClusterNode> | undefined
  /** Nodes that have failed it: used only when no other node has room. */
  readonly failedNodes: ReadonlySet<ClusterNode> | undefined
  /** Whether an attempt of the request is in flight on the connection. */
  isInFlightOn(connection: Connection): boolean
}

/** Whether a request may go to a node with a connection, to nodes without one only, or to none. */
export type Reach = 'up' | 'down' | 'none'

/**
 * Chooses a connection for a request, at one moment of the cluster. A load-balancing policy ranks
 * the targets; connections without room are passed over, and those that seem to hang come last.
 */
export class LoadBalancer {
  static readonly empty: LoadBalancer = new LoadBalancer({
    nodes: [],
    refused: [],
    localDataCenter: '',
    keyspaces: new Map(),
    tabletKeyspaces: new Set(),
    tablets: new Tablets(),
    cdcTables: new Map(),
    partitioner: '',
    random: () => 0,
  })

  /** Whether tokens of the cluster are those that are computed here. */
  readonly #hasTokens: boolean
  readonly #nodes: readonly ClusterNode[]
  readonly #cdcTables: ReadonlyMap<string, ReadonlySet<string>>
  readonly #state: BalancingState<ClusterNode>
  /** The routing of the request that is being sent: requests are routed one at a time. */
  readonly #routing = { keyspace: '', table: '', tokenHigh: 0, tokenLow: 0, isConditional: false }

  constructor(source: LoadBalancerSource) {
    const { nodes, localDataCenter, keyspaces, tabletKeyspaces, tablets, partitioner } = source
    this.#cdcTables = source.cdcTables
    const infos = Object.freeze(nodes.map(({ info }) => info))
    const vnodes = new VnodeLocator(nodes, keyspaces, source.refused)
    const locator = new TabletLocator(tablets, tabletKeyspaces, vnodes)
    this.#state = {
      locator,
      cluster: Object.freeze({ nodes: infos, localDataCenter }),
      targets: new Map(locator.targets.map((target) => [target.node.info, target])),
      random: source.random,
    }
    this.#nodes = nodes
    this.#hasTokens = partitioner.endsWith('.Murmur3Partitioner')
  }

  /** Whether a token can make a difference: there is a choice of nodes, or of shards of the one. */
  get isTokenAware(): boolean {
    if (!this.#hasTokens) return false
    const nodes = this.#nodes
    return nodes.length > 1 || nodes[0]?.pool.sharding !== undefined
  }

  /** Returns the routing of a partition key; it is valid until the next call. */
  routingOf(
    keyspace: string,
    table: string,
    keyBytes: Uint8Array,
    length: number,
    isConditional: boolean,
  ): RoutingInfo {
    const isCdcLog = this.#cdcTables.size > 0 && this.#cdcTables.get(keyspace)?.has(table) === true
    if (isCdcLog) readStreamToken(keyBytes, length)
    else computeToken(keyBytes, 0, length)
    return this.#route(keyspace, table, token.high, token.low, isConditional)
  }

  /** Returns the routing of a token; it is valid until the next call. */
  routingOfToken(
    keyspace: string,
    table: string,
    value: bigint,
    isConditional: boolean,
  ): RoutingInfo {
    const signed = BigInt.asIntN(64, value)
    const low = Number(signed & 0xffff_ffffn) | 0
    return this.#route(keyspace, table, Number(signed >> 32n), low, isConditional)
  }

  #route(
    keyspace: string,
    table: string,
    tokenHigh: number,
    tokenLow: number,
    isConditional: boolean,
  ): RoutingInfo {
    const routing = this.#routing
    routing.keyspace = keyspace
    routing.table = table
    routing.isConditional = isConditional
    routing.tokenHigh = tokenHigh
    routing.tokenLow = tokenLow
    return routing
  }

  /**
   * Returns a connection with room, or `undefined` when no node that may be used has one.
   *
   * @throws ConfigError when a policy of the user fails
   */
  select(
    policy: TargetPolicy,
    facts: RequestFacts,
    routing: RoutingInfo | undefined,
    exclusions: Exclusions | undefined,
  ): Connection | undefined {
    if (exclusions === undefined) {
      const target = policy.pick(facts, routing, this.#state)
      const connection = target?.node.pool.pick(shardIn(target, routing))
      if (connection !== undefined && !connection.isSuspect) return connection
      return this.#selectFallback(policy, facts, routing)
    }
    return this.#selectAmongOthers(policy, facts, routing, exclusions)
  }

  #selectFallback(
    policy: TargetPolicy,
    facts: RequestFacts,
    routing: RoutingInfo | undefined,
  ): Connection | undefined {
    let suspect: Connection | undefined
    for (const target of policy.fallback(facts, routing, this.#state)) {
      const connection = target.node.pool.pick(shardIn(target, routing))
      if (connection === undefined) continue
      if (!connection.isSuspect) return connection
      suspect ??= connection
    }
    return suspect
  }

  #selectAmongOthers(
    policy: TargetPolicy,
    facts: RequestFacts,
    routing: RoutingInfo | undefined,
    exclusions: Exclusions,
  ): Connection | undefined {
    const { excludedNodes, failedNodes } = exclusions
    const isUsable = (connection: Connection): boolean => !exclusions.isInFlightOn(connection)
    let last: Connection | undefined
    let lastRank = 0
    for (const target of policy.fallback(facts, routing, this.#state)) {
      const { node } = target
      if (excludedNodes?.has(node) === true) continue
      const connection = node.pool.pick(shardIn(target, routing), isUsable)
      if (connection === undefined) continue
      const rank = (connection.isSuspect ? 0 : 1) + (failedNodes?.has(node) === true ? 0 : 2)
      if (rank === 3) return connection
      if (last === undefined || rank > lastRank) {
        last = connection
        lastRank = rank
      }
    }
    return last
  }

  /**
   * Returns the best state of a node that the request may go to.
   *
   * @throws ConfigError when a policy of the user fails
   */
  reachOf(
    policy: TargetPolicy,
    facts: RequestFacts,
    excluded: ReadonlySet<ClusterNode> | undefined,
  ): Reach {
    let reach: Reach = 'none'
    for (const node of policy.nodesFor(facts, this.#state)) {
      if (excluded?.has(node) === true) continue
      if (node.isUp) return 'up'
      reach = 'down'
    }
    return reach
  }

  /** Returns which nodes may serve a request: {@link TargetPolicy.scopeOf}. */
  scopeOf(policy: TargetPolicy, facts: RequestFacts): string {
    return policy.scopeOf(facts, this.#state)
  }
}

/** Returns the shard of a node that a request is for: that of its tablet, or of its token. */
function shardIn(
  { node, shard }: Target<ClusterNode>,
  routing: RoutingInfo | undefined,
): number | undefined {
  if (shard !== undefined || routing === undefined) return shard
  return node.pool.shardOf(routing.tokenHigh, routing.tokenLow)
}
