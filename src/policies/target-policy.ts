import type { RequestKind } from '../errors/index.ts'
import type { Locator, Partition, RingNode, Target } from '../routing/index.ts'
import type { ClusterInfo, NodeInfo } from '../types/index.ts'
import type { RandomSource } from '../util/index.ts'

/** The partition that a request is for. */
export interface RoutingInfo extends Partition {
  /**
   * Whether it runs Paxos: then all clients begin with the same replica, because coordinators that
   * run it at the same time for one partition make each other start again.
   */
  readonly isConditional: boolean
}

/** What is known of a request whether its partition is known or not. */
export interface RequestFacts {
  /** Wire code. */
  readonly consistency: number
  readonly kind: RequestKind
  readonly profile: { readonly serialConsistency: number }
  readonly routedTable:
    | { readonly keyspace: string | undefined; readonly table: string | undefined }
    | undefined
  /** @throws BindError when the partition key cannot be encoded */
  routing(): RoutingInfo | undefined
}

/** A node as far as load balancing knows it. */
export interface BalancedNode extends RingNode {
  /** Whether it has a connection. */
  readonly isUp: boolean
  /** The node as policies of users see it. */
  readonly info: NodeInfo
}

/** The nodes of the cluster at one moment. */
export interface BalancingState<Node extends BalancedNode> {
  readonly locator: Locator<Node>
  readonly cluster: ClusterInfo
  /** The targets of the locator, by what policies of users know them by. */
  readonly targets: ReadonlyMap<NodeInfo, Target<Node>>
  readonly random: RandomSource
}

/**
 * Chooses targets for a request in two phases. `pick` names the first choice without making a plan,
 * which is all that most requests need. `fallback` is asked only when there is no such choice, or
 * it cannot take the request. Both answer for one request: a node that is full or lost is no
 * obstacle to requests that other nodes can serve.
 */
export interface TargetPolicy {
  /** @param routing `undefined` when the partition is not known */
  pick<Node extends BalancedNode>(
    facts: RequestFacts,
    routing: RoutingInfo | undefined,
    state: BalancingState<Node>,
  ): Target<Node> | undefined
  /** Returns all targets that may serve the request, best first; the first choice may be one. */
  fallback<Node extends BalancedNode>(
    facts: RequestFacts,
    routing: RoutingInfo | undefined,
    state: BalancingState<Node>,
  ): Iterable<Target<Node>>
  /** Returns the nodes that may serve the request, in any order. */
  nodesFor<Node extends BalancedNode>(
    facts: RequestFacts,
    state: BalancingState<Node>,
  ): Iterable<Node>
  /**
   * Returns a name for those nodes, the same for all requests with the same nodes: they wait for
   * room together. The empty name is that of the default policy.
   */
  scopeOf<Node extends BalancedNode>(facts: RequestFacts, state: BalancingState<Node>): string
}
