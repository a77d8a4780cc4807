import type { NodeInfo } from '../types/index.ts'

interface Viewed extends Pick<NodeInfo, 'hostId' | 'address' | 'dataCenter' | 'rack' | 'isUp'> {
  readonly pool: {
    readonly inFlightCount: number
    readonly sharding: { readonly count: number } | undefined
  }
}

/** What policies and filters of users see of a node: they cannot change it. */
export class NodeView implements NodeInfo {
  readonly #node: Viewed
  readonly hostId: string
  readonly address: string
  readonly dataCenter: string
  readonly rack: string

  constructor(node: Viewed) {
    this.#node = node
    this.hostId = node.hostId
    this.address = node.address
    this.dataCenter = node.dataCenter
    this.rack = node.rack
    Object.freeze(this)
  }

  get isUp(): boolean {
    return this.#node.isUp
  }

  get inFlightCount(): number {
    return this.#node.pool.inFlightCount
  }

  get shardCount(): number | undefined {
    return this.#node.pool.sharding?.count
  }
}
