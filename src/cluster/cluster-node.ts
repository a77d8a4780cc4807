import type { Endpoint, NodePool } from '../transport/index.ts'

/** One node of the cluster. Its host id is its identity; address and pool may change. */
export class ClusterNode {
  readonly hostId: string
  readonly endpoint: Endpoint
  readonly dataCenter: string
  readonly rack: string
  /** As of the last refresh. */
  tokens: readonly string[]
  readonly pool: NodePool

  constructor(
    described: Pick<ClusterNode, 'hostId' | 'dataCenter' | 'rack' | 'tokens'>,
    endpoint: Endpoint,
    pool: NodePool,
  ) {
    this.hostId = described.hostId
    this.dataCenter = described.dataCenter
    this.rack = described.rack
    this.tokens = described.tokens
    this.endpoint = endpoint
    this.pool = pool
  }

  get address(): string {
    return this.endpoint.address
  }
}
