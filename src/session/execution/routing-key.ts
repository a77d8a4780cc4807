import type { Cluster } from '../../cluster/index.ts'
import type { RoutingInfo } from '../../policies/index.ts'
import { WireWriter } from '../../protocol/index.ts'
import type { PreparedMetadata } from '../statement/prepared-metadata.ts'

/** Computes which partition a request is for, by encoding its partition key as it will be sent. */
export class RoutingKeyEncoder {
  readonly #cluster: Cluster
  readonly #scratch = new WireWriter(1024)

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /**
   * @param ordered values in marker order
   * @param isConditional whether it runs Paxos: {@link RoutingInfo.isConditional}
   * @returns the routing, valid until the next call, or `undefined` when any node will do
   * @throws BindError
   */
  routingOf(
    metadata: PreparedMetadata,
    ordered: readonly unknown[],
    isConditional: boolean,
  ): RoutingInfo | undefined {
    const { plan, keyspace, table = '' } = metadata
    if (keyspace === undefined || !this.#cluster.isTokenAware) return undefined
    if (!plan.isRoutable) {
      // A range of tokens: the replicas of its end have most of it, if it is small.
      const bound = plan.tokenIndex < 0 ? undefined : ordered[plan.tokenIndex]
      if (typeof bound !== 'bigint') return undefined
      return this.#cluster.routingOfToken(keyspace, table, bound, isConditional)
    }
    const scratch = this.#scratch
    scratch.offset = 0
    plan.writeRoutingKey(scratch, ordered)
    const { bytes, offset } = scratch
    return this.#cluster.routingOf(keyspace, table, bytes, offset, isConditional)
  }

  /** Returns the last byte of an EXECUTE where `features.tablets` is 2. */
  tabletVersionByte(metadata: PreparedMetadata, ordered: readonly unknown[]): number {
    const routing = this.routingOf(metadata, ordered, false)
    return routing === undefined ? 0 : this.#cluster.tabletVersionByte(routing)
  }
}
