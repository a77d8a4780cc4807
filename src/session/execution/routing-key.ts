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
   * @returns the routing, valid until the next call, or `undefined` when any node will do
   * @throws BindError
   */
  routingOf(metadata: PreparedMetadata, ordered: readonly unknown[]): RoutingInfo | undefined {
    const { plan, keyspace } = metadata
    if (keyspace === undefined || !this.#cluster.isTokenAware || !plan.isRoutable) return undefined
    const scratch = this.#scratch
    scratch.offset = 0
    plan.writeRoutingKey(scratch, ordered)
    return this.#cluster.routingOf(keyspace, scratch.bytes, scratch.offset)
  }
}
