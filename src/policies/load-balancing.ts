import type { Locator, Partition, RingNode, Target } from '../routing/index.ts'

/** The partition that a request is for. */
export interface RoutingInfo extends Partition {
  /**
   * Whether it runs Paxos: then all clients begin with the same replica, because coordinators that
   * run it at the same time for one partition make each other start again.
   */
  readonly isConditional: boolean
}

/** The nodes of the cluster at one moment. */
export interface BalancingState<Node extends RingNode> {
  readonly locator: Locator<Node>
  readonly localDataCenter: string
  /** Nodes of the local data center, and all others. */
  readonly local: readonly Target<Node>[]
  readonly remote: readonly Target<Node>[]
}

/**
 * Chooses targets for a request in two phases. `pick` names the first choice without making a plan,
 * which is all that most requests need. `fallback` is asked only when the first choice cannot take
 * the request. Both answer for one request: a node that is full or lost is no obstacle to requests
 * that other nodes can serve.
 */
export interface LoadBalancingPolicy {
  /** @param routing `undefined` when the partition is not known */
  pick<Node extends RingNode>(
    routing: RoutingInfo | undefined,
    state: BalancingState<Node>,
  ): Target<Node> | undefined
  /** Returns all targets that may serve the request, best first; the first choice may be one. */
  fallback<Node extends RingNode>(
    routing: RoutingInfo | undefined,
    state: BalancingState<Node>,
  ): Iterable<Target<Node>>
}

/**
 * Prefers a local replica of the partition, then any local node, then the other data centers.
 * Nodes of equal rank take turns, but replicas of conditional statements, and those that have a
 * leader, come in their order.
 */
export class TokenAwarePolicy implements LoadBalancingPolicy {
  #turn = 0

  pick<Node extends RingNode>(
    routing: RoutingInfo | undefined,
    { locator, local, remote, localDataCenter }: BalancingState<Node>,
  ): Target<Node> | undefined {
    const turn = (this.#turn = (this.#turn + 1) & 0x3fff_ffff)
    if (routing !== undefined) {
      const replicas = locator.replicasFor(routing)
      const { length } = replicas
      const start = keepsOrder(routing, replicas) ? 0 : turn
      for (let i = 0; i < length; i++) {
        const replica = replicas[(start + i) % length]!
        if (replica.node.dataCenter === localDataCenter) return replica
      }
    }
    return local.length > 0 ? local[turn % local.length] : remote[turn % remote.length]
  }

  *fallback<Node extends RingNode>(
    routing: RoutingInfo | undefined,
    { locator, local, remote, localDataCenter }: BalancingState<Node>,
  ): Iterable<Target<Node>> {
    const turn = this.#turn
    if (routing !== undefined) {
      const replicas = locator.replicasFor(routing)
      const start = keepsOrder(routing, replicas) ? 0 : turn
      for (const replica of inTurn(replicas, start)) {
        if (replica.node.dataCenter === localDataCenter) yield replica
      }
    }
    yield* inTurn(local, turn)
    yield* inTurn(remote, turn)
  }
}

function keepsOrder(routing: RoutingInfo, replicas: readonly Target<RingNode>[]): boolean {
  return routing.isConditional || replicas[0]?.isLeader === true
}

function* inTurn<T>(items: readonly T[], turn: number): Iterable<T> {
  const { length } = items
  for (let i = 0; i < length; i++) yield items[(turn + i) % length]!
}
