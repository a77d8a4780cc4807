import type { Cluster, Route } from '../cluster/index.ts'
import { WireWriter } from '../protocol/index.ts'
import type { PreparedState } from './prepared-entry.ts'

/** Tells which partition a request is for, from the bytes that will go on the wire. */
export class Router {
  readonly #cluster: Cluster
  readonly #scratch = new WireWriter(1024)

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /**
   * @param ordered values in marker order
   * @returns a route that is valid until the next call, or `undefined` when any node will do
   */
  route(state: PreparedState, ordered: readonly unknown[]): Route | undefined {
    const { plan, keyspace } = state
    if (keyspace === undefined || !plan.isRoutable || !this.#cluster.isTokenAware) {
      return undefined
    }
    const scratch = this.#scratch
    scratch.offset = 0
    plan.writeRoutingKey(scratch, ordered)
    return this.#cluster.routeOf(keyspace, scratch.bytes, scratch.offset)
  }
}
